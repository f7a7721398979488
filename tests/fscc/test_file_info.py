"""File information classes: their bytes, their sizes, and the encoders that read an Info."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.fscc import file_info as f
from nethood.fscc.name_info import FileNameInformation
from nethood.store.base import Info
from nethood.wire import Wire

FILE = Info(
    file_id=0x1122334455667788,
    is_directory=False,
    size=5000,
    allocation_size=8192,
    creation_time=1,
    last_access_time=2,
    last_write_time=3,
    change_time=4,
    attributes=0x21,
    link_count=2,
)
FOLDER = Info(
    file_id=9,
    is_directory=True,
    size=0,
    allocation_size=0,
    creation_time=1,
    last_access_time=2,
    last_write_time=3,
    change_time=4,
    attributes=0x10,
    link_count=5,
)

# One example of every class, and the size [MS-FSCC] 2.4 gives it.
EXAMPLES: list[tuple[Wire, int]] = [
    (f.FileAccessInformation(0x001F01FF), 4),
    (f.FileAlignmentInformation(1), 4),
    (f.FileAllocationInformation(-1), 8),
    (f.FileAttributeTagInformation(0x420, 0xA000000C), 8),
    (f.FileBasicInformation(-1, -2, 0, 4, 0x20), 40),
    (f.FileCompressionInformation(4096, 2, 16, 12, 12), 16),
    (f.FileDispositionInformation(1), 1),
    (f.FileDispositionInformationEx(3), 4),
    (f.FileEaInformation(7), 4),
    (f.FileEndOfFileInformation(1 << 40), 8),
    (f.FileIdInformation(1 << 63, bytes(range(16))), 24),
    (f.FileInternalInformation((1 << 64) - 1), 8),
    (f.FileMailslotQueryInformation(1, 2, 3, 4, -1), 24),
    (f.FileMailslotSetInformation(-1), 8),
    (f.FileModeInformation(0x22), 4),
    (f.FileNetworkOpenInformation(1, 2, 3, 4, 5, 6, 7), 56),
    (f.FileObjectIdInformation(1, bytes(range(16)), bytes(48)), 72),
    (f.FilePipeInformation(1, 0), 8),
    (f.FilePipeLocalInformation(1, 2, 3, 4, 5, 6, 7, 8, 3, 1), 40),
    (f.FilePipeRemoteInformation(1, 2), 12),
    (f.FilePositionInformation(9), 8),
    (f.FileReparsePointInformation(1, 2), 12),
    (f.FileSfioReserveInformation(1, 2, 1, 0), 20),
    (f.FileStandardInformation(8192, 5000, 1, 0, 1), 24),
    (f.FileStandardLinkInformation(1, 2, 0, 1), 12),
    (f.FileValidDataLengthInformation(3), 8),
]
IDS = [type(e).__name__ for e, _ in EXAMPLES]


@pytest.mark.parametrize(("example", "size"), EXAMPLES, ids=IDS)
def test_size_and_round_trip(example: Wire, size: int) -> None:
    data = example.encode()
    assert len(data) == size
    assert type(example).decode(data) == example
    assert type(example).decode(b"xyz" + data + b"rest", 3) == example


@pytest.mark.parametrize(("example", "size"), EXAMPLES, ids=IDS)
def test_every_truncation_is_malformed(example: Wire, size: int) -> None:
    data = example.encode()
    for length in range(size):
        with pytest.raises(Malformed):
            type(example).decode(data[:length])


@given(st.sampled_from([type(e) for e, _ in EXAMPLES]), st.binary(max_size=80))
def test_any_bytes_decode_or_are_malformed(kind: type[Wire], data: bytes) -> None:
    try:
        decoded = kind.decode(data)
    except Malformed:
        return
    assert data.startswith(decoded.encode())


BASIC = (
    b"\x01\0\0\0\0\0\0\0"  # CreationTime
    b"\x02\0\0\0\0\0\0\0"  # LastAccessTime
    b"\x03\0\0\0\0\0\0\0"  # LastWriteTime
    b"\x04\0\0\0\0\0\0\0"  # ChangeTime
    b"\x21\0\0\0"  # FileAttributes
    b"\0\0\0\0"  # Reserved
)
STANDARD = (
    b"\x00\x20\0\0\0\0\0\0"  # AllocationSize
    b"\x88\x13\0\0\0\0\0\0"  # EndOfFile
    b"\x02\0\0\0"  # NumberOfLinks
    b"\x00"  # DeletePending
    b"\x00"  # Directory
    b"\0\0"  # Reserved
)


def test_basic_field_by_field() -> None:
    assert f.encode_basic(FILE) == BASIC
    assert f.FileBasicInformation.decode(BASIC) == f.FileBasicInformation(1, 2, 3, 4, 0x21)


def test_standard_field_by_field() -> None:
    assert f.encode_standard(FILE, delete_pending=False) == STANDARD
    decoded = f.FileStandardInformation.decode(STANDARD)
    assert decoded == f.FileStandardInformation(8192, 5000, 2, 0, 0)


def test_network_open_field_by_field() -> None:
    expected = (
        b"\x01\0\0\0\0\0\0\0"
        b"\x02\0\0\0\0\0\0\0"
        b"\x03\0\0\0\0\0\0\0"
        b"\x04\0\0\0\0\0\0\0"
        b"\x00\x20\0\0\0\0\0\0"  # AllocationSize
        b"\x88\x13\0\0\0\0\0\0"  # EndOfFile
        b"\x21\0\0\0"  # FileAttributes
        b"\0\0\0\0"
    )
    assert f.encode_network_open(FILE) == expected


def test_all_field_by_field() -> None:
    expected = (
        BASIC
        + STANDARD
        + b"\x88\x77\x66\x55\x44\x33\x22\x11"  # IndexNumber
        + b"\x05\0\0\0"  # EaSize
        + b"\xff\x01\x1f\x00"  # AccessFlags
        + b"\x06\0\0\0\0\0\0\0"  # CurrentByteOffset
        + b"\x20\0\0\0"  # Mode
        + b"\x01\0\0\0"  # AlignmentRequirement
        + b"\x04\0\0\0"  # FileNameLength
        + b"\\\0a\0"  # FileName
    )
    encoded = f.encode_all(
        FILE,
        access=0x001F01FF,
        delete_pending=False,
        mode=0x20,
        position=6,
        alignment=1,
        ea_size=5,
        name="\\a",
    )
    assert encoded == expected
    decoded = f.FileAllInformation.decode(encoded)
    assert decoded.name == FileNameInformation("\\a")
    assert decoded.internal.index_number == FILE.file_id
    assert decoded.encode() == encoded
    for length in range(len(encoded)):
        with pytest.raises(Malformed):
            f.FileAllInformation.decode(encoded[:length])


def test_all_without_a_name_is_100_bytes() -> None:
    assert len(f.encode_all(FILE, access=0, delete_pending=False)) == 100


@pytest.mark.parametrize(
    ("info", "delete_pending", "links"),
    [(FILE, False, 2), (FILE, True, 1), (FOLDER, False, 1), (FOLDER, True, 0)],
)
def test_links_are_those_that_stay(info: Info, delete_pending: bool, links: int) -> None:
    decoded = f.FileStandardInformation.decode(f.encode_standard(info, delete_pending))
    assert decoded.number_of_links == links
    assert decoded.delete_pending == delete_pending
    assert decoded.directory == info.is_directory


def test_the_small_encoders_agree_with_the_classes() -> None:
    assert f.encode_internal(FILE) == f.FileInternalInformation(FILE.file_id).encode()
    tag = f.FileAttributeTagInformation(0x21, 0xA000000C)
    assert f.encode_attribute_tag(FILE, 0xA000000C) == tag.encode()
    identity = f.FileIdInformation(77, struct.pack("<QQ", FILE.file_id, 0))
    assert f.encode_file_id(FILE, 77) == identity.encode()
    assert f.encode_compression(FILE) == f.FileCompressionInformation(8192).encode()
    assert f.encode_compression(FOLDER) == f.FileCompressionInformation(0).encode()


def test_no_attributes_are_normal() -> None:
    bare = Info(1, False, 0, 0, 0, 0, 0, 0, attributes=0)
    assert f.FileBasicInformation.decode(f.encode_basic(bare)).file_attributes == 0x80
    network = f.FileNetworkOpenInformation.decode(f.encode_network_open(bare))
    assert network.file_attributes == 0x80
    assert (
        f.FileAttributeTagInformation.decode(f.encode_attribute_tag(bare)).file_attributes == 0x80
    )
    everything = f.encode_all(bare, access=0, delete_pending=False)
    assert f.FileAllInformation.decode(everything).basic.file_attributes == 0x80


def test_open_info_is_the_start_of_network_open() -> None:
    buffer = bytearray(b"\xee" * 60)
    f.pack_open_info(buffer, 4, FILE)
    assert buffer[4:56] == f.encode_network_open(FILE)[: f.OPEN_INFO_SIZE]
    assert buffer[:4] == buffer[56:] == b"\xee" * 4
