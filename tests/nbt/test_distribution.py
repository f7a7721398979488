"""Datagram distribution: every state with every input, and who is relayed to."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.nbt import distribution
from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    BROADCAST_NAME,
    DATAGRAM_NEGATIVE_QUERY_RESPONSE,
    DATAGRAM_POSITIVE_QUERY_RESPONSE,
    DATAGRAM_QUERY_REQUEST,
    DIRECT_GROUP_DATAGRAM,
    DIRECT_UNIQUE_DATAGRAM,
    Datagram,
    DatagramError,
    DatagramHeader,
    DatagramQuery,
    decode_datagram,
)
from nethood.nbt.distribution import (
    COPIES_PER_S,
    MAX_COPIES,
    RELAY_TABLE,
    Action,
    Ask,
    Distributor,
    Input,
    Relay,
    RelayBook,
    Verdict,
    members_of,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins_records import Member, Record, RecordKind, RecordState

SQUAD = NetbiosName("SQUAD", 0x1C)
SENDER = NetbiosName("CLIENT")
HERE, ASKER = IPv4Address("10.0.0.53"), IPv4Address("10.0.0.9")
SOURCE = (str(ASKER), 138)
NETWORK = IPv4Network("10.0.0.0/16")
NOW = 1000.0


# Who asks.


class Book:
    """A relay book with a clock."""

    def __init__(self) -> None:
        self.book = RelayBook(itertools.count(7).__next__)
        self.now = NOW
        self.dgm_id = 7

    def give(self, what: Input) -> list[Ask | Verdict]:
        """Make *what* happen, by the packet or the time that means it."""
        if what is Input.ASK:
            return self.book.ask(SQUAD, self.now)
        if what in (Input.POSITIVE, Input.NEGATIVE):
            return self.book.answered(self.response(what), self.now)
        if what is Input.STALE:
            self.now += 300
            return self.book.tick(self.now, only_stale=True)
        out: list[Ask | Verdict] = []
        for _ in range(3 if what is Input.SILENCE else 1):
            due = self.book.next_timeout()
            if due is not None:
                self.now = due
                out = self.book.tick(due)
        return out

    def response(self, what: Input, dgm_id: int | None = None) -> DatagramQuery:
        positive = what is Input.POSITIVE
        kind = DATAGRAM_POSITIVE_QUERY_RESPONSE if positive else DATAGRAM_NEGATIVE_QUERY_RESPONSE
        header = DatagramHeader(kind, self.dgm_id if dgm_id is None else dgm_id, HERE)
        return DatagramQuery(header, SQUAD)


WAYS = {
    Relay.UNKNOWN: [],
    Relay.ASKING: [Input.ASK],
    Relay.RELAYS: [Input.ASK, Input.POSITIVE],
    Relay.REFUSES: [Input.ASK, Input.NEGATIVE],
    Relay.SILENT: [Input.ASK, Input.SILENCE],
}


@pytest.mark.parametrize("state", Relay)
@pytest.mark.parametrize("what", Input)
def test_every_state_with_every_input(state: Relay, what: Input) -> None:
    book = Book()
    for step in WAYS[state]:
        book.give(step)
    assert book.book.state(SQUAD) is state
    out = book.give(what)
    if (state, what) == (Relay.ASKING, Input.STALE):
        # A question is never too old: it has run out of tries long before.
        assert (out, book.book.state(SQUAD)) == ([], Relay.ASKING)
        return
    action, after = RELAY_TABLE.get((state, what), (None, state))
    expected: list[Ask | Verdict] = []
    if action is Action.SEND:
        expected = [Ask(SQUAD, 7)]
    elif action is Action.TELL:
        expected = [Verdict(SQUAD, after is Relay.RELAYS)]
    assert (out, book.book.state(SQUAD)) == (expected, after)


def test_the_table_has_every_state_and_leaves_none_for_good() -> None:
    assert {state for state, _ in RELAY_TABLE} == set(Relay)
    assert {what for _, what in RELAY_TABLE} == set(Input)
    assert {after for _, after in RELAY_TABLE.values()} == set(Relay)


def test_a_question_is_sent_three_times_and_silence_is_believed_for_a_minute() -> None:
    book = Book()
    sent = book.give(Input.ASK)
    while (due := book.book.next_timeout()) is not None:
        book.now = due
        sent += book.book.tick(due)
    assert sent == [Ask(SQUAD, 7)] * 3 + [Verdict(SQUAD, relays=False)]
    assert book.now == NOW + 4.5
    assert book.book.ask(SQUAD, book.now + 59.9) == [Verdict(SQUAD, relays=False)]
    assert book.book.ask(SQUAD, book.now + 60) == [Ask(SQUAD, 8)]


@pytest.mark.parametrize("name", [SQUAD, NetbiosName("OTHER", 0x1C)])
def test_an_answer_to_another_question_means_nothing(name: NetbiosName) -> None:
    book = Book()
    book.give(Input.ASK)
    answer = book.response(Input.POSITIVE, 7 if name != SQUAD else 8)
    assert book.book.answered(answer._replace(destination_name=name), NOW) == []
    request = DatagramQuery(DatagramHeader(DATAGRAM_QUERY_REQUEST, 7, HERE), SQUAD)
    assert book.book.answered(request, NOW) == []
    assert book.book.state(SQUAD) is Relay.ASKING


def test_the_book_is_bounded_and_nobody_who_waits_is_forgotten() -> None:
    book = Book()
    names = [NetbiosName(f"N{number}") for number in range(256)]
    for name in names:
        book.book.ask(name, NOW)
    assert book.book.ask(SQUAD, NOW) == [Verdict(SQUAD, relays=False)]
    header = DatagramHeader(DATAGRAM_POSITIVE_QUERY_RESPONSE, 7, HERE)
    book.book.answered(DatagramQuery(header, names[0]), NOW)
    assert book.book.ask(SQUAD, NOW) == [Ask(SQUAD, 263)]
    assert book.book.state(names[0]) is Relay.UNKNOWN
    assert book.book.state(names[1]) is Relay.ASKING


# Who relays.


def record(
    name: NetbiosName = SQUAD, *hosts: str, kind: RecordKind = RecordKind.SPECIAL_GROUP
) -> Record:
    return Record(name, kind, tuple(Member(IPv4Address(host)) for host in hosts))


def table(*records: Record) -> dict[NetbiosName, Record]:
    return {each.name: each for each in records}


MEMBERS = ("10.0.0.7", "10.0.0.9", "10.0.1.8", "10.0.0.53", "192.0.2.9")


def server(*records: Record, burst: int = 50) -> Distributor:
    known = table(*(records or (record(SQUAD, *MEMBERS),)))
    limit = SourceLimit([NETWORK], 10.0, burst)
    return Distributor(lambda name: members_of(known, name), [HERE], limit)


def datagram(
    kind: int = DIRECT_GROUP_DATAGRAM,
    to: NetbiosName = SQUAD,
    source: IPv4Address = ASKER,
    data: bytes = b"data",
) -> Datagram:
    return Datagram(DatagramHeader(kind, 3, source), SENDER, to, data)


def relay(
    distributor: Distributor,
    data: bytes,
    source: tuple[str, int] = SOURCE,
    now: float = NOW,
) -> list[tuple[bytes, tuple[str, int]]]:
    return distributor.receive(data, decode_datagram(data), source, HERE, now)


def test_a_datagram_goes_as_it_came_to_the_other_members_of_the_own_networks() -> None:
    distributor = server()
    data = datagram().encode()
    assert relay(distributor, data) == [(data, ("10.0.0.7", 138)), (data, ("10.0.1.8", 138))]
    assert (distributor.relayed, distributor.refused) == (1, 0)


@pytest.mark.parametrize(
    "packet",
    [
        datagram(DIRECT_UNIQUE_DATAGRAM),
        datagram(source=IPv4Address("10.0.0.7")),  # relayed by somebody already, or forged
        datagram(to=NetbiosName("NOBODY", 0x1C)),
        DatagramError(DatagramHeader(0x13, 3, ASKER), 0x82),
        DatagramQuery(DatagramHeader(DATAGRAM_POSITIVE_QUERY_RESPONSE, 3, ASKER), SQUAD),
    ],
)
def test_what_is_not_relayed(packet: Datagram | DatagramError | DatagramQuery) -> None:
    assert relay(server(), packet.encode()) == []


def test_hosts_of_other_networks_are_neither_served_nor_answered() -> None:
    foreign = ("192.0.2.9", 138)
    data = datagram(source=IPv4Address(foreign[0])).encode()
    assert relay(server(), data, foreign) == []
    assert relay(server(), query(SQUAD), foreign) == []


def query(name: NetbiosName) -> bytes:
    return DatagramQuery(DatagramHeader(DATAGRAM_QUERY_REQUEST, 9, ASKER), name).encode()


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        (SQUAD, DATAGRAM_POSITIVE_QUERY_RESPONSE),
        (BROADCAST_NAME, DATAGRAM_POSITIVE_QUERY_RESPONSE),
        (NetbiosName("NOBODY", 0x1C), DATAGRAM_NEGATIVE_QUERY_RESPONSE),
    ],
)
def test_a_query_is_answered_where_it_came_from(name: NetbiosName, answer: int) -> None:
    [(data, to)] = relay(server(), query(name), ("10.0.0.9", 40138))
    packet = decode_datagram(data)
    assert isinstance(packet, DatagramQuery)
    assert (packet.header.msg_type, packet.header.dgm_id) == (answer, 9)
    assert (packet.header.source_ip, packet.destination_name) == (HERE, name)
    assert to == ("10.0.0.9", 40138)


def test_one_host_is_served_only_so_often() -> None:
    distributor = server(burst=3)
    data = datagram().encode()
    assert [len(relay(distributor, data)) for _ in range(5)] == [2, 2, 2, 0, 0]
    assert relay(distributor, query(SQUAD)) == []
    assert len(relay(distributor, data, now=NOW + 0.1)) == 2


def test_all_copies_together_are_bounded() -> None:
    hosts = [f"10.0.2.{number}" for number in range(250)]
    distributor = server(record(SQUAD, *hosts), burst=1000)
    data = datagram().encode()
    sent = sum(len(relay(distributor, data)) for _ in range(100))
    assert sent == COPIES_PER_S
    assert distributor.refused == 96
    assert len(relay(distributor, data, now=NOW + 0.25)) == 250


def test_fragments_follow_the_first_for_two_seconds() -> None:
    whole = datagram(data=bytes(2000))
    first, *rest, last = whole.encode_fragments()
    assert rest
    distributor = server()
    assert relay(distributor, last) == []
    assert relay(distributor, first) == [(first, ("10.0.0.7", 138)), (first, ("10.0.1.8", 138))]
    assert len(relay(distributor, rest[0], now=NOW + 1.9)) == 2
    assert len(relay(distributor, last, now=NOW + 1.9)) == 2
    assert relay(distributor, last, now=NOW + 1.9) == []
    relay(distributor, first, now=NOW)
    assert relay(distributor, rest[0], now=NOW + 2.0) == []
    assert relay(distributor, rest[0], ("10.0.0.7", 138)) == []


def test_fragments_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "_MAX_FRAGMENTED", 2)
    distributor = server()
    first, *_, last = datagram(data=bytes(2000)).encode_fragments()
    relay(distributor, first)
    for port in (1, 2):
        relay(distributor, first, (str(ASKER), port))
    assert relay(distributor, last) == []
    assert len(relay(distributor, last, (str(ASKER), 2))) == 2


# Who is a member.


def test_a_broadcast_reaches_every_host_in_the_scope() -> None:
    released = Record(NetbiosName("GONE"), RecordKind.UNIQUE, record(SQUAD, "10.0.0.66").members)
    records = table(
        record(NetbiosName("A"), "10.0.0.1", kind=RecordKind.UNIQUE),
        record(NetbiosName("A", 0x20), "10.0.0.1", kind=RecordKind.UNIQUE),
        record(NetbiosName("B"), "10.0.0.2", "10.0.1.2", kind=RecordKind.MULTIHOMED),
        record(NetbiosName("C", 0, "SALES"), "10.0.0.3", kind=RecordKind.UNIQUE),
        Record(released.name, released.kind, released.members, RecordState.RELEASED),
    )
    assert sorted(map(str, members_of(records, BROADCAST_NAME))) == [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.1.2",
    ]
    sales = NetbiosName("*", 0, "SALES")
    assert sorted(map(str, members_of(records, sales))) == ["10.0.0.3"]
    assert members_of(records, released.name) == frozenset()
    data = datagram(BROADCAST_DATAGRAM, BROADCAST_NAME).encode()
    assert len(relay(server(*records.values()), data)) == 3


def test_a_normal_group_has_no_members_and_too_many_are_none() -> None:
    office = NetbiosName("OFFICE")
    assert members_of(table(record(office, kind=RecordKind.GROUP)), office) == frozenset()

    def hosts(count: int) -> Iterator[Record]:
        for number in range(count):
            host = f"10.1.{number >> 8}.{number & 0xFF}"
            yield record(NetbiosName(f"H{number}"), host, kind=RecordKind.UNIQUE)

    assert len(members_of(table(*hosts(MAX_COPIES)), BROADCAST_NAME)) == MAX_COPIES
    assert members_of(table(*hosts(MAX_COPIES + 1)), BROADCAST_NAME) == frozenset()


@given(st.binary(max_size=200))
def test_any_packet_is_relayed_or_not(data: bytes) -> None:
    try:
        packet = decode_datagram(b"\x11" + data)
    except Malformed:
        return
    try:
        sent = server().receive(data, packet, SOURCE, HERE, NOW)
    except Malformed:
        return
    assert len(sent) <= len(MEMBERS)
