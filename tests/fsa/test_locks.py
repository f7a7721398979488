"""Byte-range locks: what smbtorture's smb2.lock expects, and a state machine on a plain list."""

from __future__ import annotations

import time

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nethood import erref
from nethood.errors import StatusError
from nethood.fsa import locks
from nethood.fsa.locks import Element, Pending
from nethood.fsa.opens import Open
from nethood.fsa.table import FileTable

SHARED, EXCLUSIVE, UNLOCK, NOW = 0x1, 0x2, 0x4, 0x10
TOP = 0xFFFF_FFFF_FFFF_FFFF
OK = erref.STATUS_SUCCESS
NOT_GRANTED = erref.STATUS_LOCK_NOT_GRANTED
CONFLICT = erref.STATUS_FILE_LOCK_CONFLICT
NOT_LOCKED = erref.STATUS_RANGE_NOT_LOCKED
INVALID = erref.STATUS_INVALID_PARAMETER


def make_opens(count: int) -> list[Open]:
    table = FileTable()
    return [table.open(1, "f", 0x1F01FF, 7) for _ in range(count)]


@pytest.fixture
def a() -> Open:
    return make_opens(1)[0]


@pytest.fixture
def pair() -> list[Open]:
    return make_opens(2)


def lock(opened: Open, *elements: Element) -> int:
    """Take locks that must not wait; return the status."""
    try:
        assert locks.lock(opened, elements) is None
    except StatusError as error:
        return error.status
    return OK


def exclusive(opened: Open, offset: int, length: int) -> int:
    return lock(opened, (offset, length, EXCLUSIVE | NOW))


def shared(opened: Open, offset: int, length: int) -> int:
    return lock(opened, (offset, length, SHARED | NOW))


def unlock(opened: Open, offset: int, length: int) -> int:
    return locks.unlock(opened, [(offset, length, UNLOCK)]).status


def read(opened: Open, offset: int, length: int) -> int:
    try:
        locks.check_read(opened, offset, length)
    except StatusError as error:
        return error.status
    return OK


def write(opened: Open, offset: int, length: int) -> int:
    try:
        locks.check_write(opened, offset, length)
    except StatusError as error:
        return error.status
    return OK


def test_shared_locks_keep_everyone_from_writing(pair: list[Open]) -> None:
    a, b = pair
    assert shared(a, 0, 100) == OK
    assert (read(a, 50, 10), write(a, 50, 10)) == (OK, CONFLICT)
    assert (read(b, 50, 10), write(b, 50, 10)) == (OK, CONFLICT)
    assert (write(b, 100, 10), write(b, 99, 1)) == (OK, CONFLICT)
    assert unlock(a, 0, 100) == OK
    assert write(b, 50, 10) == OK


def test_exclusive_locks_keep_others_out(pair: list[Open]) -> None:
    a, b = pair
    assert exclusive(a, 10, 10) == OK
    assert (read(a, 0, 100), write(a, 0, 100)) == (OK, OK)
    assert (read(b, 0, 100), write(b, 0, 100)) == (CONFLICT, CONFLICT)
    assert (read(b, 0, 10), write(b, 20, 5)) == (OK, OK)
    assert (read(b, 19, 1), write(b, 9, 2)) == (CONFLICT, CONFLICT)


def test_reading_nothing_conflicts_with_nothing(pair: list[Open]) -> None:
    a, b = pair
    assert exclusive(a, 0, 10) == OK
    assert (read(b, 5, 0), write(b, 5, 0)) == (OK, OK)


ZERO_BYTES = [
    ((10, 0), (10, 0), OK),
    ((10, 0), (9, 1), OK),
    ((10, 0), (10, 1), OK),
    ((10, 0), (11, 1), OK),
    ((10, 0), (9, 2), NOT_GRANTED),
    ((10, 0), (10, 2), OK),
    ((10, 0), (9, 3), NOT_GRANTED),
    ((0, 0), (0, 0), OK),
    ((0, 0), (0, 5), OK),
]


@pytest.mark.parametrize("same_open", [True, False])
@pytest.mark.parametrize(("first", "second", "status"), ZERO_BYTES)
def test_zero_bytes(
    pair: list[Open],
    first: tuple[int, int],
    second: tuple[int, int],
    status: int,
    same_open: bool,
) -> None:
    a, b = pair[0], pair[0 if same_open else 1]
    for one, two in ((first, second), (second, first)):
        assert exclusive(a, *one) == OK
        assert exclusive(b, *two) == status
        if status == OK:
            assert unlock(b, *two) == OK
        assert unlock(a, *one) == OK
        assert a.file.locks is None


def test_stacking(pair: list[Open]) -> None:
    a, b = pair
    assert [shared(a, 0, 10), shared(a, 0, 10)] == [OK, OK]
    assert exclusive(a, 0, 10) == NOT_GRANTED
    assert [unlock(a, 0, 10) for _ in range(3)] == [OK, OK, NOT_LOCKED]
    assert [exclusive(a, 0, 10), shared(a, 0, 10), shared(a, 0, 10)] == [OK, OK, OK]
    assert shared(b, 0, 10) == NOT_GRANTED
    assert exclusive(a, 0, 10) == NOT_GRANTED
    assert [unlock(a, 0, 10) for _ in range(4)] == [OK, OK, OK, NOT_LOCKED]
    assert shared(b, 0, 10) == OK


@pytest.mark.parametrize("range_", [(10, 0), (10, 10)])
def test_exclusive_is_unlocked_before_shared(pair: list[Open], range_: tuple[int, int]) -> None:
    a, b = pair
    assert [exclusive(a, *range_), shared(a, *range_)] == [OK, OK]
    assert [exclusive(b, 5, 10), shared(b, 5, 10)] == [NOT_GRANTED, NOT_GRANTED]
    assert unlock(a, *range_) == OK
    assert [exclusive(b, 5, 10), shared(b, 5, 10)] == [NOT_GRANTED, OK]


def test_ranges_are_unlocked_as_they_were_locked(pair: list[Open]) -> None:
    a, b = pair
    assert [shared(a, 110, 4), shared(a, 112, 4)] == [OK, OK]
    assert unlock(a, 110, 6) == NOT_LOCKED
    assert exclusive(a, 10_001, 40_002) == OK
    assert unlock(b, 10_001, 40_002) == NOT_LOCKED
    assert unlock(a, 10_001, 40_002) == OK


@pytest.mark.parametrize(
    ("offset", "length", "status"),
    [
        (TOP, TOP, erref.STATUS_INVALID_LOCK_RANGE),
        (TOP, 2, erref.STATUS_INVALID_LOCK_RANGE),
        (2, TOP, erref.STATUS_INVALID_LOCK_RANGE),
        (TOP, 1, OK),
        (TOP, 0, OK),
        (1, TOP, OK),
        (0, TOP, OK),
    ],
)
def test_the_end_of_64_bits(a: Open, offset: int, length: int, status: int) -> None:
    assert exclusive(a, offset, length) == status
    unlocked = unlock(a, offset, length)
    assert unlocked == status
    assert a.file.locks is None


@pytest.mark.parametrize(
    "elements",
    [
        [],
        [(0, 1, 0)],
        [(0, 1, NOW)],
        [(0, 1, SHARED | EXCLUSIVE)],
        [(0, 1, UNLOCK)],
        [(0, 1, 0x20)],
        [(0, 1, 0), (0, 1, UNLOCK)],
        [(0, 1, EXCLUSIVE | NOW), (5, 1, EXCLUSIVE)],
        [(0, 1, EXCLUSIVE | NOW), (5, 1, UNLOCK)],
    ],
)
def test_flags_that_do_not_go_together(a: Open, elements: list[Element]) -> None:
    assert lock(a, *elements) == INVALID
    assert a.file.locks is None


@pytest.mark.parametrize("flags", [0, SHARED, UNLOCK | SHARED, UNLOCK | EXCLUSIVE, UNLOCK | NOW])
def test_flags_of_an_unlock(a: Open, flags: int) -> None:
    assert exclusive(a, 0, 10) == OK
    assert locks.unlock(a, [(0, 10, flags)]).status == INVALID
    assert exclusive(a, 0, 10) == NOT_GRANTED


def test_directories_have_no_locks() -> None:
    directory = FileTable().open(1, "d", 0x1F01FF, 7, is_directory=True)
    assert exclusive(directory, 0, 1) == INVALID
    assert unlock(directory, 0, 1) == INVALID


def test_several_locks_or_none(pair: list[Open]) -> None:
    a, b = pair
    assert exclusive(b, 20, 5) == OK
    now = EXCLUSIVE | NOW
    assert lock(a, (0, 5, now), (10, 5, now), (20, 1, now)) == NOT_GRANTED
    assert exclusive(b, 0, 15) == OK
    assert lock(a, (30, 5, now), (32, 5, now)) == NOT_GRANTED
    assert exclusive(b, 30, 7) == OK


def test_unlocking_stops_at_the_first_failure(a: Open) -> None:
    assert exclusive(a, 10, 10) == OK
    both = [(0, 10, UNLOCK), (10, 10, UNLOCK)]
    assert locks.unlock(a, both).status == NOT_LOCKED
    assert exclusive(a, 10, 10) == NOT_GRANTED
    assert unlock(a, 10, 10) == OK
    assert exclusive(a, 0, 10) == OK
    assert locks.unlock(a, both).status == NOT_LOCKED
    assert exclusive(a, 0, 10) == OK
    assert locks.unlock(a, [(0, 10, UNLOCK), (0, 10, 0)]).status == INVALID
    assert a.file.locks is None


def wait_for(opened: Open, offset: int, length: int, flags: int = EXCLUSIVE) -> Pending:
    pending = locks.lock(opened, [(offset, length, flags)])
    assert pending is not None
    return pending


class TestWaiting:
    def test_an_unlock_wakes_the_oldest(self) -> None:
        a, b, c = make_opens(3)
        assert exclusive(a, 100, 50) == OK
        first, second = wait_for(b, 100, 50), wait_for(c, 110, 10)
        assert (first.open, first.offset, first.length, first.exclusive) == (b, 100, 50, True)
        assert list(locks.unlock(a, [(100, 50, UNLOCK)]).granted) == [first]
        assert read(a, 100, 1) == CONFLICT
        assert list(locks.close(b).granted) == [second]
        assert locks.close(c) == ([], [])
        assert a.file.locks is None

    def test_shared_ones_wake_together(self) -> None:
        a, b, c = make_opens(3)
        assert exclusive(a, 0, 10) == OK
        one, two = wait_for(b, 0, 10, SHARED), wait_for(c, 5, 10, SHARED)
        late = wait_for(a, 0, 10)
        assert list(locks.unlock(a, [(0, 10, UNLOCK)]).granted) == [one, two]
        assert list(locks.close(b).granted) == []
        assert list(locks.close(c).granted) == [late]

    def test_cancelling(self, pair: list[Open]) -> None:
        a, b = pair
        assert exclusive(a, 100, 10) == OK
        pending = wait_for(b, 100, 10)
        assert unlock(b, 100, 10) == NOT_LOCKED
        assert locks.cancel(pending)
        assert not locks.cancel(pending)
        assert list(locks.unlock(a, [(100, 10, UNLOCK)]).granted) == []
        assert not locks.cancel(pending)

    def test_closing_the_one_who_waits(self, pair: list[Open]) -> None:
        a, b = pair
        assert exclusive(a, 100, 10) == OK
        pending = wait_for(b, 100, 10)
        closed = locks.close(b)
        assert (list(closed.granted), list(closed.failed)) == ([], [pending])
        assert unlock(a, 100, 10) == OK

    def test_a_failed_unlock_wakes_too(self, pair: list[Open]) -> None:
        a, b = pair
        assert exclusive(a, 0, 10) == OK
        pending = wait_for(b, 0, 10)
        unlocked = locks.unlock(a, [(0, 10, UNLOCK), (0, 10, UNLOCK)])
        assert (unlocked.status, list(unlocked.granted)) == (NOT_LOCKED, [pending])


def test_closing_gives_back_what_the_open_had_and_no_more(pair: list[Open]) -> None:
    a, b = pair
    assert [shared(a, 0, 8), shared(a, 0, 8), shared(b, 0, 8), shared(b, 0, 1)] == [OK] * 4
    assert [exclusive(a, 20, 5), lock(a, (0, 0, EXCLUSIVE))] == [OK, OK]
    locks.close(a)
    assert [exclusive(b, 7, 1), exclusive(b, 20, 5)] == [NOT_GRANTED, OK]
    assert unlock(b, 0, 8) == OK
    assert exclusive(b, 7, 1) == OK


def test_writing_sees_what_a_close_has_left(pair: list[Open]) -> None:
    a, b = pair
    assert [shared(a, 0, 100), shared(b, 50, 1)] == [OK, OK]
    assert write(b, 60, 1) == CONFLICT
    locks.close(a)
    assert [write(b, 60, 1), write(b, 50, 1)] == [OK, CONFLICT]


def test_closing_without_locks(a: Open) -> None:
    assert locks.close(a) == ((), ())
    assert not locks.cancel(Pending(a, 0, 1, True))


def test_there_is_a_limit(a: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "MAX_LOCKS", 3)
    assert [shared(a, 0, 1) for _ in range(4)] == [
        OK,
        OK,
        OK,
        erref.STATUS_INSUFFICIENT_RESOURCES,
    ]
    assert unlock(a, 0, 1) == OK
    assert exclusive(a, 5, 1) == OK


def test_ten_thousand_locks_in_no_time(pair: list[Open]) -> None:
    a, b = pair
    start = time.process_time()
    for i in range(10_000):
        assert exclusive(a, i * 10, 5) == OK
        assert exclusive(b, i * 10 + 2, 9) == NOT_GRANTED
        assert read(b, i * 10 + 5, 5) == OK
        assert read(b, i * 10 + 4, 1) == CONFLICT
    for i in range(10_000):
        assert unlock(a, i * 10, 5) == OK
    for i in range(10_000):
        assert shared(a, 0, 100_000 + i) == OK
        assert shared(b, i, 1) == OK
    assert write(a, 109_998, 1) == CONFLICT
    assert write(a, 109_999, 1) == OK
    locks.close(b)
    locks.close(a)
    # A tenth of a second or two in truth; comparing each with each would take minutes.
    assert time.process_time() - start < 10


OPENS = st.integers(0, 2)
OFFSETS = st.integers(0, 12) | st.sampled_from([TOP - 2, TOP - 1, TOP])
LENGTHS = st.integers(0, 6)


class Locks(RuleBasedStateMachine):
    """The table against [MS-FSA] 2.1.4.10 word by word over a plain list."""

    @initialize()
    def start(self) -> None:
        self.opens = make_opens(3)
        self.model: list[tuple[int, int, bool, int]] = []
        self.waiting: list[tuple[Pending, int, int, bool, int]] = []

    def meets(self, offset: int, length: int, exclusive: bool, locking: bool, who: int) -> bool:
        if offset == 0 and length == 0:
            return False
        for start, size, is_exclusive, owner in self.model:
            if start == 0 and size == 0:
                continue
            last1, last2 = offset + length - 1, start + size - 1
            if offset <= last2 and last1 >= start:
                if is_exclusive:
                    if owner != who or (exclusive and locking):
                        return True
                elif exclusive:
                    return True
        return False

    def wake(self) -> list[Pending]:
        granted = []
        for entry in list(self.waiting):
            pending, offset, length, exclusive, who = entry
            if not self.meets(offset, length, exclusive, True, who):
                self.model.append((offset, length, exclusive, who))
                self.waiting.remove(entry)
                granted.append(pending)
        return granted

    @rule(who=OPENS, offset=OFFSETS, length=LENGTHS, exclusive=st.booleans(), now=st.booleans())
    def lock(self, who: int, offset: int, length: int, exclusive: bool, now: bool) -> None:
        flags = (EXCLUSIVE if exclusive else SHARED) | (NOW if now else 0)
        pending, status = None, OK
        try:
            pending = locks.lock(self.opens[who], [(offset, length, flags)])
        except StatusError as error:
            status = error.status
        if length and offset + length - 1 > TOP:
            assert status == erref.STATUS_INVALID_LOCK_RANGE
            return
        refused = self.meets(offset, length, exclusive, True, who)
        assert status == (NOT_GRANTED if refused and now else OK)
        assert (pending is not None) is (refused and not now)
        if pending is not None:
            self.waiting.append((pending, offset, length, exclusive, who))
        elif not refused:
            self.model.append((offset, length, exclusive, who))

    @rule(
        who=OPENS,
        ranges=st.lists(st.tuples(OFFSETS, LENGTHS, st.booleans()), min_size=2, max_size=4),
    )
    def lock_several(self, who: int, ranges: list[tuple[int, int, bool]]) -> None:
        if any(length and offset + length - 1 > TOP for offset, length, _ in ranges):
            return
        before = list(self.model)
        for offset, length, exclusive in ranges:
            if self.meets(offset, length, exclusive, True, who):
                self.model = before
                break
            self.model.append((offset, length, exclusive, who))
        flags = {True: EXCLUSIVE | NOW, False: SHARED | NOW}
        elements = [(offset, length, flags[exclusive]) for offset, length, exclusive in ranges]
        expected = NOT_GRANTED if self.model is before else OK
        assert lock(self.opens[who], *elements) == expected

    @rule(who=OPENS, data=st.data())
    def unlock(self, who: int, data: st.DataObject) -> None:
        owned = sorted({(o, n) for o, n, _, owner in self.model if owner == who})
        choices = st.tuples(st.integers(0, 12), LENGTHS)
        offset, length = data.draw(st.sampled_from(owned) | choices if owned else choices)
        mine = [entry for entry in self.model if entry[:2] == (offset, length) and entry[3] == who]
        unlocked = locks.unlock(self.opens[who], [(offset, length, UNLOCK)])
        if not mine:
            assert unlocked.status == NOT_LOCKED
            assert not unlocked.granted
            return
        assert unlocked.status == OK
        self.model.remove(max(mine, key=lambda entry: entry[2]))
        assert list(unlocked.granted) == self.wake()

    @rule(who=OPENS)
    def close_and_open_again(self, who: int) -> None:
        closed = locks.close(self.opens[who])
        assert list(closed.failed) == [entry[0] for entry in self.waiting if entry[4] == who]
        self.waiting = [entry for entry in self.waiting if entry[4] != who]
        self.model = [entry for entry in self.model if entry[3] != who]
        assert list(closed.granted) == self.wake()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.waiting:
            entry = data.draw(st.sampled_from(self.waiting))
            assert locks.cancel(entry[0])
            self.waiting.remove(entry)

    @rule(who=OPENS, offset=st.integers(0, 14), length=st.integers(1, 6))
    def read_and_write(self, who: int, offset: int, length: int) -> None:
        opened = self.opens[who]
        reading = CONFLICT if self.meets(offset, length, False, False, who) else OK
        writing = CONFLICT if self.meets(offset, length, True, False, who) else OK
        assert (read(opened, offset, length), write(opened, offset, length)) == (reading, writing)

    @invariant()
    def nothing_is_kept_for_nobody(self) -> None:
        if hasattr(self, "opens"):
            assert (self.opens[0].file.locks is not None) is bool(self.model or self.waiting)


TestLocks = Locks.TestCase
TestLocks.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
