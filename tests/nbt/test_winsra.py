"""The replication messages, byte by byte as [MS-WINSRA] 2.2 has them."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt import winsra
from nethood.nbt.name import NetbiosName
from nethood.nbt.wins_records import Member, Record, RecordKind, RecordState
from nethood.nbt.winsra import Notification, OwnerVersions, RecordsRequest, Start

OWN, OWNER = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
A, B = IPv4Address("10.0.0.5"), IPv4Address("10.0.0.6")


def body_of(message: bytes, message_type: int) -> memoryview:
    assert int.from_bytes(message[:4], "big") == len(message) - 4
    header, body = winsra.decode_header(message[4:])
    assert header == (0xAABBCCDD, message_type)
    return body


def rest_of(message: bytes, opcode: int) -> memoryview:
    found, rest = winsra.decode_opcode(body_of(message, winsra.REPLICATION))
    assert found == opcode
    return rest


def test_association_start() -> None:
    message = winsra.encode_start(winsra.START_REQUEST, 0, Start(0x11223344))
    assert message == (
        (41).to_bytes(4, "big")  # Packet Length
        + bytes(4)  # Reserved
        + bytes(4)  # Destination Association Handle
        + bytes(4)  # Message Type
        + bytes.fromhex("11223344")  # Sender Association Handle
        + bytes.fromhex("00020005")  # NBNS Major and Minor Version
        + bytes(21)  # Reserved
    )
    answer = winsra.encode_start(winsra.START_RESPONSE, 0xAABBCCDD, Start(7))
    assert winsra.decode_start(body_of(answer, winsra.START_RESPONSE)) == Start(7, 2, 5)


def test_association_stop() -> None:
    message = winsra.encode_stop(0xAABBCCDD, winsra.STOP_ERROR)
    assert len(message) == 4 + 40
    assert bytes(body_of(message, winsra.STOP_REQUEST)) == b"\0\0\0\x04" + bytes(24)


def test_map_request() -> None:
    message = winsra.encode_map_request(0xAABBCCDD)
    assert len(message) == 4 + 16
    assert bytes(rest_of(message, winsra.MAP_REQUEST)) == b""


def test_map_response() -> None:
    owners = [OwnerVersions(OWNER, 0x1_0000_0002, 3), OwnerVersions(OWN, 9, 9)]
    rest = rest_of(winsra.encode_map_response(0xAABBCCDD, owners), winsra.MAP_RESPONSE)
    assert bytes(rest[:28]) == (
        (2).to_bytes(4, "big")  # Number of Owners
        + OWNER.packed
        + bytes.fromhex("00000001 00000002")  # Max Version Number
        + bytes.fromhex("00000000 00000003")  # Min Version Number
        + bytes.fromhex("00000001")  # Reserved
    )
    assert bytes(rest[52:]) == bytes(4)
    assert winsra.decode_map(rest) == owners


@pytest.mark.parametrize("opcode", winsra.UPDATE_NOTIFICATIONS)
def test_notification(opcode: int) -> None:
    told = Notification(opcode, (OwnerVersions(OWNER, 5, 1),), OWN)
    rest = rest_of(winsra.encode_notification(0xAABBCCDD, told), opcode)
    assert bytes(rest[-4:]) == OWN.packed
    assert winsra.decode_notification(opcode, rest) == told


def test_records_request() -> None:
    request = RecordsRequest(OWNER, 0x1_0000_0002, 3)
    message = winsra.encode_records_request(0xAABBCCDD, request)
    assert len(message) == 4 + 40
    rest = rest_of(message, winsra.RECORDS_REQUEST)
    assert winsra.decode_records_request(rest) == request
    assert winsra.decode_records_request(rest[:20]) == request


def test_a_unique_record() -> None:
    record = Record(
        NetbiosName("BOX", 0x20),
        RecordKind.UNIQUE,
        (Member(A, 5.0),),
        RecordState.TOMBSTONE,
        node_type=0x4000,
        version=0x1_0000_0002,
    )
    rest = rest_of(
        winsra.encode_records_response(0xAABBCCDD, [record], OWN), winsra.RECORDS_RESPONSE
    )
    assert (
        bytes(rest)
        == (
            (1).to_bytes(4, "big")  # Number of Name Records
            + (17).to_bytes(4, "big")  # Name Length
            + b"BOX             \0"[:4].ljust(15)[:15]  # Name
            + b"\x20\0"
            + bytes(3)  # Padding
            + bytes(3)  # Reserved1
            + bytes([0b0100_1000])  # Flags: dynamic, M node, local, tombstone, unique
            + b"\0"  # Group
            + bytes(3)  # Reserved2
            + bytes.fromhex("00000001 00000002")  # Version Number
            + A.packed
            + b"\xff\xff\xff\xff"  # Reserved3
        )
    )
    (found,) = winsra.decode_records(rest, OWN)
    assert (found.name, found.kind, found.state) == (record.name, record.kind, record.state)
    assert (found.members, found.node_type) == ((Member(A, None, OWN),), 0x4000)
    assert (found.version, found.owner) == (record.version, OWN)


def test_a_special_group_tells_the_owner_of_each_member() -> None:
    record = Record(
        NetbiosName("CORP", 0x1C, "LAB"),
        RecordKind.SPECIAL_GROUP,
        (Member(A, 5.0), Member(B, None, OWNER)),
        is_static=True,
    )
    rest = rest_of(
        winsra.encode_records_response(0xAABBCCDD, [record], OWN), winsra.RECORDS_RESPONSE
    )
    tail = b"\x02\0\0\0" + OWN.packed + A.packed + OWNER.packed + B.packed + b"\xff" * 4
    assert bytes(rest).endswith(tail)
    (found,) = winsra.decode_records(rest, OWN)
    assert found.name == record.name
    assert found.is_static
    assert found.members == (Member(A, None, OWN), Member(B, None, OWNER))


RECORDS = st.builds(
    Record,
    st.builds(
        NetbiosName,
        st.text("ABC1_", min_size=1, max_size=15),
        st.integers(0, 255),
        st.sampled_from(("", "LAB", "A.B", "ABC", "ABCD")),
    ),
    st.sampled_from(RecordKind),
    st.lists(st.builds(Member, st.ip_addresses(v=4)), min_size=1, max_size=25).map(tuple),
    st.sampled_from((RecordState.ACTIVE, RecordState.TOMBSTONE)),
    version=st.integers(0, winsra.MAX_VERSION),
)


@given(st.lists(RECORDS, max_size=4))
def test_records_come_across(records: list[Record]) -> None:
    message = winsra.encode_records_response(0xAABBCCDD, records, OWN)
    found = winsra.decode_records(rest_of(message, winsra.RECORDS_RESPONSE), OWN)
    assert [(r.name, r.kind, r.state, r.version) for r in found] == [
        (r.name, r.kind, r.state, r.version) for r in records
    ]
    for ours, theirs in zip(records, found, strict=True):
        if ours.kind in (RecordKind.SPECIAL_GROUP, RecordKind.MULTIHOMED):
            assert theirs.addresses == ours.addresses


def whole() -> bytes:
    record = Record(NetbiosName("CORP", 0x1C), RecordKind.SPECIAL_GROUP, (Member(A), Member(B)))
    message = winsra.encode_records_response(0xAABBCCDD, [record], OWN)
    return bytes(rest_of(message, winsra.RECORDS_RESPONSE))


@pytest.mark.parametrize("length", range(len(whole())))
def test_every_truncation_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        winsra.decode_records(whole()[:length], OWN)


@pytest.mark.parametrize(
    ("at", "value"), [(7, 16), (6, 1), (31, 0x06), (36, 0x80), (44, 26), (3, 200)]
)
def test_impossible_values_are_malformed(at: int, value: int) -> None:
    data = bytearray(whole())
    assert data[at] != value
    data[at] = value
    with pytest.raises(Malformed):
        winsra.decode_records(bytes(data), OWN)


@given(st.binary(max_size=120))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    for decode in (
        winsra.decode_header,
        winsra.decode_start,
        winsra.decode_opcode,
        winsra.decode_map,
        winsra.decode_records_request,
        lambda body: winsra.decode_notification(4, body),
        lambda body: winsra.decode_records(body, OWN),
        lambda body: winsra.decode_records(b"\0\0\0\1\0\0\0\x11" + body, OWN),
    ):
        with suppress(Malformed):
            decode(data)


def test_a_name_too_long_to_tell_is_refused() -> None:
    record = Record(NetbiosName("A", 0, "X" * 250), RecordKind.GROUP)
    with pytest.raises(LocalError, match="too long"):
        winsra.encode_records_response(1, [record], OWN)
