"""The pace of a scan: at most so many packets begin a second, whoever sends them.

Everybody who wants to send takes a turn here. Turns are times on a line, given in the order they
are asked for; a turn missed because the process was held up is made up only as far as
`CATCH_UP_S`, so that a pause is followed by no flood.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from nethood.errors import LocalError

CATCH_UP_S = 0.02


class Pacer:
    """Turns, *rate* a second."""

    __slots__ = ("_clock", "_next", "_sleep", "rate", "taken")

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises LocalError for a rate that is not above zero."""
        if not rate > 0:
            raise LocalError("the rate is how many packets leave a second; it must be above 0")
        self.rate = rate
        self.taken = 0
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    async def take(self, count: int = 1) -> None:
        """Return when *count* packets may leave.

        A turn whose taker is cancelled while it waits is lost: that errs on the slow side.
        """
        now = self._clock()
        start = max(self._next, now - CATCH_UP_S)
        self._next = start + count / self.rate
        self.taken += count
        if start > now:
            await self._sleep(start - now)
