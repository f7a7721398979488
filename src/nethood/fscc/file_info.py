"""File information classes of fixed size, and FileAllInformation: [MS-FSCC] 2.4.

Each is a message that encodes and decodes; those that a server answers all day have, beside it,
an `encode_...` function that packs straight from an Info. Times are FILETIMEs and signed: what is
set may be 0 (leave), -1 (stop changing it through this open) or -2 (change it again).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Annotated

from nethood.fscc.attributes import FILE_ATTRIBUTE_NORMAL
from nethood.fscc.info import Info
from nethood.fscc.name_info import FileNameInformation
from nethood.text import encode_utf16
from nethood.wire import Buffer, Fixed, Wire, i64, raw16, u8, u16, u32, u64, wire

raw2 = Annotated[bytes, Fixed("2s")]
raw3 = Annotated[bytes, Fixed("3s")]
raw48 = Annotated[bytes, Fixed("48s")]

FILE_DISPOSITION_DELETE = 0x00000001
FILE_DISPOSITION_POSIX_SEMANTICS = 0x00000002
FILE_DISPOSITION_FORCE_IMAGE_SECTION_CHECK = 0x00000004
FILE_DISPOSITION_ON_CLOSE = 0x00000008
FILE_DISPOSITION_IGNORE_READONLY_ATTRIBUTE = 0x00000010

FILE_WRITE_THROUGH = 0x00000002
FILE_SEQUENTIAL_ONLY = 0x00000004
FILE_NO_INTERMEDIATE_BUFFERING = 0x00000008
FILE_SYNCHRONOUS_IO_ALERT = 0x00000010
FILE_SYNCHRONOUS_IO_NONALERT = 0x00000020
SETTABLE_MODE = (
    FILE_WRITE_THROUGH
    | FILE_SEQUENTIAL_ONLY
    | FILE_SYNCHRONOUS_IO_ALERT
    | FILE_SYNCHRONOUS_IO_NONALERT
)
"""What FileModeInformation may set; any other flag is an invalid parameter."""

COMPRESSION_FORMAT_NONE = 0
COMPRESSION_FORMAT_LZNT1 = 2

FILE_PIPE_BYTE_STREAM_MODE = 0
FILE_PIPE_MESSAGE_MODE = 1
FILE_PIPE_QUEUE_OPERATION = 0
FILE_PIPE_COMPLETE_OPERATION = 1
FILE_PIPE_BYTE_STREAM_TYPE = 0
FILE_PIPE_MESSAGE_TYPE = 1
FILE_PIPE_INBOUND = 0
FILE_PIPE_OUTBOUND = 1
FILE_PIPE_FULL_DUPLEX = 2
FILE_PIPE_DISCONNECTED_STATE = 1
FILE_PIPE_LISTENING_STATE = 2
FILE_PIPE_CONNECTED_STATE = 3
FILE_PIPE_CLOSING_STATE = 4
FILE_PIPE_CLIENT_END = 0
FILE_PIPE_SERVER_END = 1


@wire(base=0)
class FileAccessInformation(Wire):
    """FILE_ACCESS_INFORMATION, [MS-FSCC] 2.4.1."""

    access_flags: u32


@wire(base=0)
class FileAlignmentInformation(Wire):
    """FILE_ALIGNMENT_INFORMATION, [MS-FSCC] 2.4.3: alignment minus one."""

    alignment_requirement: u32 = 0


@wire(base=0)
class FileAllocationInformation(Wire):
    """FILE_ALLOCATION_INFORMATION, [MS-FSCC] 2.4.4."""

    allocation_size: i64


@wire(base=0)
class FileAttributeTagInformation(Wire):
    """FILE_ATTRIBUTE_TAG_INFORMATION, [MS-FSCC] 2.4.6."""

    file_attributes: u32
    reparse_tag: u32 = 0


@wire(base=0)
class FileBasicInformation(Wire):
    """FILE_BASIC_INFORMATION, [MS-FSCC] 2.4.7."""

    creation_time: i64 = 0
    last_access_time: i64 = 0
    last_write_time: i64 = 0
    change_time: i64 = 0
    file_attributes: u32 = 0
    reserved: u32 = 0


@wire(base=0)
class FileCompressionInformation(Wire):
    """FILE_COMPRESSION_INFORMATION, [MS-FSCC] 2.4.9."""

    compressed_file_size: i64
    compression_format: u16 = COMPRESSION_FORMAT_NONE
    compression_unit_shift: u8 = 0
    chunk_shift: u8 = 0
    cluster_shift: u8 = 0
    reserved: raw3 = bytes(3)


@wire(base=0)
class FileDispositionInformation(Wire):
    """FILE_DISPOSITION_INFORMATION, [MS-FSCC] 2.4.11."""

    delete_pending: u8


@wire(base=0)
class FileDispositionInformationEx(Wire):
    """FILE_DISPOSITION_INFORMATION_EX, [MS-FSCC] 2.4.12."""

    flags: u32


@wire(base=0)
class FileEaInformation(Wire):
    """FILE_EA_INFORMATION, [MS-FSCC] 2.4.13."""

    ea_size: u32 = 0


@wire(base=0)
class FileEndOfFileInformation(Wire):
    """FILE_END_OF_FILE_INFORMATION, [MS-FSCC] 2.4.14."""

    end_of_file: i64


@wire(base=0)
class FileIdInformation(Wire):
    """FILE_ID_INFORMATION, [MS-FSCC] 2.4.26."""

    volume_serial_number: u64
    file_id: raw16


@wire(base=0)
class FileInternalInformation(Wire):
    """FILE_INTERNAL_INFORMATION, [MS-FSCC] 2.4.27."""

    index_number: u64


@wire(base=0)
class FileMailslotQueryInformation(Wire):
    """FILE_MAILSLOT_QUERY_INFORMATION, [MS-FSCC] 2.4.29."""

    maximum_message_size: u32
    mailslot_quota: u32
    next_message_size: u32
    messages_available: u32
    read_timeout: i64


@wire(base=0)
class FileMailslotSetInformation(Wire):
    """FILE_MAILSLOT_SET_INFORMATION, [MS-FSCC] 2.4.30."""

    read_timeout: i64


@wire(base=0)
class FileModeInformation(Wire):
    """FILE_MODE_INFORMATION, [MS-FSCC] 2.4.31."""

    mode: u32


@wire(base=0)
class FileNetworkOpenInformation(Wire):
    """FILE_NETWORK_OPEN_INFORMATION, [MS-FSCC] 2.4.34."""

    creation_time: i64
    last_access_time: i64
    last_write_time: i64
    change_time: i64
    allocation_size: i64
    end_of_file: i64
    file_attributes: u32
    reserved: u32 = 0


@wire(base=0)
class FileObjectIdInformation(Wire):
    """FILE_OBJECTID_INFORMATION, [MS-FSCC] 2.4.36."""

    file_reference_number: u64
    object_id: raw16
    extended_info: raw48 = bytes(48)


@wire(base=0)
class FilePipeInformation(Wire):
    """FILE_PIPE_INFORMATION, [MS-FSCC] 2.4.37."""

    read_mode: u32
    completion_mode: u32


@wire(base=0)
class FilePipeLocalInformation(Wire):
    """FILE_PIPE_LOCAL_INFORMATION, [MS-FSCC] 2.4.38."""

    named_pipe_type: u32
    named_pipe_configuration: u32
    maximum_instances: u32
    current_instances: u32
    inbound_quota: u32
    read_data_available: u32
    outbound_quota: u32
    write_quota_available: u32
    named_pipe_state: u32
    named_pipe_end: u32


@wire(base=0)
class FilePipeRemoteInformation(Wire):
    """FILE_PIPE_REMOTE_INFORMATION, [MS-FSCC] 2.4.39."""

    collect_data_time: i64
    maximum_collection_count: u32


@wire(base=0)
class FilePositionInformation(Wire):
    """FILE_POSITION_INFORMATION, [MS-FSCC] 2.4.40."""

    current_byte_offset: i64 = 0


@wire(base=0)
class FileReparsePointInformation(Wire):
    """FILE_REPARSE_POINT_INFORMATION, [MS-FSCC] 2.4.44."""

    file_reference_number: u64
    tag: u32


@wire(base=0)
class FileSfioReserveInformation(Wire):
    """FILE_SFIO_RESERVE_INFORMATION, [MS-FSCC] 2.4.45."""

    requests_per_period: u32
    period: u32
    retry_failures: u8
    discardable: u8
    reserved: raw2 = bytes(2)
    request_size: u32 = 0
    num_outstanding_requests: u32 = 0


@wire(base=0)
class FileStandardInformation(Wire):
    """FILE_STANDARD_INFORMATION, [MS-FSCC] 2.4.47."""

    allocation_size: i64
    end_of_file: i64
    number_of_links: u32
    delete_pending: u8
    directory: u8
    reserved: u16 = 0


@wire(base=0)
class FileStandardLinkInformation(Wire):
    """FILE_STANDARD_LINK_INFORMATION, [MS-FSCC] 2.4.48."""

    number_of_accessible_links: u32
    total_number_of_links: u32
    delete_pending: u8
    directory: u8
    reserved: u16 = 0


@wire(base=0)
class FileValidDataLengthInformation(Wire):
    """FILE_VALID_DATA_LENGTH_INFORMATION, [MS-FSCC] 2.4.50."""

    valid_data_length: i64


@dataclass(slots=True)
class FileAllInformation:
    """FILE_ALL_INFORMATION, [MS-FSCC] 2.4.2: a collection of the others."""

    basic: FileBasicInformation
    standard: FileStandardInformation
    internal: FileInternalInformation
    ea: FileEaInformation
    access: FileAccessInformation
    position: FilePositionInformation
    mode: FileModeInformation
    alignment: FileAlignmentInformation
    name: FileNameInformation

    def encode(self) -> bytes:
        """Return the parts one after the other."""
        parts = (self.basic, self.standard, self.internal, self.ea, self.access)
        rest = (self.position, self.mode, self.alignment, self.name)
        return b"".join(part.encode() for part in (*parts, *rest))

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> FileAllInformation:
        """Read the parts. Raises Malformed."""
        return cls(
            basic=FileBasicInformation.decode(data, offset),
            standard=FileStandardInformation.decode(data, offset + 40),
            internal=FileInternalInformation.decode(data, offset + 64),
            ea=FileEaInformation.decode(data, offset + 72),
            access=FileAccessInformation.decode(data, offset + 76),
            position=FilePositionInformation.decode(data, offset + 80),
            mode=FileModeInformation.decode(data, offset + 88),
            alignment=FileAlignmentInformation.decode(data, offset + 92),
            name=FileNameInformation.decode(data, offset + 96),
        )


_BASIC = struct.Struct("<qqqqI4x").pack
_STANDARD = struct.Struct("<qqI??2x").pack
_NETWORK_OPEN = struct.Struct("<qqqqqqI4x").pack
_OPEN = struct.Struct("<qqqqqqI")
_ALL = struct.Struct("<qqqqI4x qqI??2x QIIqIII").pack
_INTERNAL = struct.Struct("<Q").pack
_ID = struct.Struct("<QQ8x").pack
_TAG = struct.Struct("<II").pack

OPEN_INFO_SIZE = _OPEN.size
"""The bytes from CreationTime to FileAttributes in a CREATE or CLOSE response: 52."""


def number_of_links(info: Info, delete_pending: bool) -> int:
    """Return how many names the file has that are not about to go ([MS-FSA] 2.1.5.12.27).

    A directory has one, whatever its file system counts.
    """
    links = 1 if info.is_directory else info.link_count
    return links - 1 if delete_pending and links else links


def encode_basic(info: Info) -> bytes:
    """Encode FileBasicInformation."""
    return _BASIC(
        info.creation_time,
        info.last_access_time,
        info.last_write_time,
        info.change_time,
        info.attributes or FILE_ATTRIBUTE_NORMAL,
    )


def encode_standard(info: Info, delete_pending: bool) -> bytes:
    """Encode FileStandardInformation."""
    return _STANDARD(
        info.allocation_size,
        info.size,
        number_of_links(info, delete_pending),
        delete_pending,
        info.is_directory,
    )


def encode_internal(info: Info) -> bytes:
    """Encode FileInternalInformation."""
    return _INTERNAL(info.file_id)


def encode_network_open(info: Info) -> bytes:
    """Encode FileNetworkOpenInformation."""
    return _NETWORK_OPEN(
        info.creation_time,
        info.last_access_time,
        info.last_write_time,
        info.change_time,
        info.allocation_size,
        info.size,
        info.attributes or FILE_ATTRIBUTE_NORMAL,
    )


def pack_open_info(buffer: bytearray | memoryview, offset: int, info: Info) -> None:
    """Write the 52 bytes that CREATE and CLOSE responses share, times to attributes, in place."""
    _OPEN.pack_into(
        buffer,
        offset,
        info.creation_time,
        info.last_access_time,
        info.last_write_time,
        info.change_time,
        info.allocation_size,
        info.size,
        info.attributes or FILE_ATTRIBUTE_NORMAL,
    )


def encode_attribute_tag(info: Info, reparse_tag: int = 0) -> bytes:
    """Encode FileAttributeTagInformation."""
    return _TAG(info.attributes or FILE_ATTRIBUTE_NORMAL, reparse_tag)


def encode_compression(info: Info) -> bytes:
    """Encode FileCompressionInformation of a file that is not compressed."""
    return FileCompressionInformation(0 if info.is_directory else info.allocation_size).encode()


def encode_file_id(info: Info, volume_serial_number: int) -> bytes:
    """Encode FileIdInformation; the 64-bit file id is the lower half of the 128-bit one."""
    return _ID(volume_serial_number, info.file_id)


def encode_all(
    info: Info,
    *,
    access: int,
    delete_pending: bool,
    mode: int = 0,
    position: int = 0,
    alignment: int = 0,
    ea_size: int = 0,
    name: str = "",
) -> bytes:
    """Encode FileAllInformation; a server leaves *name* empty ([MS-SMB2] 3.3.5.20.1)."""
    encoded = encode_utf16(name)
    fixed = _ALL(
        info.creation_time,
        info.last_access_time,
        info.last_write_time,
        info.change_time,
        info.attributes or FILE_ATTRIBUTE_NORMAL,
        info.allocation_size,
        info.size,
        number_of_links(info, delete_pending),
        delete_pending,
        info.is_directory,
        info.file_id,
        ea_size,
        access,
        position,
        mode,
        alignment,
        len(encoded),
    )
    return fixed + encoded
