"""A network with one host on it that answers as the test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from nethood.errors import ConnectError, TimedOut
from nethood.exposure.context import ProbeContext, ProbeOptions
from nethood.exposure.model import HostReport, Target

Answerer = Callable[[bytes], bytes | None]
"""Gives the answer to a datagram, or None for silence."""


@dataclass
class SessionStream:
    """A connection to port 139: *answers* by called name, as (packet type, trailer)."""

    answers: dict[bytes, tuple[int, bytes]]
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    closed: bool = False

    async def send(self, message: bytes, packet_type: int = 0) -> None:
        self.sent.append((packet_type, message))

    async def receive(self) -> tuple[int, bytes]:
        for called, answer in self.answers.items():
            if called in self.sent[-1][1]:
                return answer
        raise TimedOut("no answer within 3 s")

    async def exchange(self, message: bytes) -> bytes:
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
        self.closed = True


@dataclass
class OneHost:
    """The Network of a probe: datagrams go to *answer*, connections are given by *stream*."""

    answer: Answerer | None = None
    stream: Callable[[], SessionStream] | None = None
    asked: list[tuple[str, int, bytes]] = field(default_factory=list)
    waited_s: list[float] = field(default_factory=list)
    streams: list[SessionStream] = field(default_factory=list)

    async def connect(self, address: str, port: int, timeout_s: float) -> SessionStream:
        if self.stream is None:
            raise ConnectError(f"{address}:{port} refused the connection")
        self.streams.append(self.stream())
        return self.streams[-1]

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        self.asked.append((address, port, request))
        self.waited_s.append(timeout_s)
        if self.answer is None:
            raise ConnectError(f"{address}:{port} is closed")
        answer = self.answer(request)
        if answer is None or not accept(answer):
            raise TimedOut(f"no answer from {address}:{port}")
        return answer

    def random_bytes(self, count: int) -> bytes:
        return bytes(range(0x51, 0x51 + count))

    def now_unix(self) -> float:
        return 1_800_000_000.0


def context_of(network: OneHost) -> ProbeContext:
    """Return the context of an examination of 192.0.2.7 that has just begun."""
    target = Target("192.0.2.7")
    return ProbeContext(target, ProbeOptions(), network, HostReport(target))
