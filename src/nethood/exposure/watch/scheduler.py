"""Beginning looks when they are due: so many at once, so many a second, and no more after a pause.

One task for all targets. When looking can't keep up, or the process was held up, what is due
waits and is begun at twice the ordinary pace, not in a burst.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from nethood.exposure.watch.timetable import Timetable

TICK_S = 0.05
LONGEST_WAIT_S = 0.25

CATCH_UP = 2.0
"""How many times the ordinary pace is the most."""

_LEAST_PER_S = 50.0
_LATE_S = 0.2


def most_per_s(periods: list[float]) -> float:
    """Return how many looks may begin a second: twice what the *periods* need."""
    return max(_LEAST_PER_S, CATCH_UP * sum(1 / period for period in periods))


class Scheduler:
    """Begins looks by a timetable; *begin* gets the number of a target."""

    def __init__(
        self,
        timetable: Timetable,
        per_s: float,
        begin: Callable[[int], None],
        room: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*room* tells how many more may be in flight now."""
        self.timetable = timetable
        self.lateness_s = 0.0
        """How long the last target that was begun had been due."""
        self._per_s = per_s
        self._begin = begin
        self._room = room
        self._clock = clock
        self._allowance = 1.0
        self._counted = clock()

    async def run(self) -> None:
        """Begin looks until cancelled."""
        while True:  # noqa: ASYNC110 - it is the time that is waited for
            await asyncio.sleep(self.tick())

    def tick(self) -> float:
        """Begin what is due; return after how many seconds to come again."""
        now = self._clock()
        limit = min(self._room(), self._allowed(now))
        for target, late_s in self.timetable.take(now, limit):
            self._allowance -= 1
            self.lateness_s = late_s
            self._begin(target)
        due = self.timetable.next_due
        wait_s = LONGEST_WAIT_S if due is None else due - now
        return min(max(wait_s, TICK_S), LONGEST_WAIT_S)

    def _allowed(self, now: float) -> int:
        """Return how many looks may begin: what a pause left unused is mostly lost."""
        earned = (now - self._counted) * self._per_s
        self._counted = now
        self._allowance = min(self._allowance + earned, max(1.0, self._per_s * _LATE_S))
        return int(self._allowance)
