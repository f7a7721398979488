from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from nethood.exposure.watch.timetable import FIRST_PER_S, Timetable, period_of


def no_jitter() -> float:
    return 0.0


def looks(table: Timetable, begin: float, end: float, step: float = 0.1) -> list[tuple[float, int]]:
    """Look at whatever is due until *end*; every look is over at once."""
    found = []
    now = begin
    while now < end:
        for target, _ in table.take(now, 1000):
            found.append((now, target))
            table.looked_at(target, now)
        now = round(now + step, 6)
    return found


def test_every_target_is_looked_at_once_in_every_interval() -> None:
    table = Timetable([60.0] * 100, 0.0, no_jitter)
    found = looks(table, 0.0, 600.0)
    assert all(9 <= count <= 11 for count in Counter(target for _, target in found).values())
    times = [at for at, target in found if target == 37]
    gaps = [later - earlier for earlier, later in pairwise(times[1:])]
    assert gaps == pytest.approx([60.0] * len(gaps), abs=0.2)


def test_looks_are_spread_over_the_interval() -> None:
    table = Timetable([60.0] * 6000, 0.0, no_jitter)
    found = looks(table, 0.0, 240.0)
    a_second = Counter(int(at) for at, _ in found if at >= 120)
    assert max(a_second.values()) <= 111
    assert min(a_second.values()) >= 89


def test_the_first_round_is_quick_but_no_burst() -> None:
    table = Timetable([300.0] * 100, 0.0, no_jitter)
    found = looks(table, 0.0, 3.0)
    assert len(found) == 100
    assert max(Counter(int(at) for at, _ in found).values()) <= FIRST_PER_S + 5


def test_slots_do_not_drift_when_looks_are_late() -> None:
    table = Timetable([10.0], 0.0, no_jitter)
    for _ in range(50):
        due = table.next_due
        assert due is not None
        [(target, late)] = table.take(due + 1.7, 1)
        assert late == pytest.approx(1.7)
        table.looked_at(target, due + 3.0)
    assert table.next_due == pytest.approx(500.0)


def test_jitter_brings_looks_forward_and_never_back() -> None:
    table = Timetable([100.0], 0.0, lambda: 0.99)
    table.take(0.0, 1)
    table.looked_at(0, 0.5)
    assert table.next_due == pytest.approx(100 - 1.98)


def test_what_was_missed_is_looked_at_once() -> None:
    table = Timetable([10.0], 0.0, no_jitter)
    table.take(0.0, 1)
    table.looked_at(0, 0.1)
    assert len(table.take(1000.0, 10)) == 1
    table.looked_at(0, 1000.1)
    assert table.next_due == 1010.0


def test_a_second_look_comes_when_it_is_wanted() -> None:
    table = Timetable([300.0] * 3, 0.0, no_jitter)
    assert [target for target, _ in table.take(10.0, 10)] == [0, 1, 2]
    table.looked_at(0, 10.0)
    table.again_at(1, 40.0)
    assert table.next_due == 40.0
    assert [target for target, _ in table.take(40.0, 10)] == [1]


@pytest.mark.parametrize(
    ("every_s", "confirm_after_s", "expected"),
    [(300, 30, 260), (60, 30, 30), (60, 0, 54), (10, 1, 8), (10, 60, 5)],
)
def test_a_change_is_confirmed_within_the_interval(
    every_s: float, confirm_after_s: float, expected: float
) -> None:
    assert period_of(every_s, confirm_after_s) == expected
