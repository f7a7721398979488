"""The command sequence window: which message ids a client may use, and the credits behind it.

[MS-SMB2] 3.3.1.1, 3.3.1.2, 3.3.5.2.3. Ids are granted in one growing run; those used out of order
are remembered until the ones before them are used too.
"""

from __future__ import annotations


class SequenceWindow:
    """The ids a client may use now: from `low` to just below `high`, less those already used."""

    __slots__ = ("_used", "high", "limit", "low", "open_ids")

    def __init__(self, limit: int) -> None:
        """Begin with id 0 alone; never let more than *limit* ids be open at once."""
        self.low = 0
        self.high = 1
        self.limit = limit
        self.open_ids = 1
        """How many ids the client still has."""
        self._used: set[int] = set()

    def use(self, message_id: int, charge: int) -> bool:
        """Take *charge* ids from *message_id* on; return False where any of them is not open."""
        end = message_id + charge
        if message_id < self.low or end > self.high:
            return False
        if message_id == self.low and not self._used:
            self.low = end
            self.open_ids -= charge
            return True
        ids = range(message_id, end)
        if not self._used.isdisjoint(ids):
            return False
        self._used.update(ids)
        self.open_ids -= charge
        while self.low in self._used:
            self._used.discard(self.low)
            self.low += 1
        return True

    def grant(self, requested: int) -> int:
        """Open up to *requested* more ids, at least one where the client has none; say how many.

        The run from the oldest unused id stays within twice the limit, so that a client that
        leaves holes can't make the set of used ids grow without end.
        """
        room = self.limit - self.open_ids
        span = self.low + 2 * self.limit - self.high
        if requested > room or requested > span:
            requested = max(min(room, span), 0 if self.open_ids else 1)
        self.high += requested
        self.open_ids += requested
        return requested
