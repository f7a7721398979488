"""File system information classes: [MS-FSCC] 2.5, [MS-FSA] 2.1.5.13."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Protocol, Self

from nethood.erref import STATUS_NOT_SUPPORTED
from nethood.errors import Malformed
from nethood.fscc.file_info import raw48
from nethood.fscc.info_class import WRITE_DATA, InfoClass, table
from nethood.fscc.name_info import name_at
from nethood.text import encode_utf16
from nethood.wire import Buffer, Wire, i64, raw16, u32, u64, wire

FILE_FS_VOLUME_INFORMATION = 1
FILE_FS_LABEL_INFORMATION = 2
FILE_FS_SIZE_INFORMATION = 3
FILE_FS_DEVICE_INFORMATION = 4
FILE_FS_ATTRIBUTE_INFORMATION = 5
FILE_FS_CONTROL_INFORMATION = 6
FILE_FS_FULL_SIZE_INFORMATION = 7
FILE_FS_OBJECT_ID_INFORMATION = 8
FILE_FS_DRIVER_PATH_INFORMATION = 9
FILE_FS_VOLUME_FLAGS_INFORMATION = 10
FILE_FS_SECTOR_SIZE_INFORMATION = 11

FS_INFO: dict[int, InfoClass] = table(
    InfoClass(1, "FileFsVolumeInformation", 24),
    InfoClass(2, "FileFsLabelInformation", set_refusal=STATUS_NOT_SUPPORTED),
    InfoClass(3, "FileFsSizeInformation", 24),
    InfoClass(4, "FileFsDeviceInformation", 8),
    InfoClass(5, "FileFsAttributeInformation", 16),
    InfoClass(6, "FileFsControlInformation", 48, 48, set_access=WRITE_DATA),
    InfoClass(7, "FileFsFullSizeInformation", 32),
    InfoClass(8, "FileFsObjectIdInformation", 64, 64, set_access=WRITE_DATA),
    InfoClass(9, "FileFsDriverPathInformation", set_refusal=STATUS_NOT_SUPPORTED),
    InfoClass(10, "FileFsVolumeFlagsInformation", set_refusal=STATUS_NOT_SUPPORTED),
    InfoClass(11, "FileFsSectorSizeInformation", 28),
)
"""Every class of [MS-FSCC] 2.5 by number, for `info_class.check_query` and `check_set`."""

FILE_CASE_SENSITIVE_SEARCH = 0x00000001
FILE_CASE_PRESERVED_NAMES = 0x00000002
FILE_UNICODE_ON_DISK = 0x00000004
FILE_PERSISTENT_ACLS = 0x00000008
FILE_FILE_COMPRESSION = 0x00000010
FILE_VOLUME_QUOTAS = 0x00000020
FILE_SUPPORTS_SPARSE_FILES = 0x00000040
FILE_SUPPORTS_REPARSE_POINTS = 0x00000080
FILE_SUPPORTS_REMOTE_STORAGE = 0x00000100
FILE_RETURNS_CLEANUP_RESULT_INFO = 0x00000200
FILE_SUPPORTS_POSIX_UNLINK_RENAME = 0x00000400
FILE_VOLUME_IS_COMPRESSED = 0x00008000
FILE_SUPPORTS_OBJECT_IDS = 0x00010000
FILE_SUPPORTS_ENCRYPTION = 0x00020000
FILE_NAMED_STREAMS = 0x00040000
FILE_READ_ONLY_VOLUME = 0x00080000
FILE_SEQUENTIAL_WRITE_ONCE = 0x00100000
FILE_SUPPORTS_TRANSACTIONS = 0x00200000
FILE_SUPPORTS_HARD_LINKS = 0x00400000
FILE_SUPPORTS_EXTENDED_ATTRIBUTES = 0x00800000
FILE_SUPPORTS_OPEN_BY_FILE_ID = 0x01000000
FILE_SUPPORTS_USN_JOURNAL = 0x02000000
FILE_SUPPORT_INTEGRITY_STREAMS = 0x04000000
FILE_SUPPORTS_BLOCK_REFCOUNTING = 0x08000000
FILE_SUPPORTS_SPARSE_VDL = 0x10000000

FILE_DEVICE_CD_ROM = 0x00000002
FILE_DEVICE_DISK = 0x00000007
FILE_REMOVABLE_MEDIA = 0x00000001
FILE_READ_ONLY_DEVICE = 0x00000002
FILE_FLOPPY_DISKETTE = 0x00000004
FILE_WRITE_ONCE_MEDIA = 0x00000008
FILE_REMOTE_DEVICE = 0x00000010
FILE_DEVICE_IS_MOUNTED = 0x00000020
FILE_VIRTUAL_VOLUME = 0x00000040

FILE_VC_QUOTA_TRACK = 0x00000001
FILE_VC_QUOTA_ENFORCE = 0x00000002
FILE_VC_CONTENT_INDEX_DISABLED = 0x00000008
FILE_VC_LOG_QUOTA_THRESHOLD = 0x00000010
FILE_VC_LOG_QUOTA_LIMIT = 0x00000020
FILE_VC_LOG_VOLUME_THRESHOLD = 0x00000040
FILE_VC_LOG_VOLUME_LIMIT = 0x00000080
FILE_VC_QUOTAS_INCOMPLETE = 0x00000100
FILE_VC_QUOTAS_REBUILDING = 0x00000200
NO_QUOTA = 0xFFFF_FFFF_FFFF_FFFF

SSINFO_FLAGS_ALIGNED_DEVICE = 0x00000001
SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE = 0x00000002
SSINFO_FLAGS_NO_SEEK_PENALTY = 0x00000004
SSINFO_FLAGS_TRIM_ENABLED = 0x00000008
SSINFO_OFFSET_UNKNOWN = 0xFFFFFFFF

BYTES_PER_SECTOR = 512
PHYSICAL_SECTOR = 4096
_LABEL_CHARACTERS = 32


@wire(base=0)
class FileFsSizeInformation(Wire):
    """FILE_FS_SIZE_INFORMATION, [MS-FSCC] 2.5.8."""

    total_allocation_units: i64
    available_allocation_units: i64
    sectors_per_allocation_unit: u32
    bytes_per_sector: u32 = BYTES_PER_SECTOR


@wire(base=0)
class FileFsFullSizeInformation(Wire):
    """FILE_FS_FULL_SIZE_INFORMATION, [MS-FSCC] 2.5.4."""

    total_allocation_units: i64
    caller_available_allocation_units: i64
    actual_available_allocation_units: i64
    sectors_per_allocation_unit: u32
    bytes_per_sector: u32 = BYTES_PER_SECTOR


@wire(base=0)
class FileFsDeviceInformation(Wire):
    """FILE_FS_DEVICE_INFORMATION, [MS-FSCC] 2.5.10."""

    device_type: u32 = FILE_DEVICE_DISK
    characteristics: u32 = FILE_DEVICE_IS_MOUNTED


@wire(base=0)
class FileFsControlInformation(Wire):
    """FILE_FS_CONTROL_INFORMATION, [MS-FSCC] 2.5.2; the defaults say: no quota here."""

    free_space_start_filtering: i64 = 0
    free_space_threshold: i64 = 0
    free_space_stop_filtering: i64 = 0
    default_quota_threshold: u64 = NO_QUOTA
    default_quota_limit: u64 = NO_QUOTA
    file_system_control_flags: u32 = 0
    padding: u32 = 0


@wire(base=0)
class FileFsObjectIdInformation(Wire):
    """FILE_FS_OBJECTID_INFORMATION, [MS-FSCC] 2.5.6."""

    object_id: raw16
    extended_info: raw48 = bytes(48)


@wire(base=0)
class FileFsSectorSizeInformation(Wire):
    """FILE_FS_SECTOR_SIZE_INFORMATION, [MS-FSCC] 2.5.7."""

    logical_bytes_per_sector: u32 = BYTES_PER_SECTOR
    physical_bytes_per_sector_for_atomicity: u32 = BYTES_PER_SECTOR
    physical_bytes_per_sector_for_performance: u32 = BYTES_PER_SECTOR
    file_system_effective_physical_bytes_per_sector_for_atomicity: u32 = BYTES_PER_SECTOR
    flags: u32 = SSINFO_FLAGS_ALIGNED_DEVICE | SSINFO_FLAGS_PARTITION_ALIGNED_ON_DEVICE
    byte_offset_for_sector_alignment: u32 = 0
    byte_offset_for_partition_alignment: u32 = 0


_VOLUME = struct.Struct("<qII?x")
_ATTRIBUTE = struct.Struct("<IiI")
_LABEL = struct.Struct("<I")
_DRIVER_PATH = struct.Struct("<?3xI")


def _fixed(structure: str, layout: struct.Struct, data: Buffer, offset: int) -> tuple[int, ...]:
    if len(data) - offset < layout.size:
        raise Malformed(structure, f"needs {layout.size} bytes", offset)
    return layout.unpack_from(data, offset)


@dataclass(slots=True)
class FileFsVolumeInformation:
    """FILE_FS_VOLUME_INFORMATION, [MS-FSCC] 2.5.9."""

    volume_creation_time: int
    volume_serial_number: int
    volume_label: str = ""
    supports_objects: bool = False

    def encode(self) -> bytes:
        """Return it with at most 32 characters of the label."""
        label = encode_utf16(self.volume_label)[: 2 * _LABEL_CHARACTERS]
        return (
            _VOLUME.pack(
                self.volume_creation_time,
                self.volume_serial_number,
                len(label),
                self.supports_objects,
            )
            + label
        )

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read it. Raises Malformed."""
        name = "FileFsVolumeInformation"
        time, serial, length, objects = _fixed(name, _VOLUME, data, offset)
        label = name_at(name, data, offset + _VOLUME.size, length)
        return cls(time, serial, label, bool(objects))


@dataclass(slots=True)
class FileFsAttributeInformation:
    """FILE_FS_ATTRIBUTE_INFORMATION, [MS-FSCC] 2.5.1."""

    file_system_attributes: int
    file_system_name: str = "NTFS"
    maximum_component_name_length: int = 255

    def encode(self) -> bytes:
        """Return it."""
        name = encode_utf16(self.file_system_name)
        limit = self.maximum_component_name_length
        return _ATTRIBUTE.pack(self.file_system_attributes, limit, len(name)) + name

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read it. Raises Malformed."""
        structure = "FileFsAttributeInformation"
        attributes, limit, length = _fixed(structure, _ATTRIBUTE, data, offset)
        name = name_at(structure, data, offset + _ATTRIBUTE.size, length)
        return cls(attributes, name, limit)


@dataclass(slots=True)
class FileFsLabelInformation:
    """FILE_FS_LABEL_INFORMATION, [MS-FSCC] 2.5.5."""

    volume_label: str

    def encode(self) -> bytes:
        """Return it."""
        label = encode_utf16(self.volume_label)
        return _LABEL.pack(len(label)) + label

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read it. Raises Malformed."""
        (length,) = _fixed("FileFsLabelInformation", _LABEL, data, offset)
        return cls(name_at("FileFsLabelInformation", data, offset + _LABEL.size, length))


@dataclass(slots=True)
class FileFsDriverPathInformation:
    """FILE_FS_DRIVER_PATH_INFORMATION, [MS-FSCC] 2.5.3."""

    driver_name: str
    driver_in_path: bool = False

    def encode(self) -> bytes:
        """Return it."""
        name = encode_utf16(self.driver_name)
        return _DRIVER_PATH.pack(self.driver_in_path, len(name)) + name

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read it. Raises Malformed."""
        structure = "FileFsDriverPathInformation"
        in_path, length = _fixed(structure, _DRIVER_PATH, data, offset)
        return cls(name_at(structure, data, offset + _DRIVER_PATH.size, length), bool(in_path))


class Volume(Protocol):
    """What the encoders read: `nethood.store.base.Volume` fits. Sizes are bytes."""

    total: int
    available: int
    allocation_unit: int
    serial: int
    label: str
    file_system: str
    creation_time: int


def sectors_per_unit(volume: Volume) -> int:
    """Return how many sectors an allocation unit has, at least one."""
    return max(1, volume.allocation_unit // BYTES_PER_SECTOR)


def _units(volume: Volume, size: int) -> int:
    return size // (sectors_per_unit(volume) * BYTES_PER_SECTOR)


def encode_fs_volume(volume: Volume) -> bytes:
    """Encode FileFsVolumeInformation; the serial number is cut to its lower 32 bits."""
    serial = volume.serial & 0xFFFFFFFF
    return FileFsVolumeInformation(volume.creation_time, serial, volume.label).encode()


def encode_fs_size(volume: Volume) -> bytes:
    """Encode FileFsSizeInformation, with sectors of 512 bytes."""
    return FileFsSizeInformation(
        _units(volume, volume.total), _units(volume, volume.available), sectors_per_unit(volume)
    ).encode()


def encode_fs_full_size(volume: Volume) -> bytes:
    """Encode FileFsFullSizeInformation, with sectors of 512 bytes."""
    available = _units(volume, volume.available)
    return FileFsFullSizeInformation(
        _units(volume, volume.total), available, available, sectors_per_unit(volume)
    ).encode()


def encode_fs_sector_size(volume: Volume, *, trim: bool = False) -> bytes:
    """Encode FileFsSectorSizeInformation: logical sectors of 512 bytes, physical ones of 4096 where
    allocation units are made of such. *trim*: parts of files can be given back."""
    unit = volume.allocation_unit
    physical = BYTES_PER_SECTOR if unit % PHYSICAL_SECTOR or not unit else PHYSICAL_SECTOR
    answer = FileFsSectorSizeInformation(BYTES_PER_SECTOR, physical, physical, physical)
    if trim:
        answer.flags |= SSINFO_FLAGS_TRIM_ENABLED
    return answer.encode()


def encode_fs_attribute(volume: Volume, attributes: int) -> bytes:
    """Encode FileFsAttributeInformation."""
    return FileFsAttributeInformation(attributes, volume.file_system).encode()
