"""FSCTL codes and what they carry."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_BUFFER_TOO_SMALL,
    STATUS_SUCCESS,
)
from nethood.errors import Malformed, StatusError
from nethood.fscc import fsctl
from nethood.fscc.fsctl import PipePeek, PipeWait, Range, Region, ZeroData
from nethood.wire import Wire

FIXED: list[tuple[Wire, int]] = [
    (fsctl.FileObjectIdBuffer(bytes(range(16))), 64),
    (fsctl.CompressionState(2), 2),
    (fsctl.IntegrityInformationBuffer(2, 0, 1, 65536, 4096), 16),
    (fsctl.NtfsVolumeDataBuffer(1, 2, 3, 4), 96),
    (fsctl.DuplicateExtentsData(1, 2, 3, 4, 5), 40),
    (fsctl.FileRegionInput(1, 2, 1), 24),
]


@pytest.mark.parametrize(("example", "size"), FIXED, ids=lambda e: type(e).__name__)
def test_fixed_structures(example: Wire, size: int) -> None:
    data = example.encode()
    assert len(data) == size
    assert type(example).decode(data) == example
    for length in range(size):
        with pytest.raises(Malformed):
            type(example).decode(data[:length])


def test_codes_have_distinct_names() -> None:
    assert len(fsctl.FSCTL_NAMES) == 46
    assert fsctl.FSCTL_NAMES[0x000940CF] == "FSCTL_QUERY_ALLOCATED_RANGES"


@pytest.mark.parametrize(
    ("code", "access"),
    [
        (fsctl.FSCTL_SET_ZERO_DATA, 2),
        (fsctl.FSCTL_QUERY_ALLOCATED_RANGES, 1),
        (fsctl.FSCTL_SET_COMPRESSION, 3),
        (fsctl.FSCTL_PIPE_TRANSCEIVE, 3),
        (fsctl.FSCTL_GET_OBJECT_ID, 0),
        (fsctl.FSCTL_SET_SPARSE, 0),
    ],
)
def test_the_access_a_code_asks_for(code: int, access: int) -> None:
    assert fsctl.required_access(code) == access


def test_allocated_ranges() -> None:
    request = b"\x00\x10\0\0\0\0\0\0" + b"\x00\x20\0\0\0\0\0\0"
    assert fsctl.decode_allocated_range(request) == Range(0x1000, 0x2000)
    ranges = [(0, 4096), (1 << 40, 1)]
    status, data = fsctl.encode_ranges(ranges, 32)
    assert (status, data) == (STATUS_SUCCESS, struct.pack("<qqqq", 0, 4096, 1 << 40, 1))
    assert fsctl.decode_ranges(data) == [Range(*r) for r in ranges]
    assert fsctl.encode_ranges(ranges, 31) == (STATUS_BUFFER_OVERFLOW, data[:16])
    assert fsctl.encode_ranges([], 0) == (STATUS_SUCCESS, b"")
    with pytest.raises(StatusError) as caught:
        fsctl.encode_ranges(ranges, 15)
    assert caught.value.status == STATUS_BUFFER_TOO_SMALL
    with pytest.raises(Malformed):
        fsctl.decode_ranges(data[:-1])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(15),
        struct.pack("<qq", -1, 0),
        struct.pack("<qq", 0, -1),
        struct.pack("<qq", (1 << 63) - 1, 1),
    ],
)
def test_impossible_ranges(data: bytes) -> None:
    with pytest.raises(Malformed):
        fsctl.decode_allocated_range(data)


def test_zero_data() -> None:
    data = struct.pack("<qq", 5, 9)
    assert fsctl.decode_zero_data(data) == ZeroData(5, 9)
    assert ZeroData(5, 9).encode() == data
    assert fsctl.decode_zero_data(struct.pack("<qq", 5, 5)) == ZeroData(5, 5)


@pytest.mark.parametrize(
    "data",
    [bytes(15), bytes(17), struct.pack("<qq", 9, 5), struct.pack("<qq", -1, 5)],
)
def test_impossible_zero_data(data: bytes) -> None:
    with pytest.raises(Malformed):
        fsctl.decode_zero_data(data)


@pytest.mark.parametrize(
    ("data", "sparse"), [(b"", True), (b"\1", True), (b"\xff\0", True), (b"\0", False)]
)
def test_set_sparse(data: bytes, sparse: bool) -> None:
    assert fsctl.decode_set_sparse(memoryview(data)) is sparse


def test_regions() -> None:
    regions = [Region(0, 10), Region(10, 5, 0)]
    status, data = fsctl.encode_regions(regions, 64)
    expected = (
        b"\0\0\0\0"  # Flags
        b"\x02\0\0\0"  # TotalRegionEntryCount
        b"\x02\0\0\0"  # RegionEntryCount
        b"\0\0\0\0"
        b"\0\0\0\0\0\0\0\0"  # FileOffset
        b"\x0a\0\0\0\0\0\0\0"  # Length
        b"\x01\0\0\0"  # DesiredUsage
        b"\0\0\0\0"
        b"\x0a\0\0\0\0\0\0\0"
        b"\x05\0\0\0\0\0\0\0"
        b"\0\0\0\0"
        b"\0\0\0\0"
    )
    assert (status, data) == (STATUS_SUCCESS, expected)
    assert fsctl.decode_regions(data) == regions
    status, data = fsctl.encode_regions(regions, 63)
    assert status == STATUS_BUFFER_OVERFLOW
    assert struct.unpack_from("<III", data) == (0, 2, 1)
    with pytest.raises(StatusError) as caught:
        fsctl.encode_regions(regions, 39)
    assert caught.value.status == STATUS_BUFFER_TOO_SMALL
    for length in range(len(expected)):
        with pytest.raises(Malformed):
            fsctl.decode_regions(expected[:length])


def test_pipe_peek() -> None:
    peek = PipePeek(3, 10, 1, 10, b"0123456789")
    data = struct.pack("<IIII", 3, 10, 1, 10) + b"0123456789"
    assert peek.encode() == data
    assert PipePeek.decode(data) == peek
    with pytest.raises(Malformed):
        PipePeek.decode(data[:15])


def test_pipe_wait() -> None:
    data = b"\x0a\0\0\0\0\0\0\0" + b"\x0c\0\0\0" + b"\x01" + b"\0" + "srvsvc".encode("utf-16-le")
    wait = PipeWait("srvsvc", 10, True)
    assert wait.encode() == data
    assert PipeWait.decode(data) == wait
    for length in range(len(data)):
        with pytest.raises(Malformed):
            PipeWait.decode(data[:length])


def test_trim() -> None:
    data = struct.pack("<IIQQQQ", 0, 2, 1, 2, 3, 4)
    assert fsctl.decode_trim(data) == [Range(1, 2), Range(3, 4)]
    for length in range(len(data)):
        with pytest.raises(Malformed):
            fsctl.decode_trim(data[:length])
    with pytest.raises(Malformed):
        fsctl.decode_trim(struct.pack("<II", 0, 1025) + bytes(16 * 1025))


@given(st.binary(max_size=120))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    for decode in (
        fsctl.decode_allocated_range,
        fsctl.decode_ranges,
        fsctl.decode_zero_data,
        fsctl.decode_set_sparse,
        fsctl.decode_regions,
        fsctl.decode_trim,
        PipePeek.decode,
        PipeWait.decode,
    ):
        with contextlib.suppress(Malformed):
            decode(data)
