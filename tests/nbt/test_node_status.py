"""Node status: the figures of RFC 1002 4.2.17 and 4.2.18, and answers of odd length."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_status import (
    NAME_FLAGS_ACT,
    NAME_FLAGS_G,
    NO_STATISTICS,
    WILDCARD,
    NodeStatus,
    Statistics,
    StatusName,
    node_status_request,
    node_status_response,
    status_of,
)
from nethood.nbt.packet import MAX_DATAGRAM, NM_FLAGS_AA, NM_FLAGS_TC, TYPE_NB, Packet

STAR = b"\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00"
MAC = bytes.fromhex("00155d012a3b")
STATISTICS = Statistics(*range(1, 20))
STATUS = NodeStatus(
    (StatusName("HOST", 0x20), StatusName("GROUP", 0x1E, NAME_FLAGS_G | NAME_FLAGS_ACT)),
    MAC,
    STATISTICS,
)
RDATA = (
    b"\x02"  # NUM_NAMES
    b"HOST           \x20\x04\x00"
    b"GROUP          \x1e\x84\x00" + MAC + b"\x01\x02"  # JUMPERS, TEST_RESULT
    b"\x00\x03\x00\x04\x00\x05\x00\x06\x00\x07\x00\x08"
    b"\x00\x00\x00\x09\x00\x00\x00\x0a"  # good sends, good receives
    b"\x00\x0b\x00\x0c\x00\x0d\x00\x0e\x00\x0f\x00\x10\x00\x11\x00\x12\x00\x13"
)

status_names = st.builds(
    StatusName,
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF), min_size=1, max_size=15).filter(
        lambda name: name != "*"  # padded with zeros, which no node has in its table
    ),
    st.integers(0, 255),
    st.integers(0, 0xFFFF),
)


def _limit(field: str) -> int:
    if field in ("jumpers", "test_result"):
        return 0xFF
    return 0xFFFFFFFF if field.startswith("number_good") else 0xFFFF


statistics = st.fixed_dictionaries(
    {field: st.integers(0, _limit(field)) for field in Statistics._fields}
).map(lambda fields: Statistics(**fields))
statuses = st.builds(
    NodeStatus,
    st.lists(status_names, max_size=8).map(tuple),
    st.binary(min_size=6, max_size=6),
    statistics,
)


def test_the_request_is_the_fifty_bytes_everyone_sends() -> None:
    assert node_status_request(0x0102).encode() == (
        b"\x01\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + STAR + b"\x00\x21\x00\x01"
    )
    assert node_status_request(1, broadcast=True).encode()[2:4] == b"\x00\x10"


def test_the_response_byte_by_byte() -> None:
    packet = node_status_response(0x0102, WILDCARD, STATUS)
    assert packet.encode() == (
        b"\x01\x02\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00"
        + STAR
        + b"\x00\x21\x00\x01\x00\x00\x00\x00"
        + len(RDATA).to_bytes(2, "big")
        + RDATA
    )
    assert status_of(Packet.decode(packet.encode())) == STATUS


def test_statistics_stand_where_the_figure_has_them() -> None:
    assert STATUS.encode() == RDATA
    assert NodeStatus.decode(RDATA) == STATUS
    assert STATISTICS.number_good_sends == 9
    assert STATISTICS.session_data_packet_size == 19
    assert [name.is_group for name in STATUS.names] == [False, True]


@given(statuses)
def test_statuses_come_back(status: NodeStatus) -> None:
    assert NodeStatus.decode(status.encode()) == status
    assert NodeStatus.decode(memoryview(status.encode())) == status


@given(st.binary(max_size=300))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        status = NodeStatus.decode(data)
        assert len(status.names) == data[0]


@pytest.mark.parametrize("size", range(1 + 2 * 18))
def test_names_that_are_cut_off_are_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        NodeStatus.decode(RDATA[:size])


def test_missing_statistics_read_as_zeros() -> None:
    names_end = 1 + 2 * 18
    assert NodeStatus.decode(RDATA[:names_end]) == NodeStatus(STATUS.names)
    assert NodeStatus.decode(RDATA[: names_end + 6]) == NodeStatus(STATUS.names, MAC)
    short = NodeStatus.decode(RDATA[: names_end + 6 + 2]).statistics
    assert short == NO_STATISTICS._replace(jumpers=1, test_result=2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(LocalError, match="255"):
        NodeStatus((StatusName("A", 0),) * 256).encode()
    with pytest.raises(LocalError, match="6 bytes"):
        NodeStatus((), b"abc").encode()


@given(st.integers(0, 255), st.sampled_from(["", "NETBIOS.COM"]))
def test_names_that_do_not_fit_a_datagram_are_cut(count: int, scope: str) -> None:
    names = tuple(StatusName(f"N{i}", 0) for i in range(count))
    asked = NetbiosName("*", 0, scope)
    packet = node_status_response(1, asked, NodeStatus(names, MAC, STATISTICS))
    sent = status_of(packet)
    assert sent is not None
    size = len(packet.encode())
    assert size <= MAX_DATAGRAM
    assert sent.names == names[: len(sent.names)]
    truncated = packet.nm_flags == NM_FLAGS_AA | NM_FLAGS_TC
    assert truncated == (len(sent.names) < count)
    assert not truncated or size + 18 > MAX_DATAGRAM


def test_other_answers_hold_no_status() -> None:
    packet = node_status_response(1, WILDCARD, STATUS)
    other = packet.answers[0]._replace(rr_type=TYPE_NB)
    assert status_of(packet._replace(answers=(other,))) is None
    assert status_of(node_status_request(1)) is None
