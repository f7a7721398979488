"""When each target is looked at: spread over its interval, at the same place of every interval.

Pure: the time and the jitter come in. A target has a slot, so looks neither drift nor bunch up;
what was missed while the watcher slept is looked at once and not several times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush

FIRST_PER_S = 50.0
"""How many targets a second are begun in the first round, where the interval leaves time for it."""

_JITTER = 0.02
_SOONEST = 0.25
_SLACK_S = 10.0
_IN_FLIGHT = float("inf")


def period_of(every_s: float, confirm_after_s: float) -> float:
    """Return how often to look so that a change is confirmed within *every_s*.

    At most twice as often as that.
    """
    slack_s = min(_SLACK_S, every_s / 10)
    return max(every_s / 2, every_s - confirm_after_s - slack_s)


class Timetable:
    """The next look at each target; targets are the numbers below `len(periods)`.

    Times are of any clock that does not jump.
    """

    def __init__(self, periods: Sequence[float], now: float, random: Callable[[], float]) -> None:
        """*periods* are seconds; the first look at each comes soon. *random* is below 1."""
        self._periods = list(periods)
        self._random = random
        count = len(self._periods)
        self._slots = [now + period * n / count for n, period in enumerate(self._periods)]
        self._due = [min(slot, now + n / FIRST_PER_S) for n, slot in enumerate(self._slots)]
        self._heap = [(due, n) for n, due in enumerate(self._due)]
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._periods)

    @property
    def next_due(self) -> float | None:
        """When the next look is due; None where all targets are being looked at."""
        while self._heap and self._due[self._heap[0][1]] != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float, limit: int) -> list[tuple[int, float]]:
        """Return up to *limit* targets that are due, and for how long they have been.

        They have no next time until `looked_at` or `again_at` gives them one.
        """
        found: list[tuple[int, float]] = []
        while len(found) < limit and (due := self.next_due) is not None and due <= now:
            _, target = heappop(self._heap)
            self._due[target] = _IN_FLIGHT
            found.append((target, now - due))
        return found

    def looked_at(self, target: int, now: float) -> None:
        """Put a target to its next slot, but not to one that is nearly now."""
        period = self._periods[target]
        soonest = now + period * _SOONEST
        rounds = max(0, -int((self._slots[target] - soonest) // period))
        slot = self._slots[target] + rounds * period
        self.again_at(target, slot - self._random() * period * _JITTER)

    def again_at(self, target: int, due: float) -> None:
        """Look at a target at *due*, whatever was planned."""
        self._due[target] = due
        heappush(self._heap, (due, target))
