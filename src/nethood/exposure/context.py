"""What a probe is given: its target, its limits, and a way to the network that is paced.

A probe is `async def probe_x(context: ProbeContext) -> Answer[...]`. It may raise TransportError,
Malformed or ProtocolViolation: `examine.py` makes an unknown answer with that reason of it. What
it needs it opens through the context, one connection after the other, never two at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol, Self

from nethood.exposure.model import HostReport, Target


@dataclass(frozen=True, slots=True)
class ProbeOptions:
    """Limits of one host's examination, and what is asked only on request."""

    timeout_s: float = 3.0
    guest: bool = False
    smb_port: int = 445
    session_port: int = 139
    name_port: int = 137
    datagram_port: int = 138


class Stream(Protocol):
    """A connection that carries whole messages behind their 4-byte length, [RFC 1002] 4.3.1.

    Messages are given and returned without those 4 bytes. Every wait ends at the deadline that
    was set when the connection was made: a peer that trickles bytes gains nothing by it.
    """

    async def send(self, message: bytes, packet_type: int = 0) -> None:
        """Send one message. Raises TransportError."""

    async def receive(self) -> tuple[int, bytes]:
        """Return the next (packet type, message), keep-alives left out.

        Raises TimedOut, ConnectionLost, or Malformed for a length over the limit.
        """

    async def exchange(self, message: bytes) -> bytes:
        """Send a session message and return the next one. Raises as send and receive do."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""


class Network(Protocol):
    """The way out: paced, so that a scan keeps its rate; faked in tests."""

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        """Open a connection whose whole life ends *timeout_s* from now.

        Raises ConnectError (refused), TimedOut (filtered).
        """

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        """Send one datagram and return the first answer from *address* that *accept* takes.

        Raises ConnectError where the host says the port is closed, TimedOut.
        """

    def random_bytes(self, count: int) -> bytes:
        """Return *count* random bytes."""

    def now_unix(self) -> float:
        """Return the time in seconds since 1970."""


@dataclass(slots=True)
class ProbeContext:
    """One host's examination while it runs; *report* holds what earlier probes found."""

    target: Target
    options: ProbeOptions
    network: Network
    report: HostReport
    given_up: str = field(default="")
    """Why SMB is asked nothing more: set after the host let a whole time-out pass in silence."""
    lost_s: float = 0.0
    """How long questions over SMB that came to nothing have taken together."""
