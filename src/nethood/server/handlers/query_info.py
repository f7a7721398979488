"""QUERY_INFO: files, file systems and security ([MS-SMB2] 3.3.5.20)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import ACCESS_SYSTEM_SECURITY, READ_CONTROL
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_INVALID_INFO_CLASS,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_EAS_ON_FILE,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import StatusError
from nethood.fscc import file_info as fi
from nethood.fscc import fs_info as fs
from nethood.fscc.file_classes import FILE_INFO
from nethood.fscc.info_class import check_query
from nethood.fscc.name_info import FileNameInformation
from nethood.fscc.short_name import hashed_short_name
from nethood.fscc.stream_info import DEFAULT_STREAM, Stream, encode_streams
from nethood.server.handlers.io import ALWAYS_PAID, check_charge
from nethood.server.opens import FileOpen, PipeOpen, find_open
from nethood.server.results import Result
from nethood.server.security import security_descriptor
from nethood.smb2.constants import (
    SMB2_0_INFO_FILE,
    SMB2_0_INFO_FILESYSTEM,
    SMB2_0_INFO_QUOTA,
    SMB2_0_INFO_SECURITY,
)
from nethood.smb2.query_info import QueryInfoRequest
from nethood.store.base import Volume, split

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_RESPONSE = struct.Struct("<HHI")
_MODE_OPTIONS = 0x0000103E
_OBJECT_ID_SIZE = 64
_SACL = 0x00000008


def handle_query_info(connection: ClientConnection, request: Request) -> Result:
    """Answer a query about what a FileId stands for."""
    asked = QueryInfoRequest.decode(request.message, 64)
    opened = find_open(request, asked.persistent, asked.volatile)
    size = max(asked.output_buffer_length, asked.input_buffer_length)
    if size > ALWAYS_PAID:
        check_charge(connection, request, size)
    if isinstance(opened, PipeOpen):
        return _pipe(opened, asked)
    kind = asked.info_type
    if kind == SMB2_0_INFO_FILE:
        return _file(opened, asked)
    if kind == SMB2_0_INFO_FILESYSTEM:
        return _file_system(opened, asked)
    if kind == SMB2_0_INFO_SECURITY:
        return _security(connection, opened, asked)
    if kind == SMB2_0_INFO_QUOTA:
        raise StatusError(STATUS_NOT_SUPPORTED)
    raise StatusError(STATUS_INVALID_PARAMETER)


def _answer(data: bytes, room: int) -> Result:
    """Return *data* whole, or its beginning and BUFFER_OVERFLOW where the client has less room."""
    if len(data) > room:
        return STATUS_BUFFER_OVERFLOW, _RESPONSE.pack(9, 72, room) + data[:room]
    return _RESPONSE.pack(9, 72, len(data)) + data


def _file(opened: FileOpen, asked: QueryInfoRequest) -> Result:
    number, room = asked.file_info_class, asked.output_buffer_length
    check_query(FILE_INFO, number, opened.granted_access, room)
    answer = _FILE.get(number)
    if answer is None:
        raise StatusError(STATUS_INVALID_INFO_CLASS)
    return _answer(answer(opened), room)


def _all(opened: FileOpen) -> bytes:
    return fi.encode_all(
        opened.node.info(),
        access=opened.granted_access,
        delete_pending=opened.fsa.delete_pending,
        mode=opened.create_options & _MODE_OPTIONS,
        position=opened.position,
        name="\\" + opened.node.path.replace("/", "\\"),
    )


def _standard(opened: FileOpen) -> bytes:
    return fi.encode_standard(opened.node.info(), opened.fsa.delete_pending)


def _alternate_name(opened: FileOpen) -> bytes:
    name = split(opened.node.path)[1]
    made = hashed_short_name(name) or name.upper()
    return FileNameInformation(made).encode()


def _name(opened: FileOpen) -> bytes:
    return FileNameInformation(opened.node.path.replace("/", "\\")).encode()


def _streams(opened: FileOpen) -> bytes:
    if opened.is_directory:
        return b""
    info = opened.node.info()
    return encode_streams([Stream(DEFAULT_STREAM, info.size, info.allocation_size)], 1 << 16)[1]


def _full_ea(opened: FileOpen) -> bytes:
    raise StatusError(STATUS_NO_EAS_ON_FILE)


def _file_id(opened: FileOpen) -> bytes:
    return fi.encode_file_id(opened.node.info(), opened.files.store.volume().serial)


_FILE: dict[int, Callable[[FileOpen], bytes]] = {
    4: lambda o: fi.encode_basic(o.node.info()),
    5: _standard,
    6: lambda o: fi.encode_internal(o.node.info()),
    7: lambda o: fi.FileEaInformation(0).encode(),
    8: lambda o: fi.FileAccessInformation(o.granted_access).encode(),
    14: lambda o: fi.FilePositionInformation(o.position).encode(),
    15: _full_ea,
    16: lambda o: fi.FileModeInformation(o.create_options & _MODE_OPTIONS).encode(),
    17: lambda o: fi.FileAlignmentInformation(0).encode(),
    18: _all,
    21: _alternate_name,
    22: _streams,
    28: lambda o: fi.encode_compression(o.node.info()),
    34: lambda o: fi.encode_network_open(o.node.info()),
    35: lambda o: fi.encode_attribute_tag(o.node.info()),
    48: _name,
    59: _file_id,
}
"""The FILE information classes of [MS-FSCC] 2.4 that files and directories answer to."""


def _file_system(opened: FileOpen, asked: QueryInfoRequest) -> Result:
    number, room = asked.file_info_class, asked.output_buffer_length
    check_query(fs.FS_INFO, number, opened.granted_access, room)
    answer = _FILE_SYSTEM.get(number)
    if answer is None:
        raise StatusError(STATUS_INVALID_INFO_CLASS)
    return _answer(answer(opened, opened.files.store.volume()), room)


def _attributes(opened: FileOpen, volume: Volume) -> bytes:
    capabilities = opened.files.store.capabilities
    flags = fs.FILE_CASE_SENSITIVE_SEARCH | fs.FILE_CASE_PRESERVED_NAMES
    flags |= fs.FILE_UNICODE_ON_DISK | fs.FILE_PERSISTENT_ACLS
    flags |= fs.FILE_SUPPORTS_OBJECT_IDS
    if capabilities.sparse:
        flags |= fs.FILE_SUPPORTS_SPARSE_FILES
    if capabilities.hard_links:
        flags |= fs.FILE_SUPPORTS_HARD_LINKS
    if opened.share.read_only or capabilities.read_only:
        flags |= fs.FILE_READ_ONLY_VOLUME
    else:
        flags |= fs.FILE_SUPPORTS_BLOCK_REFCOUNTING
    return fs.encode_fs_attribute(volume, flags)


_FILE_SYSTEM: dict[int, Callable[[FileOpen, Volume], bytes]] = {
    fs.FILE_FS_VOLUME_INFORMATION: lambda _, v: fs.encode_fs_volume(v),
    fs.FILE_FS_SIZE_INFORMATION: lambda _, v: fs.encode_fs_size(v),
    fs.FILE_FS_DEVICE_INFORMATION: lambda _, v: fs.FileFsDeviceInformation(
        fs.FILE_DEVICE_DISK, fs.FILE_DEVICE_IS_MOUNTED | fs.FILE_REMOTE_DEVICE
    ).encode(),
    fs.FILE_FS_ATTRIBUTE_INFORMATION: _attributes,
    fs.FILE_FS_CONTROL_INFORMATION: lambda _, v: fs.FileFsControlInformation().encode(),
    fs.FILE_FS_FULL_SIZE_INFORMATION: lambda _, v: fs.encode_fs_full_size(v),
    fs.FILE_FS_SECTOR_SIZE_INFORMATION: lambda o, v: fs.encode_fs_sector_size(
        v, trim=o.files.store.capabilities.sparse
    ),
    fs.FILE_FS_OBJECT_ID_INFORMATION: lambda _, v: fs.FileFsObjectIdInformation(
        v.serial.to_bytes(16, "little")
    ).encode(),
}
"""The FILE SYSTEM information classes of [MS-FSCC] 2.5 that are answered."""


def _security(connection: ClientConnection, opened: FileOpen, asked: QueryInfoRequest) -> Result:
    """Return the parts of the security descriptor that are asked for ([MS-SMB2] 3.3.5.20.3)."""
    wanted = asked.additional_information
    if wanted & ~_SACL and not opened.granted_access & READ_CONTROL:
        raise StatusError(STATUS_ACCESS_DENIED)
    if wanted & _SACL and not opened.granted_access & ACCESS_SYSTEM_SECURITY:
        raise StatusError(STATUS_ACCESS_DENIED)
    descriptor = security_descriptor(connection.server, opened)
    data = descriptor.select(wanted).encode()
    if len(data) > asked.output_buffer_length:
        needed = len(data).to_bytes(4, "little")
        raise StatusError(STATUS_BUFFER_TOO_SMALL, data=needed)
    return _answer(data, asked.output_buffer_length)


def _pipe(opened: PipeOpen, asked: QueryInfoRequest) -> Result:
    """Answer the few questions that make sense for a pipe."""
    room = asked.output_buffer_length
    if asked.info_type == SMB2_0_INFO_FILE:
        check_query(FILE_INFO, asked.file_info_class, opened.granted_access, room)
        if asked.file_info_class == 5:
            return _answer(fi.FileStandardInformation(4096, 0, 1, 1, 0).encode(), room)
        if asked.file_info_class == 23:
            return _answer(fi.FilePipeInformation(1, 0).encode(), room)
        if asked.file_info_class == 24:
            local = fi.FilePipeLocalInformation(
                named_pipe_type=1,
                named_pipe_configuration=2,
                maximum_instances=0xFFFFFFFF,
                current_instances=1,
                inbound_quota=4096,
                read_data_available=opened.pipe.available,
                outbound_quota=4096,
                write_quota_available=4096,
                named_pipe_state=3,
                named_pipe_end=0,
            )
            return _answer(local.encode(), room)
    raise StatusError(STATUS_NOT_SUPPORTED)
