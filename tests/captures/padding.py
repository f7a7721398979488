"""What counts as padding in a captured message: bytes that no field of it points at.

Known independently of the code under test, from the positions in [MS-SMB2] 2.2: the size of a
body's fixed part, and where each offset and length field lies in it. A message loses its padding by
keeping the fixed part and what the fields point at, in the order of the fields; an offset whose
length is not zero says nothing more then and becomes zero. Peers align, fill and cut differently;
none leaves more than 8 such bytes in one place.
"""

from __future__ import annotations

from typing import NamedTuple

HEADER = 64
MOST = 8
_ERROR = 9


class Pointer(NamedTuple):
    """Offset field at, its width, length field at, its width; all within the body."""

    at: int
    width: int
    length_at: int
    length_width: int


# StructureSize of the body, by command and direction ("request" or "response").
SHAPES: dict[tuple[int, str, int], tuple[int, tuple[Pointer, ...]]] = {
    (1, "request", 25): (24, (Pointer(12, 2, 14, 2),)),
    (1, "response", 9): (8, (Pointer(4, 2, 6, 2),)),
    (5, "request", 57): (56, (Pointer(44, 2, 46, 2), Pointer(48, 4, 52, 4))),
    (5, "response", 89): (88, (Pointer(80, 4, 84, 4),)),
    (8, "request", 49): (48, (Pointer(44, 2, 46, 2),)),
    (8, "response", 17): (16, (Pointer(2, 1, 4, 4),)),
    (9, "request", 49): (48, (Pointer(40, 2, 42, 2), Pointer(2, 2, 4, 4))),
    (11, "request", 57): (56, (Pointer(24, 4, 28, 4), Pointer(36, 4, 40, 4))),
    (11, "response", 49): (48, (Pointer(24, 4, 28, 4), Pointer(32, 4, 36, 4))),
    (14, "request", 33): (32, (Pointer(24, 2, 26, 2),)),
    (14, "response", 9): (8, (Pointer(2, 2, 4, 4),)),
    (15, "response", 9): (8, (Pointer(2, 2, 4, 4),)),
    (16, "request", 41): (40, (Pointer(8, 2, 12, 4),)),
    (16, "response", 9): (8, (Pointer(2, 2, 4, 4),)),
    (17, "request", 33): (32, (Pointer(8, 2, 4, 4),)),
}


def without_padding(message: bytes, *, is_error: bool) -> list[bytes]:
    """Return the parts of a whole SMB2 message that say something."""
    command = int.from_bytes(message[12:14], "little")
    direction = "response" if message[16] & 1 else "request"
    size = int.from_bytes(message[HEADER : HEADER + 2], "little")
    if is_error:
        return [message[: HEADER + 8 + int.from_bytes(message[HEADER + 4 : HEADER + 8], "little")]]
    if (command, direction, size) in SHAPES:
        fixed_size, pointers = SHAPES[command, direction, size]
        return _follow(message, fixed_size, pointers)
    return [message[: HEADER + _whole(message, command, direction, size)]]


def _follow(message: bytes, fixed_size: int, pointers: tuple[Pointer, ...]) -> list[bytes]:
    fixed = bytearray(message[: HEADER + fixed_size])
    parts = []
    at = HEADER + fixed_size
    for pointer in pointers:
        start = _number(message, pointer.at, pointer.width)
        length = _number(message, pointer.length_at, pointer.length_width)
        if length:
            fixed[HEADER + pointer.at : HEADER + pointer.at + pointer.width] = bytes(pointer.width)
            parts.append(message[start : start + length])
            assert abs(start - at) <= MOST, f"{start - at} bytes before a field are not padding"
            at = start + length
    assert len(message) - at <= MOST, f"{len(message) - at} bytes at the end are not padding"
    return [bytes(fixed), *parts]


def _whole(message: bytes, command: int, direction: str, size: int) -> int:
    """Return how long a body without pointers, or one that lists things, really is."""
    if command == 10 and direction == "request":
        return 24 + 24 * _number(message, 2, 2)
    if command == 3 and direction == "request":
        return 8 + _number(message, 6, 2)
    if command == 0:
        return len(message) - HEADER
    assert len(message) - HEADER - (size & ~1) <= MOST
    return size & ~1


def _number(message: bytes, at: int, width: int) -> int:
    return int.from_bytes(message[HEADER + at : HEADER + at + width], "little")
