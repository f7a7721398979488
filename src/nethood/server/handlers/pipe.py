"""Named pipes: opened in IPC$, read and written like files, or asked and answered in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_ALL_ACCESS, MAXIMUM_ALLOWED, map_generic
from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_PIPE_BUSY,
)
from nethood.errors import StatusError
from nethood.fscc.attributes import FILE_ATTRIBUTE_NORMAL
from nethood.rpc.interfaces import open_pipe as open_rpc_pipe
from nethood.server.deferred import Deferred
from nethood.server.opens import PipeOpen
from nethood.server.results import Outcome, Result
from nethood.server.rpc_host import RpcHost
from nethood.smb2.constants import FILE_OPENED
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.ioctl import IoctlResponse

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_ALLOCATION = 4096


def open_pipe(
    connection: ClientConnection, request: Request, name: str, ask: CreateRequest
) -> bytes:
    """Open the pipe *name* of IPC$."""
    server, tree = connection.server, request.tree
    assert tree is not None
    host = RpcHost(server, connection, tree.session)
    pipe = open_rpc_pipe(name.lstrip("\\"), host, server.associations)
    if pipe is None:
        raise StatusError(STATUS_OBJECT_NAME_NOT_FOUND)
    access = map_generic(ask.desired_access)
    if access & MAXIMUM_ALLOWED:
        access = FILE_ALL_ACCESS
    opened = PipeOpen(connection, tree, name, pipe, access)
    server.files.add(opened)
    request.open = opened
    return CreateResponse(
        create_action=FILE_OPENED,
        allocation_size=_ALLOCATION,
        file_attributes=FILE_ATTRIBUTE_NORMAL,
        persistent=opened.persistent,
        volatile=opened.volatile,
    ).encode()


def read_pipe(opened: PipeOpen, length: int) -> Outcome:
    """Read what the pipe has, or wait until it has something."""
    found = opened.pipe.read(length)
    if found is not None:
        return _read_result(*found)
    if opened.waiting is not None and not opened.waiting.is_done:
        raise StatusError(STATUS_PIPE_BUSY)
    deferred = Deferred()
    opened.waiting = deferred
    opened.waiting_length = length
    return deferred


def _read_result(data: bytes, more: bool) -> Result:
    body = b"\x11\x00\x50\x00" + len(data).to_bytes(4, "little") + bytes(8) + data
    return (STATUS_BUFFER_OVERFLOW, body) if more else body


def write_pipe(opened: PipeOpen, data: bytes) -> Result:
    """Write to the pipe; a READ that waits for the answer gets it."""
    opened.pipe.write(data)
    waiting = opened.waiting
    if waiting is not None and not waiting.is_done:
        found = opened.pipe.read(opened.waiting_length)
        if found is not None:
            opened.waiting = None
            waiting.complete(_read_result(*found))
    return b"\x11\x00\x00\x00" + len(data).to_bytes(4, "little") + bytes(8)


def transceive(opened: PipeOpen, data: bytes, ctl_code: int, room: int) -> Result:
    """Write and read in one go ([MS-SMB2] 3.3.5.15.10)."""
    found = opened.pipe.transceive(data, room)
    if found is None:
        raise StatusError(STATUS_INVALID_PARAMETER)
    answer, more = found
    body = IoctlResponse(
        ctl_code=ctl_code,
        persistent=opened.persistent,
        volatile=opened.volatile,
        output=answer,
    ).encode()
    return (STATUS_BUFFER_OVERFLOW, body) if more else body


def peek(opened: PipeOpen, ctl_code: int, room: int) -> Result:
    """Tell what waits in the pipe, without taking it ([MS-FSCC] 2.3.45)."""
    pipe = opened.pipe
    state = 3
    head = state.to_bytes(4, "little") + pipe.available.to_bytes(4, "little")
    head += pipe.message_count.to_bytes(4, "little") + pipe.message_length.to_bytes(4, "little")
    if room < len(head):
        raise StatusError(STATUS_INVALID_PARAMETER)
    return IoctlResponse(
        ctl_code=ctl_code, persistent=opened.persistent, volatile=opened.volatile, output=head
    ).encode()
