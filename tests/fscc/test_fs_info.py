"""File system information classes: their bytes, their sizes, and the encoders for a volume."""

from __future__ import annotations

import contextlib
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.fscc import fs_info as fs
from nethood.store.base import Volume
from nethood.wire import Wire

VOLUME = Volume(
    total=1 << 30,
    available=(1 << 20) + 1,
    allocation_unit=4096,
    serial=0xAABBCCDD11223344,
    label="Données",
    file_system="NTFS",
    creation_time=7,
)

FIXED: list[tuple[Wire, int]] = [
    (fs.FileFsSizeInformation(1, 2, 8), 24),
    (fs.FileFsFullSizeInformation(1, 2, 3, 8), 32),
    (fs.FileFsDeviceInformation(), 8),
    (fs.FileFsControlInformation(), 48),
    (fs.FileFsObjectIdInformation(bytes(range(16))), 64),
    (fs.FileFsSectorSizeInformation(), 28),
]


class Codec(Protocol):
    def encode(self) -> bytes: ...

    @classmethod
    def decode(cls, data: bytes, offset: int = 0) -> Codec: ...


WITH_TEXT: list[tuple[Codec, int]] = [
    (fs.FileFsVolumeInformation(7, 0x11223344, "Label", True), 18),
    (fs.FileFsAttributeInformation(0x2F, "NTFS"), 12),
    (fs.FileFsLabelInformation("Label"), 4),
    (fs.FileFsDriverPathInformation("drv", True), 8),
]


@pytest.mark.parametrize(("example", "size"), FIXED, ids=lambda e: type(e).__name__)
def test_fixed_classes(example: Wire, size: int) -> None:
    data = example.encode()
    assert len(data) == size
    assert type(example).decode(data) == example
    for length in range(size):
        with pytest.raises(Malformed):
            type(example).decode(data[:length])


@pytest.mark.parametrize(("example", "fixed"), WITH_TEXT, ids=lambda e: type(e).__name__)
def test_classes_with_text(example: Codec, fixed: int) -> None:
    data = example.encode()
    text = data[fixed:].decode("utf-16-le")
    assert text in ("Label", "NTFS", "drv")
    assert type(example).decode(data) == example
    assert type(example).decode(b"..." + data + b"..", 3) == example
    for length in range(len(data)):
        with pytest.raises(Malformed):
            type(example).decode(data[:length])


@given(
    st.sampled_from([type(e) for e, _ in WITH_TEXT] + [type(e) for e, _ in FIXED]),
    st.binary(max_size=80),
)
def test_any_bytes_decode_or_are_malformed(kind: type[Codec], data: bytes) -> None:
    with contextlib.suppress(Malformed):
        kind.decode(data)


def test_volume_field_by_field() -> None:
    expected = (
        b"\x07\0\0\0\0\0\0\0"  # VolumeCreationTime
        b"\x44\x33\x22\x11"  # VolumeSerialNumber
        b"\x0e\0\0\0"  # VolumeLabelLength
        b"\x00"  # SupportsObjects
        b"\x00"  # Reserved
        b"D\0o\0n\0n\0\xe9\0e\0s\0"  # VolumeLabel
    )
    assert fs.encode_fs_volume(VOLUME) == expected


def test_a_long_label_is_cut_at_32_characters() -> None:
    encoded = fs.FileFsVolumeInformation(0, 0, "x" * 40).encode()
    assert fs.FileFsVolumeInformation.decode(encoded).volume_label == "x" * 32


def test_attribute_field_by_field() -> None:
    expected = (
        b"\x07\0\0\0"  # FileSystemAttributes
        b"\xff\0\0\0"  # MaximumComponentNameLength
        b"\x08\0\0\0"  # FileSystemNameLength
        b"N\0T\0F\0S\0"
    )
    assert fs.encode_fs_attribute(VOLUME, 7) == expected


def test_sizes_are_counted_in_allocation_units() -> None:
    size = fs.FileFsSizeInformation.decode(fs.encode_fs_size(VOLUME))
    assert size == fs.FileFsSizeInformation(262144, 256, 8, 512)
    full = fs.FileFsFullSizeInformation.decode(fs.encode_fs_full_size(VOLUME))
    assert full == fs.FileFsFullSizeInformation(262144, 256, 256, 8, 512)


@pytest.mark.parametrize("unit", [0, 1, 511])
def test_a_strange_allocation_unit_counts_as_a_sector(unit: int) -> None:
    volume = Volume(5120, 1024, unit, 1, "", "x")
    size = fs.FileFsSizeInformation.decode(fs.encode_fs_size(volume))
    assert size == fs.FileFsSizeInformation(10, 2, 1, 512)


@pytest.mark.parametrize(
    ("unit", "physical"), [(4096, 4096), (65536, 4096), (512, 512), (0, 512), (1000, 512)]
)
def test_sector_sizes(unit: int, physical: int) -> None:
    volume = Volume(5120, 1024, unit, 1, "", "x")
    sizes = fs.FileFsSectorSizeInformation.decode(fs.encode_fs_sector_size(volume))
    assert sizes == fs.FileFsSectorSizeInformation(512, physical, physical, physical, 3, 0, 0)


def test_control_says_there_is_no_quota() -> None:
    expected = bytes(24) + b"\xff" * 16 + bytes(8)
    assert fs.FileFsControlInformation().encode() == expected
