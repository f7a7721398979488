"""What has become of the targets of a scan, so that it can be taken up again where it stood.

Targets begin in order and end in any; everything below `position` is over. Memory is one small
entry for each target that is not, and for those that overtook it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from enum import StrEnum


class Fate(StrEnum):
    """What a target turned out to be."""

    SILENT = "silent"
    UNREACHED = "unreached"
    """Nothing was sent: this machine has no way there."""
    REFUSING = "refusing"
    """It answers, and there is nothing to examine."""
    FOUND = "found"
    """It has an open port, or NetBIOS that answers."""


class Ledger:
    """Counts of fates: *settled* those below *position*, `counts` all that are over."""

    def __init__(self, position: int = 0, settled: Mapping[str, int] | None = None) -> None:
        self.position = position
        self.settled: Counter[str] = Counter(settled or {})
        self.counts: Counter[str] = Counter(self.settled)
        self._open: deque[Fate | None] = deque()

    @property
    def begun(self) -> int:
        """The index of the next target."""
        return self.position + len(self._open)

    @property
    def over(self) -> int:
        """How many targets are over."""
        return sum(self.counts.values())

    def begin(self) -> int:
        """Begin the next target; return its index."""
        self._open.append(None)
        return self.begun - 1

    def end(self, index: int, fate: Fate) -> None:
        """Note what became of a target that was begun."""
        self.counts[fate] += 1
        self._open[index - self.position] = fate
        while self._open and (settled := self._open[0]) is not None:
            self._open.popleft()
            self.settled[settled] += 1
            self.position += 1
