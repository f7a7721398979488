"""A network that is none: each connection is answered by a function, or ends in an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from nethood.errors import ConnectError, Error
from nethood.exposure.context import ProbeContext, ProbeOptions, Stream
from nethood.exposure.model import HostReport, PortFacts, PortState, Target, known
from nethood.smb2.constants import SMB2_FLAGS_SERVER_TO_REDIR
from nethood.smb2.header import Header
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse

NOW = 1_800_000_000.0
ADDRESS = "192.0.2.7"

Answerer = Callable[[bytes], bytes | Error]
"""What a peer does with a message: an answer, or the error the stream raises for its silence."""


@dataclass
class FakeStream:
    """A connection to an Answerer."""

    answer: Answerer
    is_open: bool = True
    packet_type: int = 0
    sent: list[tuple[int, bytes]] = field(default_factory=list)

    async def send(self, message: bytes, packet_type: int = 0) -> None:
        self.sent.append((packet_type, message))

    async def receive(self) -> tuple[int, bytes]:
        answer = self.answer(self.sent[-1][1])
        if isinstance(answer, Error):
            raise answer
        return self.packet_type, answer

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
        self.is_open = False


@dataclass
class FakeNetwork:
    """Gives each connection a stream to *peer*; port 139 and UDP are closed unless said."""

    peer: Answerer
    ports: tuple[int, ...] = (445,)
    connect_error: Error | None = None
    streams: list[FakeStream] = field(default_factory=list)
    connected: list[int] = field(default_factory=list)

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        assert all(not stream.is_open for stream in self.streams), "two connections at once"
        self.connected.append(port)
        if self.connect_error is not None:
            raise self.connect_error
        if port not in self.ports:
            raise ConnectError(f"port {port} of {address} is closed")
        self.streams.append(FakeStream(self.peer))
        return self.streams[-1]

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        raise ConnectError(f"UDP port {port} of {address} is closed")

    def random_bytes(self, count: int) -> bytes:
        return bytes(range(count))

    def now_unix(self) -> float:
        return NOW


def context_of(peer: Answerer, **changes: object) -> ProbeContext:
    """Return the context of a host with port 445 open behind which *peer* answers."""
    network = FakeNetwork(peer, **changes)  # type: ignore[arg-type]
    return context_on(network)


def context_on(network: FakeNetwork, options: ProbeOptions | None = None) -> ProbeContext:
    """Return the context of a host on *network*, its open ports known."""
    target = Target(ADDRESS)
    report = HostReport(target)
    for port in (445, 139):
        state = PortState.OPEN if port in network.ports else PortState.CLOSED
        report.ports[f"tcp/{port}"] = known(PortFacts(state))
    return ProbeContext(target, options or ProbeOptions(), network, report)


def reply(
    request: bytes, body: bytes, *, status: int = 0, flags: int = SMB2_FLAGS_SERVER_TO_REDIR
) -> bytes:
    """Return an SMB2 answer to *request*."""
    asked = Header.decode(request)
    header = Header(command=asked.command, status=status, flags=flags, message_id=asked.message_id)
    return header.encode() + body


def error_body() -> bytes:
    """Return an SMB2 ERROR response, [MS-SMB2] 2.2.2."""
    return b"\x09\0\0\0\0\0\0\0\0"


def offer_of(request: bytes) -> NegotiateRequest:
    """Return the NEGOTIATE request in a message."""
    return NegotiateRequest.decode(request)


def greeting(request: bytes, **fields: object) -> bytes:
    """Return a NEGOTIATE answer that takes the best dialect offered."""
    fields.setdefault("dialect_revision", max(offer_of(request).dialects))
    fields.setdefault("security_mode", 1)
    return reply(request, NegotiateResponse(**fields).encode())  # type: ignore[arg-type]
