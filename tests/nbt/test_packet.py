"""Name service packets: the frame, label pointers, and bytes that are no packet."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import (
    NULL_NAME,
    NetbiosName,
    decode_compressed_name,
    decode_name,
    encode_name,
)
from nethood.nbt.packet import (
    MAX_RECORDS,
    NM_FLAGS_AA,
    NM_FLAGS_B,
    NM_FLAGS_RD,
    TYPE_NB,
    TYPE_NBSTAT,
    Packet,
    Question,
    ResourceRecord,
    peek_transaction,
)

FRED = NetbiosName("FRED", 0x20, "NETBIOS.COM")
FRED_ENCODED = b"\x20EGFCEFEECACACACACACACACACACACACA\x07NETBIOS\x03COM\x00"  # RFC 1002 4.1

names = st.builds(
    NetbiosName,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), max_size=15),
    st.integers(0, 255),
    st.sampled_from(["", "NETBIOS.COM", "lab"]),
)
shorts = st.integers(0, 0xFFFF)
questions = st.builds(Question, names, shorts, shorts)
records = st.builds(
    ResourceRecord, names, shorts, shorts, st.integers(0, 0xFFFFFFFF), st.binary(max_size=40)
)
record_lists = st.lists(records, max_size=3).map(tuple)
packets = st.builds(
    Packet,
    shorts,
    st.booleans(),
    st.integers(0, 15),
    st.integers(0, 127),
    st.integers(0, 15),
    st.lists(questions, max_size=3).map(tuple),
    record_lists,
    record_lists,
    record_lists,
)


def test_a_question_byte_by_byte() -> None:
    packet = Packet(0x1234, nm_flags=NM_FLAGS_RD | NM_FLAGS_B, questions=(Question(FRED),))
    assert packet.is_broadcast
    assert packet.encode() == (
        b"\x12\x34"  # NAME_TRN_ID
        b"\x01\x10"  # R 0, OPCODE 0, RD, B, RCODE 0
        b"\x00\x01\x00\x00\x00\x00\x00\x00"  # one question
        + FRED_ENCODED
        + b"\x00\x20\x00\x01"  # NB, IN
    )


def test_a_record_byte_by_byte() -> None:
    record = ResourceRecord(NetbiosName("*"), TYPE_NBSTAT, 1, 0x01020304, b"rdata")
    packet = Packet(7, is_response=True, opcode=5, nm_flags=NM_FLAGS_AA, rcode=6, answers=(record,))
    assert packet.encode() == (
        b"\x00\x07"
        b"\xac\x06"  # R 1, OPCODE 5, AA, RCODE 6
        b"\x00\x00\x00\x01\x00\x00\x00\x00"
        b"\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00"
        b"\x00\x21\x00\x01\x01\x02\x03\x04\x00\x05rdata"
    )


def test_a_name_that_comes_again_is_a_pointer() -> None:
    record = ResourceRecord(FRED, TYPE_NB, 1, 0, b"")
    packet = Packet(1, questions=(Question(FRED),), additionals=(record,))
    encoded = packet.encode()
    assert encoded.endswith(b"\xc0\x0c\x00\x20\x00\x01\x00\x00\x00\x00\x00\x00")
    assert encoded.count(b"EGFCEFEE") == 1
    assert Packet.decode(encoded) == packet


@given(packets)
def test_packets_come_back(packet: Packet) -> None:
    encoded = packet.encode()
    assert Packet.decode(encoded) == packet
    assert Packet.decode(memoryview(encoded)) == packet
    assert peek_transaction(encoded) == (packet.name_trn_id, packet.is_response)


@given(packets.map(Packet.encode), st.data())
def test_every_truncation_is_malformed(encoded: bytes, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(Malformed):
        Packet.decode(encoded[:size])


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        Packet.decode(data)


@given(packets.map(Packet.encode), st.data())
def test_a_changed_byte_decodes_or_is_malformed(encoded: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(encoded) - 1))
    changed = bytearray(encoded)
    changed[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(Malformed):
        Packet.decode(changed)


def test_padding_behind_the_last_record_is_ignored() -> None:
    packet = Packet(1, questions=(Question(FRED),))
    assert Packet.decode(packet.encode() + bytes(6)) == packet


def test_there_are_never_many_records() -> None:
    full = Packet(1, questions=(Question(FRED),) * MAX_RECORDS)
    assert len(Packet.decode(full.encode()).questions) == MAX_RECORDS
    with pytest.raises(Malformed, match="entries"):
        Packet.decode(full._replace(questions=(Question(FRED),) * (MAX_RECORDS + 1)).encode())


def test_a_record_that_is_too_long_is_refused() -> None:
    record = ResourceRecord(FRED, TYPE_NB, 1, 0, bytes(0x10000))
    with pytest.raises(LocalError, match="65535"):
        Packet(1, answers=(record,)).encode()


def test_a_header_alone_has_a_transaction() -> None:
    assert peek_transaction(b"\x12\x34\x80" + bytes(9)) == (0x1234, True)
    with pytest.raises(Malformed):
        peek_transaction(bytes(11))


def test_the_null_name_is_one_zero() -> None:
    packet = Packet(1, answers=(ResourceRecord(NULL_NAME, TYPE_NB, 1, 0, b"ab"),))
    assert packet.encode()[12:13] == b"\0"
    assert Packet.decode(packet.encode()) == packet


# -- label pointers ------------------------------------------------------------------------------

SCOPED = encode_name(FRED)
SCOPE_AT = 1 + 32


def test_a_pointer_may_stand_for_the_scope_alone() -> None:
    data = SCOPED + b"\x20" + b"CA" * 15 + b"AA" + bytes([0xC0, SCOPE_AT]) + b"next"
    name, end = decode_compressed_name(data, len(SCOPED))
    assert name == NetbiosName("", 0, "NETBIOS.COM")
    assert data[end:] == b"next"


def test_a_pointer_to_a_pointer_is_followed() -> None:
    data = SCOPED + b"\xc0\x00" + bytes([0xC0, len(SCOPED)])
    assert decode_compressed_name(data, len(SCOPED) + 2) == (FRED, len(data))


def _chain(length: int) -> bytes:
    return (
        SCOPED
        + b"\xc0\x00"
        + b"".join(bytes([0xC0, len(SCOPED) + 2 * i]) for i in range(length - 1))
    )


def test_at_most_eight_pointers_are_followed() -> None:
    ends_at = len(SCOPED) + 2 * 7
    assert decode_compressed_name(_chain(8), ends_at)[0] == FRED
    with pytest.raises(Malformed):
        decode_compressed_name(_chain(9), ends_at + 2)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xc0\x00", id="to itself"),
        pytest.param(b"\xc0\x02" + SCOPED, id="forwards"),
        pytest.param(b"\xc0", id="half a pointer"),
        pytest.param(b"\x20" + b"A" * 32 + b"\xc0\x21", id="a scope that is its own"),
        pytest.param(b"\x20" + b"A" * 32 + b"\xc0\x00", id="a scope that is the name"),
        pytest.param(b"\x80\x00", id="reserved 10"),
        pytest.param(b"\x40\x00", id="reserved 01"),
        pytest.param(b"\x20" + b"A" * 32 + b"\x03a.b\0", id="a dot in a label"),
        pytest.param(b"\x20" + b"A" * 31 + b"x\0", id="no letter"),
    ],
)
def test_pointers_and_labels_that_lead_nowhere(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_compressed_name(data)


def test_a_name_is_at_most_255_bytes_long() -> None:
    longest = NetbiosName("A", 0, ".".join(["x" * 63] * 3 + ["y" * 28]))
    encoded = encode_name(longest)
    assert len(encoded) == 255
    assert decode_compressed_name(encoded) == (longest, 255)
    assert decode_name(encoded) == (longest, 255)
    too_long = encoded[:-30] + b"\x1d" + b"y" * 29 + b"\0"
    for decode in (decode_name, decode_compressed_name):
        with pytest.raises(Malformed, match="255"):
            decode(too_long)
