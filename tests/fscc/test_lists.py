"""The lists linked by NextEntryOffset: EAs, streams, links, changes, quotas."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.erref import STATUS_BUFFER_OVERFLOW, STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS
from nethood.errors import Malformed, StatusError
from nethood.fscc import chain, ea, notify, quota, stream_info
from nethood.fscc.ea import Ea
from nethood.fscc.notify import Change
from nethood.fscc.quota import Quota
from nethood.fscc.stream_info import Link, Stream

EAS = [Ea("ONE", b"12345"), Ea("TWO", b"", 0x80), Ea("Ä", b"\0" * 9)]
EA_BYTES = (
    b"\x14\0\0\0"  # NextEntryOffset: 8 + 4 + 5, padded
    b"\x00"  # Flags
    b"\x03"  # EaNameLength
    b"\x05\x00"  # EaValueLength
    b"ONE\0"  # EaName
    b"12345"  # EaValue
    b"\0\0\0"
    b"\x0c\0\0\0"
    b"\x80"
    b"\x03"
    b"\x00\x00"
    b"TWO\0"
    b"\0\0\0\0"
    b"\x00"
    b"\x01"
    b"\x09\x00"
    b"\xc4\0" + bytes(9)
)
STREAMS = [Stream("::$DATA", 5, 4096), Stream(":AFP_AfpInfo:$DATA", 60, 60)]
LINKS = [Link(5, "first"), Link(6, "second name")]
CHANGES = [Change(4, "old"), Change(5, "dir\\new"), Change(3, "x")]
CHANGE_BYTES = (
    b"\x14\0\0\0"  # NextEntryOffset
    b"\x04\0\0\0"  # Action
    b"\x06\0\0\0"  # FileNameLength
    b"o\0l\0d\0"  # FileName
    b"\0\0"
    b"\x1c\0\0\0"
    b"\x05\0\0\0"
    b"\x0e\0\0\0"
    b"d\0i\0r\0\\\0n\0e\0w\0"
    b"\0\0"
    b"\0\0\0\0"
    b"\x03\0\0\0"
    b"\x02\0\0\0"
    b"x\0"
    b"\0\0"
)
SIDS = [bytes.fromhex("010100000000000512000000"), bytes.fromhex("010100000000000100000000")]
QUOTAS = [Quota(SIDS[0], 1, 2, 3, 4), Quota(SIDS[1])]


def encode_names() -> bytes:
    return ea.encode_ea_names(["ONE", "TWO"])


# What is encoded, its bytes, and what reads them.
LISTS: dict[str, tuple[Any, bytes, Callable[[bytes], Any]]] = {
    "eas": (EAS, ea.encode_eas(EAS, 4096)[0], ea.decode_eas),
    "ea names": (["ONE", "TWO"], encode_names(), ea.decode_ea_names),
    "streams": (STREAMS, stream_info.encode_streams(STREAMS, 4096)[1], stream_info.decode_streams),
    "links": (LINKS, stream_info.encode_links(LINKS, 4096)[1], stream_info.decode_links),
    "changes": (CHANGES, notify.encode_changes(CHANGES, 4096), notify.decode_changes),
    "quotas": (QUOTAS, quota.encode_quotas(QUOTAS, 4096)[0], quota.decode_quotas),
    "quota sids": (SIDS, quota.encode_quota_sids(SIDS), quota.decode_quota_sids),
}


@pytest.mark.parametrize("kind", LISTS)
def test_round_trip(kind: str) -> None:
    values, data, decode = LISTS[kind]
    assert decode(data) == values
    assert decode(bytes(memoryview(data))) == values


@pytest.mark.parametrize("kind", LISTS)
def test_every_truncation_is_malformed(kind: str) -> None:
    _, data, decode = LISTS[kind]
    # The padding after the last change carries nothing; no bytes at all are an empty list.
    for length in range(1, len(data) - 2 if kind == "changes" else len(data)):
        if kind == "links" and length == 8:
            continue
        with pytest.raises(Malformed):
            decode(data[:length])


@given(st.sampled_from(sorted(LISTS)), st.binary(max_size=200))
def test_any_bytes_decode_or_are_malformed(kind: str, data: bytes) -> None:
    with contextlib.suppress(Malformed):
        LISTS[kind][2](data)


@given(st.sampled_from(sorted(LISTS)), st.integers(0, 100), st.integers(0, 255))
def test_any_byte_changed_decodes_or_is_malformed(kind: str, at: int, value: int) -> None:
    _, good, decode = LISTS[kind]
    data = bytearray(good)
    data[at % len(data)] = value
    with contextlib.suppress(Malformed):
        decode(bytes(data))


def test_eas_field_by_field() -> None:
    assert ea.encode_eas(EAS, 4096) == (EA_BYTES, 3, True)
    assert ea.decode_eas(EA_BYTES) == EAS
    assert ea.ea_size(EAS) == len(EA_BYTES)
    assert ea.ea_size([]) == 0


def test_ea_names_field_by_field() -> None:
    expected = (
        b"\x0c\0\0\0"  # NextEntryOffset
        b"\x03"  # EaNameLength
        b"ONE\0"
        b"\0\0\0"
        b"\0\0\0\0"
        b"\x03"
        b"TWO\0"
    )
    assert encode_names() == expected
    assert ea.decode_ea_names(b"") == []


def test_eas_that_do_not_all_fit() -> None:
    assert ea.encode_eas(EAS, len(EA_BYTES) - 1)[1:] == (2, False)
    assert ea.encode_eas(EAS, 16) == (b"", 0, False)
    data, count, whole = ea.encode_eas(EAS[:1], 17)
    assert (len(data), count, whole) == (17, 1, True)


def test_an_ea_name_needs_its_zero() -> None:
    data = bytearray(ea.encode_ea(Ea("NAME", b"value")))
    data[12] = 1
    with pytest.raises(Malformed):
        ea.decode_eas(data)


@pytest.mark.parametrize(
    ("candidate", "valid"),
    [
        (Ea("user.name"), True),
        (Ea("X" * 254, b"", 0x80), True),
        (Ea("X" * 255), False),
        (Ea(""), False),
        (Ea("a:b"), False),
        (Ea("a=b"), False),
        (Ea("a\x1f"), False),
        (Ea("ok", b"", 1), False),
    ],
)
def test_which_eas_are_valid(candidate: Ea, valid: bool) -> None:
    assert ea.is_valid_ea(candidate) is valid


def test_streams_field_by_field() -> None:
    expected = (
        b"\x28\0\0\0"  # NextEntryOffset: 24 + 14, padded
        b"\x0e\0\0\0"  # StreamNameLength
        b"\x05\0\0\0\0\0\0\0"  # StreamSize
        b"\x00\x10\0\0\0\0\0\0"  # StreamAllocationSize
        + "::$DATA".encode("utf-16-le")
        + b"\0\0"
        + b"\0\0\0\0"
        + b"\x24\0\0\0"
        + b"\x3c\0\0\0\0\0\0\0"
        + b"\x3c\0\0\0\0\0\0\0"
        + ":AFP_AfpInfo:$DATA".encode("utf-16-le")
    )
    assert stream_info.encode_streams(STREAMS, 4096) == (STATUS_SUCCESS, expected)
    status, data = stream_info.encode_streams(STREAMS, len(expected) - 1)
    assert status == STATUS_BUFFER_OVERFLOW
    assert stream_info.decode_streams(data) == STREAMS[:1]


def test_links_say_how_much_room_they_need() -> None:
    status, data = stream_info.encode_links(LINKS, 60)
    assert status == STATUS_BUFFER_OVERFLOW
    whole = stream_info.encode_links(LINKS, 4096)[1]
    assert struct.unpack_from("<II", data) == (len(whole), 1)
    assert stream_info.decode_links(data) == LINKS[:1]
    # FileNameLength counts characters here, not bytes.
    assert struct.unpack_from("<I", whole, 8 + 12) == (5,)


def test_changes_field_by_field() -> None:
    assert notify.encode_changes(CHANGES, 4096) == CHANGE_BYTES
    assert notify.encode_changes(CHANGES, len(CHANGE_BYTES)) == CHANGE_BYTES


def test_changes_that_do_not_fit_are_nothing() -> None:
    assert notify.encode_changes(CHANGES, len(CHANGE_BYTES) - 1) == b""
    assert notify.encode_changes([], 100) == b""


def test_a_chain_that_goes_back_or_on_for_ever_is_malformed() -> None:
    for step in (1, 4, 11, 0xFFFFFFFF, len(CHANGE_BYTES) + 4):
        data = struct.pack("<I", step) + CHANGE_BYTES[4:]
        with pytest.raises(Malformed):
            notify.decode_changes(data)


@pytest.mark.parametrize("align", [4, 8])
@given(st.lists(st.binary(min_size=4, max_size=20), max_size=8))
def test_linked_entries_are_found_again(align: int, bodies: list[bytes]) -> None:
    entries = [bytes(4) + body for body in bodies]
    data = chain.link(entries, align)
    found = [data[at:end] for at, end in chain.walk(data, "test", 8)]
    assert len(found) == len(entries)
    for entry, there in zip(entries, found, strict=True):
        assert there[4:].startswith(entry[4:])


def test_fit_cuts_text_at_a_character() -> None:
    data = bytes(4) + b"a\0b\0"
    assert chain.fit(data, 8, 6) == (STATUS_SUCCESS, data)
    assert chain.fit(data, 7, 6) == (STATUS_BUFFER_OVERFLOW, data[:6])
    with pytest.raises(StatusError) as caught:
        chain.fit(data, 5, 6)
    assert caught.value.status == STATUS_INFO_LENGTH_MISMATCH
