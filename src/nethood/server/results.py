"""What a handler may return, and the body of an error response."""

from __future__ import annotations

from typing import TypeAlias

from nethood.server.deferred import Deferred


class Framed:
    """A response body built where it will be sent: ``buffer[HEADROOM:end]``, from the pool."""

    __slots__ = ("buffer", "end", "status")

    def __init__(self, buffer: bytearray, end: int, status: int = 0) -> None:
        self.buffer = buffer
        self.end = end
        self.status = status


Result: TypeAlias = bytes | bytearray | tuple[int, bytes] | Framed
"""A successful body, a status with its body (empty: the error body), or a body in place."""

Outcome: TypeAlias = Result | Deferred

ERROR_BODY = b"\x09\x00\x00\x00\x00\x00\x00\x00\x00"
"""An ERROR response without data ([MS-SMB2] 2.2.2), one byte longer than its fixed part."""


def error_body(data: bytes) -> bytes:
    """Return the body of an ERROR response that carries *data* ([MS-SMB2] 2.2.2)."""
    if not data:
        return ERROR_BODY
    return b"\x09\x00\x00\x00" + len(data).to_bytes(4, "little") + data
