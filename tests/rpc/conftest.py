"""A server that only exists as facts, and impacket's RPC client talking to it in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from impacket.dcerpc.v5 import transport

from nethood.dtyp.sid import Sid
from nethood.rpc.association import Associations
from nethood.rpc.host import (
    DEFAULT_SERVER_TYPE,
    DEFAULT_VERSION,
    STYPE_IPC,
    STYPE_SPECIAL,
    Account,
    Caller,
    ConnectionFacts,
    OpenFacts,
    SessionFacts,
    ShareFacts,
)
from nethood.rpc.interfaces import open_pipe
from nethood.rpc.pipe import Pipe

MACHINE = Sid.parse("S-1-5-21-1-2-3")


@dataclass
class FakeHost:
    """Implements `nethood.rpc.host.Host` with fixed facts a test may change."""

    caller: Caller = field(
        default_factory=lambda: Caller("alice", "BIRCH", MACHINE.child(1001), client="192.0.2.7")
    )
    server_name: str = "BIRCH"
    domain: str = "WORKGROUP"
    comment: str = "Files of the house"
    version: tuple[int, int] = DEFAULT_VERSION
    server_type: int = DEFAULT_SERVER_TYPE
    machine_sid: Sid = MACHINE
    share_list: list[ShareFacts] = field(
        default_factory=lambda: [
            ShareFacts("public", 0, "Public files", "C:\\srv\\public", 10, 2, flags=0x30),
            ShareFacts("IPC$", STYPE_IPC | STYPE_SPECIAL, "IPC Service"),
            ShareFacts("attic", 0, "", "C:\\srv\\attic", hidden=True),
        ]
    )
    session_list: list[SessionFacts] = field(
        default_factory=lambda: [
            SessionFacts("192.0.2.7", "alice", 3, 100, 5, client_type="cifs", transport="tcp"),
            SessionFacts("192.0.2.8", "bob", 0, 60, 60, is_guest=True),
        ]
    )
    accounts: list[Account] = field(
        default_factory=lambda: [
            Account("alice", MACHINE.child(1001)),
            Account("uwe", Sid.parse("S-1-22-1-1000"), domain="Unix User"),
        ]
    )

    def now_unix_ns(self) -> int:
        return 1_700_000_000_120_000_000  # Tuesday 2023-11-14 22:13:20.12 UTC

    def utc_offset_s(self) -> int:
        return 3600

    def uptime_ms(self) -> int:
        return 5 << 32 | 12345

    def shares(self) -> list[ShareFacts]:
        return self.share_list

    def sessions(self) -> list[SessionFacts]:
        return self.session_list

    def connections(self) -> list[ConnectionFacts]:
        return [
            ConnectionFacts(1, "public", "alice", "192.0.2.7", opens=2, seconds=9),
            ConnectionFacts(2, "IPC$", "bob", "192.0.2.8", STYPE_IPC),
        ]

    def opens(self) -> list[OpenFacts]:
        return [
            OpenFacts(7, "C:\\srv\\public\\a.txt", "alice", 3, 1),
            OpenFacts(8, "C:\\srv\\attic\\b.txt", "bob"),
        ]

    def account_by_name(self, name: str) -> Account | None:
        return next((a for a in self.accounts if a.name == name.lower()), None)

    def account_by_sid(self, sid: Sid) -> Account | None:
        return next((a for a in self.accounts if a.sid == sid), None)

    def log_on(self, user: str, *, is_admin: bool = False) -> None:
        """Make somebody else the caller; nobody for an empty name."""
        self.caller = Caller(user, "BIRCH", MACHINE.child(1002), is_admin, "192.0.2.7")


class PipeTransport(transport.DCERPCTransport):  # type: ignore[misc]
    """What impacket's RPC client sends and receives through: our pipe, in the same process."""

    def __init__(self, pipe: Pipe, piece: int = 4280) -> None:
        super().__init__("birch", 445)
        self.pipe = pipe
        self.piece = piece

    def connect(self) -> int:
        return 1

    def disconnect(self) -> None:
        self.pipe.close()

    def send(self, data: bytes, forceWriteAndx: int = 0, forceRecv: int = 0) -> None:
        self.pipe.write(data)

    def recv(self, forceRecv: int = 0, count: int = 0) -> bytes:
        answer = self.pipe.read(count or self.piece)
        if answer is None:
            raise AssertionError("the client waits for an answer that will not come")
        return answer[0]


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


@pytest.fixture
def associations() -> Associations:
    return Associations()


@pytest.fixture
def connect(host: FakeHost, associations: Associations) -> Callable[..., Any]:
    """Open a pipe and bind impacket's client to an interface of it: connect(name, uuid)."""

    def connect(name: str, uuid: bytes, **transport_options: Any) -> Any:
        pipe = open_pipe(name, host, associations)
        assert pipe is not None
        client = PipeTransport(pipe, **transport_options).get_dce_rpc()
        client.bind(uuid)
        return client

    return connect
