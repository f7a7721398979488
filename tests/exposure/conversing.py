"""What a dialogue needs in tests: chance and time, and a stream that says what a test wants."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

from nethood.exposure.context import Stream
from nethood.exposure.dialogue import SmbDialogue
from nethood.net.frame_stream import FrameStream

PATIENCE_S = 20.0


class RealNetwork:
    """The network as it is, unpaced."""

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        """Connect at once."""
        return await FrameStream.connect(address, port, timeout_s)

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        """No dialogue asks by UDP."""
        raise NotImplementedError

    def random_bytes(self, count: int) -> bytes:
        """Return *count* random bytes."""
        return os.urandom(count)

    def now_unix(self) -> float:
        """Return the time."""
        return time.time()


class ScriptedStream:
    """A connection whose peer says the same whatever it is asked: (packet type, message)."""

    def __init__(self, *packets: tuple[int, bytes]) -> None:
        self.packets = deque(packets)
        self.sent: list[bytes] = []

    async def send(self, message: bytes, packet_type: int = 0) -> None:
        """Keep what is sent."""
        self.sent.append(message)

    async def receive(self) -> tuple[int, bytes]:
        """Return the next packet."""
        return self.packets.popleft()

    async def exchange(self, message: bytes) -> bytes:
        """Send, and return the next packet's message."""
        await self.send(message)
        return (await self.receive())[1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """There is nothing to close."""


@asynccontextmanager
async def dialogue_with(
    port: int, host: str = "127.0.0.1", **offer: Any
) -> AsyncIterator[SmbDialogue]:
    """Connect to *port* and negotiate *offer*."""
    network = RealNetwork()
    async with (
        await network.connect(host, port, PATIENCE_S) as stream,
        SmbDialogue(stream, network, host) as dialogue,
    ):
        await dialogue.negotiate(**offer)
        yield dialogue
