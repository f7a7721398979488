"""Name servers in one process, replicating by hand, with a fake clock."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from itertools import count

import pytest

from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    NB_FLAGS_G,
    AddressEntry,
    negative_name_query_response,
    positive_name_query_response,
    refresh_request,
    registration_request,
    release_request,
)
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import NameServer, Outgoing, WinsOptions
from nethood.nbt.wins_records import (
    Intervals,
    Member,
    Record,
    RecordKind,
    RecordState,
    static_record,
)
from nethood.nbt.wins_replica import Outcome, Replication, resolve
from nethood.nbt.winsra import RecordsRequest

LAN = [IPv4Network("10.0.0.0/24")]
EAST, WEST, THIRD = (IPv4Address(f"10.0.0.{n}") for n in (101, 102, 103))
A, B, C = (IPv4Address(f"10.0.0.{n}") for n in (1, 2, 3))
BOX, CORP = NetbiosName("BOX", 0x20), NetbiosName("CORP", 0x1C)
INTERVALS = Intervals(600, 300, 200, 1000)


class Site:
    """A name server and the hosts that register with it."""

    def __init__(self, own: IPv4Address, start_s: float = 1000) -> None:
        trn_ids = count(1)
        limit = SourceLimit(LAN, rate_per_s=0)
        self.server = NameServer(limit, lambda: next(trn_ids), WinsOptions(INTERVALS))
        self.server.load([], start_s)
        self.replication = Replication(self.server, own)
        self.now_s = start_s

    def register(self, name: NetbiosName, address: IPv4Address) -> None:
        flags = NB_FLAGS_G if name is CORP else 0
        request = registration_request(1, name, AddressEntry(flags, address))
        self.server.receive(request.encode(), (str(address), 137), self.now_s)

    def release(self, name: NetbiosName, address: IPv4Address) -> None:
        flags = NB_FLAGS_G if name is CORP else 0
        request = release_request(1, name, AddressEntry(flags, address))
        self.server.receive(request.encode(), (str(address), 137), self.now_s)

    def pull(self, other: Site) -> tuple[int, list[Outgoing]]:
        """Pull as the daemon does; return how many records came, and challenges."""
        versions = other.replication.owner_versions()
        number, outgoing = 0, []
        for request, is_all in self.replication.requests(versions, self.now_s):
            own = other.replication.own
            records = [told(r, own, request) for r in other.replication.records_for(request)]
            number += len(records)
            outgoing += self.replication.take(request, records, is_all, self.now_s)
        return number, outgoing

    def addresses(self, name: NetbiosName) -> set[IPv4Address]:
        record = self.server.records.get(name)
        return set(record.addresses) if record and record.is_active else set()


def told(record: Record, own: IPv4Address, request: RecordsRequest) -> Record:
    """Return a record as it arrives: owners instead of nobody, no times."""
    members = tuple(Member(m.address, None, m.owner or record.owner or own) for m in record.members)
    return replace(record, members=members, owner=request.owner, due_s=None)


@pytest.fixture
def east() -> Site:
    return Site(EAST)


@pytest.fixture
def west() -> Site:
    return Site(WEST)


def test_a_name_registered_at_one_is_known_at_the_other(east: Site, west: Site) -> None:
    east.register(BOX, A)
    assert west.pull(east)[0] == 1
    assert west.addresses(BOX) == {A}
    assert west.server.records[BOX].owner == EAST
    assert west.server.take_changes()


def test_what_is_known_is_not_asked_for_again(east: Site, west: Site) -> None:
    east.register(BOX, A)
    west.pull(east)
    assert west.pull(east)[0] == 0
    assert east.pull(west)[0] == 0


def test_a_refresh_is_no_news(east: Site, west: Site) -> None:
    east.register(BOX, A)
    west.pull(east)
    east.now_s += 100
    east.register(BOX, A)
    assert west.pull(east)[0] == 0


def test_a_third_server_learns_from_the_second(east: Site, west: Site) -> None:
    third = Site(THIRD)
    east.register(BOX, A)
    west.pull(east)
    third.pull(west)
    assert third.server.records[BOX].owner == EAST


def test_a_released_name_stays_until_its_tombstone_comes(east: Site, west: Site) -> None:
    east.register(BOX, A)
    west.pull(east)
    east.release(BOX, A)
    assert west.pull(east)[0] == 0
    east.now_s += 300
    east.server.scavenge(east.now_s)
    assert west.pull(east)[0] == 1
    assert west.server.records[BOX].state is RecordState.TOMBSTONE
    west.now_s += 200
    west.server.scavenge(west.now_s)
    assert BOX not in west.server.records


def test_a_replica_does_not_age_into_released(east: Site, west: Site) -> None:
    east.register(BOX, A)
    west.pull(east)
    west.server.scavenge(west.now_s + 1e6)
    assert west.addresses(BOX) == {A}


def test_a_stale_replica_is_verified_and_goes_if_its_owner_lost_it(east: Site, west: Site) -> None:
    other = NetbiosName("OTHER")
    east.register(BOX, A)
    east.register(other, B)
    west.pull(east)
    east.server.delete(BOX)
    west.now_s += 999
    assert west.pull(east)[0] == 0
    west.now_s += 1
    assert west.pull(east)[0] == 1
    assert west.addresses(BOX) == set()
    assert west.addresses(other) == {B}
    assert west.pull(east)[0] == 0


def test_versions_grow_over_a_restart_even_if_the_latest_is_deleted(east: Site) -> None:
    east.register(BOX, A)
    latest = east.server.version
    again = Site(EAST, east.now_s + 1)
    again.register(BOX, A)
    assert again.server.records[BOX].version > latest


def test_a_machine_that_moves_to_the_other_server_is_its(east: Site, west: Site) -> None:
    east.register(BOX, A)
    west.pull(east)
    request = refresh_request(1, BOX, AddressEntry(0, A))
    west.server.receive(request.encode(), (str(A), 137), west.now_s)
    assert west.server.records[BOX].owner is None
    assert east.pull(west)[1] == []
    assert east.server.records[BOX].owner == WEST


def test_special_groups_are_joined_and_settle(east: Site, west: Site) -> None:
    east.register(CORP, A)
    west.register(CORP, B)
    for _ in range(3):
        west.pull(east)
        east.pull(west)
    assert east.addresses(CORP) == west.addresses(CORP) == {A, B}
    assert (west.pull(east)[0], east.pull(west)[0]) == (0, 0)


def test_a_member_that_leaves_leaves_everywhere(east: Site, west: Site) -> None:
    east.register(CORP, A)
    west.register(CORP, B)
    for _ in range(2):
        west.pull(east)
        east.pull(west)
    east.release(CORP, A)
    for _ in range(2):
        west.pull(east)
        east.pull(west)
    assert east.addresses(CORP) == west.addresses(CORP) == {B}


def contested(east: Site, west: Site) -> list[Outgoing]:
    east.register(BOX, A)
    west.register(BOX, B)
    _, questions = west.pull(east)
    assert [each.destination for each in questions] == [(str(B), 137)]
    return questions


def test_a_holder_that_answers_keeps_the_name_against_a_replica(east: Site, west: Site) -> None:
    (question,) = contested(east, west)
    before = west.server.version
    answer = positive_name_query_response(question.packet.name_trn_id, BOX, [AddressEntry(0, B)])
    assert west.server.receive(answer.encode(), (str(B), 137), west.now_s) == []
    assert west.addresses(BOX) == {B}
    assert west.server.version > before
    _, questions = east.pull(west)
    assert [each.destination for each in questions] == [(str(A), 137)]


@pytest.mark.parametrize("answers", [True, False])
def test_a_holder_that_is_gone_makes_way_for_the_replica(
    east: Site, west: Site, answers: bool
) -> None:
    (question,) = contested(east, west)
    if answers:
        denial = negative_name_query_response(question.packet.name_trn_id, BOX)
        west.server.receive(denial.encode(), (str(B), 137), west.now_s)
    else:
        for _ in range(3):
            west.now_s += 0.5
            west.server.tick(west.now_s)
    assert west.addresses(BOX) == {A}
    assert west.server.records[BOX].owner == EAST


def test_a_contest_that_cannot_be_held_now_is_asked_for_again(east: Site, west: Site) -> None:
    contested(east, west)
    third = Site(THIRD)
    third.register(BOX, C)
    assert west.pull(third) == (1, [])
    assert west.pull(third) == (1, [])


def test_names_of_nobody_and_too_many_are_not_taken(east: Site, west: Site) -> None:
    star = static_record(NetbiosName("*"), RecordKind.UNIQUE, (A,))
    east.server.put(star)
    west.pull(east)
    assert not west.server.records
    full = Site(WEST)
    full.server.options = WinsOptions(INTERVALS, max_records=0)
    full.pull(east)
    assert not full.server.records


UNIQUE = Record(BOX, RecordKind.UNIQUE, (Member(A),))
GROUP = Record(BOX, RecordKind.GROUP)
SPECIAL = Record(BOX, RecordKind.SPECIAL_GROUP, (Member(A),))
TWO = Record(BOX, RecordKind.MULTIHOMED, (Member(A), Member(B)))
OTHER = Record(BOX, RecordKind.UNIQUE, (Member(B),))


def dead(record: Record) -> Record:
    return replace(record, state=RecordState.TOMBSTONE)


def of(record: Record, owner: IPv4Address) -> Record:
    return replace(record, owner=owner)


def static(record: Record) -> Record:
    return replace(record, is_static=True)


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        (None, UNIQUE, Outcome.REPLACE),
        (None, dead(UNIQUE), Outcome.REPLACE),
        (of(UNIQUE, EAST), dead(OTHER), Outcome.REPLACE),
        (of(static(UNIQUE), EAST), OTHER, Outcome.REPLACE),
        (static(UNIQUE), UNIQUE, Outcome.KEEP),
        (static(UNIQUE), static(OTHER), Outcome.REPLACE),
        (SPECIAL, SPECIAL, Outcome.MERGE),
        (SPECIAL, dead(SPECIAL), Outcome.MERGE),
        (of(SPECIAL, WEST), SPECIAL, Outcome.MERGE),
        (dead(SPECIAL), SPECIAL, Outcome.REPLACE),
        (UNIQUE, dead(OTHER), Outcome.KEEP),
        (dead(UNIQUE), dead(OTHER), Outcome.KEEP),
        (of(dead(UNIQUE), WEST), dead(OTHER), Outcome.REPLACE),
        (of(UNIQUE, WEST), dead(OTHER), Outcome.KEEP),
        (dead(UNIQUE), OTHER, Outcome.REPLACE),
        (GROUP, GROUP, Outcome.KEEP),
        (of(GROUP, WEST), GROUP, Outcome.REPLACE),
        (of(GROUP, WEST), UNIQUE, Outcome.KEEP),
        (GROUP, UNIQUE, Outcome.KEEP),
        (SPECIAL, UNIQUE, Outcome.KEEP),
        (UNIQUE, UNIQUE, Outcome.REPLACE),
        (UNIQUE, TWO, Outcome.REPLACE),
        (TWO, UNIQUE, Outcome.CHALLENGE),
        (UNIQUE, OTHER, Outcome.CHALLENGE),
        (UNIQUE, GROUP, Outcome.CHALLENGE),
        (of(UNIQUE, WEST), OTHER, Outcome.REPLACE),
        (of(UNIQUE, WEST), GROUP, Outcome.REPLACE),
    ],
)
def test_two_records_of_one_name(ours: Record | None, theirs: Record, outcome: Outcome) -> None:
    assert resolve(ours, of(theirs, EAST)) is outcome
