"""Byte-range locks of one file, and the requests that wait for them.

[MS-FSA] 2.1.5.8, 2.1.5.9 and 2.1.4.10, [MS-SMB2] 3.3.5.14. The owner of a lock is an Open. A range
of zero bytes lies between two bytes: it meets a range that spans both. {0, 0} meets nothing.

Exclusive locks never overlap each other, so the one before a range's end decides. Shared locks may
lie on top of each other; all that is ever asked of them is whether any meets a range, and for that
the farthest end among those that start before it is enough.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from nethood import erref
from nethood.errors import StatusError
from nethood.fsa.flags import (
    LOCKFLAG_EXCLUSIVE_LOCK,
    LOCKFLAG_FAIL_IMMEDIATELY,
    LOCKFLAG_SHARED_LOCK,
    LOCKFLAG_UNLOCK,
)
from nethood.fsa.opens import Open

MAX_OFFSET = 0xFFFF_FFFF_FFFF_FFFF
MAX_LOCKS = 65_536
"""Locks one file may have; more are refused with INSUFFICIENT_RESOURCES."""

_KINDS = {
    LOCKFLAG_SHARED_LOCK: (False, False),
    LOCKFLAG_EXCLUSIVE_LOCK: (True, False),
    LOCKFLAG_SHARED_LOCK | LOCKFLAG_FAIL_IMMEDIATELY: (False, True),
    LOCKFLAG_EXCLUSIVE_LOCK | LOCKFLAG_FAIL_IMMEDIATELY: (True, True),
}
"""Flags of a lock element, as (exclusive, fail immediately)."""

Element = tuple[int, int, int]
"""Offset, length and flags of an SMB2_LOCK_ELEMENT."""


class Pending:
    """A lock request that waits. *context* is the server's; it is completed at most once."""

    __slots__ = ("context", "exclusive", "length", "offset", "open")

    def __init__(self, opened: Open, offset: int, length: int, exclusive: bool) -> None:
        self.open = opened
        self.offset = offset
        self.length = length
        self.exclusive = exclusive
        self.context: Any = None


class Unlocked(NamedTuple):
    """How an unlock went: its status, and the requests that have their lock now."""

    status: int
    granted: Sequence[Pending]


class ClosedLocks(NamedTuple):
    """What a close did to waiting requests."""

    granted: Sequence[Pending]
    """Those of other Opens that have their lock now."""
    failed: Sequence[Pending]
    """Those of the Open itself; the answer is RANGE_NOT_LOCKED."""


def lock(opened: Open, elements: Sequence[Element]) -> Pending | None:
    """Take all locks of a request, or none of them ([MS-SMB2] 3.3.5.14.2).

    Returns None when they are had, or the request that waits now. Raises StatusError:
    INVALID_PARAMETER for flags that do not go together, for directories, and for several ranges
    that might wait; INVALID_LOCK_RANGE beyond 64 bits; LOCK_NOT_GRANTED; INSUFFICIENT_RESOURCES.
    """
    _check_elements(opened, elements)
    file = opened.file
    if file.locks is None:
        file.locks = LockTable()
    table = file.locks
    try:
        return table.lock(opened, elements)
    finally:
        _drop_empty(opened)


def unlock(opened: Open, elements: Sequence[Element]) -> Unlocked:
    """Give locks back one after the other, up to the first that fails ([MS-SMB2] 3.3.5.14.1).

    What was given back before a failure stays so. Never raises: the status, INVALID_PARAMETER,
    INVALID_LOCK_RANGE or RANGE_NOT_LOCKED, comes with the waiting requests to complete.
    """
    status = erref.STATUS_SUCCESS if elements else erref.STATUS_INVALID_PARAMETER
    table = opened.file.locks or LockTable()
    for offset, length, flags in elements:
        status = _unlock_one(table, opened, offset, length, flags)
        if status:
            break
    granted = table.grant()
    _drop_empty(opened)
    return Unlocked(status, granted)


def held(opened: Open) -> int:
    """Return how many locks an Open holds, a range locked twice counted twice."""
    table = opened.file.locks
    return 0 if table is None else table.held.get(opened, 0)


def close(opened: Open) -> ClosedLocks:
    """Give back all locks of an Open that closes, and end its waiting requests."""
    table = opened.file.locks
    if table is None:
        return _NOTHING
    closed = table.close(opened)
    _drop_empty(opened)
    return closed


def cancel(pending: Pending) -> bool:
    """Take a waiting request back; False if it no longer waits."""
    table = pending.open.file.locks
    if table is None or pending not in table.waiting:
        return False
    table.waiting.remove(pending)
    _drop_empty(pending.open)
    return True


def check_read(opened: Open, offset: int, length: int) -> None:
    """Raise StatusError(FILE_LOCK_CONFLICT) if another Open has locked any of it exclusively.

    Reading or writing nothing conflicts with nothing ([MS-FSA] 2.1.5.3, 2.1.5.4).
    """
    table = opened.file.locks
    if table is not None and length and table.excludes(opened, offset, length):
        raise StatusError(erref.STATUS_FILE_LOCK_CONFLICT, "the range is locked")


def check_write(opened: Open, offset: int, length: int) -> None:
    """Raise StatusError(FILE_LOCK_CONFLICT) if others have any of it locked, or anyone shared."""
    table = opened.file.locks
    if (
        table is not None
        and length
        and (table.excludes(opened, offset, length) or table.shares(offset, length))
    ):
        raise StatusError(erref.STATUS_FILE_LOCK_CONFLICT, "the range is locked")


class LockTable:
    """The locks of one file. Use the functions above: they make it, and drop it when empty."""

    __slots__ = (
        "_count",
        "_exclusive",
        "_owned",
        "_reach",
        "_serial",
        "_shared",
        "held",
        "waiting",
    )

    def __init__(self) -> None:
        # (offset, length, serial, owner), sorted; the serial keeps owners from being compared.
        self._exclusive: list[tuple[int, int, int, Open]] = []
        # (offset, last byte), sorted; and how far the first n of them reach, made when needed.
        self._shared: list[tuple[int, int]] = []
        self._reach: list[int] | None = None
        # By owner and range: how many exclusive and how many shared locks.
        self._owned: dict[Open, dict[tuple[int, int], list[int]]] = {}
        self._count = 0
        self._serial = 0
        self.held: dict[Open, int] = {}
        """How many locks each owner has."""
        self.waiting: list[Pending] = []
        """Requests that wait, oldest first."""

    def __bool__(self) -> bool:
        """Whether there is any lock or waiting request."""
        return bool(self._count or self.waiting)

    def lock(self, opened: Open, elements: Sequence[Element]) -> Pending | None:
        """Take all *elements*, whose flags have been checked, or none; see lock() above."""
        taken: list[tuple[int, int, bool]] = []
        for offset, length, flags in elements:
            exclusive, fail_immediately = _KINDS[flags]
            status = self._try(opened, offset, length, exclusive)
            if not status:
                taken.append((offset, length, exclusive))
                continue
            if status == erref.STATUS_LOCK_NOT_GRANTED and not fail_immediately:
                pending = Pending(opened, offset, length, exclusive)
                self.waiting.append(pending)
                return pending
            for range_ in reversed(taken):
                self._release(opened, *range_)
            raise StatusError(status, f"no lock on {length} bytes at {offset}")
        return None

    def unlock(self, opened: Open, offset: int, length: int) -> bool:
        """Give one lock back, an exclusive one first; False if there is none of that range."""
        counts = self._owned.get(opened, {}).get((offset, length))
        if counts is None:
            return False
        self._release(opened, offset, length, bool(counts[0]))
        return True

    def close(self, opened: Open) -> ClosedLocks:
        """Give back all locks of *opened* and end its waiting requests."""
        failed = [p for p in self.waiting if p.open is opened]
        if failed:
            self.waiting = [p for p in self.waiting if p.open is not opened]
        owned = self._owned.pop(opened, None)
        if owned is None:
            return ClosedLocks([], failed)
        del self.held[opened]
        self._exclusive = [e for e in self._exclusive if e[3] is not opened]
        gone: Counter[tuple[int, int]] = Counter()
        for (offset, length), (exclusive, shared) in owned.items():
            self._count -= exclusive + shared
            gone[offset, offset + length - 1] = shared
        self._shared = [r for r in self._shared if not _take(gone, r)]
        self._reach = None
        return ClosedLocks(self.grant(), failed)

    def grant(self) -> list[Pending]:
        """Give waiting requests their locks, oldest first, as far as that goes now."""
        if not self.waiting:
            return []
        granted: list[Pending] = []
        waiting: list[Pending] = []
        for p in self.waiting:
            refused = self._try(p.open, p.offset, p.length, p.exclusive)
            (waiting if refused else granted).append(p)
        self.waiting = waiting
        return granted

    def excludes(self, opened: Open, offset: int, length: int) -> bool:
        """Tell whether an exclusive lock of another Open meets the range."""
        last = offset + length - 1
        i = self._end(last)
        while i and self._reaches(i - 1, offset, last):
            if self._exclusive[i - 1][3] is not opened:
                return True
            i -= 1
        return False

    def shares(self, offset: int, length: int) -> bool:
        """Tell whether any shared lock meets the range."""
        last = offset + length - 1
        if not self._shared:
            return False
        if self._reach is None:
            self._reach = list(accumulate((end for _, end in self._shared), max))
        i = bisect_right(self._shared, (last, MAX_OFFSET))
        return i > 0 and self._reach[i - 1] >= offset

    def _end(self, last: int) -> int:
        """Return how many exclusive locks start at *last* or before it."""
        return bisect_left(self._exclusive, (last + 1,))

    def _reaches(self, i: int, offset: int, last: int) -> bool:
        start, length, _, _ = self._exclusive[i]
        return start + length - 1 >= offset and start <= last

    def _try(self, opened: Open, offset: int, length: int, exclusive: bool) -> int:
        """Take one lock; return a status."""
        if self._count >= MAX_LOCKS:
            return erref.STATUS_INSUFFICIENT_RESOURCES
        if offset or length:
            if self._refuses(opened, offset, length, exclusive):
                return erref.STATUS_LOCK_NOT_GRANTED
            self._insert(opened, offset, length, exclusive)
        counts = self._owned.setdefault(opened, {}).setdefault((offset, length), [0, 0])
        counts[0 if exclusive else 1] += 1
        self._count += 1
        self.held[opened] = self.held.get(opened, 0) + 1
        return erref.STATUS_SUCCESS

    def _refuses(self, opened: Open, offset: int, length: int, exclusive: bool) -> bool:
        if not exclusive:
            return self.excludes(opened, offset, length)
        last = offset + length - 1
        i = self._end(last)
        return (i > 0 and self._reaches(i - 1, offset, last)) or self.shares(offset, length)

    def _insert(self, opened: Open, offset: int, length: int, exclusive: bool) -> None:
        if exclusive:
            self._serial += 1
            insort(self._exclusive, (offset, length, self._serial, opened))
        else:
            insort(self._shared, (offset, offset + length - 1))
            self._reach = None

    def _release(self, opened: Open, offset: int, length: int, exclusive: bool) -> None:
        owned = self._owned[opened]
        counts = owned[(offset, length)]
        counts[0 if exclusive else 1] -= 1
        self._count -= 1
        self.held[opened] -= 1
        if counts == [0, 0]:
            del owned[(offset, length)]
            if not owned:
                del self._owned[opened], self.held[opened]
        if not offset and not length:
            return
        if exclusive:
            i = bisect_left(self._exclusive, (offset, length))
            while self._exclusive[i][3] is not opened:
                i += 1  # locks of zero bytes at one place
            del self._exclusive[i]
        else:
            del self._shared[bisect_left(self._shared, (offset, offset + length - 1))]
            self._reach = None


_NOTHING = ClosedLocks((), ())


def _take(counts: Counter[tuple[int, int]], range_: tuple[int, int]) -> bool:
    """Take one *range_* out of *counts*; False if there is none left."""
    if not counts[range_]:
        return False
    counts[range_] -= 1
    return True


def _check_elements(opened: Open, elements: Sequence[Element]) -> None:
    if not elements or opened.file.is_directory:
        raise StatusError(erref.STATUS_INVALID_PARAMETER, "no range, or a directory")
    for offset, length, flags in elements:
        kind = _KINDS.get(flags)
        if kind is None or (len(elements) > 1 and not kind[1]):
            raise StatusError(erref.STATUS_INVALID_PARAMETER, f"lock flags 0x{flags:X} are invalid")
        if length and offset + length - 1 > MAX_OFFSET:
            raise StatusError(erref.STATUS_INVALID_LOCK_RANGE, "the range ends beyond 64 bits")


def _unlock_one(table: LockTable, opened: Open, offset: int, length: int, flags: int) -> int:
    if flags != LOCKFLAG_UNLOCK or opened.file.is_directory:
        return erref.STATUS_INVALID_PARAMETER
    if length and offset + length - 1 > MAX_OFFSET:
        return erref.STATUS_INVALID_LOCK_RANGE
    if not table.unlock(opened, offset, length):
        return erref.STATUS_RANGE_NOT_LOCKED
    return erref.STATUS_SUCCESS


def _drop_empty(opened: Open) -> None:
    if opened.file.locks is not None and not opened.file.locks:
        opened.file.locks = None
