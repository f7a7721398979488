"""OPLOCK_BREAK acknowledgements ([MS-SMB2] 3.3.5.22): none is due, since none is granted yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.erref import STATUS_INVALID_OPLOCK_PROTOCOL, STATUS_OBJECT_NAME_NOT_FOUND
from nethood.errors import Malformed, StatusError
from nethood.server.opens import find_file
from nethood.smb2.oplock_break import OplockBreak

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_LEASE_SIZE = 36


def handle_oplock_break(connection: ClientConnection, request: Request) -> bytes:
    """Refuse an acknowledgement of a break that never was."""
    size = int.from_bytes(request.message[64:66], "little")
    if size == _LEASE_SIZE:
        raise StatusError(STATUS_OBJECT_NAME_NOT_FOUND)
    asked = OplockBreak.decode(request.message, 64)
    if request.session is None:
        raise Malformed("OplockBreak", "comes without a session")
    find_file(request, asked.persistent, asked.volatile)
    raise StatusError(STATUS_INVALID_OPLOCK_PROTOCOL)
