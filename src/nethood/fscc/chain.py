"""Lists of entries linked by NextEntryOffset, the shape [MS-FSCC] gives every list."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

from nethood.erref import STATUS_BUFFER_OVERFLOW, STATUS_INFO_LENGTH_MISMATCH, STATUS_SUCCESS
from nethood.errors import Malformed, StatusError
from nethood.wire import Buffer

_NEXT = struct.Struct("<I")


def walk(data: Buffer, structure: str, minimum: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each entry; an entry has at least *minimum* bytes. Raises Malformed.

    The end of an entry takes in the padding before the next. No data is no entry.
    """
    size = len(data)
    at = 0
    while size:
        if size - at < minimum:
            raise Malformed(structure, f"needs {minimum} bytes, has {size - at}", at)
        (step,) = _NEXT.unpack_from(data, at)
        if step == 0:
            yield at, size
            return
        # A step of at least *minimum* makes every list end.
        if step < minimum or at + step > size:
            raise Malformed(structure, f"NextEntryOffset is {step}", at)
        yield at, at + step
        at += step


def link(entries: Iterable[bytes], align: int) -> bytes:
    """Join entries encoded with a NextEntryOffset of 0; all but the last are padded to *align*."""
    pieces: list[bytes] = []
    last = b""
    for entry in entries:
        if last:
            pad = -len(last) % align
            pieces += (_NEXT.pack(len(last) + pad), last[4:], bytes(pad))
        last = entry
    pieces.append(last)
    return b"".join(pieces)


def fill(entries: Iterable[bytes], align: int, max_size: int) -> tuple[bytes, int, bool]:
    """Join as many whole entries as fit into *max_size* bytes.

    Returns the bytes, how many entries they hold, and whether all did.
    """
    taken: list[bytes] = []
    used = 0
    for entry in entries:
        start = used + -used % align
        if start + len(entry) > max_size:
            return link(taken, align), len(taken), False
        taken.append(entry)
        used = start + len(entry)
    return link(taken, align), len(taken), True


def fit(data: bytes, max_size: int, minimum: int) -> tuple[int, bytes]:
    """Return status and bytes of an answer whose variable part may be cut off at its end.

    STATUS_BUFFER_OVERFLOW where *max_size* cuts it, at an even byte for the sake of the text there.
    Raises StatusError(INFO_LENGTH_MISMATCH) below *minimum* ([MS-SMB2] 3.3.5.20.1).
    """
    if max_size < minimum:
        raise StatusError(STATUS_INFO_LENGTH_MISMATCH)
    if len(data) <= max_size:
        return STATUS_SUCCESS, data
    return STATUS_BUFFER_OVERFLOW, data[: max_size & ~1]
