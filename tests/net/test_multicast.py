"""A multicast group on one interface, with loopback as the network."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Interface, IPv6Interface

import pytest

from nethood.errors import ConnectError
from nethood.net.links import Link
from nethood.net.multicast import MulticastChannel
from tests.neighborhood.loopback import GROUP, LOOPBACK, free_udp_port, hear, neighbour

Heard = asyncio.Queue[tuple[bytes, str, int, bool]]


def channel(link: Link, port: int, heard: Heard, group: str = GROUP) -> MulticastChannel:
    def receive(data: bytes, host: str, source_port: int, by_group: bool) -> None:
        heard.put_nowait((data, host, source_port, by_group))

    return MulticastChannel(asyncio.get_running_loop(), link, group, port, receive)


async def test_hears_the_group_and_its_own_address() -> None:
    port, heard = free_udp_port(), Heard()
    ours = channel(LOOPBACK, port, heard)
    ours.open()
    try:
        with neighbour() as sock:
            source = sock.getsockname()
            sock.sendto(b"all", (GROUP, port))
            assert await asyncio.wait_for(heard.get(), 10) == (b"all", *source, True)
            sock.sendto(b"you", ("127.0.0.1", port))
            assert await asyncio.wait_for(heard.get(), 10) == (b"you", *source, False)
    finally:
        ours.close()


async def test_speaks_to_the_group_from_its_own_address() -> None:
    port, heard = free_udp_port(), Heard()
    ours = channel(LOOPBACK, port, heard)
    ours.open()
    try:
        with neighbour(port) as sock:
            ours.announce(b"here")
            async with asyncio.timeout(10):
                loop = asyncio.get_running_loop()
                assert await loop.sock_recvfrom(sock, 99) == (b"here", ("127.0.0.1", port))
        with neighbour() as sock:
            ours.send(b"yours", *sock.getsockname())
            assert await hear(sock) == b"yours"
    finally:
        ours.close()


async def test_what_can_not_be_sent_is_counted() -> None:
    ours = channel(LOOPBACK, free_udp_port(), Heard())
    ours.open()
    ours.send(b"x" * 70000, "127.0.0.1", 9)
    assert ours.send_errors == 1
    ours.close()
    ours.close()
    ours.announce(b"after the end")
    assert ours.send_errors == 1


async def test_an_interface_that_is_gone_is_one_sentence() -> None:
    gone = Link("eth9", 999, (IPv4Interface("192.0.2.77/24"),))
    with pytest.raises(ConnectError, match=r"eth9 \(192\.0\.2\.77\)"):
        channel(gone, free_udp_port(), Heard()).open()
    only_v6 = Link("eth9", 999, (), (IPv6Interface("fe80::7/64"),))
    with pytest.raises(ConnectError, match="no IPv4 address"):
        channel(only_v6, free_udp_port(), Heard()).open()
    with pytest.raises(ConnectError, match="eth9"):
        channel(only_v6, free_udp_port(), Heard(), "ff02::c").open()


async def test_a_port_held_by_another_is_one_sentence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as selfish:
        selfish.bind(("127.0.0.1", 0))
        port = selfish.getsockname()[1]
        with pytest.raises(ConnectError, match=f"port {port}"):
            channel(LOOPBACK, port, Heard()).open()
