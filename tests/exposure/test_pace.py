"""Turns: exactly the rate, no flood after a pause, fair to all who wait."""

from __future__ import annotations

import asyncio

import pytest

from nethood.errors import LocalError
from nethood.exposure.pace import CATCH_UP_S, Pacer


class FakeTime:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    async def sleep(self, delay_s: float) -> None:
        self.now += delay_s


def pacer(rate: float) -> tuple[Pacer, FakeTime]:
    time = FakeTime()
    return Pacer(rate, time.clock, time.sleep), time


@pytest.mark.parametrize(("rate", "batch"), [(1000, 1), (1000, 4), (5000, 20), (3, 1)])
async def test_the_rate_is_kept(rate: float, batch: int) -> None:
    paced, time = pacer(rate)
    for _ in range(600):
        await paced.take(batch)
    assert paced.taken == 600 * batch
    assert paced.taken / (time.now - 100) == pytest.approx(rate, rel=0.01)


async def test_a_pause_is_followed_by_no_flood() -> None:
    paced, time = pacer(1000)
    await paced.take()
    time.now += 60
    resumed = time.now
    for _ in range(1000):
        await paced.take()
    assert time.now - resumed == pytest.approx(1 - CATCH_UP_S, abs=0.005)


async def test_being_late_a_little_is_made_up() -> None:
    paced, time = pacer(1000)
    for _ in range(1000):
        await paced.take()
        time.now += 0.0005  # work between two turns
    assert time.now - 100 == pytest.approx(1, rel=0.01)


async def test_turns_are_in_the_order_of_asking() -> None:
    paced = Pacer(2000)
    order: list[int] = []

    async def want(number: int) -> None:
        await paced.take()
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(want(number))
    assert order == sorted(order)


@pytest.mark.parametrize("rate", [0, -1, float("nan")])
def test_no_rate_is_no_scan(rate: float) -> None:
    with pytest.raises(LocalError, match="above 0"):
        Pacer(rate)
