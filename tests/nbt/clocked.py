"""A node with a clock of the test's own, and packets that answer what it sends."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Address, IPv4Network

from nethood.nbt import name_service as ns
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry
from nethood.nbt.node import Node
from nethood.nbt.node_model import (
    Interface,
    LocalName,
    NameAdded,
    NodeOptions,
    Output,
    Send,
)
from nethood.nbt.node_tables import (
    NodeType,
)
from nethood.nbt.packet import Packet

HERE = Interface(IPv4Address("10.0.0.1"), IPv4Network("10.0.0.0/24"))
THERE = Interface(IPv4Address("10.0.1.1"), IPv4Network("10.0.1.0/24"))
SERVER = IPv4Address("10.0.0.53")
OTHER = IPv4Address("10.0.0.9")
NAME = NetbiosName("APP", 0x41)
NAMES = [NAME, NetbiosName("OFFICE", 0x00)]


class Clocked:
    """A node with its clock and the packets it sent last."""

    def __init__(
        self,
        node_type: NodeType = NodeType.B,
        interfaces: tuple[Interface, ...] = (HERE,),
        **options: object,
    ) -> None:
        servers = () if node_type is NodeType.B else (SERVER,)
        fields = {"interfaces": interfaces, "node_type": node_type, "name_servers": servers}
        self.node = Node(NodeOptions(**{**fields, **options}), itertools.count(100).__next__)  # type: ignore[arg-type]
        self.now = 1000.0
        self.sent: list[Send] = []
        self.events: list[Output] = []

    def take(self, outputs: list[Output]) -> list[Output]:
        self.sent = [o for o in outputs if isinstance(o, Send)]
        self.events = [o for o in outputs if not isinstance(o, Send)]
        return self.events

    def claim(self, name: NetbiosName = NAME, *, group: bool = False) -> None:
        self.take(self.node.claim(name, self.now, group=group))

    def elapse(self) -> list[Output]:
        """Go to the next timeout."""
        due = self.node.next_timeout()
        assert due is not None
        self.now = due
        return self.take(self.node.tick(self.now))

    def feed(
        self,
        packet: Packet,
        source: IPv4Address = OTHER,
        *,
        port: int = 137,
        interface: Interface = HERE,
        broadcast: bool = False,
    ) -> list[Output]:
        wire = Packet.decode(packet.encode())
        outputs = self.node.feed(
            wire, (str(source), port), self.now, interface=interface, broadcast=broadcast
        )
        return self.take(outputs)

    def own(self, name: NetbiosName = NAME, *, group: bool = False) -> None:
        self.claim(name, group=group)
        while not any(isinstance(event, NameAdded) for event in self.events):
            if self.node.options.node_type is NodeType.B:
                self.elapse()
            else:
                self.grant()

    def grant(self, ttl_s: int = 6000) -> list[Output]:
        """Answer all that was sent to a name server with yes."""
        for send in self.sent:
            entry = AddressEntry(0, send.interface)
            self.feed(
                ns.positive_registration_response(
                    send.packet.name_trn_id, send.packet.questions[0].name, entry, ttl_s
                ),
                SERVER,
            )
        return self.events

    @property
    def local(self) -> LocalName:
        [local] = [local for local in self.node.names if local.name == NAME]
        return local


def positive(send: Send) -> Packet:
    trn_id, name = send.packet.name_trn_id, send.packet.questions[0].name
    entry = AddressEntry(0, HERE.address)
    if send.packet.opcode == 0:
        return ns.positive_name_query_response(trn_id, name, [entry])
    if send.packet.opcode == 6:
        return ns.positive_release_response(trn_id, name, entry)
    return ns.positive_registration_response(trn_id, name, entry, 6000)


def negative(send: Send) -> Packet:
    trn_id, name = send.packet.name_trn_id, send.packet.questions[0].name
    entry = AddressEntry(0, OTHER)
    if send.packet.opcode == 0:
        return ns.negative_name_query_response(trn_id, name)
    if send.packet.opcode == 6:
        return ns.negative_release_response(trn_id, name, entry, 6)
    return ns.negative_registration_response(trn_id, name, entry, 6)


def challenge(send: Send) -> Packet:
    entry = AddressEntry(0, OTHER)
    return ns.end_node_challenge_response(send.packet.name_trn_id, NAME, entry)


def wack(send: Send) -> Packet:
    return ns.wack(send.packet, NAME, 7)


def silence(clocked: Clocked) -> None:
    while clocked.local.tries_left:
        clocked.elapse()
    clocked.elapse()
