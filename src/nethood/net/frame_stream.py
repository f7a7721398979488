"""One connection that carries whole messages behind their 4-byte length, for asking many hosts.

The framing of direct TCP ([MS-SMB2] 2.1) and of NetBIOS sessions (RFC 1002 4.3.1) on a socket of
its own, without asyncio's transports: a scan opens thousands of these in a second. Every wait ends
at the deadline that was set when the connection was made, so a peer that trickles gains nothing.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from nethood.errors import ConnectError, ConnectionLost, LocalError, Malformed, TimedOut
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import (
    FRAME_HEADER_SIZE,
    NEGATIVE_SESSION_RESPONSE,
    POSITIVE_SESSION_RESPONSE,
    RETARGET_SESSION_RESPONSE,
    SESSION_KEEP_ALIVE,
    SESSION_MESSAGE,
    SESSION_REQUEST,
    NegativeSessionResponse,
    RetargetSessionResponse,
    SessionRequest,
)

DEFAULT_LIMIT = 128 * 1024 + 1024
"""The longest message accepted: a transfer of 128 KiB and its headers."""
_RECEIVE_SIZE = 16 * 1024
_MOST_KEEP_ALIVES = 64
_MAX_LENGTH = 0xFFFFFF
_IN_PROGRESS = (errno.EINPROGRESS, errno.EWOULDBLOCK)
_TIMED_OUT = (errno.ETIMEDOUT,)


class FrameStream:
    """An open connection; an asynchronous context manager that closes it.

    One task at a time may use it. Cancelling a wait leaves the connection of no more use.
    """

    __slots__ = (
        "_buffer",
        "_deadline",
        "_fd",
        "_limit",
        "_loop",
        "_sock",
        "_timeout_s",
        "_timer",
        "_waiter",
        "_where",
    )

    def __init__(
        self, sock: socket.socket, where: str, timeout_s: float, limit: int = DEFAULT_LIMIT
    ) -> None:
        """Take over a non-blocking socket whose life ends *timeout_s* from now."""
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._fd = sock.fileno()
        self._where = where
        self._timeout_s = timeout_s
        self._limit = limit
        self._buffer = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = self._loop.time() + timeout_s
        self._timer = self._loop.call_at(self._deadline, self._expire)

    @classmethod
    async def connect(
        cls, address: str, port: int, timeout_s: float, *, limit: int = DEFAULT_LIMIT
    ) -> Self:
        """Connect to a numeric *address*; the connection's whole life ends *timeout_s* from now.

        Raises ConnectError where the port is closed or the host can't be reached (its cause is
        the OSError), TimedOut where nothing comes back.
        """
        where = f"port {port} of {address}"
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            sock = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:
            raise _no_connection(where, error) from error
        sock.setblocking(False)
        stream = cls(sock, where, timeout_s, limit)
        try:
            await stream._connect((address, port))
        except BaseException:
            stream.close()
            raise
        return stream

    async def _connect(self, address: tuple[str, int]) -> None:
        code = 0
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = self._sock.connect_ex(address)
            if code in _IN_PROGRESS:
                await self._writable()
                code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            raise _no_connection(self._where, error) from error
        if code:
            failed = OSError(code, os.strerror(code))
            raise _no_connection(self._where, failed) from failed

    @property
    def is_closed(self) -> bool:
        """Whether this end has closed the connection."""
        return self._fd < 0

    async def send(self, message: bytes, packet_type: int = SESSION_MESSAGE) -> None:
        """Send one message.

        Raises LocalError beyond 16,777,215 bytes, ConnectionLost, TimedOut.
        """
        if len(message) > _MAX_LENGTH:
            raise LocalError(f"a message holds at most {_MAX_LENGTH} bytes, not {len(message)}")
        data = (packet_type << 24 | len(message)).to_bytes(FRAME_HEADER_SIZE, "big") + message
        while data:
            self._check_open()
            try:
                sent = self._sock.send(data)
            except (BlockingIOError, InterruptedError):
                await self._writable()
            except OSError as error:
                raise self._lost(error) from error
            else:
                data = data[sent:]

    async def receive(self) -> tuple[int, bytes]:
        """Return the next (packet type, message), keep-alives left out.

        Raises TimedOut, ConnectionLost, or Malformed for what is no packet, is over the limit, or
        where keep-alives are all that comes: a read holds thousands, and others would wait.
        """
        for _ in range(_MOST_KEEP_ALIVES):
            kind, length = await self._header()
            end = FRAME_HEADER_SIZE + length
            await self._fill(end)
            message = bytes(memoryview(self._buffer)[FRAME_HEADER_SIZE:end])
            del self._buffer[:end]
            if kind != SESSION_KEEP_ALIVE:
                return kind, message
        raise Malformed("Session packets", f"{_MOST_KEEP_ALIVES} keep-alives and no message")

    async def exchange(self, message: bytes) -> bytes:
        """Send a session message and return the next one. Raises as send and receive do."""
        await self.send(message)
        kind, answer = await self.receive()
        if kind != SESSION_MESSAGE:
            raise Malformed("Session packet", f"type 0x{kind:02X} instead of a message")
        return answer

    def close(self) -> None:
        """Close the connection; what was sent still arrives."""
        if self._fd < 0:
            return
        self._stop_waiting()
        self._timer.cancel()
        self._fd = -1
        self._sock.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    async def _header(self) -> tuple[int, int]:
        await self._fill(FRAME_HEADER_SIZE)
        word = int.from_bytes(self._buffer[:FRAME_HEADER_SIZE], "big")
        kind, length = word >> 24, word & _MAX_LENGTH
        if kind and not SESSION_REQUEST <= kind <= SESSION_KEEP_ALIVE:
            raise Malformed("Session packet", f"type is 0x{kind:02X}: this is not SMB")
        if length > self._limit:
            raise Malformed("Session packet", f"of {length} bytes, more than {self._limit}")
        return kind, length

    async def _fill(self, size: int) -> None:
        """Read until *size* bytes are there."""
        buffer = self._buffer
        while len(buffer) < size:
            self._check_open()
            try:
                piece = self._sock.recv(max(_RECEIVE_SIZE, size - len(buffer)))
            except (BlockingIOError, InterruptedError):
                await self._readable()
                continue
            except OSError as error:
                raise self._lost(error) from error
            if not piece:
                inside = "inside a message" if buffer else "without an answer"
                raise ConnectionLost(f"{self._where} closed the connection {inside}")
            buffer += piece

    async def _readable(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        self._loop.add_reader(self._fd, _wake, waiter)
        try:
            await waiter
        finally:
            self._stop_waiting(self._loop.remove_reader)

    async def _writable(self) -> None:
        waiter = self._waiter = self._loop.create_future()
        self._loop.add_writer(self._fd, _wake, waiter)
        try:
            await waiter
        finally:
            self._stop_waiting(self._loop.remove_writer)

    def _stop_waiting(self, remove: Callable[[int], bool] | None = None) -> None:
        """Forget the waiter. A wait that is under way when the stream is closed ends with it."""
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return
        if remove is not None:
            remove(self._fd)
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        if not waiter.done():
            waiter.set_exception(ConnectionLost(f"the connection to {self._where} was closed"))

    def _check_open(self) -> None:
        if self._fd < 0:
            raise ConnectionLost(f"the connection to {self._where} is closed")
        if self._loop.time() >= self._deadline:
            raise self._timed_out()

    def _expire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(self._timed_out())

    def _timed_out(self) -> TimedOut:
        return TimedOut(f"{self._where} did not answer within {self._timeout_s:g} s")

    def _lost(self, error: OSError) -> ConnectionLost | TimedOut:
        if error.errno in _TIMED_OUT:
            return TimedOut(f"{self._where} no longer answers")
        return ConnectionLost(f"{self._where} ended the connection: {_reason(error)}")


class Packets(Protocol):
    """The part of a stream that a session request needs."""

    async def send(self, message: bytes, packet_type: int = 0) -> None:
        """Send one packet."""

    async def receive(self) -> tuple[int, bytes]:
        """Return the next packet."""


async def session_request(
    stream: Packets, called: NetbiosName, calling: NetbiosName
) -> NegativeSessionResponse | RetargetSessionResponse | None:
    """Ask for a session on port 139, RFC 1002 4.3.2; return None where the answer is yes.

    After any other answer the server closes the connection. Raises TransportError, Malformed.
    """
    trailer = SessionRequest(called, calling).encode()[FRAME_HEADER_SIZE:]
    await stream.send(trailer, SESSION_REQUEST)
    kind, payload = await stream.receive()
    if kind == POSITIVE_SESSION_RESPONSE:
        return None
    if kind == NEGATIVE_SESSION_RESPONSE:
        return NegativeSessionResponse.decode(payload)
    if kind == RETARGET_SESSION_RESPONSE:
        return RetargetSessionResponse.decode(payload)
    raise Malformed("Session packet", f"type 0x{kind:02X} answers no session request")


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _no_connection(where: str, error: OSError) -> ConnectError | TimedOut:
    if error.errno == errno.ECONNREFUSED:
        return ConnectError(f"{where} is closed")
    if error.errno in _TIMED_OUT:
        return TimedOut(f"{where} does not answer")
    return ConnectError(f"no connection to {where}: {_reason(error)}")


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


_REASONS = {
    errno.ECONNRESET: "it was reset",
    errno.EPIPE: "it was closed",
    errno.EHOSTUNREACH: "there is no such host, or no way to it",
    errno.ENETUNREACH: "there is no way to that network",
    errno.EMFILE: "too many files are open here; raise the limit (ulimit -n) or lower --parallel",
    errno.ENFILE: "too many files are open on this machine",
    errno.EADDRNOTAVAIL: "no local port is free",
    errno.EACCES: "this machine's firewall forbids it",
    errno.EPERM: "this machine's firewall forbids it",
}
