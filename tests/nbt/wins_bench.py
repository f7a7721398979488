"""A name server on a bench: a fake clock, no network, and hosts that say what the test says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import count

from nethood.nbt import wins_challenge
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    NB_FLAGS_G,
    AddressEntry,
    addresses_of,
    name_query_request,
    registration_request,
)
from nethood.nbt.packet import (
    RCODE_NAM_ERR,
    Packet,
)
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import (
    NameServer,
    Outgoing,
    WinsOptions,
)
from nethood.nbt.wins_records import (
    Intervals,
    Record,
)

LAN = IPv4Network("10.0.0.0/24")
A, B, C = (IPv4Address(f"10.0.0.{n}") for n in (1, 2, 3))
BOX = NetbiosName("BOX", 0x20)
INTERVALS = Intervals(renewal_s=600, extinction_s=300, extinction_timeout_s=200)
CHALLENGE_S = wins_challenge.TRIES * wins_challenge.RETRY_S


@dataclass
class Bench:
    """A name server and its clock."""

    options: WinsOptions = field(default_factory=lambda: WinsOptions(INTERVALS))
    limit: SourceLimit = field(default_factory=lambda: SourceLimit([LAN], rate_per_s=0))
    now_s: float = 1000.0
    trn_ids: Iterator[int] = field(default_factory=lambda: count(0x4000))

    def __post_init__(self) -> None:
        self.server = NameServer(self.limit, lambda: next(self.trn_ids), self.options)

    def sends(self, packet: Packet, source: IPv4Address, port: int = 137) -> list[Outgoing]:
        sent = self.server.receive(packet.encode(), (str(source), port), self.now_s)
        assert sent is not None
        return sent

    def ask(self, packet: Packet, source: IPv4Address = A) -> Packet:
        """Send a request that has one answer."""
        (only,) = self.sends(packet, source)
        assert only.destination == (str(source), 137)
        assert only.packet.name_trn_id == packet.name_trn_id
        return Packet.decode(only.packet.encode())

    def register(
        self,
        name: NetbiosName,
        address: IPv4Address,
        *,
        group: bool = False,
        multihomed: bool = False,
    ) -> Packet:
        entry = AddressEntry(NB_FLAGS_G if group else 0, address)
        request = registration_request(7, name, entry, multihomed=multihomed)
        return self.ask(request, address)

    def query(self, name: NetbiosName) -> list[IPv4Address]:
        answer = self.ask(name_query_request(9, name), C)
        assert bool(answer.rcode == RCODE_NAM_ERR) is not bool(addresses_of(answer))
        return [entry.address for entry in addresses_of(answer)]

    def tick(self, seconds: float) -> list[Outgoing]:
        self.now_s += seconds
        return self.server.tick(self.now_s)

    def record(self, name: NetbiosName = BOX) -> Record:
        return self.server.records[name]


def contest(bench: Bench, newcomer: IPv4Address = B, **how: bool) -> tuple[Packet, Packet]:
    """Let A hold BOX and *newcomer* want it; return the WACK and the question to A."""
    bench.register(BOX, A)
    entry = AddressEntry(0, newcomer)
    request = registration_request(7, BOX, entry, **how)
    waiting, question = bench.sends(request, newcomer)
    assert waiting.destination == (str(newcomer), 137)
    assert question.destination == (str(A), 137)
    return waiting.packet, question.packet
