"""One question to one host by UDP, from a socket that hears a closed port say so."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from nethood.errors import ConnectError, TimedOut

_LARGEST = 65535


async def ask_udp(
    address: str, port: int, request: bytes, accept: Callable[[bytes], bool], timeout_s: float
) -> bytes:
    """Send *request* once; return the first datagram from there that *accept* takes.

    Raises ConnectError where the host or the way to it refuses, TimedOut. Cancelling it closes
    its socket.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect((address, port))
            async with asyncio.timeout(timeout_s):
                await loop.sock_sendall(sock, request)
                while not accept(data := await loop.sock_recv(sock, _LARGEST)):
                    pass
        except TimeoutError:
            raise TimedOut(f"no answer from {address} UDP port {port} in {timeout_s:g} s") from None
        except OSError as error:
            raise ConnectError(_problem(address, port, error)) from error
    return data


def _problem(address: str, port: int, error: OSError) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"{address} says its UDP port {port} is closed"
    return f"can't ask {address} UDP port {port}: {error.strerror or error}"
