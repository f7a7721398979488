"""One message to a log: by UDP, TCP or a local socket, and what is known of its arrival.

Framing on TCP and local streams is octet counting, RFC 6587 3.4.1. What the message says is not
known here.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket

from nethood.errors import ConnectError, ConnectionLost, TimedOut, TransportError

REFUSAL_WAIT_S = 0.25
"""How long after a datagram an ICMP error about it is waited for."""
CLOSE_WAIT_S = 1.0
"""How long the peer of a stream may take to close after us."""


async def send_udp(host: str, port: int, message: bytes, timeout_s: float) -> None:
    """Send one datagram. Raises ConnectError where it can't be sent, or is refused at once."""
    loop = asyncio.get_running_loop()
    refused: asyncio.Future[None] = loop.create_future()
    try:
        async with asyncio.timeout(timeout_s):
            transport, _ = await loop.create_datagram_endpoint(
                lambda: _Refusals(refused), remote_addr=(host, port)
            )
    except (OSError, TimeoutError) as error:
        raise _unsent(f"{host} port {port}", error) from error
    try:
        transport.sendto(message)
        await asyncio.wait_for(refused, REFUSAL_WAIT_S)
    except TimeoutError:
        return
    except OSError as error:
        raise _unsent(f"{host} port {port}", error) from error
    finally:
        transport.close()


class _Refusals(asyncio.DatagramProtocol):
    def __init__(self, refused: asyncio.Future[None]) -> None:
        self._refused = refused

    def error_received(self, exc: Exception) -> None:
        """Take what the system says of the datagram."""
        if not self._refused.done():
            self._refused.set_exception(exc)


async def send_tcp(host: str, port: int, message: bytes, timeout_s: float) -> None:
    """Send one message over a connection of its own.

    Raises ConnectError where it was not sent, ConnectionLost where it may have been.
    """
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        raise _unsent(f"{host} port {port}", error) from error
    await _send_stream(reader, writer, message, timeout_s)


async def _send_stream(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes, timeout_s: float
) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            writer.write(b"%d %b" % (len(message), message))
            await writer.drain()
            writer.write_eof()
        await _wait_for_close(reader)
    except (OSError, TimeoutError) as error:
        raise ConnectionLost(f"the connection broke: {_reason(error)}") from error
    finally:
        writer.transport.abort()


async def _wait_for_close(reader: asyncio.StreamReader) -> None:
    """Wait a while for the peer to close: a reset instead says that it did not read."""
    try:
        async with asyncio.timeout(CLOSE_WAIT_S):
            while await reader.read(1024):
                pass
    except TimeoutError:
        return


async def send_local(path: str, message: bytes, timeout_s: float) -> None:
    """Send one message to the local socket at *path*, of datagrams or else of a stream.

    Returns when the other end has it in its queue. Raises ConnectError, ConnectionLost.
    """
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(timeout_s):
            await loop.sock_connect(sock, path)
            await loop.sock_sendall(sock, message)
    except (OSError, TimeoutError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPROTOTYPE:
            await _send_local_stream(path, message, timeout_s)
            return
        raise _unsent(path, error) from error
    finally:
        sock.close()


async def _send_local_stream(path: str, message: bytes, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path)
    except (OSError, TimeoutError) as error:
        raise _unsent(path, error) from error
    await _send_stream(reader, writer, message, timeout_s)


def _unsent(where: str, error: OSError | TimeoutError) -> TransportError:
    if isinstance(error, TimeoutError) and not error.errno:
        return TimedOut(f"{where} did not answer in time")
    return ConnectError(f"{where}: {_reason(error)}")


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return error.strerror or "no such host"
    return os.strerror(error.errno).lower() if error.errno else "no answer in time"
