"""Bytes that are wrong in the ways bytes go wrong: cut, repeated, flipped, and full of edges."""

from __future__ import annotations

from random import Random

LONGEST = 4096
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(random: Random, seed: bytes) -> bytes:
    """Return a descendant of *seed*, or now and then bytes that owe nothing to it."""
    if random.random() < 0.2:
        return random.randbytes(random.randrange(200))
    data = bytearray(seed)
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        random.choice(_WAYS)(random, data)
    return bytes(data[:LONGEST])


def _flip(random: Random, data: bytearray) -> None:
    if data:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def _edge(random: Random, data: bytearray) -> None:
    value, width = random.choice(EDGES), random.choice((1, 2, 4))
    raw = (value & ((1 << 8 * width) - 1)).to_bytes(width, "little")
    at = random.randrange(len(data) + 1)
    data[at : at + width] = raw


def _cut(random: Random, data: bytearray) -> None:
    del data[random.randrange(len(data) + 1) :]


def _remove(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data) + 1)
    del data[at : at + random.randrange(1, 9)]


def _insert(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.randbytes(random.randrange(1, 17))


def _repeat(random: Random, data: bytearray) -> None:
    data.extend(data[random.randrange(len(data) + 1) :])


_WAYS = (_flip, _flip, _edge, _edge, _edge, _cut, _remove, _insert, _repeat)
