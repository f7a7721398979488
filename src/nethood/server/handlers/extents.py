"""Whole clusters of a file: duplicated from another file, or given back ([MS-FSA] 2.1.5.10.4, .6).

What the specification calls duplicating moves no data where the file system shares clusters
between files; elsewhere the store copies, and nobody can see the difference but in the time and
room it takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import (
    FILE_APPEND_DATA,
    FILE_READ_ATTRIBUTES,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
)
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_HANDLE,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import Malformed, StatusError
from nethood.fsa import locks
from nethood.fscc.attributes import FILE_ATTRIBUTE_SPARSE_FILE
from nethood.fscc.fsctl import DuplicateExtentsData, Range, decode_trim
from nethood.server.files import change_content
from nethood.server.opens import FileOpen
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.server.results import Outcome, Result
    from nethood.wire import Buffer

_REQUEST_SIZE = 40
_LARGEST = 0xFFF_FFFF_0000
_TRIM_ANSWER_SIZE = 4
_PAGE = 4096


def duplicate_extents(
    connection: ClientConnection, target: FileOpen, asked: IoctlRequest
) -> Outcome:
    """Make clusters of *target* those of another open file of the same session and store."""
    if len(asked.input) < _REQUEST_SIZE:
        raise StatusError(STATUS_BUFFER_TOO_SMALL)
    wanted = DuplicateExtentsData.decode(asked.input)
    if not target.granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        raise StatusError(STATUS_ACCESS_DENIED)
    cluster = target.files.store.volume().allocation_unit
    _check_range(wanted, cluster)
    source = target.session.open_table.get(wanted.volatile)
    if not isinstance(source, FileOpen) or source.persistent != wanted.persistent:
        raise StatusError(STATUS_INVALID_HANDLE)
    if wanted.byte_count:
        _check_files(source, target, wanted)

    def duplicate() -> Result:
        if wanted.byte_count:
            change_content(target, lambda: _duplicate(source, target, wanted))
            target.was_written = True
        return _done(asked)

    return connection.server.run_on(duplicate, target, source)


def _check_range(wanted: DuplicateExtentsData, cluster: int) -> None:
    for number in (wanted.source_file_offset, wanted.target_file_offset, wanted.byte_count):
        if not 0 <= number <= _LARGEST or number % cluster:
            raise StatusError(STATUS_INVALID_PARAMETER)


def _check_files(source: FileOpen, target: FileOpen, wanted: DuplicateExtentsData) -> None:
    """Check what is copied from where to where, in the order of [MS-FSA] 2.1.5.10.4.

    Like Windows, this does not look at byte-range locks (notes 91 and 92).
    """
    if source.is_directory or target.is_directory:
        raise StatusError(STATUS_NOT_SUPPORTED)
    needed = FILE_READ_DATA | FILE_READ_ATTRIBUTES
    if needed & ~source.granted_access or source.files is not target.files:
        raise StatusError(STATUS_INVALID_PARAMETER)
    from_info, to_info = source.node.info(), target.node.info()
    if from_info.size < wanted.source_file_offset + wanted.byte_count:
        raise StatusError(STATUS_NOT_SUPPORTED)
    if from_info.attributes & ~to_info.attributes & FILE_ATTRIBUTE_SPARSE_FILE:
        raise StatusError(STATUS_NOT_SUPPORTED)
    apart = abs(wanted.source_file_offset - wanted.target_file_offset)
    if source.fsa.file is target.fsa.file and apart < wanted.byte_count:
        raise StatusError(STATUS_NOT_SUPPORTED)


def _duplicate(source: FileOpen, target: FileOpen, wanted: DuplicateExtentsData) -> None:
    # The end of file stays where it is, so what would lie beyond is nobody's to see.
    inside = min(wanted.byte_count, target.node.info().size - wanted.target_file_offset)
    if inside > 0:
        target.files.store.copy_range(
            source.node,
            wanted.source_file_offset,
            target.node,
            wanted.target_file_offset,
            inside,
        )


def _done(asked: IoctlRequest) -> bytes:
    return IoctlResponse(
        ctl_code=asked.ctl_code, persistent=asked.persistent, volatile=asked.volatile
    ).encode()


def trim(opened: FileOpen, data: Buffer, room: int) -> tuple[int, bytes]:
    """Give back the whole pages of ranges whose content is of no more use ([MS-FSA] 2.1.5.10.6)."""
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    if not opened.granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA):
        raise StatusError(STATUS_ACCESS_DENIED)
    try:
        ranges = decode_trim(data)
    except Malformed:
        raise StatusError(STATUS_INVALID_PARAMETER) from None
    if not ranges or 0 < room < _TRIM_ANSWER_SIZE:
        raise StatusError(STATUS_INVALID_PARAMETER)
    for wanted in ranges:
        _give_back(opened, wanted)
    return 0, len(ranges).to_bytes(_TRIM_ANSWER_SIZE, "little") if room else b""


def _give_back(opened: FileOpen, wanted: Range) -> None:
    start = -(-wanted.file_offset // _PAGE) * _PAGE
    end = min(wanted.file_offset + wanted.length, opened.node.info().size) // _PAGE * _PAGE
    if end > start:
        locks.check_write(opened.fsa, start, end - start)
        change_content(opened, lambda: opened.node.zero(start, end - start))
        opened.was_written = True
