"""A host's history as a picture: one lane for each expectation, bands for how it stood. Pure.

Positions are in percent of the span shown, so that the page can draw them at any width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nethood.exposure.watch.records import Change, ExpectationState, HostHistory, Phase

SPANS = {"day": 86400.0, "week": 7 * 86400.0, "month": 30 * 86400.0, "all": 0.0}
_SHORTEST_S = 3600.0
_NARROWEST = 0.35
_AFTER = {
    "deviation": Phase.DEVIATING,
    "changed": Phase.DEVIATING,
    "recovery": Phase.FINE,
    "known": Phase.FINE,
    "unknown": Phase.UNKNOWN,
}
_STEADY = {
    Phase.SUSPECTED: Phase.FINE,
    Phase.RECOVERING: Phase.DEVIATING,
}
_TICK_S = (900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000)
_MOST_TICKS = 6


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of one state: from *left*, *width* wide, in percent."""

    phase: Phase
    begin_unix: float
    end_unix: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class Lane:
    """One expectation; *marks* are where something was acknowledged, in percent."""

    group: str
    key: str
    expectation: str
    bands: list[Band]
    marks: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tick:
    """A time on the axis; *anchor* keeps the outer ones inside the picture."""

    left: float
    label: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The whole picture."""

    begin_unix: float
    end_unix: float
    lanes: list[Lane]
    ticks: list[Tick]


def make_timeline(history: HostHistory, now_unix: float, span: str = "week") -> Timeline:
    """Return the picture of *history* up to *now_unix*; *span* is a key of SPANS."""
    first = min(
        [change.at_unix for change in history.changes]
        + [state.since_unix for state in history.states if state.since_unix > 0],
        default=now_unix,
    )
    shown_s = SPANS.get(span, SPANS["week"]) or max(now_unix - first, _SHORTEST_S)
    begin = now_unix - shown_s
    lanes = [_lane(state, history.changes, begin, now_unix) for state in history.states]
    return Timeline(begin, now_unix, lanes, _ticks(begin, now_unix))


def _lane(state: ExpectationState, changes: Sequence[Change], begin: float, end: float) -> Lane:
    own = sorted(
        (c for c in changes if (c.group, c.key) == (state.group, state.key)),
        key=lambda change: (change.at_unix, change.id),
    )
    points = [(c.at_unix, _AFTER[c.kind]) for c in own if c.kind in _AFTER]
    current = _STEADY.get(state.phase, state.phase)
    if current is not Phase.NEW and (not points or points[-1][1] is not current):
        points.append((max(state.since_unix, points[-1][0] if points else 0.0), current))
    marks = [
        round(_percent(c.at_unix, begin, end), 3)
        for c in own
        if c.kind == "acknowledged" and begin <= c.at_unix <= end
    ]
    return Lane(state.group, state.key, state.expectation, _bands(points, begin, end), marks)


def _bands(points: list[tuple[float, Phase]], begin: float, end: float) -> list[Band]:
    bands: list[Band] = []
    for place, (since, phase) in enumerate(points):
        until = points[place + 1][0] if place + 1 < len(points) else end
        since, until = max(since, begin), min(until, end)
        if until <= begin or since >= end or until <= since:
            continue
        if bands and bands[-1].phase is phase:
            since = bands.pop().begin_unix
        left = _percent(since, begin, end)
        width = max(_percent(until, begin, end) - left, _NARROWEST)
        left = min(left, 100.0 - width)
        bands.append(Band(phase, since, until, round(left, 3), round(width, 3)))
    return bands


def _percent(at: float, begin: float, end: float) -> float:
    return (at - begin) / (end - begin) * 100.0


def _ticks(begin: float, end: float) -> list[Tick]:
    step = next((s for s in _TICK_S if (end - begin) / s <= _MOST_TICKS), _TICK_S[-1])
    while (end - begin) / step > _MOST_TICKS:
        step *= 2
    form = "%H:%M" if step < 86400 else "%d %b"
    first = int(begin // step + 1) * step
    return [
        Tick(round(_percent(at, begin, end), 3), datetime.fromtimestamp(at, UTC).strftime(form))
        for at in range(first, int(end) + 1, step)
        if 3 < _percent(at, begin, end) < 97
    ]
