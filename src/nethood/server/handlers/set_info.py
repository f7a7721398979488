"""SET_INFO: attributes, times, sizes, names, deletion ([MS-SMB2] 3.3.5.21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import WRITE_DAC, WRITE_OWNER
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_EAS_NOT_SUPPORTED,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import StatusError
from nethood.fscc import file_info as fi
from nethood.fscc.attributes import (
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_READONLY,
    FILE_ATTRIBUTE_TEMPORARY,
)
from nethood.fscc.file_classes import FILE_INFO
from nethood.fscc.info_class import check_set
from nethood.fscc.notify import (
    FILE_NOTIFY_CHANGE_ATTRIBUTES,
    FILE_NOTIFY_CHANGE_CREATION,
    FILE_NOTIFY_CHANGE_LAST_ACCESS,
    FILE_NOTIFY_CHANGE_LAST_WRITE,
)
from nethood.server.files import change_content, complete_notify
from nethood.server.handlers.io import check_charge
from nethood.server.handlers.rename import set_link, set_rename
from nethood.server.opens import FileOpen, PipeOpen, find_open
from nethood.server.results import Result
from nethood.smb2.constants import (
    FILE_WRITE_THROUGH,
    SMB2_0_INFO_FILE,
    SMB2_0_INFO_FILESYSTEM,
    SMB2_0_INFO_SECURITY,
)
from nethood.smb2.set_info import SetInfoRequest
from nethood.wire import Buffer

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_DONE = b"\x02\x00"
_LARGEST = 0xFFF_FFFF_0000
"""The largest file NTFS has with its usual clusters, as for WRITE."""
_KEEP = (0, -1, -2)
"""Times that mean: leave it ([MS-FSCC] 2.4.7); -1 and -2 also switch its upkeep off and on."""


def handle_set_info(connection: ClientConnection, request: Request) -> Result:
    """Change what a FileId stands for."""
    asked = SetInfoRequest.decode(request.message, 64)
    opened = find_open(request, asked.persistent, asked.volatile)
    check_charge(connection, request, asked.buffer_length)
    if isinstance(opened, PipeOpen):
        check_set(FILE_INFO, asked.file_info_class, opened.granted_access, asked.buffer_length)
        return _DONE
    if asked.info_type == SMB2_0_INFO_FILE:
        return _file(opened, asked)
    if asked.info_type == SMB2_0_INFO_SECURITY:
        writes = WRITE_DAC | WRITE_OWNER
        allowed = opened.granted_access & writes
        raise StatusError(STATUS_NOT_SUPPORTED if allowed else STATUS_ACCESS_DENIED)
    if asked.info_type == SMB2_0_INFO_FILESYSTEM:
        raise StatusError(STATUS_ACCESS_DENIED)
    raise StatusError(STATUS_NOT_SUPPORTED)


def _file(opened: FileOpen, asked: SetInfoRequest) -> Result:
    number = asked.file_info_class
    check_set(FILE_INFO, number, opened.granted_access, asked.buffer_length)
    change = _FILE.get(number)
    if change is None:
        raise StatusError(STATUS_INVALID_INFO_CLASS)
    change(opened, asked.buffer)
    return _DONE


def _basic(opened: FileOpen, data: Buffer) -> None:
    asked = fi.FileBasicInformation.decode(data)
    times = (
        asked.creation_time,
        asked.last_access_time,
        asked.last_write_time,
        asked.change_time,
    )
    if any(t < -2 for t in times):
        raise StatusError(STATUS_INVALID_PARAMETER)
    attributes = asked.file_attributes
    if attributes:
        if attributes & FILE_ATTRIBUTE_DIRECTORY and not opened.is_directory:
            raise StatusError(STATUS_INVALID_PARAMETER)
        if attributes & FILE_ATTRIBUTE_TEMPORARY and opened.is_directory:
            raise StatusError(STATUS_INVALID_PARAMETER)
        opened.node.set_attributes(attributes)
    if asked.last_write_time:
        # Set or switched off, it stays; -2 has it kept up to date again ([MS-FSA] 2.1.5.15.2).
        opened.keeps_write_time = asked.last_write_time != -2
    creation, access, write, change = (None if t in _KEEP else t for t in times)
    if not creation is access is write is change is None:
        opened.node.set_times(
            creation_time=creation,
            last_access_time=access,
            last_write_time=write,
            change_time=change,
        )
    changed = FILE_NOTIFY_CHANGE_ATTRIBUTES if attributes else 0
    if creation is not None:
        changed |= FILE_NOTIFY_CHANGE_CREATION
    if access is not None:
        changed |= FILE_NOTIFY_CHANGE_LAST_ACCESS
    if write is not None:
        changed |= FILE_NOTIFY_CHANGE_LAST_WRITE
    opened.files.report_metadata(opened.node.path, changed)


def _disposition(opened: FileOpen, data: Buffer) -> None:
    pending = data[0] != 0
    node, fsa = opened.node, opened.fsa
    opened.files.table.set_delete_pending(
        fsa,
        pending,
        read_only=node.info().attributes & FILE_ATTRIBUTE_READONLY != 0,
        directory_empty=not pending or not node.is_directory or node.is_empty(),
    )
    if pending and node.is_directory:
        complete_notify(opened.files.watches.directory_deleted(fsa.file.opens))


def _position(opened: FileOpen, data: Buffer) -> None:
    opened.position = fi.FilePositionInformation.decode(data).current_byte_offset


def _mode(opened: FileOpen, data: Buffer) -> None:
    mode = fi.FileModeInformation.decode(data).mode
    if mode & ~fi.SETTABLE_MODE:
        raise StatusError(STATUS_INVALID_PARAMETER)
    opened.create_options = opened.create_options & ~fi.SETTABLE_MODE | mode
    opened.write_through = mode & FILE_WRITE_THROUGH != 0


def _size(data: Buffer) -> int:
    size = int.from_bytes(data[:8], "little")
    if size > _LARGEST:
        raise StatusError(STATUS_INVALID_PARAMETER)
    return size


def _end_of_file(opened: FileOpen, data: Buffer) -> None:
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    size = _size(data)
    change_content(opened, lambda: opened.node.truncate(size))
    opened.was_written = True
    opened.files.report_write(opened.node.path, size_changed=True)


def _allocation(opened: FileOpen, data: Buffer) -> None:
    if opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    size = _size(data)
    if size < opened.node.info().size:
        change_content(opened, lambda: opened.node.truncate(size))
    else:
        opened.node.allocate(size)
    opened.files.report_write(opened.node.path, size_changed=True)


def _full_ea(opened: FileOpen, data: Buffer) -> None:
    if len(data):
        raise StatusError(STATUS_EAS_NOT_SUPPORTED)


def _valid_data_length(opened: FileOpen, data: Buffer) -> None:
    if _size(data) > opened.node.info().size:
        raise StatusError(STATUS_INVALID_PARAMETER)


def _short_name(opened: FileOpen, data: Buffer) -> None:
    raise StatusError(STATUS_INVALID_PARAMETER)


_FILE: dict[int, Callable[[FileOpen, Buffer], None]] = {
    4: _basic,
    10: set_rename,
    11: set_link,
    13: _disposition,
    14: _position,
    15: _full_ea,
    16: _mode,
    19: _allocation,
    20: _end_of_file,
    39: _valid_data_length,
    40: _short_name,
}
"""The FILE information classes of [MS-FSCC] 2.4 that can be set."""
