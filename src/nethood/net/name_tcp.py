"""A question to a name server over TCP, for answers a datagram can't hold: RFC 1002 4.2.1.

Each packet stands behind its length in two bytes. What the packets say is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib

from nethood.errors import ConnectError, ConnectionLost, TimedOut

_LENGTH_SIZE = 2


async def ask_by_tcp(to: tuple[str, int], request: bytes, *, timeout_s: float = 3.0) -> bytes:
    """Send *request* and return the packet that answers it, at most 65,535 bytes.

    Raises ConnectError, ConnectionLost, TimedOut.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(to, request)
    except TimeoutError:
        raise TimedOut(f"{to[0]} does not answer by TCP in {timeout_s:g} s") from None


async def _ask(to: tuple[str, int], request: bytes) -> bytes:
    try:
        reader, writer = await asyncio.open_connection(*to)
    except OSError as error:
        reason = error.strerror or error
        raise ConnectError(f"can't ask {to[0]} TCP port {to[1]}: {reason}") from error
    try:
        writer.write(len(request).to_bytes(_LENGTH_SIZE, "big") + request)
        length = int.from_bytes(await reader.readexactly(_LENGTH_SIZE), "big")
        return await reader.readexactly(length)
    except (OSError, asyncio.IncompleteReadError) as error:
        raise ConnectionLost(f"{to[0]} hung up instead of answering by TCP") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
