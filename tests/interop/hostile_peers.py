"""A hundred servers that mean ill, one for each address 127.66.KIND.N, on ports 445 and 139.

Run as a program it answers until it is ended; KINDS says what each kind does with a connection.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

OF_A_KIND = 20
_ANSWER = b"\0\0\1\0" + b"\xfeSMB" + bytes(252)

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take everything, say nothing."""
    while await reader.read(65536):
        pass


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the question and tear the connection down."""
    await reader.read(4)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send a frame of noise that begins like SMB2."""
    await reader.read(4)
    writer.write(b"\0\0\2\0" + b"\xfeSMB" + os.urandom(508))
    await writer.drain()
    await hang(reader, writer)


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send an answer byte by byte, one a second."""
    await reader.read(4)
    for byte in _ANSWER:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send keep-alives without end: nothing in them, and never an answer."""
    await reader.read(4)
    while True:
        writer.write(b"\x85\0\0\0" * 1024)
        await writer.drain()


KINDS: dict[str, Conversation] = {
    "hang": hang,
    "reset": reset,
    "garbage": garbage,
    "trickle": trickle,
    "flood": flood,
}


def addresses(kind: str) -> list[str]:
    """Return where the servers of a kind are."""
    number = list(KINDS).index(kind)
    return [f"127.66.{number}.{host}" for host in range(1, OF_A_KIND + 1)]


async def _serve() -> None:
    async with asyncio.TaskGroup() as group:
        for kind, converse in KINDS.items():
            for address in addresses(kind):
                for port in (445, 139):
                    server = await asyncio.start_server(_quietly(converse), address, port)
                    group.create_task(server.serve_forever())
        print("ready", flush=True)


def _quietly(converse: Conversation) -> Conversation:
    async def converse_and_close(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            await converse(reader, writer)
        writer.close()

    return converse_and_close


if __name__ == "__main__":
    sys.exit(asyncio.run(_serve()))
