"""The NetBIOS session service in front of SMB: who is called, and is it us (RFC 1002 4.3, 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.errors import Malformed
from nethood.nbt.session import (
    CALLED_NAME_NOT_PRESENT,
    MAX_SESSION_LENGTH,
    POSITIVE_RESPONSE,
    SESSION_REQUEST,
    UNSPECIFIED_ERROR,
    NegativeSessionResponse,
    SessionRequest,
)

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection

SERVER_SUFFIX = 0x20
GENERIC_NAME = "*SMBSERVER"


class SessionService:
    """Answers session requests for one server name and the generic one."""

    def __init__(self, server_name: str) -> None:
        self._names = {server_name.upper(), GENERIC_NAME}

    def packet_received(self, connection: ClientConnection, kind: int, payload: bytes) -> None:
        """Take a packet that is no message: only a first session request is welcome."""
        if kind != SESSION_REQUEST or connection.negotiated:
            connection.drop(f"a session packet of type 0x{kind:02X} that has no place here")
            return
        try:
            request = SessionRequest.decode(payload)
        except Malformed as error:
            self._refuse(connection, UNSPECIFIED_ERROR, str(error))
            return
        called = request.called
        if called.name.rstrip().upper() not in self._names or called.suffix != SERVER_SUFFIX:
            who = f"{called.name.rstrip()}<{called.suffix:02X}>"
            self._refuse(connection, CALLED_NAME_NOT_PRESENT, f"it calls {who}, not this server")
            return
        connection.netbios = True
        connection.transport.length_mask = MAX_SESSION_LENGTH
        connection.transport.write(POSITIVE_RESPONSE)

    def _refuse(self, connection: ClientConnection, code: int, why: str) -> None:
        connection.transport.write(NegativeSessionResponse(code).encode())
        connection.server.refused(connection, why)
        connection.transport.close(why)
