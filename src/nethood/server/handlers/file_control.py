"""The FSCTLs of one open file ([MS-FSCC] 2.3, [MS-FSA] 2.1.5.10)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from nethood.dtyp.access_mask import (
    FILE_APPEND_DATA,
    FILE_READ_DATA,
    FILE_WRITE_ATTRIBUTES,
    FILE_WRITE_DATA,
)
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_DEVICE_REQUEST,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import StatusError
from nethood.fsa import locks
from nethood.fscc.attributes import FILE_ATTRIBUTE_SPARSE_FILE
from nethood.fscc.fsctl import (
    CompressionState,
    FileObjectIdBuffer,
    decode_allocated_range,
    decode_set_sparse,
    decode_zero_data,
    encode_ranges,
)
from nethood.server.handlers.extents import trim
from nethood.server.opens import FileOpen
from nethood.smb2 import constants as c
from nethood.wire import Buffer

Control: TypeAlias = Callable[[FileOpen, Buffer, int], tuple[int, bytes]]
"""What answers a code: the open, the input, the room for output; returns status and output."""

_ENOUGH_TO_WRITE = FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_ATTRIBUTES
_OBJECT_ID_SIZE = 64


def _set_sparse(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    if not opened.granted_access & _ENOUGH_TO_WRITE:
        raise StatusError(STATUS_ACCESS_DENIED)
    if not opened.files.store.capabilities.sparse:
        raise StatusError(STATUS_INVALID_DEVICE_REQUEST)
    attributes = opened.node.info().attributes
    if decode_set_sparse(data):
        attributes |= FILE_ATTRIBUTE_SPARSE_FILE
    else:
        attributes &= ~FILE_ATTRIBUTE_SPARSE_FILE
    opened.node.set_attributes(attributes)
    return 0, b""


def _set_zero_data(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    _require_file(opened)
    if not opened.granted_access & FILE_WRITE_DATA:
        raise StatusError(STATUS_ACCESS_DENIED)
    offset, beyond = decode_zero_data(data)
    length = beyond - offset
    if length:
        locks.check_write(opened.fsa, offset, length)
        inside = min(beyond, opened.node.info().size) - offset
        if inside > 0:
            opened.node.zero(offset, inside)
        opened.was_written = True
    return 0, b""


def _query_allocated_ranges(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    _require_file(opened)
    if not opened.granted_access & FILE_READ_DATA:
        raise StatusError(STATUS_ACCESS_DENIED)
    wanted = decode_allocated_range(data)
    size = opened.node.info().size
    length = min(wanted.length, max(0, size - wanted.file_offset))
    if not length:
        return 0, b""
    if opened.node.info().attributes & FILE_ATTRIBUTE_SPARSE_FILE:
        ranges = opened.node.allocated_ranges(wanted.file_offset, length)
    else:
        ranges = [(wanted.file_offset, length)]
    return encode_ranges(ranges, room)


def _object_id(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    """Return an object id made of volume and file: it stays as long as the file does."""
    if room < _OBJECT_ID_SIZE:
        raise StatusError(STATUS_BUFFER_TOO_SMALL)
    volume = opened.files.store.volume().serial.to_bytes(16, "little")
    file_id = opened.node.file_id.to_bytes(8, "little") + volume[:8]
    return 0, FileObjectIdBuffer(
        object_id=file_id, birth_volume_id=volume, birth_object_id=file_id
    ).encode()


def _get_compression(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    answer = CompressionState().encode()
    if room < len(answer):
        raise StatusError(STATUS_INVALID_PARAMETER)
    return 0, answer


def _set_compression(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    if not opened.granted_access & FILE_WRITE_DATA:
        raise StatusError(STATUS_ACCESS_DENIED)
    if CompressionState.decode(data).compression_state:
        raise StatusError(STATUS_NOT_SUPPORTED)
    return 0, b""


def _require_file(opened: FileOpen) -> None:
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)


CONTROLS: dict[int, Control] = {
    c.FSCTL_SET_SPARSE: _set_sparse,
    c.FSCTL_SET_ZERO_DATA: _set_zero_data,
    c.FSCTL_QUERY_ALLOCATED_RANGES: _query_allocated_ranges,
    c.FSCTL_CREATE_OR_GET_OBJECT_ID: _object_id,
    c.FSCTL_GET_COMPRESSION: _get_compression,
    c.FSCTL_SET_COMPRESSION: _set_compression,
    c.FSCTL_FILE_LEVEL_TRIM: trim,
}
"""The codes this server answers for files and directories."""
