"""The name server's decisions, with a fake clock and no network."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.nbt import wins_challenge
from nethood.nbt.name import NULL_NAME, NetbiosName
from nethood.nbt.name_service import (
    NB_FLAGS_G,
    ONT_H,
    AddressEntry,
    addresses_of,
    name_query_request,
    negative_name_query_response,
    node_status_request,
    positive_name_query_response,
    refresh_request,
    registration_request,
    release_request,
)
from nethood.nbt.packet import (
    NM_FLAGS_AA,
    NM_FLAGS_RA,
    NM_FLAGS_RD,
    OPCODE_REFRESH_ALTERNATE,
    OPCODE_REGISTRATION,
    OPCODE_WACK,
    RCODE_ACT_ERR,
    RCODE_OK,
    RCODE_RFS_ERR,
    RCODE_SRV_ERR,
    Packet,
)
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import (
    LIMITED_BROADCAST,
    Decision,
    WinsOptions,
    decide,
)
from nethood.nbt.wins_records import (
    Intervals,
    Member,
    Record,
    RecordKind,
    RecordState,
    static_record,
)
from tests.nbt.wins_bench import BOX, INTERVALS, LAN, A, B, Bench, C


@pytest.fixture
def bench() -> Bench:
    return Bench()


# Registration and query.


def test_a_registered_name_is_found(bench: Bench) -> None:
    answer = bench.register(BOX, A)
    assert answer.is_response
    assert answer.opcode == OPCODE_REGISTRATION
    assert answer.rcode == RCODE_OK
    assert answer.nm_flags == NM_FLAGS_AA | NM_FLAGS_RD | NM_FLAGS_RA
    assert answer.answers[0].ttl_s == 600
    assert bench.query(BOX) == [A]


def test_the_answer_tells_the_node_type_and_what_is_left_of_the_time(bench: Bench) -> None:
    bench.ask(registration_request(1, BOX, AddressEntry(ONT_H, A)))
    bench.now_s += 100
    answer = bench.ask(name_query_request(2, BOX))
    assert addresses_of(answer) == [AddressEntry(ONT_H, A)]
    assert answer.answers[0].ttl_s == 500
    assert answer.nm_flags == NM_FLAGS_AA | NM_FLAGS_RD | NM_FLAGS_RA


def test_an_unknown_name_is_denied(bench: Bench) -> None:
    assert bench.query(BOX) == []


@pytest.mark.parametrize(
    "other", [replace(BOX, suffix=0), replace(BOX, scope="LAB"), replace(BOX, name="box")]
)
def test_suffix_scope_and_case_are_part_of_the_name(bench: Bench, other: NetbiosName) -> None:
    bench.register(BOX, A)
    assert bench.query(other) == []


def test_a_group_resolves_to_the_limited_broadcast(bench: Bench) -> None:
    group = NetbiosName("WORKGROUP", 0x00)
    bench.register(group, A, group=True)
    bench.register(group, B, group=True)
    answer = bench.ask(name_query_request(1, group))
    assert addresses_of(answer) == [AddressEntry(NB_FLAGS_G, LIMITED_BROADCAST)]
    assert bench.record(group).members == ()


def test_domain_controllers_resolve_to_their_addresses(bench: Bench) -> None:
    group = NetbiosName("CORP", 0x1C)
    for address in (A, B):
        bench.register(group, address, group=True)
    assert bench.query(group) == [A, B]


def test_the_domain_master_comes_first_among_the_controllers(bench: Bench) -> None:
    group = NetbiosName("CORP", 0x1C)
    for address in (A, B):
        bench.register(group, address, group=True)
    bench.register(NetbiosName("CORP", 0x1B), B)
    assert bench.query(group) == [B, A]


def test_a_special_group_has_25_addresses_and_fits_a_datagram(bench: Bench) -> None:
    group = NetbiosName("CORP", 0x1C)
    members = [LAN[n] for n in range(10, 40)]
    for address in members:
        bench.register(group, address, group=True)
    assert bench.query(group) == members[-25:]
    assert len(bench.ask(name_query_request(1, group)).encode()) <= 576


def test_user_defined_special_groups() -> None:
    group = NetbiosName("PRINTERS", 0x20)
    bench = Bench(WinsOptions(INTERVALS, frozenset({group})))
    bench.register(group, A, group=True)
    assert bench.query(group) == [A]


def test_master_browsers_may_all_claim_their_name_and_none_is_told(bench: Bench) -> None:
    master = NetbiosName("WORKGROUP", 0x1D)
    for address in (A, B):
        assert bench.register(master, address).rcode == RCODE_OK
    assert bench.query(master) == []
    assert not bench.server.records


@pytest.mark.parametrize("name", [NetbiosName("*"), NetbiosName("*SMBSERVER", 0x20), NULL_NAME])
def test_names_that_are_nobodys_are_refused(bench: Bench, name: NetbiosName) -> None:
    assert bench.register(name, A).rcode == RCODE_RFS_ERR


@pytest.mark.parametrize(
    "address", ["192.0.2.1", "127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"]
)
def test_addresses_no_neighbour_has_are_refused(address: str) -> None:
    bench = Bench(limit=SourceLimit([LAN, IPv4Network("127.0.0.0/8")], rate_per_s=0))
    entry = AddressEntry(0, IPv4Address(address))
    assert bench.ask(registration_request(1, BOX, entry)).rcode == RCODE_RFS_ERR
    assert not bench.server.records


def test_the_number_of_records_is_bounded() -> None:
    bench = Bench(WinsOptions(INTERVALS, max_records=1))
    bench.register(BOX, A)
    assert bench.register(NetbiosName("NEXT"), B).rcode == RCODE_SRV_ERR
    assert bench.register(BOX, A).rcode == RCODE_OK


# The table of decisions.

HELD = {
    RecordKind.UNIQUE: Record(BOX, RecordKind.UNIQUE, (Member(A, 9e9),)),
    RecordKind.MULTIHOMED: Record(BOX, RecordKind.MULTIHOMED, (Member(A, 9e9), Member(C, 9e9))),
    RecordKind.GROUP: Record(BOX, RecordKind.GROUP, due_s=9e9),
    RecordKind.SPECIAL_GROUP: Record(BOX, RecordKind.SPECIAL_GROUP, (Member(A, 9e9),)),
}


def expected(held: RecordKind, wanted: RecordKind, *, mine: bool, static: bool) -> Decision:
    if held.is_group:
        return Decision.JOIN if wanted.is_group else Decision.REFUSE
    if mine and not wanted.is_group:
        return Decision.JOIN
    return Decision.REFUSE if static else Decision.CHALLENGE


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("mine", [False, True])
@pytest.mark.parametrize("wanted", RecordKind)
@pytest.mark.parametrize("held", RecordKind)
def test_an_active_record_decides(
    held: RecordKind, wanted: RecordKind, mine: bool, static: bool
) -> None:
    record = replace(HELD[held], is_static=static)
    decision = decide(record, wanted, A if mine else B)
    assert decision is expected(held, wanted, mine=mine, static=static)


@pytest.mark.parametrize("state", [None, RecordState.RELEASED, RecordState.TOMBSTONE])
@pytest.mark.parametrize("wanted", RecordKind)
@pytest.mark.parametrize("held", RecordKind)
def test_a_record_that_ended_stands_in_nobodys_way(
    held: RecordKind, wanted: RecordKind, state: RecordState | None
) -> None:
    record = replace(HELD[held], state=state) if state else None
    assert decide(record, wanted, B) is Decision.NEW


def test_a_unique_name_does_not_take_a_groups(bench: Bench) -> None:
    bench.register(BOX, A, group=True)
    assert bench.register(BOX, B).rcode == RCODE_ACT_ERR
    assert bench.record().kind is RecordKind.GROUP


# Refresh.


@pytest.mark.parametrize("alternate", [False, True])
def test_a_refresh_prolongs_the_record(bench: Bench, alternate: bool) -> None:
    bench.register(BOX, A)
    bench.now_s += 500
    request = refresh_request(5, BOX, AddressEntry(0, A))
    if alternate:
        request = request._replace(opcode=OPCODE_REFRESH_ALTERNATE)
    answer = bench.ask(request)
    assert (answer.rcode, answer.opcode) == (RCODE_OK, OPCODE_REGISTRATION)
    bench.now_s += 500
    bench.server.scavenge(bench.now_s)
    assert bench.query(BOX) == [A]


def test_a_refresh_of_an_unknown_name_registers_it(bench: Bench) -> None:
    assert bench.ask(refresh_request(5, BOX, AddressEntry(0, A))).rcode == RCODE_OK
    assert bench.query(BOX) == [A]


def test_a_refresh_from_another_address_is_a_contest(bench: Bench) -> None:
    bench.register(BOX, A)
    waiting, _ = bench.sends(refresh_request(5, BOX, AddressEntry(0, B)), B)
    assert waiting.packet.opcode == OPCODE_WACK


# Release, age.


def test_a_released_name_is_denied_and_free_for_others(bench: Bench) -> None:
    bench.register(BOX, A)
    assert bench.ask(release_request(1, BOX, AddressEntry(0, A))).rcode == RCODE_OK
    assert bench.record().state is RecordState.RELEASED
    assert bench.query(BOX) == []
    assert bench.register(BOX, B).rcode == RCODE_OK
    assert bench.query(BOX) == [B]


def test_releasing_what_is_not_there_succeeds(bench: Bench) -> None:
    assert bench.ask(release_request(1, BOX, AddressEntry(0, A))).rcode == RCODE_OK


def test_nobody_releases_anothers_name(bench: Bench) -> None:
    bench.register(BOX, A)
    assert bench.ask(release_request(1, BOX, AddressEntry(0, A)), B).rcode == RCODE_RFS_ERR
    assert bench.ask(release_request(1, BOX, AddressEntry(0, B)), B).rcode == RCODE_ACT_ERR
    assert bench.query(BOX) == [A]


def test_a_member_that_leaves_does_not_end_a_group(bench: Bench) -> None:
    group = NetbiosName("WORKGROUP", 0x00)
    bench.register(group, A, group=True)
    leave = release_request(1, group, AddressEntry(NB_FLAGS_G, A))
    assert bench.ask(leave).rcode == RCODE_OK
    assert bench.query(group) == [LIMITED_BROADCAST]


def test_static_records_are_not_released(bench: Bench) -> None:
    bench.server.put(static_record(BOX, RecordKind.UNIQUE, (A,)))
    assert bench.ask(release_request(1, BOX, AddressEntry(0, A))).rcode == RCODE_RFS_ERR
    assert bench.query(BOX) == [A]


def test_a_machine_may_leave_a_static_group_it_joined(bench: Bench) -> None:
    group = NetbiosName("CORP", 0x1C)
    bench.server.put(static_record(group, RecordKind.SPECIAL_GROUP, (A,)))
    bench.register(group, B, group=True)
    assert bench.query(group) == [A, B]
    assert bench.ask(release_request(1, group, AddressEntry(NB_FLAGS_G, B)), B).rcode == RCODE_OK
    assert bench.query(group) == [A]


def test_a_record_nobody_refreshes_is_released_buried_and_deleted(bench: Bench) -> None:
    bench.register(BOX, A)
    seen = []
    for seconds in (599.0, 1.0, 300.0, 200.0):
        bench.now_s += seconds
        bench.server.scavenge(bench.now_s)
        record = bench.server.records.get(BOX)
        seen.append(record and record.state)
    assert seen == [RecordState.ACTIVE, RecordState.RELEASED, RecordState.TOMBSTONE, None]


def test_changes_are_told_once(bench: Bench) -> None:
    bench.register(BOX, A)
    assert bench.server.take_changes() == [(BOX, bench.record())]
    bench.query(BOX)
    assert bench.server.take_changes() == []
    assert bench.server.delete(BOX)
    assert not bench.server.delete(BOX)
    assert bench.server.take_changes() == [(BOX, None)]


def test_loaded_records_are_no_changes(bench: Bench) -> None:
    bench.server.load([static_record(BOX, RecordKind.UNIQUE, (A,))])
    assert bench.server.take_changes() == []
    assert bench.query(BOX) == [A]


# Who is answered.


def test_what_is_not_the_servers_affair_is_left_to_others(bench: Bench) -> None:
    bench.register(BOX, A)
    for packet in (
        name_query_request(1, BOX, broadcast=True),
        name_query_request(1, BOX, recursion=False),
        node_status_request(1, BOX),
        registration_request(1, BOX, AddressEntry(0, B), broadcast=True),
        Packet(1),
        name_query_request(1, BOX)._replace(opcode=0x4),
    ):
        assert bench.server.receive(packet.encode(), (str(A), 137), bench.now_s) is None


def test_strangers_get_no_answer(bench: Bench) -> None:
    bench.register(BOX, A)
    assert bench.sends(name_query_request(1, BOX), IPv4Address("192.0.2.9")) == []
    assert bench.server.counts.ignored == 1


def test_each_source_has_its_rate() -> None:
    bench = Bench(limit=SourceLimit([LAN], rate_per_s=1, burst=2))
    answers = [len(bench.sends(name_query_request(1, BOX), A)) for _ in range(3)]
    assert answers == [1, 1, 0]
    bench.now_s += 1
    assert len(bench.sends(name_query_request(1, BOX), A)) == 1


def test_answers_go_to_the_port_that_asked(bench: Bench) -> None:
    (answer,) = bench.sends(name_query_request(1, BOX), A, port=40000)
    assert answer.destination == (str(A), 40000)


def test_a_registration_without_an_address_is_malformed(bench: Bench) -> None:
    request = registration_request(1, BOX, AddressEntry(0, A))._replace(additionals=())
    with pytest.raises(Malformed):
        bench.server.receive(request.encode(), (str(A), 137), bench.now_s)


PACKETS = (
    registration_request(1, BOX, AddressEntry(0, A)),
    registration_request(1, BOX, AddressEntry(0, B), multihomed=True),
    registration_request(1, BOX, AddressEntry(NB_FLAGS_G, B)),
    refresh_request(2, BOX, AddressEntry(0, B)),
    release_request(3, BOX, AddressEntry(0, A)),
    name_query_request(4, BOX),
    negative_name_query_response(0x4000, BOX),
    positive_name_query_response(0x4000, BOX, [AddressEntry(0, A), AddressEntry(0, B)]),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(PACKETS), st.sampled_from((A, B, C)), st.floats(0, 400)),
    max_size=30,
)


@given(STEPS)
def test_whatever_comes_the_record_stays_sound(
    steps: list[tuple[Packet, IPv4Address, float]],
) -> None:
    bench = Bench()
    for packet, source, pause_s in steps:
        bench.tick(pause_s)
        bench.server.scavenge(bench.now_s)
        bench.server.receive(packet.encode(), (str(source), 137), bench.now_s)
        record = bench.server.records.get(BOX)
        if record and record.is_active and record.kind is not RecordKind.GROUP:
            assert record.members
        if record and record.kind is RecordKind.UNIQUE:
            assert len(record.members) == 1
    for _ in range(wins_challenge.TRIES):
        bench.tick(wins_challenge.RETRY_S)
    assert bench.server.next_due_s() is None


@given(st.binary(max_size=80), st.integers(0, len(PACKETS) - 1), st.integers(0, 60))
def test_any_bytes_are_answered_ignored_or_malformed(noise: bytes, which: int, at: int) -> None:
    bench = Bench()
    data = PACKETS[which].encode()
    data = data[:at] + noise + data[at + 1 :]
    with suppress(Malformed):
        for answer in bench.server.receive(data, (str(A), 137), 0.0) or ():
            Packet.decode(answer.packet.encode())


def test_a_name_for_ever_has_a_long_ttl_and_none_has_zero() -> None:
    bench = Bench(WinsOptions(Intervals(renewal_s=1e12)))
    bench.register(BOX, A)
    assert bench.ask(name_query_request(1, BOX)).answers[0].ttl_s == 0xFFFFFFFF
    bench = Bench(WinsOptions(Intervals(renewal_s=0.5)))
    assert bench.register(BOX, A).answers[0].ttl_s == 1
