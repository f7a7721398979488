"""FSCTLs of file systems and pipes, and what they carry: [MS-FSCC] 2.3.

Those of the SMB2 server itself (copy chunks, negotiation, interfaces) are smb2's.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_SUCCESS,
)
from nethood.errors import Malformed, StatusError
from nethood.fscc.name_info import name_at
from nethood.text import encode_utf16
from nethood.wire import Buffer, Wire, i64, raw16, u16, u32, u64, wire

FSCTL_CREATE_OR_GET_OBJECT_ID = 0x000900C0
FSCTL_DELETE_OBJECT_ID = 0x000900A0
FSCTL_DELETE_REPARSE_POINT = 0x000900AC
FSCTL_DUPLICATE_EXTENTS_TO_FILE = 0x00098344
FSCTL_DUPLICATE_EXTENTS_TO_FILE_EX = 0x000983E8
FSCTL_FILESYSTEM_GET_STATISTICS = 0x00090060
FSCTL_FILE_LEVEL_TRIM = 0x00098208
FSCTL_FIND_FILES_BY_SID = 0x0009008F
FSCTL_GET_COMPRESSION = 0x0009003C
FSCTL_GET_INTEGRITY_INFORMATION = 0x0009027C
FSCTL_GET_NTFS_VOLUME_DATA = 0x00090064
FSCTL_GET_REFS_VOLUME_DATA = 0x000902D8
FSCTL_GET_OBJECT_ID = 0x0009009C
FSCTL_GET_REPARSE_POINT = 0x000900A8
FSCTL_GET_RETRIEVAL_POINTER_COUNT = 0x0009042B
FSCTL_GET_RETRIEVAL_POINTERS = 0x00090073
FSCTL_GET_RETRIEVAL_POINTERS_AND_REFCOUNT = 0x000903D3
FSCTL_IS_PATHNAME_VALID = 0x0009002C
FSCTL_LMR_SET_LINK_TRACKING_INFORMATION = 0x001400EC
FSCTL_MARK_HANDLE = 0x000900FC
FSCTL_OFFLOAD_READ = 0x00094264
FSCTL_OFFLOAD_WRITE = 0x00098268
FSCTL_PIPE_PEEK = 0x0011400C
FSCTL_PIPE_TRANSCEIVE = 0x0011C017
FSCTL_PIPE_WAIT = 0x00110018
FSCTL_QUERY_ALLOCATED_RANGES = 0x000940CF
FSCTL_QUERY_FAT_BPB = 0x00090058
FSCTL_QUERY_FILE_REGIONS = 0x00090284
FSCTL_QUERY_ON_DISK_VOLUME_INFO = 0x0009013C
FSCTL_QUERY_SPARING_INFO = 0x00090138
FSCTL_READ_FILE_USN_DATA = 0x000900EB
FSCTL_RECALL_FILE = 0x00090117
FSCTL_REFS_STREAM_SNAPSHOT_MANAGEMENT = 0x00090440
FSCTL_SET_COMPRESSION = 0x0009C040
FSCTL_SET_DEFECT_MANAGEMENT = 0x00098134
FSCTL_SET_ENCRYPTION = 0x000900D7
FSCTL_SET_INTEGRITY_INFORMATION = 0x0009C280
FSCTL_SET_INTEGRITY_INFORMATION_EX = 0x00090380
FSCTL_SET_OBJECT_ID = 0x00090098
FSCTL_SET_OBJECT_ID_EXTENDED = 0x000900BC
FSCTL_SET_REPARSE_POINT = 0x000900A4
FSCTL_SET_SPARSE = 0x000900C4
FSCTL_SET_ZERO_DATA = 0x000980C8
FSCTL_SET_ZERO_ON_DEALLOCATION = 0x00090194
FSCTL_SIS_COPYFILE = 0x00090100
FSCTL_WRITE_USN_CLOSE_RECORD = 0x000900EF

FSCTL_NAMES: dict[int, str] = {
    value: name for name, value in list(globals().items()) if name.startswith("FSCTL_")
}
"""The name of every FSCTL of [MS-FSCC] 2.3 by its code."""

FILE_REGION_USAGE_VALID_CACHED_DATA = 0x00000001
FILE_REGION_USAGE_VALID_NONCACHED_DATA = 0x00000002

_MAX_OFFSET = 0x7FFF_FFFF_FFFF_FFFF
_RANGE = struct.Struct("<qq")
_REGION = struct.Struct("<qqII")
_REGIONS = struct.Struct("<IIII")
_WAIT = struct.Struct("<qI?x")
_PEEK = struct.Struct("<IIII")
_TRIM = struct.Struct("<II")
_TRIM_RANGE = struct.Struct("<QQ")

MAX_TRIM_RANGES = 1024


def required_access(ctl_code: int) -> int:
    """Return the rights a code asks of its handle: FILE_READ_DATA (1) and FILE_WRITE_DATA (2).

    They are bits 14 and 15 of every control code.
    """
    return ctl_code >> 14 & 3


class Range(NamedTuple):
    """A range of bytes in a file."""

    file_offset: int
    length: int


def decode_allocated_range(data: Buffer) -> Range:
    """Read FSCTL_QUERY_ALLOCATED_RANGES, [MS-FSCC] 2.3.51.

    Raises Malformed for too few bytes and impossible ranges, both INVALID_PARAMETER by 2.3.52.
    """
    if len(data) < _RANGE.size:
        raise Malformed("FileAllocatedRangeBuffer", f"needs {_RANGE.size} bytes, has {len(data)}")
    offset, length = _RANGE.unpack_from(data)
    if offset < 0 or length < 0 or offset + length > _MAX_OFFSET:
        raise Malformed("FileAllocatedRangeBuffer", f"{length} bytes at {offset} are no range")
    return Range(offset, length)


def encode_ranges(ranges: Sequence[tuple[int, int]], max_size: int) -> tuple[int, bytes]:
    """Encode (offset, length) pairs; return STATUS_BUFFER_OVERFLOW where not all of them fit.

    Raises StatusError(BUFFER_TOO_SMALL) where not even one does.
    """
    fitting = ranges[: max_size // _RANGE.size]
    if ranges and not fitting:
        raise StatusError(STATUS_BUFFER_TOO_SMALL)
    data = b"".join(_RANGE.pack(offset, length) for offset, length in fitting)
    return STATUS_SUCCESS if len(fitting) == len(ranges) else STATUS_BUFFER_OVERFLOW, data


def decode_ranges(data: Buffer) -> list[Range]:
    """Read the ranges of a reply. Raises Malformed."""
    if len(data) % _RANGE.size:
        raise Malformed("FileAllocatedRangeBuffer", f"{len(data)} bytes are no list", len(data))
    return [Range(*pair) for pair in _RANGE.iter_unpack(data)]


class ZeroData(NamedTuple):
    """FILE_ZERO_DATA_INFORMATION, [MS-FSCC] 2.3.85: from one offset up to another."""

    file_offset: int
    beyond_final_zero: int

    def encode(self) -> bytes:
        """Return it as it stands on the wire."""
        return _RANGE.pack(*self)


def decode_zero_data(data: Buffer) -> ZeroData:
    """Read FSCTL_SET_ZERO_DATA. Raises Malformed: INVALID_PARAMETER by [MS-FSCC] 2.3.86."""
    if len(data) != _RANGE.size:
        raise Malformed("FileZeroDataInformation", f"has {len(data)} bytes, not {_RANGE.size}")
    offset, beyond = _RANGE.unpack_from(data)
    if not 0 <= offset <= beyond:
        raise Malformed("FileZeroDataInformation", f"from {offset} to {beyond}")
    return ZeroData(offset, beyond)


def decode_set_sparse(data: Buffer) -> bool:
    """Read FSCTL_SET_SPARSE, [MS-FSCC] 2.3.83: no data at all means yes."""
    return not len(data) or data[0] != 0


@wire(base=0)
class FileObjectIdBuffer(Wire):
    """FILE_OBJECTID_BUFFER type 1, [MS-FSCC] 2.1.3.1."""

    object_id: raw16
    birth_volume_id: raw16 = bytes(16)
    birth_object_id: raw16 = bytes(16)
    domain_id: raw16 = bytes(16)


@wire(base=0)
class CompressionState(Wire):
    """FSCTL_GET_COMPRESSION reply and FSCTL_SET_COMPRESSION request, [MS-FSCC] 2.3.18, 2.3.67."""

    compression_state: u16 = 0


@wire(base=0)
class IntegrityInformationBuffer(Wire):
    """FSCTL_GET_INTEGRITY_INFORMATION_BUFFER, [MS-FSCC] 2.3.20."""

    checksum_algorithm: u16 = 0
    reserved: u16 = 0
    flags: u32 = 0
    checksum_chunk_size_in_bytes: u32 = 0
    cluster_size_in_bytes: u32 = 0


@wire(base=0)
class NtfsVolumeDataBuffer(Wire):
    """NTFS_VOLUME_DATA_BUFFER, [MS-FSCC] 2.3.22."""

    volume_serial_number: u64
    number_sectors: i64
    total_clusters: i64
    free_clusters: i64
    total_reserved: i64 = 0
    bytes_per_sector: u32 = 512
    bytes_per_cluster: u32 = 4096
    bytes_per_file_record_segment: u32 = 1024
    clusters_per_file_record_segment: u32 = 0
    mft_valid_data_length: i64 = 0
    mft_start_lcn: i64 = 0
    mft2_start_lcn: i64 = 0
    mft_zone_start: i64 = 0
    mft_zone_end: i64 = 0


@wire(base=0)
class DuplicateExtentsData(Wire):
    """SMB2_DUPLICATE_EXTENTS_DATA, [MS-FSCC] 2.3.7.2."""

    persistent: u64
    volatile: u64
    source_file_offset: i64
    target_file_offset: i64
    byte_count: i64


@wire(base=0)
class FileRegionInput(Wire):
    """FILE_REGION_INPUT, [MS-FSCC] 2.3.55."""

    file_offset: i64
    length: i64
    desired_usage: u32 = FILE_REGION_USAGE_VALID_CACHED_DATA
    reserved: u32 = 0


class Region(NamedTuple):
    """FILE_REGION_INFO, [MS-FSCC] 2.3.56.1; a usage of 0 means nothing valid there."""

    file_offset: int
    length: int
    desired_usage: int = FILE_REGION_USAGE_VALID_CACHED_DATA


def encode_regions(regions: Sequence[Region], max_size: int) -> tuple[int, bytes]:
    """Encode FILE_REGION_OUTPUT; return STATUS_BUFFER_OVERFLOW where not all regions fit.

    Raises StatusError(BUFFER_TOO_SMALL) where not even one does.
    """
    fitting = regions[: max(0, max_size - _REGIONS.size) // _REGION.size]
    if max_size < _REGIONS.size or (regions and not fitting):
        raise StatusError(STATUS_BUFFER_TOO_SMALL)
    head = _REGIONS.pack(0, len(regions), len(fitting), 0)
    data = head + b"".join(_REGION.pack(*r, 0) for r in fitting)
    return STATUS_SUCCESS if len(fitting) == len(regions) else STATUS_BUFFER_OVERFLOW, data


def decode_regions(data: Buffer) -> list[Region]:
    """Read FILE_REGION_OUTPUT. Raises Malformed."""
    if len(data) < _REGIONS.size:
        raise Malformed("FileRegionOutput", f"needs {_REGIONS.size} bytes, has {len(data)}")
    _, _, count, _ = _REGIONS.unpack_from(data)
    end = _REGIONS.size + count * _REGION.size
    if end > len(data):
        raise Malformed("FileRegionOutput", f"RegionEntryCount is {count}", 8)
    return [Region(*r[:3]) for r in _REGION.iter_unpack(data[_REGIONS.size : end])]


@dataclass(slots=True)
class PipePeek:
    """FSCTL_PIPE_PEEK reply, [MS-FSCC] 2.3.46."""

    named_pipe_state: int
    read_data_available: int
    number_of_messages: int = 0
    message_length: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        """Return it."""
        available, messages = self.read_data_available, self.number_of_messages
        fixed = _PEEK.pack(self.named_pipe_state, available, messages, self.message_length)
        return fixed + self.data

    @classmethod
    def decode(cls, data: Buffer) -> PipePeek:
        """Read it. Raises Malformed."""
        if len(data) < _PEEK.size:
            raise Malformed("PipePeek", f"needs {_PEEK.size} bytes, has {len(data)}")
        state, available, messages, length = _PEEK.unpack_from(data)
        return cls(state, available, messages, length, bytes(data[_PEEK.size :]))


@dataclass(slots=True)
class PipeWait:
    """FSCTL_PIPE_WAIT request, [MS-FSCC] 2.3.49."""

    name: str
    timeout: int = 0
    """In the unit the peer meant: the specification says 100 ms, Windows sends -100 ns steps."""
    timeout_specified: bool = False

    def encode(self) -> bytes:
        """Return it."""
        name = encode_utf16(self.name)
        return _WAIT.pack(self.timeout, len(name), self.timeout_specified) + name

    @classmethod
    def decode(cls, data: Buffer) -> PipeWait:
        """Read it. Raises Malformed."""
        if len(data) < _WAIT.size:
            raise Malformed("PipeWait", f"needs {_WAIT.size} bytes, has {len(data)}")
        timeout, length, specified = _WAIT.unpack_from(data)
        return cls(name_at("PipeWait", data, _WAIT.size, length), timeout, specified)


def decode_trim(data: Buffer) -> list[Range]:
    """Read FILE_LEVEL_TRIM, [MS-FSCC] 2.3.13. Raises Malformed, also past MAX_TRIM_RANGES."""
    if len(data) < _TRIM.size:
        raise Malformed("FileLevelTrim", f"needs {_TRIM.size} bytes, has {len(data)}")
    _, count = _TRIM.unpack_from(data)
    end = _TRIM.size + count * _TRIM_RANGE.size
    if count > MAX_TRIM_RANGES or end > len(data):
        raise Malformed("FileLevelTrim", f"NumRanges is {count}", 4)
    return [Range(*pair) for pair in _TRIM_RANGE.iter_unpack(data[_TRIM.size : end])]
