"""The figures of RFC 1002 4.2.2 to 4.2.16, field by field, and reading them back."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.nbt import name_service as ns
from nethood.nbt.name import NULL_NAME, NetbiosName, encode_name
from nethood.nbt.packet import (
    MAX_DATAGRAM,
    NM_FLAGS_RD,
    NM_FLAGS_TC,
    OPCODE_QUERY,
    OPCODE_REFRESH_ALTERNATE,
    OPCODE_WACK,
    RCODE_ACT_ERR,
    RCODE_NAM_ERR,
    TYPE_NULL,
    Packet,
    Question,
)

FRED = NetbiosName("FRED", 0x20)
NAME = b"\x20EGFCEFEECACACACACACACACACACACACA\x00"
POINTER = b"\xc0\x0c"
NB_IN = b"\x00\x20\x00\x01"
HERE = ns.AddressEntry(ns.ONT_M | ns.NB_FLAGS_G, IPv4Address("10.1.2.3"))
ENTRY = b"\xc0\x00\x0a\x01\x02\x03"
TTL = b"\x00\x04\x93\xe0"  # 300,000 s
QUESTION = b"\x00\x01\x00\x00\x00\x00\x00\x00" + NAME + NB_IN
UPDATE = b"\x00\x01\x00\x00\x00\x00\x00\x01" + NAME + NB_IN + POINTER + NB_IN
ANSWER = b"\x00\x00\x00\x01\x00\x00\x00\x00" + NAME + NB_IN
SIX = b"\x00\x06"
NO_TTL = bytes(4)


FIGURES = [
    pytest.param(
        ns.registration_request(1, FRED, HERE, 300_000),
        b"\x29\x00",
        UPDATE + TTL + SIX + ENTRY,
        "NAME REGISTRATION REQUEST",
        id="4.2.2",
    ),
    pytest.param(
        ns.registration_request(1, FRED, HERE, 300_000, broadcast=True),
        b"\x29\x10",
        UPDATE + TTL + SIX + ENTRY,
        "NAME REGISTRATION REQUEST",
        id="4.2.2 broadcast",
    ),
    pytest.param(
        ns.registration_request(1, FRED, HERE, 300_000, multihomed=True),
        b"\x79\x00",
        UPDATE + TTL + SIX + ENTRY,
        "MULTI-HOMED NAME REGISTRATION REQUEST",
        id="multi-homed",
    ),
    pytest.param(
        ns.overwrite_request(1, FRED, HERE, 300_000, broadcast=True),
        b"\x28\x10",
        UPDATE + TTL + SIX + ENTRY,
        "NAME OVERWRITE REQUEST",
        id="4.2.3",
    ),
    pytest.param(
        ns.refresh_request(1, FRED, HERE, 300_000),
        b"\x40\x00",
        UPDATE + TTL + SIX + ENTRY,
        "NAME REFRESH REQUEST",
        id="4.2.4",
    ),
    pytest.param(
        ns.positive_registration_response(1, FRED, HERE, 300_000),
        b"\xad\x80",
        ANSWER + TTL + SIX + ENTRY,
        "POSITIVE NAME REGISTRATION RESPONSE",
        id="4.2.5",
    ),
    pytest.param(
        ns.negative_registration_response(1, FRED, HERE, RCODE_ACT_ERR),
        b"\xad\x86",
        ANSWER + NO_TTL + SIX + ENTRY,
        "NEGATIVE NAME REGISTRATION RESPONSE",
        id="4.2.6",
    ),
    pytest.param(
        ns.end_node_challenge_response(1, FRED, HERE, 300_000),
        b"\xad\x00",
        ANSWER + TTL + SIX + ENTRY,
        "POSITIVE NAME REGISTRATION RESPONSE",
        id="4.2.7",
    ),
    pytest.param(
        ns.conflict_demand(1, FRED, ns.ONT_M | ns.NB_FLAGS_G),
        b"\xad\x87",
        ANSWER + NO_TTL + SIX + b"\x40\x00\x00\x00\x00\x00",
        "NAME CONFLICT DEMAND",
        id="4.2.8",
    ),
    pytest.param(
        ns.release_request(1, FRED, HERE),
        b"\x30\x00",
        UPDATE + NO_TTL + SIX + ENTRY,
        "NAME RELEASE REQUEST",
        id="4.2.9",
    ),
    pytest.param(
        ns.release_request(1, FRED, HERE, broadcast=True),
        b"\x30\x10",
        UPDATE + NO_TTL + SIX + ENTRY,
        "NAME RELEASE REQUEST",
        id="4.2.9 demand",
    ),
    pytest.param(
        ns.positive_release_response(1, FRED, HERE),
        b"\xb4\x00",
        ANSWER + NO_TTL + SIX + ENTRY,
        "POSITIVE NAME RELEASE RESPONSE",
        id="4.2.10",
    ),
    pytest.param(
        ns.negative_release_response(1, FRED, HERE, RCODE_ACT_ERR),
        b"\xb4\x06",
        ANSWER + NO_TTL + SIX + ENTRY,
        "NEGATIVE NAME RELEASE RESPONSE",
        id="4.2.11",
    ),
    pytest.param(
        ns.name_query_request(1, FRED), b"\x01\x00", QUESTION, "NAME QUERY REQUEST", id="4.2.12"
    ),
    pytest.param(
        ns.name_query_request(1, FRED, broadcast=True, recursion=False),
        b"\x00\x10",
        QUESTION,
        "NAME QUERY REQUEST",
        id="4.2.12 broadcast",
    ),
    pytest.param(
        ns.positive_name_query_response(1, FRED, [HERE, HERE], 300_000),
        b"\x85\x80",
        ANSWER + TTL + b"\x00\x0c" + ENTRY + ENTRY,
        "POSITIVE NAME QUERY RESPONSE",
        id="4.2.13",
    ),
    pytest.param(
        ns.positive_name_query_response(
            1, FRED, [HERE], recursion=False, recursion_available=False
        ),
        b"\x84\x00",
        ANSWER + NO_TTL + SIX + ENTRY,
        "POSITIVE NAME QUERY RESPONSE",
        id="4.2.13 without recursion",
    ),
    pytest.param(
        ns.negative_name_query_response(1, FRED),
        b"\x85\x83",
        b"\x00\x00\x00\x01\x00\x00\x00\x00" + NAME + b"\x00\x0a\x00\x01" + NO_TTL + b"\0\0",
        "NEGATIVE NAME QUERY RESPONSE",
        id="4.2.14",
    ),
    pytest.param(
        ns.redirect(1, FRED, NetbiosName("NBNS"), IPv4Address("10.9.8.7"), 300_000),
        b"\x81\x00",
        b"\x00\x00\x00\x00\x00\x01\x00\x01"
        + NAME
        + b"\x00\x02\x00\x01"
        + TTL
        + b"\x00\x22"
        + encode_name(NetbiosName("NBNS"))
        + encode_name(NetbiosName("NBNS"))
        + b"\x00\x01\x00\x01"
        + TTL
        + b"\x00\x04\x0a\x09\x08\x07",
        "REDIRECT NAME QUERY RESPONSE",
        id="4.2.15",
    ),
    pytest.param(
        ns.wack(ns.registration_request(1, FRED, HERE), FRED, 300_000),
        b"\xbc\x00",
        ANSWER + TTL + b"\x00\x02\x29\x00",
        "WACK RESPONSE",
        id="4.2.16",
    ),
]


@pytest.mark.parametrize(("packet", "word", "rest", "kind"), FIGURES)
def test_figures(packet: Packet, word: bytes, rest: bytes, kind: str) -> None:
    encoded = packet.encode()
    assert encoded == b"\x00\x01" + word + rest
    assert Packet.decode(encoded) == packet
    assert ns.packet_kind(packet) == kind
    for size in range(len(encoded)):
        with pytest.raises(Malformed):
            Packet.decode(encoded[:size])


def test_updates_and_answers_carry_addresses() -> None:
    assert ns.addresses_of(ns.registration_request(1, FRED, HERE)) == [HERE]
    assert ns.addresses_of(ns.positive_name_query_response(1, FRED, [HERE, HERE])) == [HERE] * 2
    assert ns.addresses_of(ns.name_query_request(1, FRED)) == []
    assert ns.addresses_of(ns.negative_name_query_response(1, FRED)) == []
    assert HERE.is_group


def test_a_wack_carries_no_address_but_its_request() -> None:
    request = ns.registration_request(1, FRED, HERE)
    wack = ns.wack(request, NULL_NAME, 15)
    assert ns.addresses_of(wack) == []
    assert ns.wack_request(wack) == (request.opcode, NM_FLAGS_RD, 15)
    assert ns.wack_request(request) is None
    cut = wack.answers[0]._replace(rdata=b"\x29", rr_type=TYPE_NULL)
    assert ns.wack_request(wack._replace(answers=(cut,))) is None


def test_a_redirect_leads_to_an_address() -> None:
    nbns = IPv4Address("10.9.8.7")
    packet = ns.redirect(1, FRED, NetbiosName("NBNS"), nbns)
    assert ns.redirect_address(packet) == nbns
    assert ns.redirect_address(packet._replace(authorities=())) is None
    assert ns.redirect_address(ns.negative_name_query_response(1, FRED)) is None


def test_both_refresh_opcodes_and_both_registrations_are_known() -> None:
    refresh = ns.refresh_request(1, FRED, HERE)
    assert ns.is_refresh(refresh)
    assert ns.is_refresh(refresh._replace(opcode=OPCODE_REFRESH_ALTERNATE))
    assert ns.is_registration(ns.registration_request(1, FRED, HERE))
    assert ns.is_registration(ns.registration_request(1, FRED, HERE, multihomed=True))
    assert not ns.is_registration(refresh)
    assert not ns.is_refresh(ns.name_query_request(1, FRED))


@given(st.integers(0, 300), st.sampled_from(["", "abc", "NETBIOS.COM"]))
@example(count=86, scope="abc")
@example(count=87, scope="abc")
def test_addresses_that_do_not_fit_are_cut(count: int, scope: str) -> None:
    entries = [ns.AddressEntry(0, IPv4Address(i)) for i in range(count)]
    packet = ns.positive_name_query_response(1, NetbiosName("GROUP", 0x1C, scope), entries)
    sent = ns.addresses_of(packet)
    size = len(packet.encode())
    assert sent == entries[: len(sent)]
    assert size <= MAX_DATAGRAM
    truncated = bool(packet.nm_flags & NM_FLAGS_TC)
    assert truncated == (len(sent) < count)
    assert not truncated or size + 6 > MAX_DATAGRAM


@given(st.binary(max_size=40))
def test_addresses_are_entries_of_six_bytes(rdata: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert ns.encode_addresses(ns.decode_addresses(rdata)) == rdata
        assert len(rdata) % 6 == 0
        return
    assert len(rdata) % 6


@given(st.integers(0, 15), st.integers(0, 15), st.booleans(), st.integers(0, 127))
def test_every_packet_has_a_kind(opcode: int, rcode: int, response: bool, flags: int) -> None:
    packet = Packet(1, response, opcode, flags, rcode, questions=(Question(FRED),))
    assert len(ns.packet_kind(packet).split()) > 1


def test_kinds_of_what_the_rfc_does_not_know() -> None:
    assert ns.packet_kind(Packet(1, opcode=3)) == "REQUEST (OPCODE 0x3)"
    assert ns.packet_kind(Packet(1, True, 3)) == "POSITIVE RESPONSE (OPCODE 0x3)"
    assert ns.packet_kind(ns.node_status_request(1)) == "NODE STATUS REQUEST"
    status = ns.node_status_response(1, FRED, ns.NodeStatus(()))
    assert ns.packet_kind(status) == "NODE STATUS RESPONSE"
    negative = Packet(1, True, OPCODE_QUERY, rcode=RCODE_NAM_ERR)
    assert ns.packet_kind(negative) == "NEGATIVE NAME QUERY RESPONSE"
    assert ns.packet_kind(Packet(1, opcode=OPCODE_WACK)) == "WACK REQUEST"
