"""Times and counts in words."""

from __future__ import annotations

import pytest

from nethood.web.words import ago, clock, counted, duration, iso, parse_utc


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 hour"),
        (7500, "2 hours 5 min"),
        (86400, "1 day"),
        (86400 * 3 + 3600 * 4 + 61, "3 days 4 hours"),
        (86400 * 2 + 61, "2 days"),
    ],
)
def test_a_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_how_long_ago() -> None:
    assert ago(100, 100.4) == "just now"
    assert ago(100, 105) == "5 s ago"
    assert ago(160, 100) == "in 1 min"


def test_times_of_any_kind_are_said() -> None:
    assert clock(1_795_222_800) == "2026-11-21 01:00 UTC"
    assert iso(1_795_222_800) == "2026-11-21T01:00:00Z"
    assert clock(1e300) == clock(float("nan")) == "1970-01-01 00:00 UTC"


def test_a_typed_time_is_utc_or_nothing() -> None:
    assert parse_utc("2026-11-21T01:00") == 1_795_222_800
    assert parse_utc("tomorrow") is None
    assert parse_utc("") is None


def test_counts() -> None:
    assert [counted(n, "host") for n in (0, 1, 2, 1234)] == [
        "0 hosts",
        "1 host",
        "2 hosts",
        "1,234 hosts",
    ]
    assert counted(2, "is", "are") == "2 are"
