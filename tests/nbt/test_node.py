"""What becomes of names and queries: the stories behind the state tables."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from ipaddress import IPv4Address

import pytest

from nethood.errors import LocalError
from nethood.nbt import name_service as ns
from nethood.nbt.lmhosts import read_lmhosts
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry
from nethood.nbt.node import Node
from nethood.nbt.node_model import (
    ConflictSeen,
    NameAdded,
    NameConflict,
    NameFound,
    NameNotFound,
    NameRefused,
    NameReleased,
    NodeOptions,
    Output,
    Send,
    StatusFound,
)
from nethood.nbt.node_status import NodeStatus, StatusName
from nethood.nbt.node_tables import (
    NodeType,
    State,
)
from nethood.nbt.packet import NM_FLAGS_RD, Packet
from tests.nbt.clocked import (
    HERE,
    NAME,
    NAMES,
    OTHER,
    SERVER,
    THERE,
    Clocked,
    challenge,
    negative,
    positive,
    silence,
    wack,
)

# Claiming.


def test_a_b_node_claims_three_times_and_announces() -> None:
    clocked = Clocked()
    clocked.claim()
    start = clocked.now
    first = clocked.sent
    assert [(s.destination, s.interface) for s in first] == [(("10.0.0.255", 137), HERE.address)]
    packet = first[0].packet
    assert ns.packet_kind(packet) == "NAME REGISTRATION REQUEST"
    assert packet.is_broadcast
    assert ns.addresses_of(packet) == [AddressEntry(0, HERE.address)]
    clocked.elapse()
    assert clocked.sent == first
    clocked.elapse()
    assert clocked.sent == first
    assert clocked.elapse() == [NameAdded(NAME, is_group=False)]
    assert clocked.now - start == pytest.approx(0.75)
    assert [ns.packet_kind(s.packet) for s in clocked.sent] == ["NAME OVERWRITE REQUEST"]
    assert clocked.node.next_timeout() is None


def test_an_objection_refuses_the_name() -> None:
    clocked = Clocked()
    clocked.claim()
    send = clocked.sent[0]
    assert clocked.feed(negative(send)) == [NameRefused(NAME, OTHER, 6)]
    assert clocked.node.names == []
    clocked.claim()  # and may be tried again


@pytest.mark.parametrize(
    "spoil",
    [
        lambda p: p._replace(name_trn_id=9),
        lambda p: p._replace(answers=(p.answers[0]._replace(name=NAMES[1]),)),
        lambda p: p._replace(answers=()),
    ],
)
def test_an_objection_to_something_else_is_no_objection(
    spoil: Callable[[Packet], Packet],
) -> None:
    clocked = Clocked()
    clocked.claim()
    assert clocked.feed(spoil(negative(clocked.sent[0]))) == []
    assert clocked.local.state is State.PROBING
    assert clocked.node.counters.unmatched == 1


def test_an_objection_from_another_network_is_ignored() -> None:
    clocked = Clocked()
    clocked.claim()
    assert clocked.feed(negative(clocked.sent[0]), IPv4Address("192.0.2.7")) == []
    assert clocked.local.state is State.PROBING


def test_a_group_is_claimed_with_the_group_flag() -> None:
    clocked = Clocked()
    clocked.claim(group=True)
    assert ns.addresses_of(clocked.sent[0].packet)[0].nb_flags == 0x8000


def test_several_interfaces_are_claimed_on_each_with_its_own_address() -> None:
    clocked = Clocked(interfaces=(HERE, THERE))
    clocked.claim()
    assert [
        (s.destination[0], ns.addresses_of(s.packet)[0].address, s.interface) for s in clocked.sent
    ] == [
        ("10.0.0.255", HERE.address, HERE.address),
        ("10.0.1.255", THERE.address, THERE.address),
    ]
    refusal = negative(clocked.sent[1])
    there = IPv4Address("10.0.1.9")
    assert clocked.feed(refusal, there, interface=THERE) == [NameRefused(NAME, OTHER, 6)]


def test_a_multihomed_node_needs_every_address_granted() -> None:
    clocked = Clocked(NodeType.P, (HERE, THERE))
    clocked.claim()
    sent = clocked.sent
    assert [s.packet.opcode for s in sent] == [0xF, 0xF]
    assert {s.interface for s in sent} == {HERE.address}  # both go where the server is
    assert clocked.feed(positive(sent[0]), SERVER) == []
    assert clocked.feed(positive(sent[1]), SERVER) == [NameAdded(NAME, is_group=False)]


def test_the_server_s_wack_extends_the_wait_and_costs_no_try() -> None:
    clocked = Clocked(NodeType.P)
    clocked.claim()
    clocked.feed(wack(clocked.sent[0]), SERVER)
    assert clocked.node.next_timeout() == clocked.now + 7
    assert clocked.local.tries_left == 2


def test_a_wack_of_a_year_is_cut_short() -> None:
    clocked = Clocked(NodeType.P)
    clocked.claim()
    clocked.feed(ns.wack(clocked.sent[0].packet, NAME, 31_536_000), SERVER)
    assert clocked.node.next_timeout() == clocked.now + 60


def test_the_name_server_s_answer_counts_only_from_the_name_server() -> None:
    clocked = Clocked(NodeType.P)
    clocked.claim()
    assert clocked.feed(positive(clocked.sent[0]), OTHER) == []
    assert clocked.local.state is State.REGISTERING


def test_a_dead_owner_is_challenged_and_overwritten() -> None:
    clocked = Clocked(NodeType.P)
    clocked.claim()
    clocked.feed(challenge(clocked.sent[0]), SERVER)
    assert [s.destination for s in clocked.sent] == [(str(OTHER), 137)]
    assert ns.packet_kind(clocked.sent[0].packet) == "NAME QUERY REQUEST"
    silence(clocked)
    assert [ns.packet_kind(s.packet) for s in clocked.sent] == ["NAME OVERWRITE REQUEST"]
    assert clocked.grant() == [NameAdded(NAME, is_group=False)]


def test_the_second_name_server_is_asked_when_the_first_is_silent() -> None:
    second = IPv4Address("10.0.0.54")
    clocked = Clocked(NodeType.P, name_servers=(SERVER, second))
    clocked.claim()
    silence(clocked)
    assert [s.destination[0] for s in clocked.sent] == [str(second)]
    assert clocked.feed(positive(clocked.sent[0]), second) == [NameAdded(NAME, is_group=False)]


@pytest.mark.parametrize(("ttl_s", "after_s"), [(6000, 3000), (60, 300), (0, 150_000)])
def test_a_name_is_refreshed_at_half_its_ttl_but_not_too_often(ttl_s: int, after_s: int) -> None:
    clocked = Clocked(NodeType.P)
    clocked.claim()
    clocked.grant(ttl_s)
    assert clocked.node.next_timeout() == clocked.now + after_s
    clocked.elapse()
    assert [s.packet.opcode for s in clocked.sent] == [8]
    clocked.grant(ttl_s)
    assert clocked.local.state is State.OWNED


def test_an_asterisk_name_is_ours_at_once_and_stays_here() -> None:
    clocked = Clocked()
    star = NetbiosName("*SMBSERVER", 0x20)
    clocked.claim(star)
    assert (clocked.sent, clocked.events) == ([], [NameAdded(star, is_group=False)])
    claim = ns.registration_request(5, star, AddressEntry(0, OTHER), broadcast=True)
    clocked.feed(claim, broadcast=True)
    assert clocked.sent == []
    assert clocked.take(clocked.node.release(star, 0)) == [NameReleased(star, demanded=False)]
    assert clocked.sent == []


def test_claiming_twice_and_releasing_what_is_not_there_are_refused() -> None:
    clocked = Clocked()
    clocked.claim()
    with pytest.raises(LocalError, match="already"):
        clocked.claim()
    with pytest.raises(LocalError, match="not in the name table"):
        clocked.node.release(NAMES[1], 0)
    with pytest.raises(LocalError, match="longer than 15"):
        clocked.claim(NetbiosName("SIXTEENLETTERSXX"))


def test_a_node_needs_an_interface_and_a_p_node_a_server() -> None:
    with pytest.raises(LocalError, match="interface"):
        Node(NodeOptions(()), lambda: 1)
    with pytest.raises(LocalError, match="H node needs"):
        Node(NodeOptions((HERE,), NodeType.H), lambda: 1)


def test_shutting_down_releases_every_name() -> None:
    clocked = Clocked()
    for name in NAMES:
        clocked.own(name)
    clocked.take(clocked.node.release_all(clocked.now))
    assert [s.packet.opcode for s in clocked.sent] == [6, 6]
    while clocked.node.names:
        clocked.elapse()
    assert clocked.events == [NameReleased(name, demanded=False) for name in NAMES]


# Conflict.


def test_a_conflict_on_one_interface_leaves_the_other() -> None:
    clocked = Clocked(interfaces=(HERE, THERE))
    clocked.own()
    assert clocked.feed(ns.conflict_demand(7, NAME)) == [NameConflict(NAME, OTHER)]
    query = ns.name_query_request(8, NAME, broadcast=True)
    clocked.feed(query, port=4000, broadcast=True)
    assert clocked.sent == []
    clocked.feed(ns.name_query_request(8, NAME), port=4000)
    [send] = clocked.sent
    assert send.packet.rcode == 3
    clocked.feed(query, IPv4Address("10.0.1.9"), interface=THERE, broadcast=True)
    [send] = clocked.sent
    assert [e.address for e in ns.addresses_of(send.packet)] == [THERE.address]


def test_a_name_in_conflict_is_not_defended_on_any_interface() -> None:
    clocked = Clocked(interfaces=(HERE, THERE))
    clocked.own()
    clocked.feed(ns.conflict_demand(7, NAME))
    there = IPv4Address("10.0.1.9")
    claim = ns.registration_request(8, NAME, AddressEntry(0, there), broadcast=True)
    clocked.feed(claim, there, interface=THERE, broadcast=True)
    assert clocked.sent == []


def test_a_conflict_demand_from_another_network_is_ignored() -> None:
    clocked = Clocked()
    clocked.own()
    assert clocked.feed(ns.conflict_demand(7, NAME), IPv4Address("192.0.2.1")) == []
    assert clocked.local.state is State.OWNED


# Finding.


def answer(send: Send, *addresses: IPv4Address, group: bool = False) -> Packet:
    entries = [AddressEntry(group << 15, address) for address in addresses]
    name = send.packet.questions[0].name
    return ns.positive_name_query_response(send.packet.name_trn_id, name, entries, 100)


def test_a_b_node_asks_three_times_then_gives_up() -> None:
    clocked = Clocked()
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    first = clocked.sent
    assert first[0].packet.nm_flags & NM_FLAGS_RD
    for _ in range(2):
        clocked.elapse()
        assert clocked.sent == first
    assert clocked.elapse() == [NameNotFound("t", NAME, refused=False)]
    assert clocked.node.next_timeout() is None


def test_the_first_answer_is_told_and_cached() -> None:
    clocked = Clocked()
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    found = clocked.feed(answer(clocked.sent[0], OTHER))
    entries = (AddressEntry(0, OTHER),)
    assert found == [NameFound("t", NAME, entries, OTHER)]
    again = clocked.node.find(NAME, clocked.now, tag="u")
    assert again == [NameFound("u", NAME, entries, None)]
    clocked.feed(ns.release_request(3, NAME, AddressEntry(0, OTHER), broadcast=True))
    assert clocked.node.cache.get(NAME, clocked.now) is None


def test_a_second_owner_of_a_unique_name_is_told_so() -> None:
    clocked = Clocked()
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    send = clocked.sent[0]
    clocked.feed(answer(send, OTHER))
    second = IPv4Address("10.0.0.10")
    events = clocked.feed(answer(send, second), second)
    assert events == [
        NameFound("t", NAME, (AddressEntry(0, second),), second, is_further=True),
        ConflictSeen(NAME, OTHER, second),
    ]
    [demand] = clocked.sent
    assert ns.packet_kind(demand.packet) == "NAME CONFLICT DEMAND"
    assert demand.destination == (str(second), 137)
    assert clocked.node.cache.get(NAME, clocked.now) is None
    clocked.elapse()  # the conflict timer
    assert clocked.feed(answer(send, IPv4Address("10.0.0.11"))) == []


def test_members_of_a_group_are_no_conflict_nor_is_a_node_with_two_interfaces() -> None:
    clocked = Clocked(interfaces=(HERE, THERE))
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    here, there = clocked.sent
    second = IPv4Address("10.0.1.9")
    clocked.feed(answer(here, OTHER))
    clocked.feed(answer(there, second), second, interface=THERE)
    assert clocked.sent == []
    clocked.take(clocked.node.find(NAMES[1], clocked.now, tag="g"))
    here = clocked.sent[0]
    clocked.feed(answer(here, OTHER, group=True))
    clocked.feed(answer(here, IPv4Address("10.0.0.7"), group=True), IPv4Address("10.0.0.7"))
    assert clocked.sent == []


@pytest.mark.parametrize("node_type", [NodeType.M, NodeType.H])
def test_m_and_h_nodes_ask_both_in_their_order(node_type: NodeType) -> None:
    clocked = Clocked(node_type)
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    asked = [clocked.sent[0].destination[0]]
    while clocked.node.next_timeout() is not None:
        clocked.elapse()
        asked += [s.destination[0] for s in clocked.sent]
    order = list(dict.fromkeys(asked))
    expected = ["10.0.0.255", str(SERVER)]
    assert order == (expected if node_type is NodeType.M else expected[::-1])
    assert len(asked) == 6


def test_a_redirect_is_followed_but_not_for_ever() -> None:
    clocked = Clocked(NodeType.P)
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    server = SERVER
    for number in range(3):
        following = IPv4Address(f"10.0.0.{60 + number}")
        trn_id = clocked.sent[0].packet.name_trn_id
        clocked.feed(ns.redirect(trn_id, NAME, NetbiosName("NS"), following), server)
        assert [s.destination for s in clocked.sent] == [(str(following), 137)]
        server = following
    trn_id = clocked.sent[0].packet.name_trn_id
    events = clocked.feed(ns.redirect(trn_id, NAME, NetbiosName("NS"), SERVER), server)
    assert events == [NameNotFound("t", NAME, refused=False)]


def test_a_direct_query_and_a_status_request_go_to_one_address() -> None:
    clocked = Clocked()
    to = (str(OTHER), 1137)
    clocked.take(clocked.node.find(NAME, clocked.now, tag="q", to=to))
    [send] = clocked.sent
    assert send.destination == to
    assert [type(e) for e in clocked.feed(answer(send, OTHER), port=1137)] == [NameFound]
    clocked.take(clocked.node.status(to, clocked.now, tag="s"))
    [send] = clocked.sent
    status = NodeStatus((StatusName("APP", 0x41),), b"\1\2\3\4\5\6")
    response = ns.node_status_response(send.packet.name_trn_id, NetbiosName("*"), status)
    assert clocked.feed(response) == [StatusFound("s", OTHER, status)]
    assert clocked.node.next_timeout() is None


def test_a_cancelled_query_tells_nothing_more() -> None:
    clocked = Clocked()
    clocked.take(clocked.node.find(NAME, clocked.now, tag="t"))
    clocked.node.cancel("t")
    assert clocked.feed(answer(clocked.sent[0], OTHER)) == []
    assert clocked.node.next_timeout() is None


def test_lmhosts_is_preloaded_and_asked_last() -> None:
    files = {"lmhosts": "10.0.0.7 app\n10.0.0.8 early #PRE\n"}
    lmhosts = read_lmhosts("lmhosts", files.get)
    node = Node(NodeOptions((HERE,)), itertools.count().__next__, lmhosts)
    early = node.find(NetbiosName("EARLY", 0x20), 0, tag="e")
    assert [type(o) for o in early] == [NameFound]
    node.find(NAME, 0, tag="t")
    outputs: list[Output] = []
    while (due := node.next_timeout()) is not None:
        outputs = node.tick(due)
    assert outputs == [NameFound("t", NAME, (AddressEntry(0, IPv4Address("10.0.0.7")),), None)]


def test_the_scope_of_the_node_goes_with_every_name() -> None:
    clocked = Clocked(scope="SALES")
    clocked.claim()
    assert clocked.sent[0].packet.questions[0].name == NetbiosName("APP", 0x41, "SALES")


def test_who_objects_and_echoes_our_address_is_the_owner() -> None:
    clocked = Clocked()
    clocked.claim()
    entry = AddressEntry(0, HERE.address)
    refusal = ns.negative_registration_response(clocked.sent[0].packet.name_trn_id, NAME, entry, 6)
    assert clocked.feed(refusal) == [NameRefused(NAME, OTHER, 6)]
