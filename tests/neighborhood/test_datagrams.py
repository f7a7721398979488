"""Port 138 on the loopback network: who shares it, who is heard, who relays."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network

import pytest

from nethood import netbios
from nethood.errors import ConnectError, LocalError, Malformed
from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    DATAGRAM_QUERY_REQUEST,
    DESTINATION_NAME_NOT_PRESENT,
    DIRECT_GROUP_DATAGRAM,
    DIRECT_UNIQUE_DATAGRAM,
    INVALID_DESTINATION_NAME_FORMAT,
    INVALID_SOURCE_NAME_FORMAT,
    Datagram,
    DatagramError,
    DatagramHeader,
    DatagramQuery,
    datagram_error,
    decode_datagram,
)
from nethood.nbt.distribution import Distributor
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Interface, NodeCounters
from nethood.nbt.node_tables import NodeType
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import NameServer
from nethood.neighborhood.datagram_port import FOREIGN_BURST, DatagramPort, Incoming, open_ports
from nethood.neighborhood.datagrams import DatagramRefused
from nethood.neighborhood.host import HostSettings, NetbiosHost
from nethood.neighborhood.wins import WinsConfig
from tests.neighborhood.loopback import PATIENCE_S, free_udp_port, hear
from tests.neighborhood.test_browser import until

LOOPBACK = IPv4Network("127.0.0.0/8")
SERVER, CLIENT = NetbiosName("SERVER", 0x20), NetbiosName("CLIENT")
FAST_S = 0.02


def interface(host: int, network: IPv4Network = LOOPBACK) -> Interface:
    return Interface(IPv4Address(f"127.0.8.{host}"), network)


def datagram(host: int, kind: int = DIRECT_UNIQUE_DATAGRAM, data: bytes = b"data") -> bytes:
    header = DatagramHeader(kind, 9, IPv4Address(f"127.0.8.{host}"))
    return Datagram(header, CLIENT, SERVER, data).encode()


@asynccontextmanager
async def port(host: int = 1, **options: object) -> AsyncIterator[DatagramPort]:
    """Open a port; its network is its own address and the neighbour's."""
    network = IPv4Network(f"127.0.8.{host & 0xFE}/31")
    made = DatagramPort(interface(host, network), free_udp_port(), **options)  # type: ignore[arg-type]
    made.open()
    try:
        yield made
    finally:
        made.close()


def say(to: DatagramPort, host: int, *packets: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((f"127.0.8.{host}", 0))
        for packet in packets:
            sock.sendto(packet, (str(to.interface.address), to.port))


# Sharing.


async def test_all_who_ask_are_handed_what_comes_whatever_the_others_make_of_it() -> None:
    heard: list[str] = []

    def fussy(datagram: Datagram, address: str) -> None:
        raise Malformed("Mailslot", "is none")

    async with port() as one:
        one.subscribe(fussy)
        one.subscribe(lambda datagram, address: heard.append(address))
        one.watch(lambda incoming: heard.append(type(incoming.packet).__name__))
        say(one, 0, datagram(0))
        await until(lambda: len(heard) == 2)
    assert heard == ["Datagram", "127.0.8.0"]
    assert (one.malformed, one.foreign) == (1, 0)


async def test_what_passes_is_counted_for_the_node_status() -> None:
    counters = NodeCounters()
    async with port(counters=counters) as one:
        one.send(CLIENT, SERVER, b"", "127.0.8.0")
        one.send_packet(bytes(70000), ("127.0.8.0", one.port))
        say(one, 0, b"noise", datagram(0))
        await until(lambda: counters.good_receives == 1)
    assert (counters.good_sends, counters.send_aborts, one.malformed) == (1, 1, 1)


async def test_all_ports_of_a_host_are_opened_or_none() -> None:
    async with port() as taken:
        first = DatagramPort(interface(2), taken.port)
        second = DatagramPort(taken.interface, taken.port)
        with pytest.raises(ConnectError, match=r"127\.0\.8\.1 UDP port \d+: another program"):
            open_ports([first, second])
        assert not first.is_open
        open_ports([first])
        first.close()


async def test_one_socket_for_all_interfaces_where_broadcasts_have_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nethood.neighborhood.node.HAS_BROADCAST_SOCKETS", False)
    number = free_udp_port()
    ports = [DatagramPort(interface(h, IPv4Network(f"127.0.8.{h}/31")), number) for h in (0, 2)]
    heard: list[tuple[int, Incoming]] = []
    ports[0].watch(lambda incoming: heard.append((0, incoming)))
    ports[1].watch(lambda incoming: heard.append((2, incoming)))
    open_ports(ports)
    say(ports[0], 3, datagram(3), datagram(3, DIRECT_GROUP_DATAGRAM))
    say(ports[1], 1, datagram(1))
    await until(lambda: len(heard) == 3)
    for each in ports:
        each.close()
    assert [(h, incoming.is_broadcast) for h, incoming in heard] == [
        (2, False),
        (2, True),
        (0, False),
    ]


# Networks.


async def test_other_networks_are_not_heard() -> None:
    async with port() as one:
        heard: list[Incoming] = []
        one.watch(heard.append)
        say(one, 7, datagram(7), b"noise")
        say(one, 0, datagram(0))
        await until(lambda: bool(heard))
        assert [incoming.source[0] for incoming in heard] == ["127.0.8.0"]
        assert (one.foreign, one.malformed) == (2, 0)


async def test_networks_that_are_named_are_heard_only_so_often() -> None:
    async with port(networks=[IPv4Network("127.0.8.6/31")]) as one:
        heard: list[Incoming] = []
        one.watch(heard.append)
        for _ in range(FOREIGN_BURST):
            one.take(datagram(7), ("127.0.8.7", 138), is_broadcast=False)
        one.take(datagram(6), ("127.0.8.6", 138), is_broadcast=False)
        before = len(heard)
        for _ in range(FOREIGN_BURST):
            one.take(datagram(7), ("127.0.8.7", 138), is_broadcast=False)
            one.take(datagram(0), ("127.0.8.0", 138), is_broadcast=False)
        one.take(datagram(8), ("127.0.8.8", 138), is_broadcast=False)
    # All of the first burst; then all of the neighbour's, and of the other what a moment brings.
    assert before == FOREIGN_BURST + 1
    assert FOREIGN_BURST <= len(heard) - before < FOREIGN_BURST + 100
    assert one.foreign >= FOREIGN_BURST - 100


# Nodes.


class Lan:
    """Ports of this test's own, and hosts and nodes that use them."""

    def __init__(self) -> None:
        self.name_port, self.datagram_port = free_udp_port(), free_udp_port()
        self.told: list[object] = []

    def node(self, host: int, **options: object) -> netbios.Node:
        fields: dict[str, object] = {
            "interfaces": [f"127.0.8.{host}/8"],
            "name_port": self.name_port,
            "datagram_port": self.datagram_port,
            "session_port": 0,
            "broadcast_interval_s": FAST_S,
            "told": self.told.append,
            **options,
        }
        return netbios.Node(**fields)  # type: ignore[arg-type]

    def relayed(self, host: int, node_type: NodeType = NodeType.P) -> netbios.Node:
        """A node that has the host's name server and distribution server."""
        return self.node(host, node_type=node_type, wins=["127.0.8.1"], distributor="127.0.8.1")

    @asynccontextmanager
    async def host(self, wins: WinsConfig | None = None) -> AsyncIterator[NetbiosHost]:
        settings = HostSettings(
            name="attic",
            machine_group="house",
            interfaces=(interface(1),),
            name_port=self.name_port,
            datagram_port=self.datagram_port,
            wins=wins,
            count_sessions=lambda: 3,
        )
        made = NetbiosHost(settings, lambda kind, sentence, fields: None)
        object.__setattr__(made.node.options, "broadcast_interval_s", FAST_S)
        await made.start()
        try:
            yield made
        finally:
            await made.stop()


@pytest.fixture
def lan(monkeypatch: pytest.MonkeyPatch) -> Lan:
    """Hosts on loopback addresses, which a name server does not take for anybody's otherwise."""
    monkeypatch.setattr(NameServer, "_is_possible", lambda server, address: True)
    return Lan()


async def receiving(node: netbios.Node, name: NetbiosName) -> asyncio.Task[netbios.Received]:
    task = asyncio.create_task(node.receive_datagram(name.name, name.suffix))
    await asyncio.sleep(0)
    return task


async def test_a_node_shares_a_host_s_address_with_its_browser(lan: Lan) -> None:
    async with lan.host() as host, lan.node(2) as client:
        await client.add_name("CLIENT")
        await until(lambda: bool(host.views()))
        async with netbios.Node.on(host, told=lan.told.append) as app:
            await app.add_name("APP", 0x41)
            assert app.datagrams.ports == host.ports
            waiting = await receiving(app, NetbiosName("APP", 0x41))
            await client.send_datagram(("CLIENT", 0), "APP", 0x41, b"hello")
            assert (await asyncio.wait_for(waiting, PATIENCE_S)).user_data == b"hello"
            status = await client.status("127.0.8.1")
            names = {name.name for name in status.names}
            assert {"APP", "ATTIC"} <= names
            assert status.statistics.number_pending_sessions == 3
            assert status.statistics.number_good_receives > 0
        assert host.node.local_name(NetbiosName("APP", 0x41)) is None
        assert host.node.local_name(NetbiosName("ATTIC")) is not None
        assert all(port.is_open for port in host.ports)
    assert not any(port.is_open for port in host.ports)


async def test_a_refused_datagram_is_told_and_its_address_forgotten(lan: Lan) -> None:
    async with lan.host() as host, lan.node(2) as client:
        await client.add_name("CLIENT")
        await until(lambda: bool(host.views()))
        async with netbios.Node.on(host) as app:
            await app.add_name("APP", 0x41)
            await client.find("APP", 0x41)
        cache, now = client.names.node.cache, asyncio.get_running_loop().time()
        cache.add(NetbiosName("APP", 0x41), (IPv4Address("127.0.8.1"),), now, ttl_s=600)
        await client.send_datagram(("CLIENT", 0), "APP", 0x41, b"hello")
        await until(lambda: bool(lan.told))
        name = NetbiosName("APP", 0x41)
        refused = DatagramRefused(name, IPv4Address("127.0.8.1"), DESTINATION_NAME_NOT_PRESENT)
        assert lan.told == [refused]
        sentence = "127.0.8.1 did not take a datagram to APP<41>: destination name not present"
        assert str(refused) == sentence
        assert cache.get(name, now) is None


async def test_errors_nobody_asked_for_are_counted_alone(lan: Lan) -> None:
    async with lan.node(2) as client:
        [own] = client.datagrams.ports
        error = datagram_error(DatagramHeader(0x10, 1, own.interface.address), 0x82, IPv4Address(0))
        say(own, 7, error.encode())
        await until(lambda: client.datagrams.errors == 1)
        assert lan.told == []


@pytest.mark.parametrize(
    ("at", "code"), [(14, INVALID_SOURCE_NAME_FORMAT), (48, INVALID_DESTINATION_NAME_FORMAT)]
)
async def test_names_that_can_t_be_read_are_complained_about(lan: Lan, at: int, code: int) -> None:
    packet = bytearray(datagram(7))
    packet[at + 1] = 0xFF
    async with lan.node(2) as node:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.8.7", 0))
            sock.sendto(packet, ("127.0.8.2", lan.datagram_port))
            error = decode_datagram(await hear(sock))
    assert isinstance(error, DatagramError)
    assert (error.error_code, error.header.dgm_id, error.header.flags) == (code, 9, 0)
    assert node.datagrams.ports[0].malformed == 1


async def test_other_scopes_and_own_broadcasts_are_dropped(lan: Lan) -> None:
    interfaces = ["127.0.8.2/8", "127.0.8.3/8"]
    async with lan.node(2, interfaces=interfaces, scope="SALES") as node:
        await node.add_name("SERVER", 0x20)
        first, second = node.datagrams.ports
        name = NetbiosName("SERVER", 0x20, "SALES")
        waiting = await receiving(node, name)
        number = first.port
        header = DatagramHeader(DIRECT_UNIQUE_DATAGRAM, 9, IPv4Address("127.0.8.7"))
        sent_before = node.names.node.counters.good_sends
        ours = Datagram(header, CLIENT, name, b"own").encode()
        second.take(ours, ("127.0.8.2", number), is_broadcast=True)
        first.take(datagram(7), ("127.0.8.7", number), is_broadcast=False)
        await asyncio.sleep(0)
        assert not waiting.done()
        assert node.names.node.counters.good_sends == sent_before  # no complaint either
        first.take(ours, ("127.0.8.7", number), is_broadcast=False)
        received = await asyncio.wait_for(waiting, PATIENCE_S)
        assert received.user_data == b"own"
        assert received.destination_name == name


# Distribution.


@pytest.mark.parametrize("node_type", [NodeType.P, NodeType.M, NodeType.H])
async def test_a_group_is_reached_by_way_of_the_distribution_server(
    lan: Lan, node_type: NodeType
) -> None:
    squad = NetbiosName("SQUAD", 0x1C)
    async with (
        lan.host(WinsConfig()) as host,
        lan.relayed(2, node_type) as sender,
        lan.relayed(3) as member,
    ):
        assert host.distributor is not None
        await sender.add_name("CLIENT")
        await member.add_name("SQUAD", 0x1C, group=True)
        waiting = await receiving(member, squad)
        await sender.send_datagram(("CLIENT", 0), "SQUAD", 0x1C, b"all", group=True)
        received = await asyncio.wait_for(waiting, PATIENCE_S)
        assert (received.user_data, received.source[0]) == (b"all", "127.0.8.1")
        assert host.distributor.relayed == 1
        everybody = asyncio.create_task(member.receive_broadcast())
        await asyncio.sleep(0)
        await sender.broadcast(("CLIENT", 0), b"each")
        received = await asyncio.wait_for(everybody, PATIENCE_S)
        assert (received.user_data, received.source[0]) == (b"each", "127.0.8.1")


async def test_a_group_the_server_has_no_members_of_is_broadcast(lan: Lan) -> None:
    office = NetbiosName("OFFICE")
    async with (
        lan.host(WinsConfig()) as host,
        lan.relayed(2, NodeType.H) as sender,
        lan.node(3) as member,
    ):
        await sender.add_name("CLIENT")
        await member.add_name("OFFICE", group=True)
        waiting = await receiving(member, office)
        await sender.send_datagram(("CLIENT", 0), "OFFICE", 0, b"all", group=True)
        received = await asyncio.wait_for(waiting, PATIENCE_S)
        assert (received.user_data, received.source[0]) == (b"all", "127.0.8.2")
        assert host.distributor is not None
        assert host.distributor.relayed == 0


async def test_there_is_no_distribution_server_without_a_name_server(lan: Lan) -> None:
    query = DatagramHeader(DATAGRAM_QUERY_REQUEST, 1, IPv4Address("127.0.8.7"))
    async with lan.host() as host:
        assert host.distributor is None
        heard: list[Incoming] = []
        host.ports[0].watch(heard.append)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.8.7", 0))
            sock.sendto(DatagramQuery(query, SERVER).encode(), ("127.0.8.1", lan.datagram_port))
            await until(lambda: bool(heard))
            with pytest.raises(BlockingIOError):
                sock.recv(600)


async def test_a_p_node_on_its_own_does_not_broadcast_and_does_not_hear_it(lan: Lan) -> None:
    async with (
        lan.host(WinsConfig()),
        lan.node(2, node_type=NodeType.P, wins=["127.0.8.1"]) as node,
    ):
        await node.add_name("CLIENT")
        with pytest.raises(LocalError, match="a P node does not broadcast"):
            await node.broadcast(("CLIENT", 0), b"each")
        heard = asyncio.create_task(node.receive_broadcast())
        await asyncio.sleep(0)
        [own] = node.datagrams.ports
        packet = datagram(7, BROADCAST_DATAGRAM)
        own.take(packet, ("127.0.8.7", 138), is_broadcast=True)
        await asyncio.sleep(0)
        assert not heard.done()
        own.take(packet, ("127.0.8.7", 138), is_broadcast=False)
        assert (await asyncio.wait_for(heard, PATIENCE_S)).user_data == b"data"


async def test_who_waits_for_the_server_when_the_node_closes_is_let_go(lan: Lan) -> None:
    async with lan.node(
        2, node_type=NodeType.H, wins=["127.0.8.77"], distributor="127.0.8.77"
    ) as n:
        n.names.node.claim(CLIENT, 0.0)
        asking = asyncio.create_task(n.datagrams._is_relayed(SERVER))
        await asyncio.sleep(0)
        n.datagrams.close()
        assert await asyncio.wait_for(asking, PATIENCE_S) is False
        n.names.node.cancel(None)
        for local in n.names.node.names:
            n.names.node._names.pop(local.name)


async def test_the_relay_does_not_take_broadcasts_or_its_own(lan: Lan) -> None:
    async with lan.host(WinsConfig()) as host:
        seen: list[str] = []

        class Seen(Distributor):
            def receive(self, *arguments: object) -> list[tuple[bytes, tuple[str, int]]]:
                seen.append("relayed")
                return []

        distributor = Seen(lambda name: (), [], SourceLimit([LOOPBACK]))
        [own] = host.ports
        own.watch(lambda incoming: host._relay(distributor, own, incoming))
        own.take(datagram(7), ("127.0.8.7", 138), is_broadcast=True)
        own.take(datagram(1), ("127.0.8.1", own.port), is_broadcast=False)
        own.take(b"noise", ("127.0.8.7", 138), is_broadcast=False)
        assert seen == []
        own.take(datagram(7), ("127.0.8.7", 138), is_broadcast=False)
        assert seen == ["relayed"]
