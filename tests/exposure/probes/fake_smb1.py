"""A server of SMB1 as far as the probes ask, in a few weak and strong forms."""

from __future__ import annotations

from dataclasses import dataclass, field

from nethood.erref import STATUS_INVALID_HANDLE, STATUS_MORE_PROCESSING_REQUIRED
from nethood.errors import ConnectionLost, Error
from nethood.smb1 import constants as c
from nethood.smb1.header import PROTOCOL, Header
from nethood.smb1.negotiate import NegotiateResponse
from nethood.smb1.session_setup import SessionSetupResponse
from nethood.smb1.tree_connect import TreeConnectResponse

UID, TID = 0x64, 0x801


@dataclass
class Smb1Server:
    """An answerer for FakeNetwork; *instead* replaces the answer to a command by an error."""

    security_mode: int = 0x03
    extended_security: bool = True
    token: bytes = b"token"
    dialect_index: int = 0
    status: dict[int, int] = field(default_factory=dict)
    instead: dict[int, Error | bytes] = field(default_factory=dict)
    peek_status: int = STATUS_INVALID_HANDLE
    heard: list[Header] = field(default_factory=list)

    def __call__(self, request: bytes) -> bytes | Error:
        if request[:4] != PROTOCOL:
            return ConnectionLost("a server that knows SMB1 alone closes on anything else")
        asked = Header.decode(request)
        self.heard.append(asked)
        if asked.command in self.instead:
            return self.instead[asked.command]
        if asked.command in self.status:
            return self._reply(asked, b"\0\0\0", self.status[asked.command])
        if asked.command == c.SMB_COM_NEGOTIATE:
            return self._reply(asked, self._negotiate(asked))
        if asked.command == c.SMB_COM_SESSION_SETUP_ANDX:
            return self._session_setup(asked)
        if asked.command == c.SMB_COM_TREE_CONNECT_ANDX:
            return self._reply(asked, TreeConnectResponse(service="IPC").encode(), tid=TID)
        return self._reply(asked, b"\0\0\0", self.peek_status)

    def _negotiate(self, asked: Header) -> bytes:
        if self.dialect_index:
            return NegotiateResponse(self.dialect_index).encode()
        extended = self.extended_security and asked.flags2 & c.SMB_FLAGS2_EXTENDED_SECURITY
        return NegotiateResponse(
            0,
            self.security_mode,
            session_key=0x1234,
            capabilities=c.CAP_EXTENDED_SECURITY if extended else 0,
            system_time=134_399_232_000_000_000,
            server_time_zone=-60,
            challenge=bytes(8),
            domain_name="GROUP",
            server_name="OLD",
        ).encode()

    def _session_setup(self, asked: Header) -> bytes:
        names = SessionSetupResponse(0, "Windows 5.1", "Windows 2000 LAN Manager", "")
        status = 0
        if asked.flags2 & c.SMB_FLAGS2_EXTENDED_SECURITY:
            names.security_blob, status = self.token, STATUS_MORE_PROCESSING_REQUIRED
        return self._reply(asked, names.encode(), status, uid=UID)

    def _reply(
        self, asked: Header, body: bytes, status: int = 0, uid: int = 0, tid: int = 0
    ) -> bytes:
        header = Header(
            command=asked.command,
            status=status,
            flags=c.SMB_FLAGS_REPLY,
            flags2=asked.flags2,
            uid=uid or asked.uid,
            tid=tid or asked.tid,
            mid=asked.mid,
        )
        return header.encode() + body
