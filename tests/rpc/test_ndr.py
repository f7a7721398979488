from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.dtyp.sid import Sid
from nethood.errors import Malformed
from nethood.rpc.ndr import Reader, Writer


def test_numbers_are_aligned_to_their_size() -> None:
    writer = Writer()
    writer.u8(1)
    writer.u16(0x0203)
    writer.u8(4)
    writer.u32(0x05060708)
    writer.i32(-2)
    assert writer.getvalue() == b"\x01\0\x03\x02\x04\0\0\0\x08\x07\x06\x05\xfe\xff\xff\xff"
    reader = Reader(writer.getvalue())
    assert [reader.u8(), reader.u16(), reader.u8(), reader.u32(), reader.i32()] == [
        1,
        0x0203,
        4,
        0x05060708,
        -2,
    ]
    assert reader.remaining == 0


def test_a_string_counts_its_terminator_three_times() -> None:
    writer = Writer()
    writer.text("Ab")
    assert writer.getvalue() == struct.pack("<III", 3, 0, 3) + b"A\0b\0\0\0"


def test_referents_follow_depth_first() -> None:
    """C706 14.3.12.3: what a referent points to comes before its neighbour's referent."""
    writer = Writer()

    def outer() -> None:
        writer.u32(0xA0)
        writer.pointer(lambda: writer.u32(0xA1))

    writer.pointer(outer)
    writer.pointer(lambda: writer.u32(0xB0))
    writer.u32(0xEE)
    writer.resolve()
    values = struct.unpack("<7I", writer.getvalue())
    assert [v for v in values if v < 0x10000] == [0xEE, 0xA0, 0xA1, 0xB0]
    identifiers = [v for v in values if v >= 0x10000]
    assert len(set(identifiers)) == 3


def test_a_pointer_without_its_referent_is_our_mistake() -> None:
    writer = Writer()
    writer.pointer(lambda: writer.u32(1))
    with pytest.raises(AssertionError, match="never written"):
        writer.getvalue()


def test_reading_either_byte_order() -> None:
    uuid = bytes(range(16))
    for order, big_endian in (("<", False), (">", True)):
        first, second, third = struct.unpack("<IHH", uuid[:8])
        data = struct.pack(order + "HxxIIII", 7, 3, 0, 3, 0)[:16]
        data = struct.pack(order + "HxxIII", 7, 2, 0, 2) + "é\0".encode(
            "utf-16-be" if big_endian else "utf-16-le"
        )
        data += struct.pack(order + "IIHH", 9, first, second, third) + uuid[8:]
        reader = Reader(data, big_endian=big_endian)
        assert reader.u16() == 7
        assert reader.text() == "é"
        assert reader.context_handle() == struct.pack("<I", 9) + uuid


def test_an_rpc_sid_in_either_byte_order() -> None:
    sid = Sid.parse("S-1-5-21-1-2-3")
    writer = Writer()
    writer.sid(sid)
    assert writer.getvalue() == b"\4\0\0\0" + sid.encode()
    assert Reader(writer.getvalue()).sid() == sid
    swapped = struct.pack(">I", 4) + sid.encode()[:8] + struct.pack(">4I", 21, 1, 2, 3)
    assert Reader(swapped, big_endian=True).sid() == sid


@pytest.mark.parametrize(
    "stub",
    [
        struct.pack("<III", 2, 0, 3) + b"a\0b\0\0\0",  # more characters than the maximum
        struct.pack("<III", 3, 1, 2) + b"b\0\0\0",  # does not start at the start
        struct.pack("<III", 2, 0, 2) + b"a\0b\0",  # no terminator
        struct.pack("<III", 0x7FFFFFFF, 0, 0x7FFFFFFF) + b"a\0",  # longer than the stub
    ],
)
def test_strings_that_are_refused(stub: bytes) -> None:
    with pytest.raises(Malformed):
        Reader(stub).text()


@pytest.mark.parametrize("stub", [b"\1\0\0\0\2\1" + bytes(10), b"\x10\0\0\0\1\x10" + bytes(80)])
def test_sids_that_are_refused(stub: bytes) -> None:
    with pytest.raises(Malformed):
        Reader(stub).sid()


def test_an_array_longer_than_the_stub_is_refused_at_once() -> None:
    with pytest.raises(Malformed):
        Reader(b"\xff\xff\xff\xff" + bytes(8)).count(4)


def test_pointers_do_not_nest_for_ever() -> None:
    reader = Reader(b"")

    def again() -> None:
        reader.defer(again)

    reader.defer(again)
    with pytest.raises(Malformed, match="too deep"):
        reader.resolve()


@given(st.text(st.characters(exclude_characters="\0"), max_size=50))
def test_any_text_round_trips(text: str) -> None:
    writer = Writer()
    writer.text(text)
    assert Reader(writer.getvalue()).text() == text


READS: list[Callable[[Reader], object]] = [
    Reader.u8,
    Reader.u16,
    Reader.u32,
    Reader.text,
    Reader.optional_text,
    Reader.optional_u32,
    Reader.uuid,
    Reader.context_handle,
    Reader.sid,
]


@given(st.binary(max_size=64), st.booleans(), st.lists(st.sampled_from(READS), max_size=6))
def test_any_bytes_read_or_are_malformed(
    data: bytes, big_endian: bool, reads: list[Callable[[Reader], object]]
) -> None:
    reader = Reader(data, big_endian=big_endian)
    with suppress(Malformed):
        for read in reads:
            read(reader)
    assert reader.offset <= len(data) + 8
