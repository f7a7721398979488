"""The WS-Discovery host on loopback: announced, found once per probe, and telling its metadata."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Interface
from urllib.parse import urlsplit

import pytest

from nethood.neighborhood.wsd import WsdHost
from nethood.net.links import Link
from nethood.wsd.envelope import Envelope
from nethood.wsd.names import BYE, GET_RESPONSE, HELLO, PROBE_MATCHES, RESOLVE_MATCHES, WSD
from nethood.wsd.target import Identity
from tests.neighborhood.loopback import (
    GROUP,
    LOOPBACK,
    free_udp_port,
    hear,
    neighbour,
    said_nothing,
)
from tests.wsd import messages

ENDPOINT = "urn:uuid:95ce917d-9e37-4099-aee4-db3292041ea6"
WHO = Identity(ENDPOINT, "CELLAR", "HOUSE")


class Running:
    """A host on a free port, with no chance in its delays."""

    def __init__(self, *links: Link) -> None:
        self.port = free_udp_port()
        self.warnings: list[str] = []
        self.host = WsdHost(
            WHO,
            links or (LOOPBACK,),
            self.warnings.append,
            chance=lambda: 0.0,
            ports=(self.port, 0),
        )

    def ask(self, sock: socket.socket, data: bytes, host: str = GROUP) -> None:
        sock.sendto(data, (host, self.port))


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    running = Running()
    await running.host.start()
    yield running
    await running.host.stop()


async def test_says_hello_and_bye_each_more_than_once() -> None:
    running = Running()
    with neighbour(running.port) as sock:
        await running.host.start()
        hellos = [await hear(sock) for _ in range(3)]
        url = running.host.urls[0]
        await running.host.stop()
        byes = [await hear(sock) for _ in range(2)]
        assert said_nothing(sock)
    assert len(set(hellos)) == len(set(byes)) == 1, "a repetition is the same message"
    assert Envelope.decode(hellos[0]).action == HELLO
    assert url.encode() in hellos[0]
    assert Envelope.decode(byes[0]).action == BYE
    assert running.host.urls == []


async def test_a_probe_sent_often_is_answered_once(running: Running) -> None:
    with neighbour() as sock:
        for _ in range(4):
            running.ask(sock, messages.probe(messages.COMPUTER))
        running.ask(sock, messages.probe(), "127.0.0.1")
        answer = await hear(sock)
        # Whatever else was coming has come once a later question is answered.
        running.ask(sock, messages.resolve(ENDPOINT, "urn:uuid:later"))
        later = await hear(sock)
        assert said_nothing(sock)
    envelope = Envelope.decode(answer)
    assert (envelope.action, envelope.relates_to) == (PROBE_MATCHES, messages.PROBE_ID)
    assert f"<wsd:XAddrs>{running.host.urls[0]}<".encode() in answer
    assert Envelope.decode(later).action == RESOLVE_MATCHES


async def test_noise_is_dropped_and_counted(running: Running) -> None:
    with neighbour() as sock:
        running.ask(sock, b"\0\1\2")
        running.ask(sock, b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>')
        running.ask(sock, messages.other("http://schemas.xmlsoap.org/ws/2005/04/discovery/Hello"))
        running.ask(sock, messages.probe(messages.PRINTER, "urn:uuid:printer"))
        running.ask(sock, messages.probe(message_id="urn:uuid:last"))
        assert Envelope.decode(await hear(sock)).relates_to == "urn:uuid:last"
        assert said_nothing(sock)
    assert running.host.malformed == 2


async def test_one_source_is_not_answered_without_end(running: Running) -> None:
    with neighbour() as flood, neighbour(source="127.0.0.2") as other:
        for number in range(30):
            running.ask(flood, messages.resolve(ENDPOINT, f"urn:uuid:{number}"), "127.0.0.1")
        running.ask(other, messages.resolve(ENDPOINT, "urn:uuid:other"), "127.0.0.1")
        await hear(other)
        answers = 0
        while not said_nothing(flood):
            answers += 1
    assert 20 <= answers < 30


async def test_a_stranger_is_not_answered() -> None:
    narrow = Link("lo", LOOPBACK.index, (IPv4Interface("127.0.0.1/32"),))
    running = Running(narrow)
    await running.host.start()
    try:
        with neighbour(source="127.0.0.2") as stranger, neighbour() as own:
            running.ask(stranger, messages.resolve(ENDPOINT, "urn:uuid:1"), "127.0.0.1")
            running.ask(own, messages.resolve(ENDPOINT, "urn:uuid:2"), "127.0.0.1")
            await hear(own)
            assert said_nothing(stranger)
    finally:
        await running.host.stop()


async def post(url: str, head: str, body: bytes = b"") -> tuple[str, bytes]:
    """Send raw HTTP to the URL's host; return the status line's words and the body."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(head.replace("PATH", parts.path).encode() + body)
    async with asyncio.timeout(10):
        whole = await reader.read()
    writer.close()
    await writer.wait_closed()
    top, _, content = whole.partition(b"\r\n\r\n")
    return top.split(b"\r\n")[0].decode().partition(" ")[2], content


async def test_metadata_is_told_by_http(running: Running) -> None:
    get = messages.get()
    head = f"POST PATH HTTP/1.1\r\nContent-Length: {len(get)}\r\n\r\n"
    status, content = await post(running.host.urls[0], head, get)
    assert status == "200 OK"
    assert Envelope.decode(content).action == GET_RESPONSE
    assert b"<pub:Computer>CELLAR/Workgroup:HOUSE<" in content


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET PATH HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
        ("POST /else HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST PATH HTTP/1.1\r\nContent-Length: 99999\r\n\r\n", "413 Content Too Large"),
        ("POST PATH HTTP/1.1\r\nContent-Length: 4\r\n\r\n<a/>", "400 Bad Request"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
        ("x" * 20000, ""),
    ],
)
async def test_other_http_is_refused(running: Running, head: str, status: str) -> None:
    try:
        answer = await post(running.host.urls[0], head)
    except ConnectionError:
        answer = ("", b"")  # hung up on while still sending
    assert answer == (status, b"")


async def test_stopping_ends_requests_under_way() -> None:
    running = Running()
    await running.host.start()
    parts = urlsplit(running.host.urls[0])
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(b"POST")
    await writer.drain()
    await asyncio.wait_for(running.host.stop(), 5)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_an_interface_that_is_gone_is_a_warning() -> None:
    running = Running(Link("eth9", 999, (IPv4Interface("192.0.2.77/24"),)), LOOPBACK)
    await running.host.start()
    await running.host.stop()
    assert len(running.warnings) == 1
    assert running.warnings[0].startswith("not found by Explorer on eth9: ")


async def test_a_probe_for_the_device_names_it(running: Running) -> None:
    with neighbour() as sock:
        running.ask(sock, messages.probe())
        body = Envelope.decode(await hear(sock)).body
    assert body.find((WSD, "ProbeMatches"), (WSD, "ProbeMatch")) is not None
