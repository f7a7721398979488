"""Two name servers replicating over loopback, each on an address of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from nethood.errors import ConnectError, Error
from nethood.nbt import winsra
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry, registration_request, release_request
from nethood.nbt.wins import Outgoing
from nethood.nbt.winsra import RecordsRequest, Start
from nethood.neighborhood.wins import WinsConfig, WinsService
from nethood.neighborhood.wins_replication import Association, ReplicationConfig
from nethood.neighborhood.wins_store import SqliteWinsStore

LAN = (IPv4Network("10.0.0.0/24"),)
EAST, WEST, STRANGER = (IPv4Address(f"127.0.0.{n}") for n in (11, 12, 13))
A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
BOX = NetbiosName("BOX", 0x20)


@pytest.fixture
def port() -> int:
    """A TCP port that was free on every loopback address a moment ago."""
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return int(probe.getsockname()[1])


class Watched(WinsService):
    """A service that tells when it has done something."""

    news = asyncio.Event()

    def _act(self, outgoing: Sequence[Outgoing]) -> None:
        super()._act(outgoing)
        self.news.set()


@pytest.fixture(autouse=True)
def _news() -> None:
    Watched.news = asyncio.Event()


@dataclass
class Site:
    """A name server, what it sent, and what went wrong."""

    service: WinsService
    own: IPv4Address
    sent: list[bytes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def register(self, name: NetbiosName, address: IPv4Address) -> None:
        request = registration_request(1, name, AddressEntry(0, address))
        self.service.receive(request.encode(), (str(address), 137))

    def addresses(self, name: NetbiosName) -> tuple[IPv4Address, ...]:
        record = self.service.server.records.get(name)
        return record.addresses if record and record.is_active else ()


@asynccontextmanager
async def site(
    own: IPv4Address, partner: IPv4Address, port: int, store: Path | None = None
) -> AsyncIterator[Site]:
    config = ReplicationConfig(own, (partner,), port, push_delay_s=0)
    sent: list[bytes] = []
    problems: list[str] = []

    def problem(sentence: str) -> None:
        problems.append(sentence)
        Watched.news.set()

    service = await Watched.open(
        WinsConfig(store, LAN, rate_per_s=0, replication=config),
        lambda data, destination: sent.append(data),
        problem,
    )
    try:
        yield Site(service, own, sent, problems)
    finally:
        await service.close()


async def until(true: Callable[[], bool]) -> None:
    """Wait for what some server does to make it true."""
    async with asyncio.timeout(10):
        while True:
            Watched.news.clear()
            if true():
                return
            await Watched.news.wait()


async def test_what_one_registers_the_other_knows(port: int) -> None:
    async with site(EAST, WEST, port) as east, site(WEST, EAST, port) as west:
        east.register(BOX, A)
        await until(lambda: west.addresses(BOX) == (A,))
        other = NetbiosName("OTHER")
        west.register(other, B)
        await until(lambda: east.addresses(other) == (B,))
        assert west.problems == []


async def test_a_partner_that_comes_later_pulls_everything(port: int) -> None:
    async with site(EAST, WEST, port) as east:
        for number in range(2000):
            east.register(NetbiosName(f"N{number}"), A)
        await until(lambda: bool(east.problems))
        assert "can't reach 127.0.0.12" in east.problems[0]
        async with site(WEST, EAST, port) as west:
            await until(lambda: len(west.service.records) == 2000)


async def test_replicas_are_stored(port: int, tmp_path: Path) -> None:
    path = tmp_path / "wins.sqlite"
    async with site(EAST, WEST, port) as east, site(WEST, EAST, port, path) as west:
        east.register(BOX, A)
        await until(lambda: west.addresses(BOX) == (A,))
    store = SqliteWinsStore(path)
    (record,) = store.load()
    store.close()
    assert (record.name, record.owner, record.addresses) == (BOX, EAST, (A,))


async def test_a_stranger_is_not_answered(port: int) -> None:
    async with site(EAST, WEST, port):
        with pytest.raises(Error):
            await Association.connect(str(EAST), port, str(STRANGER))


async def test_a_partner_that_speaks_nonsense_is_told_off_and_forgotten(port: int) -> None:
    async with site(EAST, WEST, port) as east:
        await until(lambda: bool(east.problems))
        association = await Association.connect(str(EAST), port, str(WEST))
        await association.send(
            winsra.frame(association.peer_handle, winsra.REPLICATION, b"\0\0\0\x63")
        )
        await until(lambda: len(east.problems) > 1)
        assert "operation 99" in east.problems[1]
        await association.close()
        reader, writer = await asyncio.open_connection(str(EAST), port, local_addr=(str(WEST), 0))
        writer.write(b"\xff\xff\xff\xff")
        assert await reader.read() == b""
        await until(lambda: len(east.problems) > 2)
        assert "4294967295 bytes long" in east.problems[2]
        writer.close()
        await writer.wait_closed()


async def test_released_records_are_not_told(port: int) -> None:
    async with site(EAST, WEST, port) as east:
        east.register(BOX, A)
        request = release_request(2, BOX, AddressEntry(0, A))
        east.service.receive(request.encode(), (str(A), 137))
        association = await Association.connect(str(EAST), port, str(WEST))
        peer = association.peer_handle
        await association.send(winsra.encode_map_request(peer))
        (owner,) = winsra.decode_map(await association.answer(winsra.MAP_RESPONSE))
        assert owner.owner == EAST
        wanted = RecordsRequest(EAST, owner.max_version, 0)
        await association.send(winsra.encode_records_request(peer, wanted))
        assert winsra.decode_records(await association.answer(winsra.RECORDS_RESPONSE), EAST) == []
        await association.stop()
        await association.close()


async def test_a_start_is_answered_again_with_the_same_handle(port: int) -> None:
    async with site(EAST, WEST, port):
        association = await Association.connect(str(EAST), port, str(WEST))
        handle = association.peer_handle
        await association.send(winsra.encode_start(winsra.START_REQUEST, handle, Start(5)))
        await association._started(winsra.START_RESPONSE)
        assert association.peer_handle == handle
        await association.stop()
        await association.close()


async def test_an_older_version_of_the_protocol_is_not_spoken(port: int) -> None:
    async with site(EAST, WEST, port) as east:
        reader, writer = await asyncio.open_connection(str(EAST), port, local_addr=(str(WEST), 0))
        old = replace_major(winsra.encode_start(winsra.START_REQUEST, 0, Start(1)))
        writer.write(old)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        await until(lambda: any("is of version 1" in each for each in east.problems))


def replace_major(message: bytes) -> bytes:
    return message[:20] + b"\0\x01" + message[22:]


async def test_a_port_that_is_taken_is_one_sentence(port: int, tmp_path: Path) -> None:
    config = ReplicationConfig(EAST, (WEST,), port)
    async with site(EAST, WEST, port):
        with pytest.raises(ConnectError, match=f"can't listen on {EAST} TCP port {port}"):
            await WinsService.open(
                replace(WinsConfig(tmp_path / "wins.sqlite"), replication=config),
                lambda data, destination: None,
            )
