"""The announcement schedules, [MS-BRWS] 3.2.6 and 3.3.6."""

from __future__ import annotations

import pytest

from nethood.browse import announce


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (announce.HOST_MINUTES, [1, 1, 2, 4, 8, 12, 12, 12]),
        (announce.DOMAIN_MINUTES, [1, 1, 5, 5, 10, 10, 15, 15]),
        (announce.LOCAL_MASTER_MINUTES, [2, 2, 4, 8, 12, 12]),
        (announce.MASTER_MINUTES, [12, 12, 12]),
    ],
    ids=["host", "domain", "local master", "master"],
)
def test_schedule(minutes: tuple[int, ...], expected: list[int]) -> None:
    schedule = announce.Schedule(minutes)
    assert [schedule.fire() // 60 for _ in expected] == expected


def test_a_reset_schedule_starts_again() -> None:
    schedule = announce.Schedule(announce.HOST_MINUTES)
    for _ in range(6):
        schedule.fire()
    schedule.reset()
    assert schedule.fire() == 60
