"""What a node answers, to whom, and what it keeps to itself."""

from __future__ import annotations

import contextlib
import itertools
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.nbt import name_service as ns
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry
from nethood.nbt.node import Node
from nethood.nbt.node_model import Interface, NodeOptions, Send
from nethood.nbt.node_status import Statistics, StatusName, status_of
from nethood.nbt.node_tables import NodeType
from nethood.nbt.packet import Packet

HERE = Interface(IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/24"), bytes.fromhex("02AABBCCDDEE"))
THERE = Interface(IPv4Address("10.0.1.1"), IPv4Network("10.0.1.0/24"))
ASKER = ("10.0.0.9", 40137)
SERVER = IPv4Address("10.0.0.53")
HOST = NetbiosName("HOST", 0x20)
GROUP = NetbiosName("OFFICE", 0x00)


def make_node(node_type: NodeType = NodeType.B, **options: object) -> Node:
    """A node that owns HOST<20> and the group OFFICE<00>."""
    fields: dict[str, object] = {
        "interfaces": (HERE, THERE),
        "node_type": node_type,
        "name_servers": () if node_type is NodeType.B else (SERVER,),
        **options,
    }
    node = Node(NodeOptions(**fields), itertools.count(100).__next__)  # type: ignore[arg-type]
    outputs = [*node.claim(HOST, 0), *node.claim(GROUP, 0, group=True)]
    while not all(local.is_held for local in node.names):
        granted = [
            output
            for send in outputs
            if isinstance(send, Send) and not send.packet.is_broadcast
            for output in node.feed(grant(send), (str(SERVER), 137), 0, interface=HERE)
        ]
        outputs = granted or node.tick(node.next_timeout() or 0)
    return node


def grant(send: Send) -> Packet:
    name = send.packet.questions[0].name
    entry = AddressEntry(0, send.interface)
    return ns.positive_registration_response(send.packet.name_trn_id, name, entry)


def ask(
    node: Node,
    packet: Packet,
    source: tuple[str, int] = ASKER,
    *,
    interface: Interface = HERE,
    broadcast: bool = False,
    now: float = 10.0,
) -> Packet | None:
    """Return the answer as the asker reads it."""
    outputs = node.feed(packet, source, now, interface=interface, broadcast=broadcast)
    if not outputs:
        return None
    [send] = outputs
    assert isinstance(send, Send)
    assert (send.destination, send.interface) == (source, interface.address)
    return Packet.decode(send.packet.encode())


def query(name: NetbiosName, *, broadcast: bool = False) -> Packet:
    return ns.name_query_request(0x1234, name, broadcast=broadcast)


@pytest.mark.parametrize("broadcast", [True, False])
def test_a_query_for_our_name_has_the_reachable_address_first(broadcast: bool) -> None:
    node = make_node()
    for interface, source in ((HERE, ASKER), (THERE, ("10.0.1.9", 137))):
        answer = ask(
            node,
            query(HOST, broadcast=broadcast),
            source,
            interface=interface,
            broadcast=broadcast,
        )
        assert answer is not None
        assert answer.name_trn_id == 0x1234
        assert answer.nm_flags & 0x48 == 0x48  # AA and RA
        addresses = [entry.address for entry in ns.addresses_of(answer)]
        assert addresses[0] == interface.address
        assert len(addresses) == 2


@pytest.mark.parametrize("node_type", NodeType)
def test_flags_tell_group_and_node_type(node_type: NodeType) -> None:
    answer = ask(make_node(node_type), query(GROUP))
    assert answer is not None
    assert ns.addresses_of(answer)[0].nb_flags == 0x8000 | node_type << 13


@pytest.mark.parametrize("node_type", NodeType)
def test_an_unknown_name_is_silence_or_a_unicast_no(node_type: NodeType) -> None:
    node = make_node(node_type)
    unknown = NetbiosName("HOST", 0x1B)
    assert ask(node, query(unknown, broadcast=True), broadcast=True) is None
    answer = ask(node, query(unknown))
    if node_type is NodeType.B:
        assert answer is None
    else:
        assert answer is not None
        assert answer.rcode == 3


def test_names_differ_by_case_and_scope() -> None:
    node = make_node()
    assert ask(node, query(NetbiosName("host", 0x20))) is None
    assert ask(node, query(NetbiosName("HOST", 0x20, "SALES"))) is None


def test_a_p_node_does_not_hear_broadcasts() -> None:
    node = make_node(NodeType.P)
    assert ask(node, query(HOST, broadcast=True), broadcast=True) is None
    claim = ns.registration_request(1, HOST, AddressEntry(0, IPv4Address(ASKER[0])))
    assert ask(node, claim, broadcast=True) is None
    assert ask(node, query(HOST)) is not None


def test_our_own_broadcasts_are_not_answered_but_our_own_machine_s_tools_are() -> None:
    node = make_node()
    own = str(HERE.address)
    assert ask(node, query(HOST, broadcast=True), (own, 137), broadcast=True) is None
    assert node.counters.own_ignored == 1
    assert ask(node, query(HOST, broadcast=True), (own, 40000), broadcast=True) is not None


def test_other_networks_are_not_answered_not_even_a_neighbour_interface_s() -> None:
    node = make_node()
    for address in ("192.0.2.7", "10.0.1.9", "8.8.8.8"):
        assert ask(node, query(HOST), (address, 137)) is None
        assert ask(node, ns.node_status_request(1), (address, 137)) is None
    assert node.counters.foreign_ignored == 6


def test_one_source_has_only_so_many_answers() -> None:
    node = make_node(answers_per_s=10.0, answers_burst=20)
    answered = sum(ask(node, query(HOST)) is not None for _ in range(100))
    assert answered == 20
    assert node.counters.limited == 80
    assert ask(node, query(HOST), ("10.0.0.10", 137)) is not None
    assert ask(node, query(HOST), now=10.11) is not None
    assert ask(node, query(HOST), now=10.11) is None


def claim_of(name: NetbiosName, address: str = ASKER[0], *, group: bool = False) -> Packet:
    entry = AddressEntry(group << 15, IPv4Address(address))
    return ns.registration_request(0x77, name, entry, broadcast=True)


@pytest.mark.parametrize(
    ("name", "group", "objects"),
    [(HOST, False, True), (HOST, True, True), (GROUP, False, True), (GROUP, True, False)],
)
def test_a_claim_of_our_name_is_objected_to_unless_both_are_groups(
    name: NetbiosName, group: bool, objects: bool
) -> None:
    answer = ask(make_node(), claim_of(name, group=group), broadcast=True)
    assert (answer is not None) == objects
    if answer is not None:
        assert (answer.opcode, answer.rcode, answer.name_trn_id) == (5, 6, 0x77)


def test_demands_and_refreshes_are_objected_to_as_well() -> None:
    node = make_node()
    entry = AddressEntry(0, IPv4Address(ASKER[0]))
    for packet in (
        ns.overwrite_request(1, HOST, entry),
        ns.refresh_request(1, HOST, entry),
        ns.refresh_request(1, HOST, entry)._replace(opcode=9),
        ns.registration_request(1, HOST, entry, multihomed=True),
    ):
        answer = ask(node, packet)
        assert answer is not None
        assert answer.rcode == 6


def test_claims_that_are_our_own_or_of_no_name_of_ours_are_left_alone() -> None:
    node = make_node()
    assert ask(node, claim_of(HOST, str(THERE.address)), broadcast=True) is None
    assert ask(node, claim_of(NetbiosName("OTHER")), broadcast=True) is None


def test_a_release_by_somebody_else_costs_us_nothing() -> None:
    node = make_node(NodeType.P)
    demand = ns.release_request(1, HOST, AddressEntry(0, IPv4Address(ASKER[0])))
    assert ask(node, demand) is None
    assert ask(node, query(HOST)) is not None


@pytest.mark.parametrize("name", [NetbiosName("*"), HOST])
def test_node_status(name: NetbiosName) -> None:
    node = make_node(NodeType.H)
    node.feed(ns.conflict_demand(1, HOST), ("10.0.1.9", 137), 5, interface=THERE)
    answer = ask(node, ns.node_status_request(5, name), ("10.0.0.9", 1024))
    assert answer is not None
    status = status_of(answer)
    assert status is not None
    assert status.names == (StatusName("HOST", 0x20, 0x6C00), StatusName("OFFICE", 0x00, 0xE400))
    assert status.unit_id == bytes.fromhex("02AABBCCDDEE")


def test_node_status_counts_what_happened() -> None:
    node = make_node(answers_per_s=1.0, answers_burst=3)
    before = statistics(node)
    assert before.number_good_sends == 2 * 2 * 3 + 2 * 2  # claims on two networks, overwrites
    assert before.number_retransmits == 2 * 2 * 2
    assert before.number_good_receives == 1
    assert (before.period_of_statistics, before.number_no_resource_conditions) == (0, 0)
    for _ in range(5):
        ask(node, query(HOST))
    node.find(NetbiosName("FAR"), 10, tag="t")
    node.counters.count_sessions = lambda: 7
    node.counters.max_pending_sessions = 64
    node.counters.max_sessions = node.counters.session_packet_size = 1 << 20
    after = statistics(node, now=10.0 + 3 * 60)
    assert after.number_good_receives == before.number_good_receives + 5 + 1
    # Our answer to the first status request, two of the five, a query on each network.
    assert after.number_good_sends == before.number_good_sends + 1 + 2 + 2
    assert after.number_no_resource_conditions == 3
    assert after.period_of_statistics == 3
    blocks = (after.number_free_command_blocks, after.total_number_command_blocks)
    assert blocks == (after.max_total_number_command_blocks - 1, 4096)
    assert (after.number_pending_sessions, after.max_number_pending_sessions) == (7, 64)
    assert (after.max_total_sessions_possible, after.session_data_packet_size) == (0xFFFF, 0xFFFF)


def test_counters_of_16_bits_stay_and_those_of_32_begin_again() -> None:
    node = make_node()
    node.counters.good_sends = (1 << 32) + 5
    node.counters.retransmits = node.counters.send_aborts = 1 << 20
    told = statistics(node)
    assert told.number_good_sends == 5
    assert (told.number_retransmits, told.number_send_aborts) == (0xFFFF, 0xFFFF)


def statistics(node: Node, now: float = 10.0) -> Statistics:
    answer = ask(node, ns.node_status_request(5), now=now)
    assert answer is not None
    status = status_of(answer)
    assert status is not None
    return status.statistics


def test_node_status_of_an_unknown_name_or_by_broadcast_is_silence() -> None:
    node = make_node()
    assert ask(node, ns.node_status_request(5, NetbiosName("NOBODY"))) is None
    assert ask(node, ns.node_status_request(5, broadcast=True), broadcast=True) is None
    assert ask(node, ns.node_status_request(5, HOST, broadcast=True), broadcast=True) is not None


def test_status_is_short_of_a_datagram_s_limit_however_many_names() -> None:
    node = make_node()
    for number in range(60):
        node.claim(NetbiosName(f"*N{number}"), 0)
    answer = ask(node, ns.node_status_request(5))
    assert answer is not None
    assert len(answer.encode()) <= 576


@given(st.binary(max_size=200), st.booleans())
def test_any_datagram_is_taken_or_malformed(data: bytes, broadcast: bool) -> None:
    node = make_node()
    try:
        packet = Packet.decode(data)
        node.feed(packet, ASKER, 10, interface=HERE, broadcast=broadcast)
    except Malformed:
        pass
    assert ask(node, query(HOST)) is not None


@given(
    st.integers(0, 15),
    st.integers(0, 127),
    st.integers(0, 15),
    st.booleans(),
    st.integers(0, 3),
    st.binary(max_size=13),
)
def test_any_well_formed_packet_leaves_the_node_working(
    opcode: int, flags: int, rcode: int, response: bool, shape: int, rdata: bytes
) -> None:
    node = make_node()
    node.find(NetbiosName("PEER", 0x20), 10, tag="t")
    base = ns.registration_request(102, HOST, AddressEntry(0, IPv4Address("10.0.0.9")))
    record = base.additionals[0]._replace(rdata=rdata)
    packet = base._replace(
        opcode=opcode,
        nm_flags=flags,
        rcode=rcode,
        is_response=response,
        questions=base.questions if shape & 1 else (),
        additionals=(record,),
        answers=(record,) if shape & 2 else (),
    )
    with contextlib.suppress(Malformed):
        node.feed(packet, ("10.0.0.9", 137), 10, interface=HERE)
    node.tick(node.next_timeout() or 11)
