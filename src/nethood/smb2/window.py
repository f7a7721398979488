"""The command sequence window: which message ids a client may use, and the credits behind it.

[MS-SMB2] 3.3.1.1, 3.3.1.2, 3.3.5.2.3. Ids are granted in one growing run; those used out of order
are remembered until the ones before them are used too.
"""

from __future__ import annotations


class SequenceWindow:
    """The ids a client may use now: from `low` to just below `high`, less those already used."""

    __slots__ = ("_used", "high", "limit", "low")

    def __init__(self, limit: int) -> None:
        """Begin with id 0 alone; never let more than *limit* ids be open at once."""
        self.low = 0
        self.high = 1
        self.limit = limit
        self._used: set[int] = set()

    @property
    def open_ids(self) -> int:
        """How many ids the client still has."""
        return self.high - self.low - len(self._used)

    def use(self, message_id: int, charge: int) -> bool:
        """Take *charge* ids from *message_id* on; return False where any of them is not open."""
        end = message_id + charge
        if message_id == self.low and end <= self.high:
            if not self._used:
                self.low = end
                return True
        elif message_id < self.low or end > self.high:
            return False
        ids = range(message_id, end)
        if end > self.high or not self._used.isdisjoint(ids):
            return False
        self._used.update(ids)
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
        room = min(room, self.low + 2 * self.limit - self.high)
        granted = min(requested, room) if room > 0 else 0
        if granted <= 0 and self.open_ids == 0:
            granted = 1
        granted = max(granted, 0)
        self.high += granted
        return granted
