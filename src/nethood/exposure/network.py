"""The way out for probes: paced, and without asking again what the port sweep has heard."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from nethood.errors import ConnectError, TimedOut
from nethood.exposure.context import Stream
from nethood.exposure.model import PortState
from nethood.exposure.pace import Pacer
from nethood.exposure.port_sweep import NODE_STATUS_QUESTION, Seen
from nethood.net.frame_stream import FrameStream
from nethood.net.udp_question import ask_udp

_ID_SIZE = 2
_HEADER_SIZE = 12


class PacedNetwork:
    """The real network: each connection and each datagram waits for its turn."""

    def __init__(self, pacer: Pacer) -> None:
        self._pacer = pacer

    async def connect(self, address: str, port: int, timeout_s: float) -> Stream:
        """Connect when it is this one's turn; waiting for that is no part of *timeout_s*."""
        await self._pacer.take()
        return await FrameStream.connect(address, port, timeout_s)

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        """Ask when it is this one's turn."""
        await self._pacer.take()
        return await ask_udp(address, port, request, accept, timeout_s)

    def random_bytes(self, count: int) -> bytes:
        """Return *count* random bytes."""
        return secrets.token_bytes(count)

    def now_unix(self) -> float:
        """Return the time in seconds since 1970."""
        return time.time()


class RememberingNetwork(PacedNetwork):
    """The network for one host: what its name service said in the sweep is said again."""

    def __init__(self, pacer: Pacer, seen: Seen, name_port: int) -> None:
        """*seen* is what the sweep found of the one host this is for."""
        super().__init__(pacer)
        self._seen = seen
        self._name_port = name_port

    async def ask_udp(
        self,
        address: str,
        port: int,
        request: bytes,
        accept: Callable[[bytes], bool],
        timeout_s: float,
    ) -> bytes:
        """Answer the sweep's question from memory; send any other.

        The name service is not looked for over IPv6: there is none, RFC 1002.
        """
        if ":" in address and port == self._name_port:
            raise TimedOut("NetBIOS is spoken over IPv4 only")
        answer = self._seen.ports.get(f"udp/{port}")
        is_same = port == self._name_port and request[_HEADER_SIZE:] == NODE_STATUS_QUESTION
        if answer is None or not is_same:
            return await super().ask_udp(address, port, request, accept, timeout_s)
        status = request[:_ID_SIZE] + self._seen.node_status[_ID_SIZE:]
        if self._seen.node_status and accept(status):
            return status
        if answer.value and answer.value.state is not PortState.OPEN:
            raise ConnectError(f"{address} UDP port {port} is {answer.value.state}")
        raise TimedOut(f"no answer from {address} UDP port {port}")
