"""What an operation is given, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nethood.errors import Error
from nethood.rpc.host import Host
from nethood.rpc.ndr import Reader, Writer
from nethood.rpc.pdu import Syntax


class RpcFault(Error):
    """The call ends with a fault PDU instead of a response."""

    def __init__(self, status: int) -> None:
        super().__init__(f"RPC fault 0x{status:08X}")
        self.status = status


@dataclass(slots=True)
class Call:
    """One remote procedure call: its parameters in, its parameters out, and who asks."""

    host: Host
    reader: Reader
    handles: dict[bytes, object]
    """The context handles of the client's association, by their 20 bytes on the wire."""
    new_handle: Callable[[object], bytes]
    """Remember an object for the association; returns the context handle that names it."""
    writer: Writer = field(default_factory=Writer)


Operation = Callable[[Call], int]
"""Reads its [in] parameters, writes its [out] parameters, returns its return value.

Raises Malformed where the stub does not fit (fault RPC_X_BAD_STUB_DATA), or RpcFault.
"""


class Interface(NamedTuple):
    """An RPC interface: what a client binds to, and its operations by number."""

    name: str
    syntax: Syntax
    operations: Mapping[int, Operation]
