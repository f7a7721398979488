"""Datagrams: the figures of RFC 1002 4.4, fragments, and bytes that are none."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt import datagram as dgm
from nethood.nbt.name import NetbiosName

HERE = IPv4Address("10.1.2.3")
A = NetbiosName("A", 0x00)
FRED = NetbiosName("FRED", 0x20, "NETBIOS.COM")
A_ENCODED = b"\x20EBCACACACACACACACACACACACACACAAA\x00"
FRED_ENCODED = b"\x20EGFCEFEECACACACACACACACACACACACA\x07NETBIOS\x03COM\x00"
NAMES_SIZE = len(A_ENCODED) + len(FRED_ENCODED)

HEADER = dgm.DatagramHeader(dgm.DIRECT_UNIQUE_DATAGRAM, 0x1234, HERE, 138, 0x06)
DATAGRAM = dgm.Datagram(HEADER, A, FRED, b"hello")
ENCODED = (
    b"\x10"  # MSG_TYPE
    b"\x06"  # SNT P, FIRST
    b"\x12\x34"  # DGM_ID
    b"\x0a\x01\x02\x03\x00\x8a"  # SOURCE_IP, SOURCE_PORT
    + (NAMES_SIZE + 5).to_bytes(2, "big")
    + b"\x00\x00"  # PACKET_OFFSET
    + A_ENCODED
    + FRED_ENCODED
    + b"hello"
)

names = st.builds(
    NetbiosName,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=15),
    st.integers(0, 255),
    st.sampled_from(["", "NETBIOS.COM"]),
)
headers = st.builds(
    dgm.DatagramHeader,
    st.sampled_from([0x10, 0x11, 0x12]),
    st.integers(0, 0xFFFF),
    st.ip_addresses(v=4),
    st.integers(0, 0xFFFF),
    st.sampled_from([snt | dgm.FLAGS_FIRST for snt in (0, 4, 8, 12)]),
)
datagrams = st.builds(dgm.Datagram, headers, names, names, st.binary(max_size=2000))


def _fragments(encoded: list[bytes]) -> list[dgm.Fragment]:
    decoded = [dgm.decode_datagram(data) for data in encoded]
    assert all(isinstance(packet, dgm.Fragment) for packet in decoded)
    return [packet for packet in decoded if isinstance(packet, dgm.Fragment)]


def test_a_datagram_byte_by_byte() -> None:
    assert DATAGRAM.encode() == ENCODED
    assert dgm.decode_datagram(ENCODED) == DATAGRAM
    assert dgm.decode_datagram(ENCODED + bytes(4)) == DATAGRAM


def test_an_error_byte_by_byte() -> None:
    error = dgm.datagram_error(HEADER, dgm.DESTINATION_NAME_NOT_PRESENT, IPv4Address("10.9.9.9"))
    encoded = b"\x13\x00\x12\x34\x0a\x09\x09\x09\x00\x8a\x82"
    assert error.encode() == encoded
    assert dgm.decode_datagram(encoded) == error
    assert dgm.ERROR_CODES[error.error_code] == "destination name not present"


@pytest.mark.parametrize(("relays", "msg_type"), [(True, b"\x15"), (False, b"\x16")])
def test_queries_byte_by_byte(relays: bool, msg_type: bytes) -> None:
    header = dgm.DatagramHeader(dgm.DATAGRAM_QUERY_REQUEST, 7, HERE, 1138, dgm.SNT_P)
    query = dgm.DatagramQuery(header, FRED)
    encoded = b"\x14\x04\x00\x07\x0a\x01\x02\x03\x04\x72" + FRED_ENCODED
    assert query.encode() == encoded
    assert dgm.decode_datagram(encoded) == query
    response = dgm.query_response(query, IPv4Address("10.9.9.9"), relays=relays)
    answered = msg_type + b"\x0c\x00\x07\x0a\x09\x09\x09\x00\x8a" + FRED_ENCODED
    assert response.encode() == answered
    assert dgm.decode_datagram(answered) == response


@pytest.mark.parametrize(
    "whole",
    [
        pytest.param(ENCODED, id="datagram"),
        pytest.param(b"\x13\x00\x12\x34\x0a\x09\x09\x09\x00\x8a\x82", id="error"),
        pytest.param(b"\x14\x04\x00\x07\x0a\x01\x02\x03\x04\x72" + FRED_ENCODED, id="query"),
    ],
)
def test_every_truncation_is_malformed(whole: bytes) -> None:
    for size in range(len(whole)):
        with pytest.raises(Malformed):
            dgm.decode_datagram(whole[:size])


@pytest.mark.parametrize("msg_type", [0x00, 0x0F, 0x17, 0xFF])
def test_unknown_types_are_malformed(msg_type: int) -> None:
    with pytest.raises(Malformed, match="MSG_TYPE"):
        dgm.decode_datagram(bytes([msg_type]) + ENCODED[1:])


@given(st.binary(max_size=150).map(lambda tail: b"\x10\x02" + tail) | st.binary(max_size=150))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    assert dgm.name_error_code(data) in (None, 0x83, 0x84)
    with contextlib.suppress(Malformed):
        dgm.decode_datagram(data)


def test_pointers_are_for_the_name_service_only() -> None:
    payload = A_ENCODED + b"\xc0\x0e"
    data = ENCODED[:10] + len(payload).to_bytes(2, "big") + b"\0\0" + payload
    with pytest.raises(Malformed):
        dgm.decode_datagram(data)
    assert dgm.name_error_code(data) == dgm.INVALID_DESTINATION_NAME_FORMAT


def test_which_name_is_to_blame() -> None:
    names_at = 14
    bad_source = ENCODED[:names_at] + b"\x20" + b"a" * 32 + ENCODED[names_at + 33 :]
    assert dgm.name_error_code(bad_source) == dgm.INVALID_SOURCE_NAME_FORMAT
    assert dgm.name_error_code(ENCODED) is None
    assert dgm.name_error_code(b"\x13" + bad_source[1:]) is None
    assert dgm.name_error_code(bad_source[:13]) is None
    assert dgm.name_error_code(b"\x10\x00" + bad_source[2:]) is None


@given(datagrams)
def test_datagrams_come_back(datagram: dgm.Datagram) -> None:
    encoded = datagram.encode()
    assert dgm.decode_datagram(encoded) == datagram
    assert dgm.decode_datagram(memoryview(encoded)) == datagram


@given(datagrams, st.integers(200, 700))
def test_fragments_come_back_whole(datagram: dgm.Datagram, longest: int) -> None:
    packets = datagram.encode_fragments(longest)
    assert all(28 + len(packet) <= longest for packet in packets)
    if len(packets) == 1:
        assert packets == [datagram.encode()]
        return
    assert all(28 + len(packet) == longest for packet in packets[:-1])
    reassembler = dgm.Reassembler()
    *others, last = _fragments(packets)
    assert all(reassembler.add(fragment, "source", 0.0) is None for fragment in others)
    assert reassembler.add(last, "source", 1.9) == datagram
    assert len(reassembler) == 0


def test_a_datagram_that_does_not_fit_is_refused() -> None:
    with pytest.raises(LocalError, match="64 KiB"):
        dgm.Datagram(HEADER, A, FRED, bytes(0x10000)).encode()
    with pytest.raises(LocalError, match="names"):
        DATAGRAM.encode_fragments(NAMES_SIZE + 14 + 27)
    assert len(DATAGRAM.encode_fragments(NAMES_SIZE + 14 + 28)) == 2


LONG = dgm.Datagram(HEADER, A, FRED, bytes(range(256)) * 6)


def _three() -> list[dgm.Fragment]:
    fragments = _fragments(LONG.encode_fragments(650))
    assert len(fragments) == 3
    assert [f.is_first for f in fragments] == [True, False, False]
    assert [f.has_more for f in fragments] == [True, True, False]
    assert [f.packet_offset for f in fragments[1:]] == [608, 1216]
    return fragments


def test_order_and_completeness_are_needed() -> None:
    one, two, three = _three()
    for wrong in ([one, three], [two, three], [one, three, two], [one, two, two, three]):
        reassembler = dgm.Reassembler()
        assert [reassembler.add(f, "s", 0.0) for f in wrong] == [None] * len(wrong)
        assert len(reassembler) <= 1


def test_sources_and_ids_are_kept_apart() -> None:
    one, two, three = _three()
    reassembler = dgm.Reassembler()
    for source in ("s", "t"):
        reassembler.add(one, source, 0.0)
    assert reassembler.add(two, "s", 0.0) is None
    assert reassembler.add(three, "t", 0.0) is None
    assert reassembler.add(three._replace(header=HEADER._replace(dgm_id=9)), "s", 0.0) is None
    assert reassembler.add(three, "s", 0.0) == LONG


def test_a_first_fragment_again_starts_again() -> None:
    one, two, three = _three()
    reassembler = dgm.Reassembler()
    added = [reassembler.add(f, "s", 0.0) for f in (one, two, one, two, three)]
    assert added == [None] * 4 + [LONG]


def test_fragments_wait_two_seconds() -> None:
    one, two, three = _three()
    reassembler = dgm.Reassembler()
    reassembler.add(one, "s", 10.0)
    reassembler.add(two, "s", 11.0)
    assert reassembler.add(three, "s", 12.0) is None
    assert len(reassembler) == 0


def test_the_oldest_yields() -> None:
    one, two, three = _three()
    reassembler = dgm.Reassembler(max_partial=2)
    for source in ("s", "t", "u"):
        reassembler.add(one, source, 0.0)
    assert len(reassembler) == 2
    for source, whole in (("s", None), ("t", LONG), ("u", LONG)):
        reassembler.add(two, source, 0.0)
        assert reassembler.add(three, source, 0.0) == whole


def test_an_offset_counted_from_the_end_is_understood() -> None:
    first, last = _fragments(dgm.Datagram(HEADER, A, FRED, bytes(500)).encode_fragments())
    assert last.packet_offset != last.dgm_length - len(first.payload)
    reassembler = dgm.Reassembler()
    reassembler.add(first, "s", 0.0)
    whole = reassembler.add(last._replace(packet_offset=len(last.payload)), "s", 0.0)
    assert whole is not None
    assert whole.user_data == bytes(500)


def test_what_contradicts_the_first_fragment_ends_the_datagram() -> None:
    one, two, three = _three()
    for odd in (
        two._replace(dgm_length=two.dgm_length + 1),
        two._replace(packet_offset=two.packet_offset + 1),
        two._replace(payload=bytes(2000)),
        two._replace(payload=b""),
    ):
        reassembler = dgm.Reassembler()
        added = [reassembler.add(fragment, "s", 0.0) for fragment in (one, odd, two, three)]
        assert added == [None] * 4
        assert len(reassembler) == 0


def test_what_is_too_long_is_not_kept() -> None:
    reassembler = dgm.Reassembler()
    first = _fragments(dgm.Datagram(HEADER, A, FRED, bytes(8192)).encode_fragments())[0]
    reassembler.add(first, "s", 0.0)
    assert len(reassembler) == 0


def test_a_first_fragment_begins_at_zero() -> None:
    data = bytearray(LONG.encode_fragments()[0])
    data[12:14] = b"\0\1"
    with pytest.raises(Malformed, match="PACKET_OFFSET"):
        dgm.decode_datagram(data)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 300), st.binary(max_size=90))))
def test_any_fragments_at_all_are_taken(parts: list[tuple[int, int, bytes]]) -> None:
    reassembler = dgm.Reassembler(max_partial=4)
    for flags, offset, payload in parts:
        fragment = dgm.Fragment(HEADER._replace(flags=flags), 180, offset, payload)
        with contextlib.suppress(Malformed):
            reassembler.add(fragment, len(payload) % 7, 0.0)
        assert len(reassembler) <= 4


def test_flags_say_first_and_more() -> None:
    packets = LONG.encode_fragments(300)
    assert [packet[1] for packet in packets[:2]] == [0x07, 0x05]
    assert packets[-1][1] == 0x04
    offsets = [int.from_bytes(packet[12:14], "big") for packet in packets]
    assert all(b - a == 300 - 42 for a, b in pairwise(offsets))
