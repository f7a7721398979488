"""Which class reads which message: the tables of [MS-SMB2] 2.2, by command."""

from __future__ import annotations

from typing import Protocol, Self

from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_FILE_LOCK_CONFLICT,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_VIEW_SIZE,
    STATUS_MORE_PROCESSING_REQUIRED,
    STATUS_NOTIFY_ENUM_DIR,
    STATUS_PENDING,
)
from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from nethood.smb2.close import CloseRequest, CloseResponse
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.error import ErrorResponse
from nethood.smb2.header import HEADER_SIZE, Header
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse
from nethood.smb2.lock import LockRequest, LockResponse
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb2.notification import ServerToClientNotification
from nethood.smb2.oplock_break import decode_acknowledgment, decode_break
from nethood.smb2.query_directory import QueryDirectoryRequest, QueryDirectoryResponse
from nethood.smb2.query_info import QueryInfoRequest, QueryInfoResponse
from nethood.smb2.read import ReadRequest, ReadResponse
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from nethood.smb2.set_info import SetInfoRequest, SetInfoResponse
from nethood.smb2.simple import (
    CancelRequest,
    EchoRequest,
    EchoResponse,
    FlushRequest,
    FlushResponse,
    LogoffRequest,
    LogoffResponse,
    TreeDisconnectRequest,
    TreeDisconnectResponse,
)
from nethood.smb2.tree_connect import TreeConnectRequest, TreeConnectResponse
from nethood.smb2.write import WriteRequest, WriteResponse
from nethood.wire import Buffer


class Message(Protocol):
    """What every message body can do."""

    def encode(self) -> bytes:
        """Return the body, to stand right behind a header."""
        ...

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> Self:
        """Read the body that starts at *offset* of the message *data*. Raises Malformed."""
        ...


REQUESTS: dict[int, type[Message]] = {
    c.SMB2_NEGOTIATE: NegotiateRequest,
    c.SMB2_SESSION_SETUP: SessionSetupRequest,
    c.SMB2_LOGOFF: LogoffRequest,
    c.SMB2_TREE_CONNECT: TreeConnectRequest,
    c.SMB2_TREE_DISCONNECT: TreeDisconnectRequest,
    c.SMB2_CREATE: CreateRequest,
    c.SMB2_CLOSE: CloseRequest,
    c.SMB2_FLUSH: FlushRequest,
    c.SMB2_READ: ReadRequest,
    c.SMB2_WRITE: WriteRequest,
    c.SMB2_LOCK: LockRequest,
    c.SMB2_IOCTL: IoctlRequest,
    c.SMB2_CANCEL: CancelRequest,
    c.SMB2_ECHO: EchoRequest,
    c.SMB2_QUERY_DIRECTORY: QueryDirectoryRequest,
    c.SMB2_CHANGE_NOTIFY: ChangeNotifyRequest,
    c.SMB2_QUERY_INFO: QueryInfoRequest,
    c.SMB2_SET_INFO: SetInfoRequest,
}
"""The request of each command; OPLOCK_BREAK has two, see oplock_break.py."""

RESPONSES: dict[int, type[Message]] = {
    c.SMB2_NEGOTIATE: NegotiateResponse,
    c.SMB2_SESSION_SETUP: SessionSetupResponse,
    c.SMB2_LOGOFF: LogoffResponse,
    c.SMB2_TREE_CONNECT: TreeConnectResponse,
    c.SMB2_TREE_DISCONNECT: TreeDisconnectResponse,
    c.SMB2_CREATE: CreateResponse,
    c.SMB2_CLOSE: CloseResponse,
    c.SMB2_FLUSH: FlushResponse,
    c.SMB2_READ: ReadResponse,
    c.SMB2_WRITE: WriteResponse,
    c.SMB2_LOCK: LockResponse,
    c.SMB2_IOCTL: IoctlResponse,
    c.SMB2_ECHO: EchoResponse,
    c.SMB2_QUERY_DIRECTORY: QueryDirectoryResponse,
    c.SMB2_CHANGE_NOTIFY: ChangeNotifyResponse,
    c.SMB2_QUERY_INFO: QueryInfoResponse,
    c.SMB2_SET_INFO: SetInfoResponse,
    c.SMB2_SERVER_TO_CLIENT_NOTIFICATION: ServerToClientNotification,
}
"""The response of each command, where it is no ERROR response; OPLOCK_BREAK has three."""

_SEVERITY_MASK = 0xC0000000
_STATUSES_WITH_A_RESPONSE = frozenset(
    {
        (c.SMB2_SESSION_SETUP, STATUS_MORE_PROCESSING_REQUIRED),
        (c.SMB2_QUERY_INFO, STATUS_BUFFER_OVERFLOW),
        (c.SMB2_QUERY_DIRECTORY, STATUS_BUFFER_OVERFLOW),
        (c.SMB2_READ, STATUS_BUFFER_OVERFLOW),
        (c.SMB2_IOCTL, STATUS_BUFFER_OVERFLOW),
        (c.SMB2_IOCTL, STATUS_INVALID_PARAMETER),
        # A server-side copy that failed on its way, 3.3.5.15.6.1.
        (c.SMB2_IOCTL, STATUS_FILE_LOCK_CONFLICT),
        (c.SMB2_IOCTL, STATUS_INVALID_VIEW_SIZE),
        (c.SMB2_CHANGE_NOTIFY, STATUS_NOTIFY_ENUM_DIR),
    }
)


def is_error(command: int, status: int, structure_size: int) -> bool:
    """Whether a response of that *status* is an ERROR response ([MS-SMB2] 3.3.4.4).

    *structure_size* decides for the few statuses that come with either.
    """
    if (command, status) in _STATUSES_WITH_A_RESPONSE:
        return structure_size == 9 and command in (c.SMB2_IOCTL, c.SMB2_READ)
    return status == STATUS_PENDING or bool(status & _SEVERITY_MASK)


def decode_request(command: int, data: Buffer, offset: int = HEADER_SIZE) -> Message:
    """Read the body of a request. Raises Malformed, also for a command not known."""
    if command == c.SMB2_OPLOCK_BREAK:
        return decode_acknowledgment(data, offset)
    if command not in REQUESTS:
        raise Malformed("SMB2 request", f"Command is 0x{command:04X}", offset - HEADER_SIZE)
    return REQUESTS[command].decode(data, offset)


def decode_response(header: Header, data: Buffer, offset: int = HEADER_SIZE) -> Message:
    """Read the body that belongs to the response *header*. Raises Malformed."""
    command = header.command
    if is_error(command, header.status, int.from_bytes(data[offset : offset + 2], "little")):
        return ErrorResponse.decode(data, offset)
    if command == c.SMB2_OPLOCK_BREAK:
        return decode_break(data, offset)
    if command not in RESPONSES:
        raise Malformed("SMB2 response", f"Command is 0x{command:04X}", offset - HEADER_SIZE)
    return RESPONSES[command].decode(data, offset)
