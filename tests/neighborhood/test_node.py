"""The node on real sockets: answers remembered, a name server on the same port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network

import pytest

from nethood.nbt import name_service as ns
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry
from nethood.nbt.node_model import Endpoint, Interface, NodeOptions
from nethood.nbt.node_tables import NodeType
from nethood.nbt.packet import Packet
from nethood.neighborhood.node import Intercept, NameNode
from nethood.net.udp import UdpEndpoint
from tests.neighborhood.loopback import free_udp_port

HERE = Interface(IPv4Address("127.0.8.1"), IPv4Network("127.0.0.0/8"))
APP = NetbiosName("APP", 0x41)


@asynccontextmanager
async def node_with_app(
    intercept: Intercept | None = None, **options: float
) -> AsyncIterator[NameNode]:
    chosen = NodeOptions((HERE,), port=free_udp_port(), broadcast_interval_s=0.01)
    for key, value in options.items():
        object.__setattr__(chosen, key, value)
    node = NameNode(chosen, intercept=intercept)
    node.open()
    try:
        await node.add_name(APP)
        yield node
    finally:
        await node.close()


class Asker:
    """A client of the node, with a socket of its own."""

    def __init__(self, node: NameNode) -> None:
        self.where = (str(HERE.address), node.options.port)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind(("127.0.8.2", 0))

    def say(self, packet: Packet) -> None:
        self.sock.sendto(packet.encode(), self.where)

    async def ask(self, packet: Packet) -> Packet:
        self.say(packet)
        loop = asyncio.get_running_loop()
        return Packet.decode(await asyncio.wait_for(loop.sock_recv(self.sock, 600), 10))


async def test_an_answer_given_again_is_the_same_but_for_its_id() -> None:
    async with node_with_app() as node:
        asker = Asker(node)
        first = await asker.ask(ns.name_query_request(1, APP))
        again = await asker.ask(ns.name_query_request(2, APP))
        assert (first.name_trn_id, again.name_trn_id) == (1, 2)
        assert first._replace(name_trn_id=2) == again
        asker.sock.close()


async def test_no_answer_is_given_again_after_a_change() -> None:
    async with node_with_app() as node:
        asker = Asker(node)
        assert (await asker.ask(ns.name_query_request(1, APP))).rcode == 0
        asker.say(ns.conflict_demand(9, APP))
        assert (await asker.ask(ns.name_query_request(2, APP))).rcode == 3
        asker.sock.close()


async def test_answers_given_again_count_for_the_rate() -> None:
    async with node_with_app(answers_per_s=0.001, answers_burst=3) as node:
        asker = Asker(node)
        for number in range(3):
            await asker.ask(ns.name_query_request(number, APP))
        asker.say(ns.name_query_request(4, APP))
        other = Asker(node)
        other.sock.close()
        other.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.sock.setblocking(False)
        other.sock.bind(("127.0.8.3", 0))
        await other.ask(ns.name_query_request(5, APP))  # by now the fourth was taken
        loop = asyncio.get_running_loop()
        waiting = asyncio.ensure_future(loop.sock_recv(asker.sock, 600))
        done, _ = await asyncio.wait([waiting], timeout=0.02)
        assert not done
        waiting.cancel()
        asker.sock.close()
        other.sock.close()


async def test_a_name_server_may_share_the_port() -> None:
    seen: list[Packet] = []

    def name_server(data: bytes, source: Endpoint) -> bool:
        packet = Packet.decode(data)
        if not ns.is_registration(packet) or packet.is_response:
            return False
        seen.append(packet)
        name = packet.questions[0].name
        entry = AddressEntry(0, IPv4Address(source[0]))
        node.send_raw(
            ns.positive_registration_response(packet.name_trn_id, name, entry).encode(), source
        )
        return True

    async with node_with_app(name_server) as node:
        asker = Asker(node)
        entry = AddressEntry(0, IPv4Address("127.0.8.2"))
        answer = await asker.ask(ns.registration_request(1, APP, entry))
        assert answer.rcode == 0  # the name server's word, not the owner's objection
        assert len(seen) == 1
        assert (await asker.ask(ns.name_query_request(2, APP))).rcode == 0
        asker.sock.close()


async def test_one_socket_for_all_where_broadcast_addresses_can_t_be_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nethood.neighborhood.node.HAS_BROADCAST_SOCKETS", False)
    seen: list[Packet] = []

    def name_server(data: bytes, source: Endpoint) -> bool:
        seen.append(Packet.decode(data))
        return False

    async with node_with_app(name_server) as node:
        asker = Asker(node)
        asker.sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        assert (await asker.ask(ns.name_query_request(1, APP))).rcode == 0
        asker.where = (str(HERE.broadcast), node.options.port)
        assert (await asker.ask(ns.name_query_request(2, APP, broadcast=True))).rcode == 0
        assert [p.name_trn_id for p in seen if p.name_trn_id < 3 and p.questions] == [1]
        asker.sock.close()


MANY = [AddressEntry(0x8000, IPv4Address(f"10.1.0.{number}")) for number in range(200)]


class Truncating:
    """A name server whose datagrams hold only the beginning; *whole* is what it says by TCP."""

    def __init__(self, *, whole: bool = True, wrong_id: bool = False) -> None:
        self.whole, self.wrong_id = whole, wrong_id
        self.port = free_udp_port()
        self.asked_by_tcp = 0

    def _answer(self, data: bytes) -> Packet:
        request = Packet.decode(data)
        name = request.questions[0].name
        return ns.positive_name_query_response(request.name_trn_id, name, MANY, ttl_s=600)

    async def _by_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked_by_tcp += 1
        data = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        if self.whole:
            few = self._answer(data)
            rdata = b"".join(e.nb_flags.to_bytes(2, "big") + e.address.packed for e in MANY)
            answers = (few.answers[0]._replace(rdata=rdata),)
            trn_id = few.name_trn_id ^ self.wrong_id
            packet = few._replace(name_trn_id=trn_id, nm_flags=0x58, answers=answers).encode()
            writer.write(len(packet).to_bytes(2, "big") + packet)
        writer.close()

    @asynccontextmanager
    async def running(self, *, tcp: bool) -> AsyncIterator[NameNode]:
        """Run it, and yield a P node that asks it."""
        address = "127.0.8.53"

        def by_datagram(data: bytes, source: Endpoint) -> None:
            endpoint.send(self._answer(data).encode(), source)

        loop = asyncio.get_running_loop()
        endpoint = UdpEndpoint.open(loop, address, self.port, by_datagram)
        server = await asyncio.start_server(self._by_tcp, address, self.port) if tcp else None
        servers = (IPv4Address(address),)
        node = NameNode(NodeOptions((HERE,), NodeType.P, servers, port=self.port))
        node.open()
        try:
            yield node
        finally:
            await node.close()
            endpoint.close()
            if server is not None:
                server.close()
                await server.wait_closed()


async def test_an_answer_a_datagram_does_not_hold_is_asked_for_by_tcp() -> None:
    server = Truncating()
    async with server.running(tcp=True) as node:
        found = await node.find(APP)
        assert len(found.entries) == 200
        assert not found.is_truncated
        again = await node.find(APP)
        assert len(again.entries) == 200
    assert server.asked_by_tcp == 1


@pytest.mark.parametrize(
    ("whole", "wrong_id", "tcp"), [(True, False, False), (False, False, True), (True, True, True)]
)
async def test_without_a_usable_answer_by_tcp_the_short_one_stands(
    whole: bool, wrong_id: bool, tcp: bool
) -> None:
    server = Truncating(whole=whole, wrong_id=wrong_id)
    async with server.running(tcp=tcp) as node:
        found = await node.find(APP)
        assert 20 < len(found.entries) < 200
        assert found.is_truncated
    assert server.asked_by_tcp == tcp
