"""Drive one target: a decoder returns or raises one of our own errors; anything else is a bug."""

from __future__ import annotations

import time
from random import Random

from fuzz.mutate import LONGEST, mutate
from fuzz.targets import Target
from nethood.errors import Malformed, ProtocolViolation, StatusError

KEPT = 200


class Broken(Exception):
    """A decoder did what it may not do; says with which bytes."""


def attempt(target: Target, data: bytes) -> bool:
    """Decode *data*; tell whether it was accepted. Raises Broken."""
    try:
        target.call(data)
    except (Malformed, ProtocolViolation, StatusError):
        return False
    except Exception as error:
        raise Broken(f"{target.name}: {error!r} from bytes.fromhex({data.hex()!r})") from error
    return True


def rounds(target: Target, random: Random, count: int) -> int:
    """Try *count* inputs; return how many were accepted. Accepted ones become seeds."""
    seeds = [*target.seeds, b"", bytes(64), b"\xff" * 64]
    accepted = 0
    for _ in range(count):
        data = mutate(random, random.choice(seeds))
        if attempt(target, data):
            accepted += 1
            if len(seeds) < KEPT and len(data) < LONGEST:
                seeds.append(data)
    return accepted


def for_seconds(target: Target, seed: int, seconds: float) -> tuple[int, int]:
    """Try inputs for *seconds*; return how many, and how many were accepted."""
    random, tried, accepted = Random(seed), 0, 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        accepted += rounds(target, random, 500)
        tried += 500
    return tried, accepted
