"""READ, WRITE, FLUSH and CLOSE: the hot path ([MS-SMB2] 3.3.5.10 to 3.3.5.13).

READ and WRITE stand in one piece for speed (benchmarks/, rows get, put and read). READ fills the
response where it will be sent; WRITE hands the store a view of the receive buffer. A disk that
would keep the loop waiting is used in a thread.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_APPEND_DATA, FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_END_OF_FILE,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
)
from nethood.errors import Malformed, StatusError
from nethood.fsa import locks
from nethood.server.files import change_content
from nethood.server.handlers.pipe import read_pipe, write_pipe
from nethood.server.opens import FileOpen, PipeOpen, find_open
from nethood.server.results import Framed, Outcome, Result
from nethood.smb2.close import CloseRequest
from nethood.smb2.constants import (
    SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
    SMB2_WRITEFLAG_WRITE_THROUGH,
)
from nethood.smb2.server import HEADROOM
from nethood.smb2.simple import FlushRequest

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_READ = struct.Struct("<HBBIQQQIIIHH")
_WRITE = struct.Struct("<HHIQQQIIHHI")
_CLOSE_RESPONSE = struct.Struct("<HHIQQQQQQI")
_WRITE_RESPONSE = struct.Struct("<HHIIHH")
_READ_RESPONSE = struct.Struct("<HBBIII")
_CLOSED = _CLOSE_RESPONSE.pack(60, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_FLUSHED = b"\x04\x00\x00\x00"
_READ_BODY = HEADROOM + _READ_RESPONSE.size
_READ_RIGHTS = FILE_READ_DATA | FILE_EXECUTE
_WRITE_RIGHTS = FILE_WRITE_DATA | FILE_APPEND_DATA
_LAST_OFFSET = 0x7FFFFFFFFFFFFFFF
_LARGEST_FILE = 0xFFF_FFFF_0000
"""The largest file NTFS has with its usual clusters; Windows refuses to write beyond it."""
_SLOW_WRITE_S = 0.05
_SLOW_BYTES_PER_S = 100e6
_STAY_IN_THREADS_S = 10.0


ALWAYS_PAID = 65536
"""Bytes that every request may move, whatever it is charged."""


def check_charge(connection: ClientConnection, request: Request, size: int) -> None:
    """Raise StatusError unless *size* bytes are allowed and paid for ([MS-SMB2] 3.3.5.2.5)."""
    core = connection.core
    if size > core.max_transact:
        raise StatusError(STATUS_INVALID_PARAMETER)
    if (
        size > ALWAYS_PAID
        and core.is_multi_credit
        and (size - 1) >> 16 >= (request.credit_charge or 1)
    ):
        raise StatusError(STATUS_INVALID_PARAMETER)


def handle_read(connection: ClientConnection, request: Request) -> Outcome:  # noqa: C901
    """Read from a file or pipe."""
    try:
        size, _, _, length, offset, persistent, volatile, minimum, _, _, _, _ = _READ.unpack_from(
            request.message, 64
        )
    except struct.error:
        raise Malformed("ReadRequest", "is cut off") from None
    if size != 49:
        raise Malformed("ReadRequest", f"StructureSize is {size}")
    if length > ALWAYS_PAID:
        check_charge(connection, request, length)
    opened = find_open(request, persistent, volatile)
    if isinstance(opened, PipeOpen):
        return read_pipe(opened, length)
    if not opened.granted_access & _READ_RIGHTS:
        raise StatusError(STATUS_ACCESS_DENIED)
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_DEVICE_REQUEST)
    if offset > _LAST_OFFSET:
        raise StatusError(STATUS_INVALID_PARAMETER)
    if opened.fsa.file.locks is not None:
        locks.check_read(opened.fsa, offset, length)
    pool = connection.server.pool
    buffer = pool.take(_READ_BODY + length)
    view = memoryview(buffer)[_READ_BODY : _READ_BODY + length]
    try:
        count = opened.node.read_into_nowait(view, offset)
    except StatusError:
        pool.give(buffer)
        raise
    if count is None:
        return _read_in_thread(connection, opened, buffer, offset, length, minimum)
    if count < minimum or (not count and length):
        pool.give(buffer)
        raise StatusError(STATUS_END_OF_FILE)
    opened.position = offset + count
    _READ_RESPONSE.pack_into(buffer, HEADROOM, 17, 80, 0, count, 0, 0)
    return Framed(buffer, _READ_BODY + count)


def _read_in_thread(
    connection: ClientConnection,
    opened: FileOpen,
    buffer: bytearray,
    offset: int,
    length: int,
    minimum: int,
) -> Outcome:
    view = memoryview(buffer)[_READ_BODY : _READ_BODY + length]

    def read() -> Result:
        count = opened.node.read_into(view, offset)
        if count < minimum or (not count and length):
            raise StatusError(STATUS_END_OF_FILE)
        opened.position = offset + count
        _READ_RESPONSE.pack_into(buffer, HEADROOM, 17, 80, 0, count, 0, 0)
        return Framed(buffer, _READ_BODY + count)

    return connection.server.run_on(read, opened)


def handle_write(connection: ClientConnection, request: Request) -> Outcome:  # noqa: C901
    """Write to a file or pipe."""
    message = request.message
    try:
        size, at, length, offset, persistent, volatile, _, _, _, _, flags = _WRITE.unpack_from(
            message, 64
        )
    except struct.error:
        raise Malformed("WriteRequest", "is cut off") from None
    if size != 49 or (length and at < 112) or at + length > len(message):
        raise Malformed("WriteRequest", "its data does not lie inside it")
    if length > ALWAYS_PAID:
        check_charge(connection, request, length)
    opened = find_open(request, persistent, volatile)
    data = message[at : at + length]
    if isinstance(opened, PipeOpen):
        return write_pipe(opened, bytes(data))
    if not opened.granted_access & _WRITE_RIGHTS:
        raise StatusError(STATUS_ACCESS_DENIED)
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_DEVICE_REQUEST)
    if offset + length > _LARGEST_FILE:
        _check_write_beyond(offset, length)
    if opened.fsa.file.locks is not None:
        locks.check_write(opened.fsa, offset, length)
    through = flags & SMB2_WRITEFLAG_WRITE_THROUGH or opened.write_through
    if through or opened.files.threads_until > connection.core.now:
        return _write_in_thread(connection, opened, bytes(data), offset, flush=bool(through))
    if length:
        _write_now(connection, opened, data, offset)
    if opened.files.watches:
        opened.files.report_write(opened.node.path, size_changed=True)
    return _WRITE_RESPONSE.pack(17, 0, length, 0, 0, 0)


def _check_write_beyond(offset: int, length: int) -> None:
    if length or offset > _LAST_OFFSET:
        raise StatusError(STATUS_INVALID_PARAMETER)


def _write_now(
    connection: ClientConnection, opened: FileOpen, data: memoryview, offset: int
) -> None:
    if opened.keeps_write_time:
        change_content(opened, lambda: opened.node.write(data, offset))
    else:
        opened.node.write(data, offset)
    opened.was_written = True
    if opened.files.can_block:
        now = connection.loop_time()
        if now - connection.core.now > _SLOW_WRITE_S + len(data) / _SLOW_BYTES_PER_S:
            # A disk this slow would keep everybody waiting: let threads wait for it a while.
            opened.files.threads_until = now + _STAY_IN_THREADS_S


def _write_in_thread(
    connection: ClientConnection, opened: FileOpen, data: bytes, offset: int, *, flush: bool
) -> Outcome:
    opened.was_written = True

    def write() -> Result:
        change_content(opened, lambda: opened.node.write(data, offset))
        if flush:
            opened.node.flush()
        return _WRITE_RESPONSE.pack(17, 0, len(data), 0, 0, 0)

    return connection.server.run_on(write, opened)


def handle_flush(connection: ClientConnection, request: Request) -> Outcome:
    """Bring a file to the disk; the answer comes when it is there."""
    asked = FlushRequest.decode(request.message, 64)
    opened = find_open(request, asked.persistent, asked.volatile)
    if isinstance(opened, PipeOpen):
        return _FLUSHED
    if not opened.granted_access & _WRITE_RIGHTS:
        raise StatusError(STATUS_ACCESS_DENIED)

    def flush() -> Result:
        opened.node.flush()
        return _FLUSHED

    return connection.server.run_on(flush, opened)


def handle_close(connection: ClientConnection, request: Request) -> bytes:
    """Close a file or pipe, telling what became of it where that is asked for."""
    asked = CloseRequest.decode(request.message, 64)
    opened = find_open(request, asked.persistent, asked.volatile)
    answer = _CLOSED
    if asked.flags & SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB and isinstance(opened, FileOpen):
        info = opened.node.info()
        answer = _CLOSE_RESPONSE.pack(
            60,
            SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB,
            0,
            info.creation_time,
            info.last_access_time,
            info.last_write_time,
            info.change_time,
            info.allocation_size,
            info.size,
            info.attributes,
        )
    connection.server.files.close(opened)
    return answer
