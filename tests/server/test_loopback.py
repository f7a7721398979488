"""A real server on a real socket: the limits of connections, drained stops, and housekeeping."""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
import os
import socket
import threading
from pathlib import Path

import pytest

from nethood.errors import ConfigError, LocalError, StatusError
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import SessionRequest
from nethood.server import Server
from nethood.server.events import Event
from nethood.server.options import Limits, Options
from nethood.server.server import parse_listen
from nethood.smb2 import constants as c
from nethood.smb2.header import Header
from nethood.smb2.simple import FlushRequest
from nethood.store import LocalStore, MemoryStore
from tests.server.client import DIALECTS
from tests.server.files import Client, create_request, read_request, write_request
from tests.server.loopback import SocketLink, StartServer, in_thread, logged_in

KIB = 1024
PATIENCE_S = 20.0


def limits(**which: float) -> Options:
    return Options(limits=Limits(**which))  # type: ignore[arg-type]


class Said:
    """The events of a server."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.changed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self.changed.set()

    def of(self, kind: str) -> list[str]:
        return [event.sentence for event in self.events if event.kind == kind]

    async def until(self, kind: str, count: int = 1) -> list[str]:
        """Wait for *count* events of a kind; return their sentences."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.of(kind)


# Work


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_files_in_every_dialect(serve: StartServer, tmp_path: Path, dialect: int) -> None:
    server = await serve({"public": LocalStore(tmp_path)})
    data = os.urandom(60 * KIB)

    def work(client: Client) -> bytes:
        client.negotiate(dialect)
        client.login()
        client.tree_connect()
        client.put("a", data)
        return client.get("a")

    assert await in_thread(server, work) == data
    assert (tmp_path / "a").read_bytes() == data


async def test_bulk_both_ways_with_many_requests_under_way(
    serve: StartServer, tmp_path: Path
) -> None:
    server = await serve({"public": LocalStore(tmp_path)})
    data = os.urandom(16 * KIB * KIB)
    step = KIB * KIB

    def work(client: Client) -> str:
        client.negotiate()
        client.login()
        client.tree_connect()
        client.echo(credits_wanted=4000)
        handle = client.create("big")
        offsets = range(0, len(data), step)
        writes = [
            client.send(c.SMB2_WRITE, write_request(handle, data[at : at + step], at), charge=16)
            for at in offsets
        ]
        for message_id in writes:
            client.wait(message_id)
        reads = [
            client.send(c.SMB2_READ, read_request(handle, step, at), charge=16) for at in offsets
        ]
        digest = hashlib.sha256()
        for message_id in reads:
            digest.update(client.wait(message_id).body.data)
        return digest.hexdigest()

    assert await in_thread(server, work) == hashlib.sha256(data).hexdigest()
    assert (tmp_path / "big").read_bytes() == data


async def test_many_clients_at_once(serve: StartServer) -> None:
    server = await serve()

    def work(client: Client) -> list[str]:
        client.negotiate()
        client.login()
        client.tree_connect()
        name = f"{threading.get_ident()}"
        for round_ in range(1, 20):
            client.put(name, name.encode() * round_)
            assert client.get(name) == name.encode() * round_
        return client.names()

    found = await asyncio.gather(*(in_thread(server, work) for _ in range(8)))
    assert all(found)


async def test_a_session_on_what_would_be_port_139(serve: StartServer) -> None:
    server = await serve()
    called, calling = NetbiosName("*SMBSERVER", 0x20), NetbiosName("CLIENT", 0)

    def work(client: Client) -> int:
        client.link.send(SessionRequest(called, calling).encode())
        assert client.link.receive() == b"\x82\0\0\0"
        answer = client.negotiate().body
        client.login()
        client.tree_connect()
        client.put("a", b"x")
        return int(answer.max_read_size)

    assert await in_thread(server, work) == 64 * KIB


async def test_a_name_that_is_not_ours(serve: StartServer) -> None:
    said = Said()
    server = await serve(on_event=said)
    request = SessionRequest(NetbiosName("SOMEBODY", 0x20), NetbiosName("CLIENT", 0))

    def work(client: Client) -> tuple[bytes | None, bytes | None]:
        client.link.send(request.encode())
        return client.link.receive(), client.link.receive()

    assert await in_thread(server, work) == (b"\x83\0\0\x01\x82", None)
    assert "SOMEBODY<20>" in said.of("refused")[0]


# Limits


async def test_64_kib_before_login_and_no_byte_more(serve: StartServer) -> None:
    server = await serve()

    def work(client: Client) -> bool:
        client.negotiate()
        header = Header(command=c.SMB2_ECHO, message_id=1, credits=1).encode()
        client.send_message((header + b"\x04\0\0\0").ljust(64 * KIB, b"\0"))
        assert client.wait(1).status == 0
        link = client.link
        assert isinstance(link, SocketLink)
        link.send((64 * KIB + 1).to_bytes(4, "big"))
        return link.is_dropped()

    assert await in_thread(server, work)


async def test_more_after_login(serve: StartServer) -> None:
    server = await serve()

    def work(client: Client) -> int:
        client.negotiate()
        client.login()
        client.tree_connect()
        client.echo(credits_wanted=500)
        handle = client.create("a")
        client.write(handle, bytes(8 * KIB * KIB))
        link = client.link
        assert isinstance(link, SocketLink)
        link.send((8 * KIB * KIB + 64 * KIB + 1).to_bytes(4, "big"))
        return int(link.is_dropped())

    assert await in_thread(server, work)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look after connections every few milliseconds."""
    monkeypatch.setattr("nethood.server.server._HOUSEKEEPING_S", 0.005)


@pytest.mark.usefixtures("quick")
async def test_who_does_not_log_in_in_time_is_dropped(serve: StartServer) -> None:
    said = Said()
    server = await serve(options=limits(authentication_timeout_s=0.05), on_event=said)
    assert await in_thread(server, lambda client: client.receive()) is False
    assert "did not log in in time" in said.of("refused")[0]


@pytest.mark.usefixtures("quick")
async def test_who_talks_but_does_not_log_in_is_dropped_too(serve: StartServer) -> None:
    server = await serve(options=limits(authentication_timeout_s=0.05))

    def work(client: Client) -> bool:
        client.negotiate()
        try:
            while client.echo():
                pass
        except (AssertionError, ConnectionError):
            return True
        return False

    assert await in_thread(server, work)


@pytest.mark.usefixtures("quick")
async def test_who_is_logged_in_may_stay(serve: StartServer) -> None:
    said = Said()
    options = limits(authentication_timeout_s=0.05, stalled_timeout_s=0.05)
    server = await serve(options=options, on_event=said)
    idle = await asyncio.to_thread(logged_in, server.port)
    for _ in range(3):  # three strangers come, and are dropped, one after the other
        assert await in_thread(server, lambda client: client.receive()) is False
    await asyncio.to_thread(idle.echo)
    assert isinstance(idle.link, SocketLink)
    idle.link.close()


@pytest.mark.usefixtures("quick")
async def test_half_a_frame_is_not_waited_for(serve: StartServer) -> None:
    said = Said()
    server = await serve(options=limits(stalled_timeout_s=0.05), on_event=said)

    def work(client: Client) -> bool:
        client.negotiate()
        client.login()
        link = client.link
        assert isinstance(link, SocketLink)
        link.send(b"\0\0\x10\0half of it")
        return link.is_dropped()

    assert await in_thread(server, work)
    assert "middle of a message" in said.of("refused")[0]


@pytest.mark.usefixtures("quick")
async def test_who_does_not_read_is_dropped(serve: StartServer) -> None:
    said = Said()
    server = await serve(options=limits(stalled_timeout_s=0.1), on_event=said)

    def ask() -> Client:
        client = Client(SocketLink(server.port, receive_buffer=4096))
        client.negotiate()
        client.login()
        client.tree_connect()
        client.echo(credits_wanted=8000)
        handle = client.create("a")
        client.write(handle, bytes(4 * KIB * KIB))
        for _ in range(10):
            client.send(c.SMB2_READ, read_request(handle, 4 * KIB * KIB), charge=64)
        return client

    client = await asyncio.to_thread(ask)
    sentences = await said.until("refused")
    assert "does not read its answers" in sentences[0]
    assert isinstance(client.link, SocketLink)
    client.link.close()


async def test_what_waits_for_a_slow_reader_is_bounded(serve: StartServer) -> None:
    """A dozen reads of 4 MiB asked for at once: no more than unread_bytes and one answer wait."""
    most = 4 * KIB * KIB
    server = await serve(options=limits(unread_bytes=most))

    def ask() -> Client:
        client = Client(SocketLink(server.port))
        client.negotiate()
        client.login()
        client.tree_connect()
        client.echo(credits_wanted=8000)
        handle = client.create("a")
        client.write(handle, b"x" * most)
        for _ in range(12):
            client.send(c.SMB2_READ, read_request(handle, most), charge=64)
        return client

    client = await asyncio.to_thread(ask)
    assert server._core is not None
    (connection,) = server._core.connections
    assert connection.transport.backlog_bytes <= 2 * most + KIB * KIB

    def take() -> int:
        last = client.message_id - 64
        return len(client.wait(last).body.data)

    assert await asyncio.to_thread(take) == most
    assert isinstance(client.link, SocketLink)
    client.link.close()


async def test_connections_in_all(serve: StartServer) -> None:
    said = Said()
    server = await serve(options=limits(connections=3), on_event=said)
    held = [SocketLink(server.port) for _ in range(3)]
    await said.until("connected", 3)
    assert await in_thread(server, lambda client: client.receive()) is False
    assert "3 clients are connected" in said.of("refused")[0]
    held.pop().close()
    await said.until("closed", 1)
    assert (await in_thread(server, lambda client: client.negotiate())).status == 0
    for link in held:
        link.close()


async def test_connections_from_one_address(serve: StartServer) -> None:
    said = Said()
    server = await serve(options=limits(connections_per_address=2), on_event=said)
    held = [SocketLink(server.port) for _ in range(2)]
    await said.until("connected", 2)
    assert await in_thread(server, lambda client: client.receive()) is False
    assert "the most allowed for one address" in said.of("refused")[0]
    for link in held:
        link.close()


PUBLIC = "93.184.216.34"


@pytest.mark.parametrize(
    ("options", "address", "served"),
    [
        (Options(), PUBLIC, False),
        (Options(), "2001:db8::1", False),
        (Options(), "192.168.1.5", True),
        (Options(), "fe80::1%eth0", True),
        (Options(allow_public=True), PUBLIC, True),
        (Options(allow=(ipaddress.ip_network("93.184.216.0/24"),)), PUBLIC, True),
        (Options(allow=(ipaddress.ip_network("93.184.217.0/24"),)), PUBLIC, False),
        (Options(allow=(ipaddress.ip_network("2001:db8::/32"),)), "2001:db8::1", True),
    ],
)
async def test_public_addresses(
    serve: StartServer, options: Options, address: str, served: bool
) -> None:
    said = Said()
    server = await serve(options=options, on_event=said)
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    server._accepted(ours, (address, 1234), server.port)
    if served:
        assert said.of("connected")
    else:
        assert peer.recv(1) == b""
        assert address in said.of("refused")[0]
        assert "allow" in said.of("refused")[0]
    peer.close()


# Starting and stopping


class SlowStore(MemoryStore):
    """A store whose flushes take until they are let go."""

    def __init__(self) -> None:
        super().__init__()
        self.started, self.go = threading.Event(), threading.Event()


def slow_flush(monkeypatch: pytest.MonkeyPatch) -> SlowStore:
    """Return a SlowStore; its nodes' flush waits for it."""
    store = SlowStore()
    node = store.create("probe", directory=False)

    def flush(self: object) -> None:
        store.started.set()
        assert store.go.wait(PATIENCE_S)

    monkeypatch.setattr(type(node), "flush", flush)
    node.close()
    return store


async def test_a_stop_lets_open_work_finish(
    serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = slow_flush(monkeypatch)
    server = await serve({"public": store})
    client = await asyncio.to_thread(logged_in, server.port)

    def begin() -> int:
        handle = client.create("a")
        client.write(handle, b"x")
        message_id = client.send(c.SMB2_FLUSH, FlushRequest(**handle.ids))
        assert store.started.wait(PATIENCE_S)
        return message_id

    message_id = await asyncio.to_thread(begin)
    stopping = asyncio.ensure_future(server.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    store.go.set()
    await stopping
    assert (await asyncio.to_thread(client.wait, message_id)).status == 0
    assert await asyncio.to_thread(client.receive) is False
    assert isinstance(client.link, SocketLink)
    client.link.close()


async def test_a_stop_does_not_wait_for_ever(
    serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = slow_flush(monkeypatch)
    server = await serve({"public": store})
    client = await asyncio.to_thread(logged_in, server.port)

    def begin() -> None:
        handle = client.create("a")
        client.send(c.SMB2_FLUSH, FlushRequest(**handle.ids))
        assert store.started.wait(PATIENCE_S)

    await asyncio.to_thread(begin)
    start = asyncio.get_running_loop().time()
    await server.stop(drain_s=0.1)
    assert asyncio.get_running_loop().time() - start < 2
    store.go.set()
    assert isinstance(client.link, SocketLink)
    client.link.close()


async def test_who_only_watches_does_not_hold_up_a_stop(serve: StartServer) -> None:
    server = await serve()
    client = await asyncio.to_thread(logged_in, server.port)

    def watch() -> None:
        folder = client.open("", options=c.FILE_DIRECTORY_FILE)
        client.last_interim(client.watch(folder))

    await asyncio.to_thread(watch)
    start = asyncio.get_running_loop().time()
    await server.stop()
    assert asyncio.get_running_loop().time() - start < 2
    assert isinstance(client.link, SocketLink)
    client.link.close()


async def test_no_new_work_while_it_drains(
    serve: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = slow_flush(monkeypatch)
    server = await serve({"public": store})
    client = await asyncio.to_thread(logged_in, server.port)
    other = await asyncio.to_thread(logged_in, server.port)

    def begin() -> int:
        handle = client.create("a")
        message_id = client.send(c.SMB2_FLUSH, FlushRequest(**handle.ids))
        assert store.started.wait(PATIENCE_S)
        return message_id

    message_id = await asyncio.to_thread(begin)
    port = server.port
    stopping = asyncio.ensure_future(server.stop())
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        SocketLink(port)
    await asyncio.to_thread(other.send, c.SMB2_CREATE, create_request("late"))
    for _ in range(20):
        await asyncio.sleep(0)
    store.go.set()
    await stopping
    assert (await asyncio.to_thread(client.wait, message_id)).status == 0
    with pytest.raises(StatusError):
        store.open("late")
    for each in (client, other):
        assert isinstance(each.link, SocketLink)
        each.link.close()


async def test_start_and_stop_are_forgiving() -> None:
    server = Server({"public": MemoryStore()}, {"alice": "secret"})
    with pytest.raises(LocalError, match="has not been started"):
        _ = server.port
    await server.stop()
    await server.start()
    with pytest.raises(LocalError, match="already running"):
        await server.start()
    first = server.port
    await server.stop()
    await server.stop()
    await server.start()
    assert server.port
    assert first
    await server.stop()


async def test_the_snapshot_tells_who_is_there(serve: StartServer) -> None:
    server = await serve()
    client = await asyncio.to_thread(logged_in, server.port)
    await asyncio.to_thread(client.create, "a")
    (row,) = server.snapshot()
    assert (row.user, row.dialect, row.signed, row.encrypted) == ("alice", "3.1.1", True, False)
    assert (row.shares, row.opens, row.address) == (("public",), 1, "127.0.0.1")
    assert row.bytes_read > 0
    assert row.bytes_written > 0
    assert isinstance(client.link, SocketLink)
    client.link.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 445)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:4450", ("::1", 4450)),
        ("[::1]", ("::1", 445)),
        ("::1", ("::1", 445)),
    ],
)
def test_listen_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_listen(text) == expected


@pytest.mark.parametrize("text", ["", ":445", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_listen_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="ADDRESS:PORT"):
        parse_listen(text)
