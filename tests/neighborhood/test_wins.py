"""The name server as a service: over loopback and free ports, with its store and its journal."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from nethood.errors import ConnectError, LocalError, Malformed
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    addresses_of,
    name_query_request,
    registration_request,
    release_request,
)
from nethood.nbt.packet import OPCODE_WACK, RCODE_OK, Packet
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import Change, NameServer
from nethood.nbt.wins_records import RecordKind, RecordState, static_record
from nethood.neighborhood import wins
from nethood.neighborhood.wins import (
    WinsConfig,
    WinsDaemon,
    WinsService,
    own_networks,
    set_static,
    steady_clock,
)
from nethood.neighborhood.wins_store import MemoryWinsStore
from nethood.net.udp import UdpEndpoint

NETWORKS = (IPv4Network("127.0.0.0/8"), IPv4Network("10.0.0.0/24"))
A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
BOX = NetbiosName("BOX", 0x20)
HOST = ("10.0.0.1", 137)
REGISTER = registration_request(1, BOX, AddressEntry(0, A)).encode()


class SlowStore(MemoryWinsStore):
    """A store whose disk is as slow, or as broken, as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = threading.Event()
        self.is_broken = False
        self.batches: list[int] = []

    def apply(self, changes: Sequence[Change]) -> None:
        assert self.may_write.wait(10)
        if self.is_broken:
            raise LocalError("the disk is full")
        self.batches.append(len(changes))
        super().apply(changes)


class Sink:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[Packet, tuple[str, int]]] = []
        self.problems: list[str] = []
        self.something = asyncio.Event()

    def send(self, data: bytes, destination: tuple[str, int]) -> None:
        self.sent.append((Packet.decode(data), destination))
        self.something.set()

    def problem(self, sentence: str) -> None:
        self.problems.append(sentence)
        self.something.set()


def service_on(store: MemoryWinsStore, sink: Sink) -> WinsService:
    server = NameServer(SourceLimit(NETWORKS), lambda: 99)
    return WinsService(server, store, sink.send, sink.problem, steady_clock())


async def test_nobody_is_told_before_the_record_is_on_the_disk() -> None:
    store, sink = SlowStore(), Sink()
    service = service_on(store, sink)
    assert service.receive(REGISTER, HOST)
    service.receive(name_query_request(2, BOX).encode(), HOST)
    assert [packet.name_trn_id for packet, _ in sink.sent] == [2]
    store.may_write.set()
    sink.something.clear()
    await asyncio.wait_for(sink.something.wait(), 10)
    packet, destination = sink.sent[1]
    assert (packet.name_trn_id, packet.rcode, destination) == (1, RCODE_OK, HOST)
    assert BOX in store.records
    await service.close()


async def test_what_comes_while_the_disk_is_busy_is_one_transaction() -> None:
    store, sink = SlowStore(), Sink()
    service = service_on(store, sink)
    for number in range(50):
        request = registration_request(number, NetbiosName(f"N{number}"), AddressEntry(0, A))
        service.receive(request.encode(), HOST)
        await asyncio.sleep(0)
    store.may_write.set()
    await service.close()
    assert sum(store.batches) == 50
    assert len(store.batches) <= 2
    assert len(sink.sent) == 50


async def test_closing_writes_what_is_left() -> None:
    store, sink = SlowStore(), Sink()
    store.may_write.set()
    service = service_on(store, sink)
    service.receive(REGISTER, HOST)
    await service.close()
    assert BOX in store.records
    assert len(sink.sent) == 1
    assert service.receive(REGISTER, HOST)
    assert len(sink.sent) == 1


async def test_a_full_disk_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wins, "STORE_RETRY_S", 0)
    store, sink = SlowStore(), Sink()
    store.may_write.set()
    store.is_broken = True
    service = service_on(store, sink)
    service.receive(REGISTER, HOST)
    await asyncio.wait_for(sink.something.wait(), 10)
    assert sink.problems[0] == "the disk is full"
    assert sink.sent == []
    store.is_broken = False
    await service.close()
    assert BOX in store.records


async def test_a_disk_that_stays_full_does_not_keep_the_service_from_closing() -> None:
    store, sink = SlowStore(), Sink()
    store.may_write.set()
    store.is_broken = True
    service = service_on(store, sink)
    service.receive(REGISTER, HOST)
    await asyncio.wait_for(service.close(), 10)
    assert sink.problems
    assert sink.sent == []


async def test_a_silent_holder_loses_its_name_by_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nethood.nbt.wins_challenge.RETRY_S", 0.01)
    store, sink = SlowStore(), Sink()
    store.may_write.set()
    service = service_on(store, sink)
    service.receive(REGISTER, HOST)
    newcomer = ("10.0.0.2", 137)
    service.receive(registration_request(5, BOX, AddressEntry(0, B)).encode(), newcomer)
    while store.records.get(BOX) is None or store.records[BOX].addresses != (B,):
        sink.something.clear()
        await asyncio.wait_for(sink.something.wait(), 10)
    questions = [packet for packet, to in sink.sent if packet.name_trn_id == 99]
    answers = [packet for packet, to in sink.sent if to == newcomer]
    assert len(questions) == 3
    assert answers[0].opcode == OPCODE_WACK
    await service.close()
    assert (answers[-1].name_trn_id, sink.sent[-1][0].rcode) == (5, RCODE_OK)


async def test_what_is_not_its_affair_is_said_so() -> None:
    service = service_on(MemoryWinsStore(), Sink())
    assert not service.receive(name_query_request(1, BOX, broadcast=True).encode(), HOST)
    with pytest.raises(Malformed):
        service.receive(b"\0" * 5, HOST)
    await service.close()


class Client:
    """A host on loopback that asks and waits for the answer."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[Packet] = asyncio.Queue()
        self.endpoint = UdpEndpoint.open(asyncio.get_running_loop(), "127.0.0.1", 0, self._receive)

    def _receive(self, data: bytes, source: tuple[str, int]) -> None:
        self.answers.put_nowait(Packet.decode(data))

    async def ask(self, packet: Packet, server: tuple[str, int]) -> Packet:
        self.endpoint.send(packet.encode(), server)
        return await asyncio.wait_for(self.answers.get(), 10)


async def test_a_restart_keeps_the_records(tmp_path: Path) -> None:
    static = static_record(NetbiosName("CORP", 0x1C), RecordKind.SPECIAL_GROUP, (A,))
    config = WinsConfig(tmp_path / "wins.sqlite", NETWORKS, (static,))
    client = Client()
    async with await WinsDaemon.open(config, "127.0.0.1", 0) as daemon:
        answer = await client.ask(
            registration_request(1, BOX, AddressEntry(0, A)), daemon.endpoint.address
        )
        assert answer.rcode == RCODE_OK
    async with await WinsDaemon.open(config, "127.0.0.1", 0) as daemon:
        where = daemon.endpoint.address
        assert [r.name.name for r in daemon.service.records] == ["BOX", "CORP"]
        found = await client.ask(name_query_request(2, BOX), where)
        assert addresses_of(found) == [AddressEntry(0, A)]
        refused = await client.ask(release_request(3, BOX, AddressEntry(0, A)), where)
        assert refused.rcode != RCODE_OK  # 127.0.0.1 is not 10.0.0.1
    config = WinsConfig(tmp_path / "wins.sqlite", NETWORKS)
    async with await WinsDaemon.open(config, "127.0.0.1", 0) as daemon:
        assert [r.name.name for r in daemon.service.records] == ["BOX"]
    client.endpoint.close()


async def test_a_port_that_is_taken_closes_the_store(tmp_path: Path) -> None:
    config = WinsConfig(tmp_path / "wins.sqlite", NETWORKS)
    async with await WinsDaemon.open(config, "127.0.0.1", 0) as daemon:
        with pytest.raises(ConnectError):
            await WinsDaemon.open(config, *daemon.endpoint.address)


async def test_a_store_that_cannot_be_used_opens_nothing(tmp_path: Path) -> None:
    (tmp_path / "wins.sqlite").write_bytes(b"no data base" * 100)
    with pytest.raises(LocalError, match="can't keep WINS records"):
        await WinsDaemon.open(WinsConfig(tmp_path / "wins.sqlite"), "127.0.0.1", 0)


def test_static_records_keep_who_joined_them() -> None:
    group = NetbiosName("CORP", 0x1C)
    server = NameServer(SourceLimit(NETWORKS), lambda: 1)
    set_static(server, [static_record(group, RecordKind.SPECIAL_GROUP, (A,))])
    join = registration_request(1, group, AddressEntry(0x8000, B))
    server.receive(join.encode(), ("10.0.0.2", 137), 0.0)
    other = IPv4Address("10.0.0.9")
    set_static(server, [static_record(group, RecordKind.SPECIAL_GROUP, (other,))])
    assert server.records[group].addresses == (other, B)
    set_static(server, [static_record(group, RecordKind.UNIQUE, (A,))])
    assert server.records[group].addresses == (A,)
    assert server.records[group].state is RecordState.ACTIVE
    set_static(server, [])
    assert server.records == {}


def test_own_networks_hold_loopback() -> None:
    assert any(IPv4Address("127.0.0.1") in network for network in own_networks())


def test_the_clock_counts_on() -> None:
    clock = steady_clock()
    assert clock() <= clock()
