"""Server-side copy: resume keys and chunks ([MS-SMB2] 3.3.5.15.5, 3.3.5.15.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_APPEND_DATA, FILE_EXECUTE, FILE_READ_DATA, FILE_WRITE_DATA
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_FILE_LOCK_CONFLICT,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_VIEW_SIZE,
    STATUS_OBJECT_NAME_NOT_FOUND,
)
from nethood.errors import Malformed, StatusError
from nethood.fsa import locks
from nethood.server.opens import FileOpen
from nethood.server.results import Outcome, Result
from nethood.smb2.constants import FSCTL_SRV_COPYCHUNK
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse
from nethood.smb2.ioctl_payloads import (
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvCopychunkResponse,
    SrvRequestResumeKeyResponse,
)

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection

MAX_CHUNKS = 256
MAX_CHUNK_SIZE = 1 << 20
MAX_TOTAL_SIZE = 16 << 20
_RESPONSE_SIZE = 12
_KEY_ROOM = 32


def resume_key(opened: FileOpen, room: int) -> bytes:
    """Return the key that names *opened* as the source of a copy."""
    if room < _KEY_ROOM:
        raise StatusError(STATUS_INVALID_PARAMETER)
    return SrvRequestResumeKeyResponse(resume_key=_key(opened)).encode().ljust(_KEY_ROOM, b"\0")


def _key(opened: FileOpen) -> bytes:
    return (
        opened.persistent.to_bytes(8, "little") + opened.volatile.to_bytes(8, "little") + bytes(8)
    )


def copy_chunks(connection: ClientConnection, target: FileOpen, asked: IoctlRequest) -> Outcome:
    """Copy ranges of another open file of the same session into *target*."""
    if asked.max_output_response < _RESPONSE_SIZE:
        raise StatusError(STATUS_INVALID_PARAMETER)
    try:
        copy = SrvCopychunkCopy.decode(asked.input)
    except Malformed:
        raise StatusError(STATUS_INVALID_PARAMETER) from None
    total = sum(chunk.length for chunk in copy.chunks)
    if (
        len(copy.chunks) > MAX_CHUNKS
        or total > MAX_TOTAL_SIZE
        or any(not 0 < chunk.length <= MAX_CHUNK_SIZE for chunk in copy.chunks)
    ):
        # The client learns the limits from the body of this very refusal.
        limits = SrvCopychunkResponse(MAX_CHUNKS, MAX_CHUNK_SIZE, MAX_TOTAL_SIZE)
        return STATUS_INVALID_PARAMETER, _body(asked, limits)
    source = _source(target, copy.source_key)
    _check_access(source, target, asked.ctl_code)
    free = _count_free(source, target, copy.chunks)
    return connection.server.run_on(
        lambda: _copy(source, target, copy, free, asked), source, target
    )


def _source(target: FileOpen, key: bytes) -> FileOpen:
    volatile = int.from_bytes(key[8:16], "little")
    source = target.session.open_table.get(volatile)
    if not isinstance(source, FileOpen) or _key(source) != bytes(key):
        raise StatusError(STATUS_OBJECT_NAME_NOT_FOUND)
    return source


def _check_access(source: FileOpen, target: FileOpen, ctl_code: int) -> None:
    if source.is_directory or target.is_directory:
        raise StatusError(STATUS_INVALID_DEVICE_REQUEST)
    if not source.granted_access & (FILE_READ_DATA | FILE_EXECUTE):
        raise StatusError(STATUS_ACCESS_DENIED)
    if not target.granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        raise StatusError(STATUS_ACCESS_DENIED)
    if ctl_code == FSCTL_SRV_COPYCHUNK and not target.granted_access & FILE_READ_DATA:
        raise StatusError(STATUS_ACCESS_DENIED)


def _copy(
    source: FileOpen, target: FileOpen, copy: SrvCopychunkCopy, free: int, asked: IoctlRequest
) -> Result:
    """Copy in a thread, as far as the first *free* chunks."""
    written = total = 0
    target.was_written = True
    size = source.node.info().size
    for chunk in copy.chunks:
        if chunk.source_offset + chunk.length > size:
            body = SrvCopychunkResponse(written, 0, total)
            return STATUS_INVALID_VIEW_SIZE, _body(asked, body)
        if written == free:
            # What was copied before stays, and the client learns how much that is: 3.3.5.15.6.1.
            body = SrvCopychunkResponse(written, 0, total)
            return STATUS_FILE_LOCK_CONFLICT, _body(asked, body)
        total += target.files.store.copy_range(
            source.node, chunk.source_offset, target.node, chunk.target_offset, chunk.length
        )
        written += 1
    return _body(asked, SrvCopychunkResponse(written, 0, total))


def _count_free(source: FileOpen, target: FileOpen, chunks: list[SrvCopychunk]) -> int:
    """Return how many chunks come before the first that a byte-range lock forbids.

    The tables of locks belong to the event loop, so this is not for the thread that copies.
    """
    for count, chunk in enumerate(chunks):
        try:
            locks.check_read(source.fsa, chunk.source_offset, chunk.length)
            locks.check_write(target.fsa, chunk.target_offset, chunk.length)
        except StatusError:
            return count
    return len(chunks)


def _body(asked: IoctlRequest, response: SrvCopychunkResponse) -> bytes:
    return IoctlResponse(
        ctl_code=asked.ctl_code,
        persistent=asked.persistent,
        volatile=asked.volatile,
        output=response.encode(),
    ).encode()
