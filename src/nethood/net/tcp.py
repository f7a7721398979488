"""Framed TCP: the four-byte prefix of direct TCP ([MS-SMB2] 2.1) and of RFC 1002 4.3 on a socket.

A connection owns its socket and registers it with the event loop itself: one callback per
readable event, frames handed on as views of the receive buffer, answers of one batch gathered
into one system call. Nothing here knows what a frame holds.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Protocol

from nethood.nbt.session import (
    MAX_DIRECT_LENGTH,
    MAX_SESSION_LENGTH,
    SESSION_KEEP_ALIVE,
    SESSION_MESSAGE,
)
from nethood.net.buffers import BufferPool

_FLUSH_AT = 256 * 1024
_GATHER = 64
_TYPICAL = 64 * 1024
_FAULT = "an error in this server"
"""What ends a connection whose receiver raised: its state is not known, and the loop logs it."""


class FrameReceiver(Protocol):
    """Who a connection tells about what arrives. No call may raise."""

    frame_limit: int
    """The longest payload accepted now, in bytes; a longer one ends the connection."""

    def frame_received(self, frame: memoryview) -> None:
        """Take a session message. *frame* is valid until this call returns."""

    def packet_received(self, kind: int, payload: bytes) -> None:
        """Take a session-service packet other than a message or a keepalive."""

    def connection_lost(self, reason: str) -> None:
        """The connection is over, and why; called exactly once."""


class FramedTcp:
    """One TCP connection that carries frames.

    `write` never blocks: what the socket does not take is queued, and reading pauses while more
    than *high_water* bytes wait, so a peer that does not read can't make the queue grow.
    """

    __slots__ = (
        "_backlog",
        "_backlog_bytes",
        "_buffer",
        "_closing",
        "_corked",
        "_deaf",
        "_fd",
        "_filled",
        "_loop",
        "_out",
        "_out_bytes",
        "_paused",
        "_pool",
        "_receiver",
        "_reuse",
        "_sock",
        "_want",
        "bytes_in",
        "bytes_out",
        "high_water",
        "length_mask",
        "peer",
        "progress_at",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        receiver: FrameReceiver,
        pool: BufferPool,
        *,
        peer: tuple[str, int],
        netbios: bool = False,
        high_water: int = 16 * 1024 * 1024,
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._receiver = receiver
        self._pool = pool
        self._buffer: bytearray | None = None
        self._filled = 0
        self._want = _TYPICAL
        self._out: list[bytearray | bytes | memoryview] = []
        self._reuse: list[bytearray | None] = []
        self._out_bytes = 0
        self._backlog: deque[tuple[memoryview, bytearray | None]] = deque()
        self._backlog_bytes = 0
        self._corked = False
        self._deaf = False
        self._paused = False
        self._closing: str | None = None
        self.high_water = high_water
        self.peer = peer
        self.bytes_in = 0
        self.bytes_out = 0
        self.progress_at = loop.time()
        self.length_mask = MAX_SESSION_LENGTH if netbios else MAX_DIRECT_LENGTH

    def start(self) -> None:
        """Begin to read."""
        self._loop.add_reader(self._fd, self._readable)

    @property
    def backlog_bytes(self) -> int:
        """How many bytes wait for the peer to read."""
        return self._backlog_bytes

    @property
    def pending_bytes(self) -> int:
        """How many received bytes wait for the rest of their frame."""
        return self._filled

    @property
    def is_closed(self) -> bool:
        """Whether the connection is over."""
        return self._fd < 0

    def write(self, data: bytearray | bytes | memoryview, reuse: bytearray | None = None) -> None:
        """Send *data*, now or at the end of the current batch, in order.

        *reuse* is the pool's buffer behind *data*; it goes back to the pool once it is sent.
        """
        if self._fd < 0:
            return
        sent = 0
        if not (self._corked or self._out or self._backlog):
            try:
                sent = self._sock.send(data)
            except OSError as error:
                if self._failed(error):
                    return
            self.bytes_out += sent
            if sent == len(data):
                if reuse is not None:
                    self._pool.give(reuse)
                return
        self._out.append(memoryview(data)[sent:] if sent else data)
        self._reuse.append(reuse)
        self._out_bytes += len(data) - sent
        if not self._corked or self._out_bytes >= _FLUSH_AT:
            self._flush()

    def stop_reading(self) -> None:
        """Take nothing more from the peer; what is written is still sent."""
        self._deaf = True
        if self._fd >= 0 and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._fd)

    def close(self, reason: str) -> None:
        """End the connection after what is queued has been handed to the system."""
        if self._fd < 0 or self._closing is not None:
            return
        self._closing = reason
        self._flush()
        if not self._backlog:
            self.abort(reason)
        else:
            self._loop.remove_reader(self._fd)

    def abort(self, reason: str) -> None:
        """End the connection now."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        self._loop.remove_reader(fd)
        if self._backlog:
            self._loop.remove_writer(fd)
        self._backlog.clear()
        self._backlog_bytes = 0
        self._out.clear()
        self._buffer = None
        self._filled = 0
        self._sock.close()
        self._receiver.connection_lost(self._closing or reason)

    def _readable(self) -> None:
        """Read: the usual request comes whole and alone, into a buffer all connections share.

        Anything else goes the longer way, in a buffer of the connection's own.
        """
        if self._buffer is not None or self._want != _TYPICAL:
            self._read_more()
            return
        view = self._pool.scratch
        try:
            count = self._sock.recv_into(view)
        except OSError as error:
            self._failed(error)
            return
        if count != 4 + int.from_bytes(view[:4], "big") or count - 4 > self._receiver.frame_limit:
            self._read_rest(view, count)
            return
        self.bytes_in += count
        try:
            self._receiver.frame_received(view[4:count])
        except Exception:
            self.abort(_FAULT)
            raise

    def _read_rest(self, view: memoryview, count: int) -> None:
        """Move what was read to a buffer of its own, and go on there."""
        if not count:
            self.abort("closed by the peer")
            return
        self.bytes_in += count
        buffer = self._pool.take(count)
        buffer[:count] = view[:count]
        self._take(buffer, memoryview(buffer), count)

    def _read_more(self) -> None:
        """Read into the connection's own buffer."""
        buffer = self._buffer if self._buffer is not None else self._pool.take(self._want)
        view = memoryview(buffer)
        try:
            count = self._sock.recv_into(view[self._filled :])
        except OSError as error:
            if not self._failed(error):
                self._keep(buffer, self._filled)
            return
        if not count:
            self.abort("closed by the peer")
            return
        self.bytes_in += count
        self._take(buffer, view, self._filled + count)

    def _failed(self, error: OSError) -> bool:
        """End the connection if *error* means so; say whether it did."""
        if isinstance(error, BlockingIOError | InterruptedError):
            return False
        self.abort(error.strerror or "connection reset")
        return True

    def _take(self, buffer: bytearray, view: memoryview, filled: int) -> None:
        """Hand on what has arrived, and send what is answered to it at once."""
        self._corked = True
        try:
            self._split(buffer, view, filled)
        except Exception:
            self.abort(_FAULT)
            raise
        self._corked = False
        if self._out:
            self._flush()

    def _keep(self, buffer: bytearray, filled: int) -> None:
        self._filled = filled
        if filled:
            self._buffer = buffer
            self.progress_at = self._loop.time()
        else:
            self._buffer = None
            self._pool.give(buffer)

    def _split(self, buffer: bytearray, view: memoryview, filled: int) -> None:
        """Hand on every whole frame in *buffer*; keep the rest, in a larger buffer if need be."""
        position = 0
        total = 4
        self._filled = filled
        while filled - position >= 4:
            prefix = int.from_bytes(view[position : position + 4], "big")
            length = prefix & self.length_mask
            total = 4 + length
            if length > self._receiver.frame_limit:
                self.abort(f"frame of {length} bytes is over the limit")
                return
            if filled - position < total:
                break
            end = position + total
            self._deliver(prefix >> 24, view[position + 4 : end])
            if self._fd < 0 or self._closing is not None:
                return
            position = end
            total = 4
            if self._paused:
                break
        self._settle(buffer, view, position, filled, total)

    def _settle(
        self, buffer: bytearray, view: memoryview, position: int, filled: int, total: int
    ) -> None:
        rest = filled - position
        # The next frame is likely as long as this one: read it where it will lie whole.
        if total > _TYPICAL:
            self._want = total
        elif not rest and self._want > _TYPICAL and filled < _TYPICAL:
            self._want = _TYPICAL
        if rest and total > len(buffer):
            larger = self._pool.take(total)
            larger[:rest] = view[position:filled]
            self._pool.give(buffer)
            buffer = larger
        elif rest and position:
            view[:rest] = view[position:filled]
        self._keep(buffer, rest)

    def _deliver(self, kind: int, payload: memoryview) -> None:
        if kind & 0xFE == SESSION_MESSAGE and not (kind and self.length_mask == MAX_DIRECT_LENGTH):
            self._receiver.frame_received(payload)
        elif kind != SESSION_KEEP_ALIVE:
            self._receiver.packet_received(kind, bytes(payload))

    def _flush(self) -> None:
        """Give the gathered answers to the socket; queue what it does not take."""
        out = self._out
        if not out or self._fd < 0:
            return
        if self._backlog:
            self._queue(0)
            return
        try:
            sent = self._sock.send(out[0]) if len(out) == 1 else self._sock.sendmsg(out[:_GATHER])
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self.abort(error.strerror or "connection reset")
            return
        self.bytes_out += sent
        if sent == self._out_bytes:
            out.clear()
            self._out_bytes = 0
            for buffer in self._reuse:
                if buffer is not None:
                    self._pool.give(buffer)
            self._reuse.clear()
            return
        self.progress_at = self._loop.time()
        self._queue(sent)
        self._loop.add_writer(self._fd, self._writable)

    def _queue(self, skip: int) -> None:
        """Move the gathered answers, but for their first *skip* bytes, to the backlog."""
        for data, reuse in zip(self._out, self._reuse, strict=True):
            view = memoryview(data)
            if skip >= len(view):
                skip -= len(view)
                continue
            self._backlog.append((view[skip:], reuse))
            self._backlog_bytes += len(view) - skip
            skip = 0
        self._out.clear()
        self._out_bytes = 0
        self._reuse.clear()
        if self._backlog_bytes > self.high_water and not self._paused:
            self._paused = True
            self._loop.remove_reader(self._fd)

    def _writable(self) -> None:
        backlog = self._backlog
        try:
            view, reuse = backlog[0]
            sent = self._sock.send(view)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self.abort(error.strerror or "connection reset")
            return
        self.bytes_out += sent
        self.progress_at = self._loop.time()
        self._backlog_bytes -= sent
        if sent < len(view):
            backlog[0] = (view[sent:], reuse)
            return
        backlog.popleft()
        if reuse is not None:
            self._pool.give(reuse)
        if not backlog:
            self._drained()

    def _drained(self) -> None:
        self._loop.remove_writer(self._fd)
        if self._closing is not None:
            self.abort(self._closing)
        elif self._paused and not self._deaf:
            self._paused = False
            self._loop.add_reader(self._fd, self._readable)
            if self._buffer is not None:
                self._take(self._buffer, memoryview(self._buffer), self._filled)
