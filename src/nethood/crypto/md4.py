"""MD4, RFC 1320: what Windows stores of a password.

OpenSSL 3 hides it, so there is a version of our own to fall back on.
"""

from __future__ import annotations

import hashlib
import struct

_BLOCK = struct.Struct("<16I")
_MASK = 0xFFFFFFFF
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
# For each round: the constant added, the order in which words are taken, the four rotations.
_ROUNDS = (
    (0x00000000, tuple(range(16)), (3, 7, 11, 19)),
    (0x5A827999, (0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), (3, 5, 9, 13)),
    (0x6ED9EBA1, (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15), (3, 9, 11, 15)),
)


def md4(data: bytes) -> bytes:
    """Return the 16-byte MD4 digest of *data*."""
    try:
        return hashlib.new("md4", data, usedforsecurity=False).digest()
    except ValueError:
        return md4_pure(data)


def md4_pure(data: bytes) -> bytes:
    """Return the same without OpenSSL: about 30 microseconds for a password."""
    padded = data + b"\x80" + bytes(-(len(data) + 9) % 64) + struct.pack("<Q", len(data) * 8)
    state = _START
    for words in _BLOCK.iter_unpack(padded):
        state = _compress(state, words)
    return struct.pack("<4I", *state)


def _compress(
    state: tuple[int, int, int, int], words: tuple[int, ...]
) -> tuple[int, int, int, int]:
    a, b, c, d = state
    for index, (constant, order, shifts) in enumerate(_ROUNDS):
        for step, word in enumerate(order):
            value = a + _mix(index, b, c, d) + words[word] + constant & _MASK
            shift = shifts[step % 4]
            rotated = (value << shift | value >> 32 - shift) & _MASK
            a, b, c, d = d, rotated, b, c
    return (
        a + state[0] & _MASK,
        b + state[1] & _MASK,
        c + state[2] & _MASK,
        d + state[3] & _MASK,
    )


def _mix(index: int, x: int, y: int, z: int) -> int:
    if index == 0:
        return x & y | ~x & z
    if index == 1:
        return x & y | x & z | y & z
    return x ^ y ^ z
