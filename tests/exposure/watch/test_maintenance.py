"""Windows over nights, weeks and changes of the clock; when a heartbeat is due."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from nethood.exposure.watch.maintenance import (
    Heartbeat,
    Once,
    Weekly,
    Window,
    day_words,
    heartbeat_due,
    in_maintenance,
    next_edge,
)

LISBON = ZoneInfo("Europe/Lisbon")


def unix(text: str, zone: ZoneInfo = LISBON) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


ONCE = Window(Once(unix("2026-12-24T18:00"), unix("2026-12-25T06:00")), frozenset({"lab"}), "new")
# Saturdays from 22:00 to Sunday, 04:00.
NIGHT = Window(Weekly(frozenset({5}), time(22), time(4), LISBON))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-12-24T17:59:59", False),
        ("2026-12-24T18:00:00", True),
        ("2026-12-25T05:59:59", True),
        ("2026-12-25T06:00:00", False),
    ],
)
def test_once(moment: str, inside: bool) -> None:
    found = in_maintenance([ONCE], "lab", unix(moment))
    assert (found is ONCE) is inside
    assert in_maintenance([ONCE], "other", unix(moment)) is None


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-21T21:59:59", False),  # a Saturday
        ("2026-11-21T22:00:00", True),
        ("2026-11-22T00:00:00", True),
        ("2026-11-22T03:59:59", True),
        ("2026-11-22T04:00:00", False),
        ("2026-11-22T22:30:00", False),
        ("2026-11-21T02:00:00", False),
    ],
)
def test_weekly_over_midnight(moment: str, inside: bool) -> None:
    assert (in_maintenance([NIGHT], "any", unix(moment)) is not None) is inside


def test_weekly_follows_the_local_clock_over_summer_time() -> None:
    # On 2026-10-25 at 02:00 the clocks of Lisbon go back to 01:00: that night has an hour more.
    start = unix("2026-10-24T22:00")
    assert next_edge([NIGHT], start - 1) == start
    end = next_edge([NIGHT], start)
    assert end == start + 7 * 3600
    # On 2026-03-29 at 01:00 they go forward.
    start = unix("2026-03-28T22:00")
    assert next_edge([NIGHT], start) == start + 5 * 3600


def test_next_edge_is_none_when_nothing_comes() -> None:
    assert next_edge([], 0.0) is None
    assert next_edge([ONCE], unix("2027-01-01T00:00")) is None
    assert next_edge([ONCE, NIGHT], unix("2026-11-21T12:00")) == unix("2026-11-21T22:00")


@pytest.mark.parametrize("day", range(7))
def test_a_weekly_window_comes_within_a_week(day: int) -> None:
    window = Window(Weekly(frozenset({day}), time(3), time(5), LISBON))
    now = unix("2026-11-21T04:00")
    edge = next_edge([window], now)
    assert edge is not None
    assert 0 < edge - now <= 7 * 86400


def test_a_heartbeat_every_so_often() -> None:
    daily = Heartbeat(every_s=86400)
    assert not heartbeat_due(daily, 1000.0, 1000.0 + 86399)
    assert heartbeat_due(daily, 1000.0, 1000.0 + 86400)


def test_a_heartbeat_at_a_time_of_day_comes_once_a_day() -> None:
    at_eight = Heartbeat(at=time(8), zone=LISBON)
    last = unix("2026-11-20T23:00")
    assert not heartbeat_due(at_eight, last, unix("2026-11-21T07:59"))
    assert heartbeat_due(at_eight, last, unix("2026-11-21T08:00"))
    # Late, because the watcher was not running: still once.
    assert heartbeat_due(at_eight, last, unix("2026-11-21T19:00"))
    assert not heartbeat_due(at_eight, unix("2026-11-21T19:00"), unix("2026-11-21T19:01"))
    assert heartbeat_due(at_eight, unix("2026-11-21T19:00"), unix("2026-11-22T08:00"))


def test_no_heartbeat() -> None:
    assert not heartbeat_due(Heartbeat(), 0.0, 1e12)


def test_days_in_words() -> None:
    assert day_words(frozenset({6, 5})) == "saturday, sunday"
    assert day_words(frozenset(range(7))) == "every day"


def test_utc_is_a_zone_too() -> None:
    window = Window(Weekly(frozenset({0}), time(0), time(23, 59), UTC))
    monday = datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()
    assert in_maintenance([window], "x", monday) is window
