"""NetBIOS sessions over loopback TCP, and what misbehaving peers do to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest

from nethood.errors import ConnectError, ConnectionLost, LocalError, Malformed, TimedOut
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import (
    ERROR_CODES,
    KEEP_ALIVE,
    NegativeSessionResponse,
    SessionRequest,
)
from nethood.net import sessions
from nethood.net.sessions import (
    Answer,
    CallRefused,
    MessageStream,
    SessionListener,
    call,
    retarget,
)

CALLED, CALLING = NetbiosName("SERVER", 0x20), NetbiosName("CLIENT")
Address = tuple[str, int]


class Host:
    """A listener that gives one answer to everybody."""

    def __init__(self, answer: Answer = None) -> None:
        self.answer = answer
        self.requests: list[SessionRequest] = []
        self.streams: asyncio.Queue[MessageStream] = asyncio.Queue()
        self.wants = True
        self.listener = SessionListener(self.decide, self.accept)

    def decide(self, request: SessionRequest, peer: Address) -> Answer:
        self.requests.append(request)
        return self.answer

    def accept(self, stream: MessageStream) -> bool:
        if self.wants:
            self.streams.put_nowait(stream)
        return self.wants

    async def open(self) -> Address:
        [address] = await self.listener.open([("127.0.0.1", 0)])
        return address


@asynccontextmanager
async def session() -> AsyncIterator[tuple[MessageStream, MessageStream]]:
    """Yield caller and called side of a session."""
    host = Host()
    address = await host.open()
    caller = await call(address, called=CALLED, calling=CALLING)
    called = await asyncio.wait_for(host.streams.get(), 10)
    try:
        yield caller, called
    finally:
        await caller.close()
        await called.close()
        await host.listener.close()


async def test_messages_go_both_ways_whole() -> None:
    async with session() as (caller, called):
        assert (called.called, called.calling) == (CALLED, CALLING)
        for message in (b"", b"hello", bytes(0x1FFFF)):
            await caller.send(message)
            assert await called.receive() == message
        await called.send(b"answer")
        assert await caller.receive() == b"answer"
        with pytest.raises(LocalError, match="131071"):
            await caller.send(bytes(0x20000))


async def test_closing_delivers_what_was_sent_then_ends_the_iteration() -> None:
    async with session() as (caller, called):
        await caller.send(b"1")
        await caller.send(b"2")
        await caller.close()
        assert [message async for message in called] == [b"1", b"2"]
        with pytest.raises(ConnectionLost):
            await caller.send(b"3")


@pytest.mark.parametrize("error_code", ERROR_CODES)
async def test_every_negative_code_reaches_the_caller(error_code: int) -> None:
    host = Host(NegativeSessionResponse(error_code))
    address = await host.open()
    with pytest.raises(CallRefused, match=ERROR_CODES[error_code]) as refused:
        await call(address, called=CALLED, calling=CALLING)
    assert refused.value.error_code == error_code
    await host.listener.close()


async def test_a_retarget_is_followed() -> None:
    host = Host()
    address = await host.open()
    first = Host(retarget(*address))
    stream = await call(await first.open(), called=CALLED, calling=CALLING)
    assert stream.peer == address
    assert first.requests == host.requests == [SessionRequest(CALLED, CALLING)]
    await stream.close()
    await (await host.streams.get()).close()
    await first.listener.close()
    await host.listener.close()


async def test_a_session_the_peer_closed_is_closed_here_too() -> None:
    async with session() as (caller, called):
        await called.close()
        assert await caller.receive() is None
        assert caller.is_closed
        with pytest.raises(ConnectionLost, match="is closed"):
            await caller.send(b"too late")


async def until_stuck(stream: MessageStream) -> None:
    """Wait until the peer's buffers and the system's are full, and what is sent waits here."""
    size, rounds = 0, 0
    while rounds < 100:
        before, size = size, stream._writer.transport.get_write_buffer_size()
        rounds = rounds + 1 if size and size == before else 0
        await asyncio.sleep(0)


async def drained(stream: MessageStream) -> None:
    async for _ in stream:
        pass


async def test_closing_does_not_wait_for_ever_for_a_peer_that_does_not_read() -> None:
    async with session() as (caller, called):

        async def fill() -> None:
            while True:
                await caller.send(bytes(0x1FFFF))

        filling = asyncio.create_task(fill())
        await until_stuck(caller)
        await caller.close(timeout_s=0.02)
        assert caller.is_closed
        with pytest.raises(ConnectionLost):
            await filling
        with pytest.raises(ConnectionLost):
            await drained(called)


async def nobody() -> Address:
    """Return an address that refuses connections, as long as nobody takes it."""
    host = Host()
    address = await host.open()
    await host.listener.close()
    return address


async def test_a_call_sent_on_to_nobody_is_made_again_where_it_began() -> None:
    class Moving(Host):
        def decide(self, request: SessionRequest, peer: Address) -> Answer:
            self.requests.append(request)
            return gone if len(self.requests) == 1 else None

    gone = retarget(*await nobody())
    host = Moving()
    address = await host.open()
    stream = await call(address, called=CALLED, calling=CALLING)
    assert stream.peer == address
    assert len(host.requests) == 2
    assert not stream.is_closed
    await stream.close()
    assert stream.is_closed
    await (await host.streams.get()).close()
    await host.listener.close()


async def test_being_sent_to_nobody_again_and_again_is_bounded() -> None:
    host = Host(retarget(*await nobody()))
    with pytest.raises(ConnectError, match="on and on"):
        await call(await host.open(), called=CALLED, calling=CALLING)
    assert len(host.requests) == 3
    await host.listener.close()


async def test_who_begins_to_listen_a_moment_later_is_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = await nobody()
    host = Host()

    async def meanwhile() -> None:
        assert await host.listener.open([address]) == [address]

    monkeypatch.setattr(sessions, "_pause", meanwhile)
    stream = await call(address, called=CALLED, calling=CALLING)
    assert host.requests == [SessionRequest(CALLED, CALLING)]
    await stream.close()
    await (await host.streams.get()).close()
    await host.listener.close()


async def test_a_session_nobody_wants_any_more_is_ended() -> None:
    host = Host()
    host.wants = False
    stream = await call(await host.open(), called=CALLED, calling=CALLING)
    with contextlib.suppress(ConnectionLost):
        assert await stream.receive() is None
    await stream.close()
    await host.listener.close()


async def test_retargets_are_bounded() -> None:
    host = Host()
    address = await host.open()
    host.answer = retarget(*address)
    with pytest.raises(ConnectError, match="on and on"):
        await call(address, called=CALLED, calling=CALLING)
    assert len(host.requests) == 5
    await host.listener.close()


def test_a_caller_is_sent_to_ipv4_addresses_only() -> None:
    with pytest.raises(LocalError, match="no IPv4 address"):
        retarget("::1", 139)


async def test_nobody_listening_is_a_connect_error() -> None:
    host = Host()
    address = await host.open()
    await host.listener.close()
    with pytest.raises(ConnectError, match="can't call"):
        await call(address, called=CALLED, calling=CALLING)


@asynccontextmanager
async def raw_host(said: bytes, *, silent: bool = False) -> AsyncIterator[Address]:
    """A TCP server that says these bytes to everybody and hangs up."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(72)
        writer.write(said)
        if silent:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[:2]
    finally:
        server.close()


@pytest.mark.parametrize("said", ["00000000", "ff000000", "83000000", "8400000100", "81000401"])
async def test_an_answer_that_is_none_is_malformed(said: str) -> None:
    async with raw_host(bytes.fromhex(said)) as address:
        with pytest.raises(Malformed):
            await call(address, called=CALLED, calling=CALLING)


async def test_hanging_up_or_staying_silent_is_told_apart() -> None:
    async with raw_host(b"") as address:
        with pytest.raises(ConnectError, match="hung up"):
            await call(address, called=CALLED, calling=CALLING)
    async with raw_host(b"", silent=True) as address:
        with pytest.raises(TimedOut, match="does not answer"):
            await call(address, called=CALLED, calling=CALLING, timeout_s=0.05)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("0000000568656c", ConnectionLost),
        ("ff000000", Malformed),
        ("82000000", Malformed),
    ],
)
async def test_what_breaks_a_session(said: str, error: type[Exception]) -> None:
    async with raw_host(bytes.fromhex("82000000" + said)) as address:
        stream = await call(address, called=CALLED, calling=CALLING)
        with pytest.raises(error):
            await stream.receive()
        await stream.close()


async def test_keep_alives_come_after_silence_and_are_not_messages() -> None:
    async with raw_host(b"\x82\0\0\0" + KEEP_ALIVE + b"\0\0\0\1x" + KEEP_ALIVE) as address:
        stream = await call(address, called=CALLED, calling=CALLING)
        assert await stream.receive() == b"x"
        assert await stream.receive() is None
        await stream.close()
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(72)
        writer.write(b"\x82\0\0\0")
        heard.set_result(await reader.readexactly(8))
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    where = server.sockets[0].getsockname()[:2]
    stream = await call(where, called=CALLED, calling=CALLING, keep_alive_s=0.01)
    assert await asyncio.wait_for(heard, 10) == KEEP_ALIVE * 2
    await stream.close()
    server.close()


@pytest.mark.parametrize("said", ["82000000", "81000001ff", "81010000", "47455420"])
async def test_what_is_no_session_request_is_refused(said: str) -> None:
    host = Host()
    reader, writer = await asyncio.open_connection(*await host.open())
    writer.write(bytes.fromhex(said))
    assert await asyncio.wait_for(reader.read(), 10) == bytes.fromhex("830000018f")
    assert host.requests == []
    writer.close()
    await host.listener.close()


async def test_a_listener_that_can_t_have_its_port_has_none() -> None:
    host = Host()
    address = await host.open()
    other = Host()
    with pytest.raises(ConnectError, match="can't listen"):
        await other.listener.open([("127.0.0.1", 0), address])
    await host.listener.close()


async def test_closing_the_listener_ends_those_who_said_nothing_yet() -> None:
    host = Host()
    reader, writer = await asyncio.open_connection(*await host.open())
    await asyncio.sleep(0)  # let it be accepted
    await host.listener.close()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await asyncio.wait_for(reader.readexactly(1), 10)
    writer.close()


def test_the_answer_s_address_is_kept() -> None:
    assert retarget("10.0.0.1", 140).address == IPv4Address("10.0.0.1")
