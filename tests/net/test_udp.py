"""UDP endpoints on the loopback interface."""

from __future__ import annotations

import asyncio

import pytest

from nethood.errors import ConnectError, Malformed
from nethood.net.udp import UdpEndpoint

Arrived = asyncio.Queue[tuple[bytes, tuple[str, int]]]


class Inbox:
    """A receiver that keeps what arrives."""

    def __init__(self) -> None:
        self.queue: Arrived = asyncio.Queue()

    def __call__(self, data: bytes, source: tuple[str, int]) -> None:
        self.queue.put_nowait((data, source))
        if data == b"bad":
            raise Malformed("test", "is bad")

    async def next(self) -> tuple[bytes, tuple[str, int]]:
        return await asyncio.wait_for(self.queue.get(), 10)


def open_endpoint(receiver: Inbox, port: int = 0) -> UdpEndpoint:
    return UdpEndpoint.open(asyncio.get_running_loop(), "127.0.0.1", port, receiver)


async def test_a_datagram_arrives_with_its_source() -> None:
    inbox = Inbox()
    one, other = open_endpoint(inbox), open_endpoint(Inbox())
    assert other.send(b"hello", one.address)
    assert await inbox.next() == (b"hello", other.address)
    assert (one.received, other.sent) == (1, 1)
    one.close()
    other.close()


async def test_a_burst_arrives_whole() -> None:
    inbox = Inbox()
    one, other = open_endpoint(inbox), open_endpoint(Inbox())
    for number in range(600):
        other.send(number.to_bytes(2, "big"), one.address)
    got = [(await inbox.next())[0] for _ in range(600)]
    assert got == [number.to_bytes(2, "big") for number in range(600)]
    one.close()
    other.close()


async def test_what_is_malformed_is_counted_and_the_next_one_taken() -> None:
    inbox = Inbox()
    one, other = open_endpoint(inbox), open_endpoint(Inbox())
    other.send(b"bad", one.address)
    other.send(b"good", one.address)
    assert [(await inbox.next())[0] for _ in range(2)] == [b"bad", b"good"]
    assert (one.received, one.malformed) == (2, 1)
    one.close()
    other.close()


async def test_what_cannot_be_sent_is_counted() -> None:
    one = open_endpoint(Inbox())
    assert not one.send(b"x" * 70000, one.address)
    assert not one.send(b"x", ("255.255.255.255", 9))  # broadcasting was not asked for
    one.close()
    assert not one.send(b"x", ("127.0.0.1", 9))
    assert (one.sent, one.send_errors) == (0, 3)


async def test_closing_frees_the_port_and_may_be_done_twice() -> None:
    one = open_endpoint(Inbox())
    port = one.address[1]
    one.close()
    one.close()
    assert one.is_closed
    open_endpoint(Inbox(), port).close()


async def test_a_receiver_may_close_its_endpoint() -> None:
    done = asyncio.Event()

    def receiver(data: bytes, source: tuple[str, int]) -> None:
        one.close()
        done.set()

    one = UdpEndpoint.open(asyncio.get_running_loop(), "127.0.0.1", 0, receiver)
    other = open_endpoint(Inbox())
    other.send(b"1", one.address)
    other.send(b"2", one.address)
    await asyncio.wait_for(done.wait(), 10)
    assert (one.received, one.receive_errors) == (1, 0)
    other.close()


async def test_an_address_in_use_or_not_here_is_one_sentence() -> None:
    one = open_endpoint(Inbox())
    with pytest.raises(ConnectError, match="another program holds it"):
        open_endpoint(Inbox(), one.address[1])
    one.close()
    with pytest.raises(ConnectError, match="no such address"):
        UdpEndpoint.open(asyncio.get_running_loop(), "192.0.2.1", 0, Inbox())
    with pytest.raises(ConnectError, match=r"no.such.host.invalid UDP port"):
        UdpEndpoint.open(asyncio.get_running_loop(), "no.such.host.invalid", 0, Inbox())


async def test_shared_ports_and_groups() -> None:
    loop = asyncio.get_running_loop()
    one = UdpEndpoint.open(loop, "0.0.0.0", 0, Inbox(), reuse=True)
    inbox = Inbox()
    other = UdpEndpoint.open(loop, "0.0.0.0", one.address[1], inbox, reuse=True)
    with pytest.raises(ConnectError, match="can't join"):
        other.join_group("10.0.0.1", "127.0.0.1")
    other.join_group("239.255.255.250", "127.0.0.1")
    assert other.send(b"group", ("239.255.255.250", other.address[1]))
    assert (await inbox.next())[0] == b"group"
    one.close()
    other.close()
