"""NEGOTIATE, and the SMB1 negotiate that leads to SMB2 ([MS-SMB2] 3.3.5.3, 3.3.5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.erref import STATUS_NOT_SUPPORTED, status_name
from nethood.errors import ProtocolViolation, StatusError
from nethood.smb2.constants import DIALECT_2_0_2, DIALECT_3_1_1
from nethood.smb2.negotiate import NegotiateRequest
from nethood.smb2.negotiation import Settings, negotiate, wildcard_response
from nethood.smb2.preauth import PreauthIntegrity
from nethood.smb2.server import Request

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection

_SMB1_NEGOTIATE = 0x72
_SMB1_BODY = 32
_LONGEST_SMB1 = 4096


def handle_negotiate(connection: ClientConnection, request: Request) -> bytes:
    """Agree on a dialect. A second NEGOTIATE ends the connection."""
    if connection.negotiated:
        raise ProtocolViolation("NEGOTIATE on a connection that has already negotiated")
    core = connection.core
    message = request.message
    try:
        offer = NegotiateRequest.decode(message)
        response = negotiate(core, offer, _settings(connection))
    except StatusError as error:
        if error.status == STATUS_NOT_SUPPORTED:
            why = "it speaks no dialect this server allows (min_dialect, max_dialect)"
        else:
            why = f"its NEGOTIATE is not acceptable ({status_name(error.status)})"
        connection.server.refused(connection, why)
        raise
    connection.negotiated = True
    if core.dialect == DIALECT_3_1_1:
        core.preauth = PreauthIntegrity()
        core.preauth.update(message)
    return response.encode()


def negotiate_from_smb1(connection: ClientConnection, frame: memoryview) -> bytes | bytearray:
    """Answer an SMB1 negotiate that offers "SMB 2.002" or "SMB 2.???".

    Raises ProtocolViolation for any other SMB1 message: SMB1 is off.
    """
    if connection.negotiated or len(frame) > _LONGEST_SMB1:
        raise ProtocolViolation("an SMB1 message; SMB1 is off")
    dialects = _smb1_dialects(frame)
    core = connection.core
    settings = _settings(connection)
    if b"SMB 2.???" in dialects and settings.max_dialect > DIALECT_2_0_2:
        response = wildcard_response(core, settings)
    elif b"SMB 2.002" in dialects and settings.min_dialect <= DIALECT_2_0_2:
        response = negotiate(core, NegotiateRequest([DIALECT_2_0_2]), settings)
        connection.negotiated = True
    else:
        raise ProtocolViolation("the client speaks SMB1 only; SMB1 is off")
    request = Request.blank()
    core.window.use(0, 1)
    return core.reply(request, 0, response.encode())


def _smb1_dialects(frame: memoryview) -> list[bytes]:
    """Return the dialect strings of an SMB_COM_NEGOTIATE request ([MS-CIFS] 2.2.4.52.1)."""
    data = bytes(frame)
    if len(data) < _SMB1_BODY + 3 or data[4] != _SMB1_NEGOTIATE or data[_SMB1_BODY]:
        raise ProtocolViolation("an SMB1 message that is no negotiate; SMB1 is off")
    count = int.from_bytes(data[_SMB1_BODY + 1 : _SMB1_BODY + 3], "little")
    listed = data[_SMB1_BODY + 3 : _SMB1_BODY + 3 + count]
    return [d[1:] for d in listed.split(b"\0") if d.startswith(b"\x02")]


def _settings(connection: ClientConnection) -> Settings:
    server = connection.server
    options = server.options
    return Settings(
        server_guid=server.server_guid,
        min_dialect=options.min_dialect,
        max_dialect=options.max_dialect,
        signing_required=options.signing_required,
        max_transact=options.limits.max_transact,
        multi_credit=not connection.netbios,
        system_time=server.filetime(),
        salt=server.random(32),
        security_buffer=server.new_acceptor().initial_token(),
    )
