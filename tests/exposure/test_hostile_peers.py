"""Peers that hang, trickle, babble or reset, over real sockets: each costs one time-out at most."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable

import pytest

from nethood.exposure.context import ProbeOptions
from nethood.exposure.examine import examine
from nethood.exposure.model import HostReport, Target
from tests.exposure.loopback import HOST, LoopbackNetwork

TIMEOUT_S = 0.25
ANSWER = b"\0\0\1\0" + b"\xfeSMB" + bytes(252)

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)
    for byte in ANSWER:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await writer.drain()
    await reader.read()


async def promise_too_much(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)
    writer.write(b"\0\xff\xff\xff" + bytes(1000))
    await writer.drain()
    await reader.read()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    await reader.read(4)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing and go."""


async def look_at(peer: Peer) -> tuple[HostReport, LoopbackNetwork, float]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await peer(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    network = LoopbackNetwork()
    async with await asyncio.start_server(serve, HOST, 0) as server:
        port = server.sockets[0].getsockname()[1]
        options = ProbeOptions(timeout_s=TIMEOUT_S, smb_port=port, session_port=1)
        started = time.perf_counter()
        report = await examine(Target(HOST, port), network, options)
        return report, network, time.perf_counter() - started


@pytest.mark.parametrize(
    ("peer", "reason", "connections"),
    [
        (hang, "no answer to NEGOTIATE within 0.25 s", 3),
        (trickle, "no answer to NEGOTIATE within 0.25 s", 3),
        (babble, "the answer makes no sense: Session packet: type is 0x53", 3),
        (promise_too_much, "the answer makes no sense: Session packet", 3),
        (reset, "the connection was closed without an answer to NEGOTIATE", 20),
        (close, "the connection was closed without an answer to NEGOTIATE", 20),
    ],
)
async def test_what_it_costs(peer: Peer, reason: str, connections: int) -> None:
    report, network, elapsed_s = await look_at(peer)
    assert report.server.unknown.startswith(reason)
    for answer in (report.ntlm, report.smb1, report.dialects, report.algorithms):
        assert answer.value is None
        assert answer.unknown
    assert len(network.connected) <= connections
    assert elapsed_s < 3 * TIMEOUT_S
