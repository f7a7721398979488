"""The NetBIOS API of applications, between nodes on the addresses of the loopback network."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from nethood import netbios
from nethood.errors import ConnectError, LocalError, TimedOut
from nethood.nbt import name_service as ns
from nethood.nbt import session
from nethood.nbt.datagram import (
    DESTINATION_NAME_NOT_PRESENT,
    DIRECT_UNIQUE_DATAGRAM,
    Datagram,
    DatagramError,
    DatagramHeader,
    decode_datagram,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import NameConflict
from nethood.nbt.node_status import StatusName
from nethood.net.sessions import MessageStream, SessionListener

FAST_S = 0.02


class Lan:
    """Ports of this test's own on 127/8, and nodes that use them."""

    def __init__(self) -> None:
        self.name_port, self.datagram_port, self.session_port = free_ports(3)

    def node(self, host: int, **options: object) -> netbios.Node:
        fields: dict[str, object] = {
            "interfaces": [f"127.0.9.{host}/8"],
            "name_port": self.name_port,
            "datagram_port": self.datagram_port,
            "session_port": self.session_port,
            "broadcast_interval_s": FAST_S,
            **options,
        }
        return netbios.Node(**fields)  # type: ignore[arg-type]

    @asynccontextmanager
    async def nodes(self) -> AsyncIterator[tuple[netbios.Node, netbios.Node]]:
        """Yield a node that has SERVER<20> and one that has CLIENT<00>."""
        async with self.node(1) as server, self.node(2) as client:
            await server.add_name("Server", 0x20)
            await client.add_name("Client")
            yield server, client


def free_ports(count: int) -> list[int]:
    socks = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for sock in socks:
        sock.bind(("127.0.9.250", 0))
    ports = [int(sock.getsockname()[1]) for sock in socks]
    for sock in socks:
        sock.close()
    return ports


@pytest.fixture
def lan() -> Lan:
    return Lan()


CLIENT = ("CLIENT", 0x00)


# Names.


async def test_a_name_is_found_by_its_neighbours(lan: Lan) -> None:
    async with lan.nodes() as (_, client):
        found = await client.find("server", 0x20)
        assert list(map(str, found.addresses)) == ["127.0.9.1"]
        assert str(found.source) == "127.0.9.1"
        direct = await client.find("SERVER", 0x20, to="127.0.9.1")
        assert direct.addresses == found.addresses
        with pytest.raises(netbios.NameNotKnown, match="SERVER<1B>"):
            await client.find("SERVER", 0x1B)


async def test_a_name_can_be_had_once(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        with pytest.raises(netbios.NameTaken, match=r"127\.0\.9\.1 has it"):
            await client.add_name("SERVER", 0x20)
        with pytest.raises(LocalError, match="already"):
            await server.add_name("SERVER", 0x20)
        await server.delete_name("SERVER", 0x20)
        await client.add_name("SERVER", 0x20)


async def test_a_group_has_many_members(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        await server.add_name("OFFICE", group=True)
        await client.add_name("OFFICE", group=True)
        assert (await client.find("OFFICE", to="127.0.9.1")).entries[0].is_group
        with pytest.raises(netbios.NameTaken):
            await client.add_name("SERVER", 0x20, group=True)


async def test_status_tells_the_name_table(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        await server.add_name("OFFICE", group=True)
        status = await client.status("127.0.9.1")
        assert status.names == (
            StatusName("SERVER", 0x20, 0x0400),
            StatusName("OFFICE", 0x00, 0x8400),
        )


async def test_nobody_there_takes_a_bounded_time(lan: Lan) -> None:
    async with lan.nodes() as (_, client):
        with pytest.raises(TimedOut, match=r"127\.0\.9\.77 does not tell"):
            await client.status("127.0.9.77", timeout_s=0.05)
        assert client.names.node.next_timeout() is None


async def test_leaving_releases_the_names(lan: Lan) -> None:
    async with lan.node(2) as client:
        async with lan.node(1) as server:
            await server.add_name("SERVER", 0x20)
            await client.find("SERVER", 0x20)
        with pytest.raises(netbios.NameNotKnown):
            await client.find("SERVER", 0x20)  # the release emptied the cache, too
        with pytest.raises(LocalError, match="not open"):
            await server.find("CLIENT")


async def test_a_claim_that_is_cancelled_leaves_nothing(lan: Lan) -> None:
    async with lan.node(1) as server:
        claim = asyncio.create_task(server.add_name("SERVER", 0x20))
        await asyncio.sleep(0)
        claim.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claim
        assert server.names.node.names == []


async def test_a_conflict_is_told_and_ends_the_use_of_the_name(lan: Lan) -> None:
    told: asyncio.Queue[object] = asyncio.Queue()
    async with lan.node(1, told=told.put_nowait) as server, lan.node(2) as client:
        await server.add_name("SERVER", 0x20)
        name = NetbiosName("SERVER", 0x20)
        demand = ns.conflict_demand(7, name).encode()
        client.names.send_raw(demand, ("127.0.9.1", lan.name_port))
        event = await asyncio.wait_for(told.get(), 10)
        assert isinstance(event, NameConflict)
        assert event.name == name
        with pytest.raises(netbios.NameNotKnown):
            await client.find("SERVER", 0x20)
        await server.listen("SERVER", 0x20)
        await client.add_name("CLIENT")
        with pytest.raises(netbios.CallRefused, match="not present"):
            await client.call("SERVER", 0x20, calling=CLIENT, to="127.0.9.1")
        with pytest.raises(LocalError, match="not a name of this node"):
            await server.broadcast(("SERVER", 0x20), b"x")


async def test_lmhosts_is_asked_when_nobody_answers(lan: Lan, tmp_path: Path) -> None:
    lmhosts = tmp_path / "lmhosts"
    lmhosts.write_text("127.0.9.1 elsewhere\n")
    async with lan.node(1, lmhosts=lmhosts) as node:
        found = await node.find("ELSEWHERE", 0x20)
        assert (list(map(str, found.addresses)), found.source) == (["127.0.9.1"], None)


# Sessions.


async def test_a_session_by_name(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        listener = await server.listen("SERVER", 0x20)
        async with await client.call("SERVER", calling=CLIENT) as stream:
            called = await asyncio.wait_for(listener.accept(), 10)
            assert str(called.calling) == "CLIENT<00>"
            await stream.send(b"hello")
            assert await called.receive() == b"hello"
            await called.send(b"hello yourself")
            assert await stream.receive() == b"hello yourself"
            await called.close()
            assert await stream.receive() is None


async def test_a_closed_listener_ends_its_iteration(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        listener = await server.listen("SERVER", 0x20)
        stream = await client.call("SERVER", calling=CLIENT)
        await listener.close()
        assert [one async for one in listener] == []
        with pytest.raises(ConnectError):  # the call nobody accepted is ended
            await client.call("SERVER", calling=CLIENT)
        await stream.close()


async def test_every_refusal(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        await server.add_name("BUSY")
        await server.add_name("DEAF")
        await server.listen("SERVER", 0x20, calling=("BOSS", 0))
        busy = await server.listen("BUSY")
        queued = [await client.call("BUSY", 0, calling=CLIENT, to="127.0.9.1") for _ in range(64)]
        expected = {
            ("NOBODY", 0x00): session.CALLED_NAME_NOT_PRESENT,
            ("SERVER", 0x20): session.NOT_LISTENING_FOR_CALLING_NAME,
            ("DEAF", 0x00): session.NOT_LISTENING_ON_CALLED_NAME,
            ("BUSY", 0x00): session.INSUFFICIENT_RESOURCES,
        }
        for (name, suffix), code in expected.items():
            with pytest.raises(netbios.CallRefused) as refused:
                await client.call(name, suffix, calling=CLIENT, to="127.0.9.1")
            assert refused.value.error_code == code
        await (await busy.accept()).close()
        queued.append(await client.call("BUSY", 0, calling=CLIENT, to="127.0.9.1"))
        for stream in queued:
            await stream.abort()


async def test_a_call_in_another_scope_finds_no_name(lan: Lan) -> None:
    async with lan.nodes() as (server, _), lan.node(3, scope="SALES") as sales:
        await server.listen("SERVER", 0x20)
        await sales.add_name("CLIENT")
        with pytest.raises(netbios.CallRefused) as refused:
            await sales.call("SERVER", calling=CLIENT, to="127.0.9.1")
        assert refused.value.error_code == session.CALLED_NAME_NOT_PRESENT


async def test_a_retargeted_call_arrives(lan: Lan) -> None:
    arrived: asyncio.Queue[MessageStream] = asyncio.Queue()

    def accept(stream: MessageStream) -> bool:
        arrived.put_nowait(stream)
        return True

    elsewhere = SessionListener(lambda request, peer: None, accept)
    [(host, port)] = await elsewhere.open([("127.0.9.3", 0)])
    async with lan.nodes() as (server, client):
        await server.retarget("SERVER", 0x20, host, port)
        async with await client.call("SERVER", calling=CLIENT) as stream:
            assert stream.peer == (host, port)
            called = await asyncio.wait_for(arrived.get(), 10)
            assert called.called == NetbiosName("SERVER", 0x20)
            await called.close()
    await elsewhere.close()


async def test_a_call_goes_on_to_the_next_address_and_looks_again(lan: Lan) -> None:
    async with lan.nodes() as (server, client), lan.node(4) as empty:
        await empty.add_name("EMPTY")
        await empty.listen("EMPTY")
        listener = await server.listen("SERVER", 0x20)
        cache, name = client.names.node.cache, NetbiosName("SERVER", 0x20)
        # 127.0.9.4 answers calls, but has no such name; then who has it is asked for afresh.
        now = asyncio.get_running_loop().time()
        cache.add(name, (IPv4Address("127.0.9.4"),), now, ttl_s=600)
        async with await client.call("SERVER", calling=CLIENT) as stream:
            assert stream.peer == ("127.0.9.1", lan.session_port)
        await (await listener.accept()).close()
        cache.add(name, (IPv4Address("127.0.9.4"), IPv4Address("127.0.9.1")), now, ttl_s=600)
        async with await client.call("SERVER", calling=CLIENT) as stream:
            assert stream.peer == ("127.0.9.1", lan.session_port)
        await (await listener.accept()).close()


async def test_a_name_that_is_nowhere_to_be_called_ends_the_call(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        await server.add_name("OTHER")
        await server.listen("OTHER")
        stale = NetbiosName("STALE", 0x20)
        now = asyncio.get_running_loop().time()
        client.names.node.cache.add(stale, (IPv4Address("127.0.9.1"),), now, ttl_s=600)
        with pytest.raises(netbios.NameNotKnown):
            await client.call("STALE", calling=CLIENT)
        with pytest.raises(TimedOut, match=r"STALE<20> does not answer the call in 0\.001 s"):
            await client.call("STALE", calling=CLIENT, timeout_s=0.001)


async def test_node_status_counts_sessions(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        listener = await server.listen("SERVER", 0x20)
        stream = await client.call("SERVER", calling=CLIENT)
        called = await listener.accept()
        told = (await client.status("127.0.9.1")).statistics
        assert told.number_pending_sessions == 1
        assert (told.max_number_pending_sessions, told.max_total_sessions_possible) == (64, 0xFFFF)
        assert told.session_data_packet_size == 0xFFFF
        assert (await server.status("127.0.9.2")).statistics.number_pending_sessions == 1
        await stream.close()
        await called.close()
        told = (await client.status("127.0.9.1")).statistics
        assert told.number_pending_sessions == 0


async def test_only_names_of_ours_call_listen_and_retarget(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        for attempt in (
            server.listen("CLIENT"),
            server.retarget("CLIENT", 0, "127.0.9.2"),
            client.call("SERVER", calling=("SERVER", 0x20)),
            client.receive_datagram("SERVER", 0x20),
            client.send_datagram(("SERVER", 0x20), "SERVER", 0x20, b""),
        ):
            with pytest.raises(LocalError, match="name of this node"):
                await attempt


# Datagrams.


async def receive_with(
    receiving: asyncio.Task[netbios.Received], send: Callable[[], object]
) -> netbios.Received:
    await asyncio.sleep(0)
    sending = send()
    if asyncio.iscoroutine(sending):
        await sending
    return await asyncio.wait_for(receiving, 10)


async def test_datagrams_to_a_name_a_group_and_everybody(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        await server.add_name("OFFICE", group=True)
        await client.add_name("OFFICE", group=True)
        got = await receive_with(
            asyncio.create_task(server.receive_datagram("SERVER", 0x20)),
            lambda: client.send_datagram(CLIENT, "SERVER", 0x20, b"one"),
        )
        assert (str(got.source_name), got.user_data) == ("CLIENT<00>", b"one")
        assert got.source == ("127.0.9.2", lan.datagram_port)
        got = await receive_with(
            asyncio.create_task(server.receive_datagram("OFFICE")),
            lambda: client.send_datagram(CLIENT, "OFFICE", 0, b"many", group=True),
        )
        assert got.user_data == b"many"
        got = await receive_with(
            asyncio.create_task(server.receive_broadcast()),
            lambda: client.broadcast(CLIENT, b"all"),
        )
        assert (got.user_data, str(got.destination_name)) == (b"all", "*<00>")


@pytest.mark.parametrize("has_broadcast_sockets", [True, False])
async def test_a_datagram_to_a_name_that_is_not_there_is_complained_about(
    lan: Lan, has_broadcast_sockets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nethood.neighborhood.node.HAS_BROADCAST_SOCKETS", has_broadcast_sockets)
    async with lan.node(1):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.9.2", 0))
            header = DatagramHeader(DIRECT_UNIQUE_DATAGRAM, 9, IPv4Address("127.0.9.2"))
            source, nobody = NetbiosName("CLIENT"), NetbiosName("NOBODY", 0x20)
            packet = Datagram(header, source, nobody, b"").encode()
            sock.sendto(packet, ("127.0.9.1", lan.datagram_port))
            loop = asyncio.get_running_loop()
            answer = await asyncio.wait_for(loop.sock_recv(sock, 600), 10)
    error = decode_datagram(answer)
    assert isinstance(error, DatagramError)
    assert (error.header.dgm_id, error.error_code) == (9, DESTINATION_NAME_NOT_PRESENT)


async def test_a_fragmented_datagram_arrives_whole(lan: Lan) -> None:
    async with lan.nodes() as (server, client):
        waiting = asyncio.create_task(server.receive_datagram("SERVER", 0x20))
        await asyncio.sleep(0)
        source = client.names.options.interfaces[0].address
        datagram = Datagram(
            DatagramHeader(DIRECT_UNIQUE_DATAGRAM, 9, source),
            NetbiosName("CLIENT"),
            NetbiosName("SERVER", 0x20),
            bytes(range(256)) * 8,
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.9.2", 0))
            for packet in datagram.encode_fragments():
                sock.sendto(packet, ("127.0.9.1", lan.datagram_port))
        assert (await asyncio.wait_for(waiting, 10)).user_data == datagram.user_data


# What a caller may get wrong.


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"interfaces": ["here"]}, "an interface is written"),
        ({"interfaces": []}, "needs an interface"),
        ({"wins": ["wins.example"]}, "no IPv4 address"),
        ({"node_type": netbios.NodeType.P}, "P node needs"),
        ({"distributor": "127.0.9.1"}, "a B node broadcasts its datagrams"),
        ({"wins": ["127.0.9.1"], "distributor": "here"}, "no IPv4 address"),
        ({"datagram_networks": ["10.0.0.1/24"]}, "a network is written"),
    ],
)
def test_bad_options_are_one_sentence(lan: Lan, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(LocalError, match=sentence):
        lan.node(1, **options)


async def test_bad_names_are_one_sentence(lan: Lan) -> None:
    async with lan.node(1) as node:
        with pytest.raises(LocalError, match="longer than 15"):
            await node.add_name("SIXTEENLETTERSXX")
        with pytest.raises(LocalError, match="one byte"):
            await node.add_name("APP", 256)


async def test_a_port_in_use_leaves_nothing_bound(lan: Lan) -> None:
    async with lan.node(1):
        with pytest.raises(ConnectError, match="another program holds it"):
            async with lan.node(1, name_port=free_ports(1)[0]):
                pass
    async with lan.node(1):
        pass


def test_the_documented_example_prints_what_it_says(tmp_path: Path) -> None:
    text = (Path(__file__).parent.parent / "docs" / "netbios-api.md").read_text()
    example, printed = (
        text.partition(f"```{kind}\n")[2].partition("```")[0] for kind in ("python", "text")
    )
    script = tmp_path / "example.py"
    for port, free in zip(("10137", "10138", "10139"), free_ports(3), strict=True):
        example = example.replace(port, str(free))
    script.write_text(example)
    ran = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr) == (printed, "")


def test_every_method_the_documentation_names_is_there() -> None:
    text = (Path(__file__).parent.parent / "docs" / "netbios-api.md").read_text()
    named = set(re.findall(r"`(?:await )?node\.(\w+)\(", text))
    assert len(named) >= 10
    assert {name for name in named if not hasattr(netbios.Node, name)} == set()
