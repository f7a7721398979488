"""Hosts on 127/8 for the tests of scans: some listen, all others refuse, one may be silent."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from nethood.net.udp import UdpEndpoint
from tests.neighborhood.hosts import status_answer

NETWORK = "127.99.0"


@dataclass(frozen=True)
class Ports:
    """The same ports at every address of the fleet: of SMB, of sessions, of names."""

    smb: int
    session: int
    name: int


def free_ports() -> Ports:
    """Return ports nobody has at any address now."""
    with ExitStack() as stack:
        found = []
        for kind in (socket.SOCK_STREAM, socket.SOCK_STREAM, socket.SOCK_DGRAM):
            sock = stack.enter_context(socket.socket(socket.AF_INET, kind))
            sock.bind(("", 0))
            found.append(sock.getsockname()[1])
    return Ports(*found)


@contextmanager
def listening(port: int, *hosts: int) -> Iterator[None]:
    """Accept connections into the backlog at *hosts*, the last numbers of their addresses."""
    with ExitStack() as stack:
        for host in hosts:
            server = stack.enter_context(socket.socket())
            server.bind((f"{NETWORK}.{host}", port))
            server.listen(64)
        yield


@contextmanager
def silent(port: int, host: int) -> Iterator[socket.socket]:
    """Let what connects to a host wait for ever: its backlog is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind((f"{NETWORK}.{host}", port))
        server.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(server.getsockname())
        yield server


@contextmanager
def name_service(port: int, host: int, deaf_for: int = 0) -> Iterator[list[bytes]]:
    """Answer node status requests at a host after *deaf_for* unanswered ones; give what came."""
    asked: list[bytes] = []

    def receive(data: bytes, source: tuple[str, int]) -> None:
        asked.append(data)
        if len(asked) > deaf_for:
            for packet in status_answer(data):
                endpoint.send(packet, source)

    loop = asyncio.get_running_loop()
    endpoint = UdpEndpoint.open(loop, f"{NETWORK}.{host}", port, receive)
    try:
        yield asked
    finally:
        endpoint.close()
