"""When to send, and what not to answer: delays, repetitions, duplicates, one source's share.

SOAP-over-UDP appendix I; WS-Discovery appendix I (APP_MAX_DELAY). Time and chance come in.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

APP_MAX_DELAY_S = 0.5
"""The longest wait before a Hello or a match, so that not all answer at once."""
_MIN_DELAY_S = 0.05
_MAX_DELAY_S = 0.25
_UPPER_DELAY_S = 0.5

Chance = Callable[[], float]
"""A number from 0 up to 1."""


def application_delay_s(chance: Chance) -> float:
    """Return how long to wait before a Hello, or a match of a multicast probe."""
    return chance() * APP_MAX_DELAY_S


def repeat_delays_s(repeats: int, chance: Chance) -> list[float]:
    """Return the waits between a message and its *repeats*: random first, then doubling."""
    delay = _MIN_DELAY_S + chance() * (_MAX_DELAY_S - _MIN_DELAY_S)
    delays = []
    for _ in range(repeats):
        delays.append(delay)
        delay = min(delay * 2, _UPPER_DELAY_S)
    return delays


class SeenMessages:
    """The ids of the last *capacity* messages: a sender repeats itself, and is answered once."""

    def __init__(self, capacity: int = 1024) -> None:
        self._capacity = capacity
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_new(self, message_id: str) -> bool:
        """Remember an id, and tell whether it was new."""
        if message_id in self._ids:
            self._ids.move_to_end(message_id)
            return False
        self._ids[message_id] = None
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)
        return True


class Throttle:
    """At most *burst* answers at once and *per_s* a second for one source.

    Of *capacity* sources the one longest silent is forgotten first.
    """

    def __init__(self, per_s: float = 5.0, burst: float = 20.0, capacity: int = 1024) -> None:
        self._per_s = per_s
        self._burst = burst
        self._capacity = capacity
        self._sources: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, source: str, now: float) -> bool:
        """Count one answer for *source* at *now* (seconds), if it has one left."""
        left, at = self._sources.pop(source, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        allowed = left >= 1
        self._sources[source] = (left - 1 if allowed else left, now)
        if len(self._sources) > self._capacity:
            self._sources.popitem(last=False)
        return allowed
