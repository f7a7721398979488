"""Named pipes: opened in IPC$, read and written like files, or asked and answered in one go."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

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
_PEEK = struct.Struct("<IIII")
_CONNECTED = 3


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


Render: TypeAlias = Callable[[bytes, bool], Result]
"""What makes an answer of a piece of a message, and whether more of it remains."""


class PipeRead(Deferred):
    """A READ, or the second half of a TRANSCEIVE, that waits for the pipe to have something."""

    __slots__ = ("length", "render")

    def __init__(self, length: int, render: Render) -> None:
        super().__init__()
        self.length = length
        self.render = render


def read_pipe(opened: PipeOpen, length: int) -> Outcome:
    """Read what the pipe has, or wait until it has something."""
    found = opened.pipe.read(length)
    return _read_result(*found) if found is not None else _wait(opened, length, _read_result)


def _wait(opened: PipeOpen, length: int, render: Render) -> Deferred:
    if opened.waiting is not None and not opened.waiting.is_done:
        raise StatusError(STATUS_PIPE_BUSY)
    waiting = opened.waiting = PipeRead(length, render)
    return waiting


def _serve_waiting(opened: PipeOpen) -> None:
    """Give the READ that waits what has come, or the end of the pipe."""
    waiting = opened.waiting
    if waiting is None or waiting.is_done:
        return
    try:
        found = opened.pipe.read(waiting.length)
    except StatusError as error:
        waiting.complete((error.status, b""))
        return
    if found is not None:
        waiting.complete(waiting.render(*found))


def _read_result(data: bytes, more: bool) -> Result:
    body = b"\x11\x00\x50\x00" + len(data).to_bytes(4, "little") + bytes(8) + data
    return (STATUS_BUFFER_OVERFLOW, body) if more else body


def write_pipe(opened: PipeOpen, data: bytes) -> Result:
    """Write to the pipe; a READ that waits for the answer gets it."""
    opened.pipe.write(data)
    _serve_waiting(opened)
    return b"\x11\x00\x00\x00" + len(data).to_bytes(4, "little") + bytes(8)


def transceive(opened: PipeOpen, data: bytes, ctl_code: int, room: int) -> Outcome:
    """Write and read in one go ([MS-SMB2] 3.3.5.15.10)."""

    def render(answer: bytes, more: bool) -> Result:
        body = _control_answer(opened, ctl_code, answer)
        return (STATUS_BUFFER_OVERFLOW, body) if more else body

    found = opened.pipe.transceive(data, room)
    return render(*found) if found is not None else _wait(opened, room, render)


def _control_answer(opened: PipeOpen, ctl_code: int, output: bytes) -> bytes:
    return IoctlResponse(
        ctl_code=ctl_code,
        persistent=opened.persistent,
        volatile=opened.volatile,
        output=output,
    ).encode()


def peek(opened: PipeOpen, ctl_code: int, room: int) -> Result:
    """Tell what waits in the pipe, without taking it ([MS-FSCC] 2.3.45)."""
    pipe = opened.pipe
    head = _PEEK.pack(_CONNECTED, pipe.available, pipe.message_count, pipe.message_length)
    if room < len(head):
        raise StatusError(STATUS_INVALID_PARAMETER)
    return _control_answer(opened, ctl_code, head)
