from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address

import pytest

from nethood.errors import ConnectError, ConnectionLost, LocalError, Malformed, TimedOut
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import (
    CALLED_NAME_NOT_PRESENT,
    KEEP_ALIVE,
    POSITIVE_RESPONSE,
    NegativeSessionResponse,
    RetargetSessionResponse,
    SessionRequest,
)
from nethood.net.frame_stream import FrameStream, session_request

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATIENCE_S = 10.0


@asynccontextmanager
async def serving(serve: Serve, address: str = "127.0.0.1") -> AsyncIterator[int]:
    """Serve each connection by *serve*; yields the port."""
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
            await over.wait()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, address, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()


def saying(data: bytes) -> Serve:
    """Return a server that reads one packet, says *data* and keeps the connection open."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(data)
        await writer.drain()

    return serve


async def packet(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big"))


async def connect(port: int, timeout_s: float = PATIENCE_S, **how: int) -> FrameStream:
    return await FrameStream.connect("127.0.0.1", port, timeout_s, **how)


async def exchange(data: bytes, timeout_s: float = PATIENCE_S) -> bytes:
    """Return what an exchange makes of the answer *data*."""
    async with serving(saying(data)) as port, await connect(port, timeout_s) as stream:
        return await stream.exchange(b"question")


async def test_an_exchange() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(await packet(reader))

    async with serving(serve) as port:
        async with await connect(port) as stream:
            for message in (b"", b"hello", bytes(100_000)):
                assert await stream.exchange(message) == message
        assert stream.is_closed
        with pytest.raises(ConnectionLost, match="is closed"):
            await stream.exchange(b"again")


async def test_ipv6() -> None:
    async with (
        serving(saying(b"\0\0\0\2ok"), "::1") as port,
        await FrameStream.connect("::1", port, PATIENCE_S) as stream,
    ):
        assert await stream.exchange(b"") == b"ok"


async def test_large_messages_wait_for_the_peer_to_read() -> None:
    size = 8 * 1024 * 1024

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await packet(reader)
        writer.write(b"\0\0\0\4" + (len(data) - 4).to_bytes(4, "big"))

    async with serving(serve) as port, await connect(port) as stream:
        assert int.from_bytes(await stream.exchange(bytes(size)), "big") == size
        with pytest.raises(LocalError, match="at most 16777215"):
            await stream.send(bytes(1 << 24))


async def test_keep_alives_are_left_out_and_pieces_put_together() -> None:
    assert await exchange(KEEP_ALIVE * 3 + b"\0\0\0\3abc") == b"abc"

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"\0\0\0\3abc\0\0\0\3def":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with serving(serve) as port, await connect(port) as stream:
        assert await stream.receive() == (0, b"abc")
        assert await stream.receive() == (0, b"def")


async def test_keep_alives_without_end() -> None:
    with pytest.raises(Malformed, match="64 keep-alives and no message"):
        await exchange(KEEP_ALIVE * 100)
    assert await exchange(KEEP_ALIVE * 63 + b"\0\0\0\3abc") == b"abc"


async def test_a_closed_port() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(ConnectError, match=f"port {port} of 127.0.0.1 is closed") as raised:
            await connect(port)
    assert isinstance(raised.value.__cause__, OSError)


async def test_no_way_to_the_host() -> None:
    with pytest.raises(ConnectError, match=r"no connection to port 445 of 255\.255\.255\.255"):
        await FrameStream.connect("255.255.255.255", 445, PATIENCE_S)


async def test_a_host_that_does_not_answer_the_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        with pytest.raises(TimedOut, match=r"did not answer within 0\.05 s"):
            await connect(address[1], 0.05)
        for filler in fillers:
            filler.close()


async def test_silence_ends_at_the_deadline() -> None:
    with pytest.raises(TimedOut, match=r"did not answer within 0\.05 s"):
        await exchange(b"", 0.05)


@pytest.mark.parametrize("endless", [b"x", KEEP_ALIVE * 1000])
async def test_trickling_and_flooding_gain_nothing(endless: bytes) -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\0\0\1\0" if endless == b"x" else b"")
        while True:
            writer.write(endless)
            await writer.drain()
            await asyncio.sleep(0.001)

    async with serving(serve) as port, await connect(port, 0.1) as stream:
        started = asyncio.get_running_loop().time()
        with pytest.raises(TimedOut if endless == b"x" else Malformed):
            await stream.receive()
        assert asyncio.get_running_loop().time() - started < 5


async def test_the_time_for_connecting_counts() -> None:
    async with serving(saying(b"\0\0\0\0")) as port, await connect(port, 0.05) as stream:
        with pytest.raises(TimedOut):
            await stream.receive()
        with pytest.raises(TimedOut):
            await stream.send(b"")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request", "this is not SMB"),
        (b"\x00\xff\xff\xff", "more than"),
        (b"\x82\x00\x00\x00", "instead of a message"),
    ],
)
async def test_garbage(data: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        await exchange(data)


async def test_the_limit_is_a_parameter() -> None:
    async with serving(saying(b"\0\0\0\5abcde")) as port, await connect(port, limit=4) as stream:
        with pytest.raises(Malformed, match="5 bytes, more than 4"):
            await stream.exchange(b"")


@pytest.mark.parametrize(("sent", "where"), [(b"", "without an answer"), (b"\0\0\0\5a", "inside")])
async def test_a_peer_that_hangs_up(sent: bytes, where: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.write(sent)
        writer.close()

    async with serving(serve) as port, await connect(port) as stream:
        with pytest.raises(ConnectionLost, match=f"closed the connection {where}"):
            await stream.exchange(b"")


async def test_a_peer_that_resets() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await packet(reader)
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0"
        )
        writer.transport.abort()

    async with serving(serve) as port, await connect(port) as stream:
        with pytest.raises(ConnectionLost, match="ended the connection: it was reset"):
            await stream.exchange(b"")


async def test_closing_ends_a_wait() -> None:
    async with serving(saying(b"")) as port:
        stream = await connect(port)
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        stream.close()
        stream.close()
        with pytest.raises(ConnectionLost, match="was closed"):
            await waiting


async def test_cancelling_leaves_nothing_behind() -> None:
    async with serving(saying(b"")) as port, await connect(port) as stream:
        waiting = asyncio.create_task(stream.receive())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.parametrize(
    "answer",
    [
        None,
        NegativeSessionResponse(CALLED_NAME_NOT_PRESENT),
        RetargetSessionResponse(IPv4Address("192.0.2.1"), 139),
    ],
)
async def test_session_requests(
    answer: NegativeSessionResponse | RetargetSessionResponse | None,
) -> None:
    called, calling = NetbiosName("*SMBSERVER", 0x20), NetbiosName("PC", 0)
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await packet(reader))
        writer.write(POSITIVE_RESPONSE if answer is None else answer.encode())

    async with serving(serve) as port, await connect(port) as stream:
        assert await session_request(stream, called, calling) == answer
    assert seen == [SessionRequest(called, calling).encode()]


async def test_what_is_no_answer_to_a_session_request() -> None:
    name = NetbiosName("PC", 0)
    async with serving(saying(b"\0\0\0\0")) as port, await connect(port) as stream:
        with pytest.raises(Malformed, match="answers no session request"):
            await session_request(stream, name, name)
