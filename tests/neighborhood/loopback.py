"""The loopback interface as a network: what a host says on it is heard on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Interface

from nethood.net.links import Link

LOOPBACK = Link("lo", socket.if_nametoindex("lo"), (IPv4Interface("127.0.0.1/8"),))
GROUP = "239.255.255.250"
PATIENCE_S = 10.0


def free_udp_port() -> int:
    """Return a port nobody has; it may be taken again at once, which sharing allows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def neighbour(port: int = 0, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    """Open a neighbour's socket; with a port it also hears the group."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own = socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        sock.bind((GROUP if port else source, port))
        if port:
            membership = socket.inet_aton(GROUP) + own
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        yield sock


async def hear(sock: socket.socket) -> bytes:
    """Return the next datagram. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.get_running_loop().sock_recv(sock, 65535)


def said_nothing(sock: socket.socket) -> bool:
    """Tell whether nothing waits to be read."""
    try:
        sock.recv(1)
    except BlockingIOError:
        return True
    return False
