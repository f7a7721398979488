"""Directory lists: the bytes of each class, how a buffer fills, and reading them back."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_SUCCESS,
)
from nethood.errors import Malformed, StatusError
from nethood.fscc import dir_info
from nethood.fscc.dir_info import DirectoryEntry, Extra, decode_entries, encode_entries
from nethood.store.base import Info

INFO = Info(
    file_id=0x1122334455667788,
    is_directory=False,
    size=5000,
    allocation_size=8192,
    creation_time=132_000_000_000_000_001,
    last_access_time=132_000_000_000_000_002,
    last_write_time=132_000_000_000_000_003,
    change_time=132_000_000_000_000_004,
    attributes=0x20,
)
SIZES = {1: 64, 2: 68, 3: 94, 12: 12, 37: 104, 38: 80, 60: 88, 78: 80, 79: 106, 80: 96, 81: 122}
"""FileName's offset by class, added up from the tables of [MS-FSCC] 2.4."""

WITH_SHORT_NAME = {3, 37, 79, 81}
WITH_EA_SIZE = set(SIZES) - {1, 12}
WITH_TAG = {60, 78, 79, 80, 81}
WITH_ID = {37, 38, 78, 79, 80, 81}
WITH_ID_128 = {60, 80, 81}


def entries(*names: str) -> Iterator[DirectoryEntry]:
    return iter([(name, INFO) for name in names])


COMMON = (
    b"\x00\x00\x00\x00"  # FileIndex
    + struct.pack("<q", 132_000_000_000_000_001)  # CreationTime
    + struct.pack("<q", 132_000_000_000_000_002)  # LastAccessTime
    + struct.pack("<q", 132_000_000_000_000_003)  # LastWriteTime
    + struct.pack("<q", 132_000_000_000_000_004)  # ChangeTime
    + struct.pack("<q", 5000)  # EndOfFile
    + struct.pack("<q", 8192)  # AllocationSize
    + b"\x20\x00\x00\x00"  # FileAttributes
)


def test_file_id_both_directory_information_field_by_field() -> None:
    first = (
        b"\x70\x00\x00\x00"  # NextEntryOffset: 104 + 6, padded
        + COMMON
        + b"\x06\x00\x00\x00"  # FileNameLength
        + b"\x07\x00\x00\x00"  # EaSize
        + b"\x0c"  # ShortNameLength
        + b"\x00"  # Reserved1
        + "ABCDEF".encode("utf-16-le").ljust(24, b"\0")  # ShortName
        + b"\x00\x00"  # Reserved2
        + b"\x88\x77\x66\x55\x44\x33\x22\x11"  # FileId
        + b"a\0b\0c\0"  # FileName
        + b"\x00\x00"  # padding
    )
    second = (
        b"\x00\x00\x00\x00"  # NextEntryOffset
        + COMMON
        + b"\x02\x00\x00\x00"
        + b"\x07\x00\x00\x00"
        + b"\x0c\x00"
        + "ABCDEF".encode("utf-16-le").ljust(24, b"\0")
        + b"\x00\x00"
        + b"\x88\x77\x66\x55\x44\x33\x22\x11"
        + b"d\0"
    )
    extra = Extra(ea_size=7, short_name="ABCDEF".encode("utf-16-le"))
    listing = encode_entries(37, entries("abc", "d"), 4096, extra_of=lambda _n, _i: extra)
    assert listing.data == first + second
    assert (listing.status, listing.taken, listing.pending) == (STATUS_SUCCESS, 2, None)


def test_file_directory_information_field_by_field() -> None:
    expected = b"\x00\x00\x00\x00" + COMMON + b"\x02\x00\x00\x00" + b"x\0"
    assert encode_entries(1, entries("x"), 4096).data == expected


def test_file_names_information_field_by_field() -> None:
    expected = (
        b"\x10\x00\x00\x00"  # NextEntryOffset
        b"\x00\x00\x00\x00"  # FileIndex
        b"\x04\x00\x00\x00"  # FileNameLength
        b"a\0b\0"  # FileName, whose end is a boundary of 8
        b"\x00\x00\x00\x00"
        b"\x00\x00\x00\x00"
        b"\x02\x00\x00\x00"
        b"c\0"
    )
    assert encode_entries(12, entries("ab", "c"), 4096).data == expected


def test_file_id_extd_directory_information_field_by_field() -> None:
    expected = (
        b"\x00\x00\x00\x00"
        + COMMON
        + b"\x02\x00\x00\x00"  # FileNameLength
        + b"\x03\x00\x00\x00"  # EaSize
        + b"\x0c\x00\x00\xa0"  # ReparsePointTag
        + b"\x88\x77\x66\x55\x44\x33\x22\x11"  # FileId
        + bytes(8)
        + b"x\0"
    )
    extra = Extra(ea_size=3, reparse_tag=0xA000000C)
    assert encode_entries(60, entries("x"), 4096, extra_of=lambda _n, _i: extra).data == expected


@pytest.mark.parametrize(("info_class", "size"), SIZES.items())
def test_sizes_are_the_specifications(info_class: int, size: int) -> None:
    assert dir_info.fixed_size(info_class) == size
    assert len(encode_entries(info_class, entries("name"), 4096).data) == size + 8


def test_the_classes_are_all_there() -> None:
    assert set(SIZES) == dir_info.DIRECTORY_CLASSES


@pytest.mark.parametrize("info_class", SIZES)
def test_round_trip(info_class: int) -> None:
    names = ["a", "bc", "Grüße", "\U0001f600", "\ud800", "x" * 255]
    extra = Extra(9, "SHORT~1".encode("utf-16-le"), 0xA000000C)
    listing = encode_entries(info_class, entries(*names), 1 << 16, extra_of=lambda _n, _i: extra)
    records = list(decode_entries(info_class, listing.data))
    assert [r.file_name for r in records] == names
    for record in records:
        if info_class != 12:
            assert record.creation_time == INFO.creation_time
            assert record.last_access_time == INFO.last_access_time
            assert record.last_write_time == INFO.last_write_time
            assert record.change_time == INFO.change_time
            assert (record.end_of_file, record.allocation_size) == (5000, 8192)
            assert record.file_attributes == 0x20
        assert record.ea_size == (9 if info_class in WITH_EA_SIZE else 0)
        assert record.reparse_point_tag == (0xA000000C if info_class in WITH_TAG else 0)
        assert record.short_name == ("SHORT~1" if info_class in WITH_SHORT_NAME else "")
        assert record.file_id == (INFO.file_id if info_class in WITH_ID else 0)
        assert record.file_id_128 == (INFO.file_id if info_class in WITH_ID_128 else 0)


@pytest.mark.parametrize("info_class", [2, 3, 37, 38])
def test_ea_size_is_the_tag_of_a_reparse_point(info_class: int) -> None:
    link = Info(1, False, 0, 0, 0, 0, 0, 0, attributes=0x420)
    extra = Extra(ea_size=9, reparse_tag=0xA000000C)
    data = encode_entries(info_class, iter([("l", link)]), 4096, extra_of=lambda _n, _i: extra).data
    assert next(decode_entries(info_class, data)).ea_size == 0xA000000C


@pytest.mark.parametrize("info_class", sorted(set(SIZES) - {12}))
def test_no_attributes_are_normal(info_class: int) -> None:
    bare = Info(1, False, 0, 0, 0, 0, 0, 0, attributes=0)
    data = encode_entries(info_class, iter([("f", bare)]), 4096).data
    assert next(decode_entries(info_class, data)).file_attributes == 0x80


@pytest.mark.parametrize("info_class", SIZES)
def test_entries_are_aligned_and_the_last_one_ends_the_chain(info_class: int) -> None:
    data = encode_entries(info_class, entries("a", "bb", "ccc", "dddd"), 4096).data
    at = 0
    while step := struct.unpack_from("<I", data, at)[0]:
        at += step
        assert at % 8 == 0
    assert at + SIZES[info_class] + 8 == len(data)


@pytest.mark.parametrize("info_class", SIZES)
@pytest.mark.parametrize("short_by", [0, 1, 2])
def test_what_does_not_fit_stays_pending(info_class: int, short_by: int) -> None:
    whole = encode_entries(info_class, entries("one", "two", "three"), 4096)
    listing = encode_entries(info_class, entries("one", "two", "three"), len(whole.data) - short_by)
    if short_by == 0:
        assert listing == whole
        return
    assert listing.taken == 2
    assert listing.pending == ("three", INFO)
    rest = encode_entries(info_class, entries("four"), 4096, pending=listing.pending)
    names = [r.file_name for r in decode_entries(info_class, listing.data)]
    names += [r.file_name for r in decode_entries(info_class, rest.data)]
    assert names == ["one", "two", "three", "four"]


@pytest.mark.parametrize("info_class", SIZES)
def test_a_first_name_too_long_is_cut_off_and_stays_pending(info_class: int) -> None:
    size = SIZES[info_class]
    listing = encode_entries(info_class, entries("abcdef"), size + 5)
    assert listing.status == STATUS_BUFFER_OVERFLOW
    assert (listing.taken, listing.pending) == (1, ("abcdef", INFO))
    assert len(listing.data) == size + 4
    assert listing.data.endswith(b"a\0b\0")
    whole = encode_entries(info_class, entries("abcdef"), 4096).data
    assert listing.data == whole[: size + 4]


@pytest.mark.parametrize("info_class", SIZES)
def test_a_buffer_without_room_for_the_fixed_part(info_class: int) -> None:
    with pytest.raises(StatusError) as caught:
        encode_entries(info_class, entries("a"), SIZES[info_class] - 1)
    assert caught.value.status == STATUS_INFO_LENGTH_MISMATCH


@pytest.mark.parametrize("info_class", [0, 4, 36, 50, 82, 100])
def test_other_classes_are_refused(info_class: int) -> None:
    with pytest.raises(StatusError) as caught:
        encode_entries(info_class, entries("a"), 4096)
    assert caught.value.status == STATUS_INVALID_INFO_CLASS


def test_no_entries_make_no_bytes() -> None:
    listing = encode_entries(37, entries(), 4096)
    assert (listing.status, listing.data, listing.taken) == (STATUS_SUCCESS, b"", 0)
    assert list(decode_entries(37, b"")) == []


def test_a_single_entry_leaves_the_iterator_where_it_is() -> None:
    source = entries("a", "b")
    assert encode_entries(37, source, 4096, single=True).taken == 1
    assert next(source)[0] == "b"


def test_a_single_entry_may_be_the_pending_one() -> None:
    source = entries("b")
    listing = encode_entries(12, source, 4096, single=True, pending=("a", INFO))
    assert [r.file_name for r in decode_entries(12, listing.data)] == ["a"]
    assert next(source)[0] == "b"


@given(
    st.sampled_from(sorted(SIZES)),
    st.lists(st.text(min_size=1, max_size=40), max_size=30),
    st.integers(min_value=300, max_value=2000),
)
def test_every_entry_arrives_once_whatever_the_buffer(
    info_class: int, names: list[str], max_size: int
) -> None:
    source = entries(*names)
    pending: DirectoryEntry | None = None
    seen: list[str] = []
    while True:
        listing = encode_entries(info_class, source, max_size, pending=pending)
        assert len(listing.data) <= max_size
        if not listing.taken:
            break
        seen += [r.file_name for r in decode_entries(info_class, listing.data)]
        pending = listing.pending
        if listing.status == STATUS_BUFFER_OVERFLOW:
            pytest.fail("the buffer holds any one of these entries")
    assert seen == names


@pytest.mark.parametrize("info_class", SIZES)
def test_every_truncation_is_malformed(info_class: int) -> None:
    data = encode_entries(info_class, entries("first", "second"), 4096).data
    for length in range(1, len(data)):
        with pytest.raises(Malformed):
            list(decode_entries(info_class, data[:length]))


@given(st.sampled_from(sorted(SIZES)), st.binary(max_size=400))
def test_any_bytes_decode_or_are_malformed(info_class: int, data: bytes) -> None:
    with contextlib.suppress(Malformed):
        list(decode_entries(info_class, memoryview(data)))


def test_lengths_that_lie() -> None:
    good = bytearray(encode_entries(3, entries("name"), 4096).data)
    for offset, value in ((60, 9), (60, 7), (60, 0xFFFFFFFF), (68, 25), (68, 3)):
        bad = bytearray(good)
        if offset == 68:
            bad[68] = value
        else:
            struct.pack_into("<I", bad, offset, value)
        with pytest.raises(Malformed):
            list(decode_entries(3, bad))
    looping = bytearray(good)
    struct.pack_into("<I", looping, 0, 8)
    with pytest.raises(Malformed):
        list(decode_entries(3, looping))
