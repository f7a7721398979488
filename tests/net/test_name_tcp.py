"""A question by TCP, and servers that do not answer it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from nethood.errors import ConnectError, ConnectionLost, TimedOut
from nethood.net.name_tcp import ask_by_tcp


@asynccontextmanager
async def server(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[tuple[str, int]]:
    """Run a server that answers a question with bytes and hangs up, or waits for None."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int.from_bytes(await reader.readexactly(2), "big")
        said = answer(await reader.readexactly(length))
        if said is None:
            await reader.read()
        else:
            writer.write(said)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = listening.sockets[0].getsockname()[:2]
        yield host, port
    finally:
        listening.close()
        await listening.wait_closed()


async def test_packets_stand_behind_their_length() -> None:
    async with server(lambda question: b"\x00\x03" + question[::-1] + b"more") as where:
        assert await ask_by_tcp(where, b"abc") == b"cba"


@pytest.mark.parametrize("said", [b"", b"\x00", b"\x00\x03ab"])
async def test_a_server_that_hangs_up(said: bytes) -> None:
    async with server(lambda question: said) as where:
        with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1 hung up"):
            await ask_by_tcp(where, b"abc")


async def test_a_silent_server_and_none() -> None:
    async with server(lambda question: None) as where:
        with pytest.raises(TimedOut, match=r"does not answer by TCP in 0\.05 s"):
            await ask_by_tcp(where, b"abc", timeout_s=0.05)
    with pytest.raises(ConnectError, match=r"can't ask 127\.0\.0\.1 TCP port \d+: "):
        await ask_by_tcp(where, b"abc")
