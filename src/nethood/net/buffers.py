"""Reusable byte buffers: a connection borrows one while it holds bytes, and idle ones hold none."""

from __future__ import annotations

SMALLEST = 64 * 1024
_KEEP_BYTES = 64 * 1024 * 1024


class BufferPool:
    """Hand out byte arrays of at least a given size, and take them back.

    Sizes are powers of two plus *slack*, so that a buffer fits a power-of-two payload with its
    headers. At most 64 MiB of idle buffers are kept.
    """

    __slots__ = ("_free", "_idle_bytes", "scratch", "slack")

    def __init__(self, slack: int = 4096) -> None:
        self.slack = slack
        self.scratch = memoryview(bytearray(SMALLEST))
        """For what is used up before anybody else can want it."""
        self._free: dict[int, list[bytearray]] = {}
        self._idle_bytes = 0

    def take(self, size: int) -> bytearray:
        """Return a byte array of at least *size* bytes; its content is whatever it was."""
        wanted = size - self.slack
        room = SMALLEST if wanted <= SMALLEST else 1 << (wanted - 1).bit_length()
        free = self._free.get(room)
        if free:
            self._idle_bytes -= room
            return free.pop()
        return bytearray(room + self.slack)

    def give(self, buffer: bytearray) -> None:
        """Take *buffer* back; nobody may use it, or a view of it, any more."""
        room = len(buffer) - self.slack
        if self._idle_bytes + room > _KEEP_BYTES:
            return
        self._idle_bytes += room
        self._free.setdefault(room, []).append(buffer)
