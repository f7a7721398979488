"""The real network without pace, for peers of the tests' own on 127.0.0.1."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nethood.errors import ConnectError
from nethood.exposure.context import Stream
from nethood.net.frame_stream import FrameStream

HOST = "127.0.0.1"


@dataclass
class LoopbackNetwork:
    """TCP as it is; nobody listens on UDP."""

    connected: list[int] = field(default_factory=list)

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        self.connected.append(port)
        return await FrameStream.connect(address, port, timeout_s)

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        raise ConnectError(f"UDP port {port} is closed")

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def now_unix(self) -> float:
        return time.time()
