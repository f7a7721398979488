from __future__ import annotations

from collections import Counter

from nethood.exposure.watch.scheduler import Scheduler, most_per_s
from nethood.exposure.watch.timetable import Timetable


def no_jitter() -> float:
    return 0.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Looks:
    """Looks that take no time, counted by the second."""

    def __init__(self, count: int, period_s: float, per_s: float) -> None:
        self.clock = Clock()
        self.table = Timetable([period_s] * count, 0.0, no_jitter)
        self.begun: list[float] = []
        self.room = 1_000_000
        self.scheduler = Scheduler(self.table, per_s, self.begin, lambda: self.room, self.clock)

    def begin(self, target: int) -> None:
        self.begun.append(self.clock.now)
        self.table.looked_at(target, self.clock.now)

    def run(self, seconds: float) -> None:
        ends = self.clock.now + seconds
        while self.clock.now < ends:
            self.clock.now += self.scheduler.tick()


def test_after_a_pause_what_is_due_is_begun_at_twice_the_pace() -> None:
    looks = Looks(3000, 300.0, most_per_s([300.0] * 3000))
    looks.run(600)
    looks.clock.now += 3600
    begun, before = looks.begun, len(looks.begun)
    looks.run(300)
    a_second = Counter(int(at) for at in begun[before:])
    assert max(a_second.values()) <= 60
    assert len(begun) - before >= 3000


def test_no_more_are_begun_than_there_is_room_for() -> None:
    looks = Looks(1000, 10.0, 1000.0)
    looks.room = 0
    looks.run(5)
    assert not looks.begun
    looks.room = 7
    looks.scheduler.tick()
    assert len(looks.begun) == 7
    assert looks.scheduler.lateness_s > 4


def test_no_more_are_begun_a_second_than_may_be() -> None:
    looks = Looks(1000, 10.0, 20.0)
    looks.run(20)
    assert 390 <= len(looks.begun) <= 405
