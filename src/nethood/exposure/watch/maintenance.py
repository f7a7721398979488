"""When the watcher keeps quiet, and when it says that it lives. Pure: the time comes in.

A window is once, from one instant to another, or weekly, from one hour to another of some days
in a time zone: local clocks count, over the changes of summer time as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Once:
    """From *start_unix* up to but without *end_unix*."""

    start_unix: float
    end_unix: float


@dataclass(frozen=True, slots=True)
class Weekly:
    """From *start* to *end* of the local time in *zone*, on *days* (0 is Monday).

    An *end* not after *start* is on the day after; *days* are those it starts on.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which nobody is told; *groups* empty stands for all of them."""

    when: Once | Weekly
    groups: frozenset[str] = frozenset()
    note: str = ""
    text: str = ""
    """The time as the policy understood it, for people."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How often the watcher says that it lives: every *every_s*, or daily at *at* in *zone*.

    With neither it never does.
    """

    every_s: float | None = None
    at: time | None = None
    zone: tzinfo | None = None


def in_maintenance(windows: Iterable[Window], group: str, now_unix: float) -> Window | None:
    """Return the window *group* is in, None for none."""
    for window in windows:
        if (not window.groups or group in window.groups) and _is_open(window.when, now_unix):
            return window
    return None


def next_edge(windows: Iterable[Window], now_unix: float) -> float | None:
    """Return when the next window begins or ends after now, None for never."""
    edges = (
        edge
        for window in windows
        for span in _spans(window.when, now_unix)
        for edge in span
        if edge > now_unix
    )
    return min(edges, default=None)


def heartbeat_due(heartbeat: Heartbeat, last_unix: float, now_unix: float) -> bool:
    """Tell whether it is time for a heartbeat: once for each time that came since *last_unix*.

    That is when the last one was made, or when watching began.
    """
    if heartbeat.every_s is not None:
        return now_unix - last_unix >= heartbeat.every_s
    if heartbeat.at is None or heartbeat.zone is None:
        return False
    today = datetime.fromtimestamp(now_unix, heartbeat.zone).date()
    at = max(
        moment
        for day in (today - _DAY, today)
        if (moment := _instant(day, heartbeat.at, heartbeat.zone)) <= now_unix
    )
    return last_unix < at


def _is_open(when: Once | Weekly, now_unix: float) -> bool:
    return any(start <= now_unix < end for start, end in _spans(when, now_unix))


def _spans(when: Once | Weekly, now_unix: float) -> Iterator[tuple[float, float]]:
    """Yield the spans around now: of a weekly window those from yesterday on for eight days."""
    if isinstance(when, Once):
        yield when.start_unix, when.end_unix
        return
    first = datetime.fromtimestamp(now_unix, when.zone).date() - _DAY
    for day in (first + n * _DAY for n in range(9)):
        if day.weekday() in when.days:
            last = day if when.end > when.start else day + _DAY
            yield _instant(day, when.start, when.zone), _instant(last, when.end, when.zone)


def _instant(day: date, clock: time, zone: tzinfo) -> float:
    return datetime.combine(day, clock, zone).timestamp()


def day_words(days: Sequence[int] | frozenset[int]) -> str:
    """Return "monday, tuesday"; "every day" for all seven."""
    if len(days) == len(DAYS):
        return "every day"
    return ", ".join(DAYS[day] for day in sorted(days))
