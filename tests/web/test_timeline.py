"""The picture of a host's history."""

from __future__ import annotations

from nethood.exposure.watch.records import Change, ExpectationState, HostHistory, Phase
from nethood.web.timeline import Timeline, make_timeline
from tests.web.fake_view import DAY, HOUR, NOW


def history(
    phase: Phase, since_unix: float, *kinds: tuple[float, str], key: str = "445"
) -> HostHistory:
    """Return a host with one expectation; *kinds* are (hours ago, kind), the oldest first."""
    changes = [
        Change(n, NOW - hours * HOUR, "office", "10.0.0.1", key, "445/tcp closed", kind, "")
        for n, (hours, kind) in enumerate(kinds)
    ]
    state = ExpectationState("office", "445", "445/tcp closed", phase, since_unix, "")
    return HostHistory("10.0.0.1", "", ["office"], NOW, [state], changes[::-1])


def bands(timeline: Timeline) -> list[tuple[str, float, float]]:
    """Return (state, from, to) of the first lane, in hours before NOW."""
    return [
        (band.phase.name, (NOW - band.begin_unix) / HOUR, (NOW - band.end_unix) / HOUR)
        for band in timeline.lanes[0].bands
    ]


def test_changes_become_bands_up_to_now() -> None:
    told = history(
        Phase.FINE, NOW - HOUR, (20, "known"), (10, "deviation"), (8, "changed"), (1, "recovery")
    )
    shown = make_timeline(told, NOW, "day")
    assert bands(shown) == [("FINE", 20, 10), ("DEVIATING", 10, 1), ("FINE", 1, 0)]
    fine, deviating, _ = shown.lanes[0].bands
    assert round(fine.left, 1) == 16.7
    assert round(deviating.width, 1) == 37.5


def test_what_was_before_the_span_is_cut_at_its_edge() -> None:
    told = history(Phase.DEVIATING, NOW - 3 * DAY, (100, "known"), (72, "deviation"))
    assert bands(make_timeline(told, NOW, "day")) == [("DEVIATING", 24, 0)]
    assert bands(make_timeline(told, NOW, "all")) == [("FINE", 100, 72), ("DEVIATING", 72, 0)]


def test_without_changes_the_state_itself_is_shown() -> None:
    assert bands(make_timeline(history(Phase.UNKNOWN, NOW - 2 * HOUR), NOW)) == [("UNKNOWN", 2, 0)]
    assert bands(make_timeline(history(Phase.NEW, 0.0), NOW)) == []


def test_a_suspicion_is_not_yet_a_deviation() -> None:
    told = history(Phase.SUSPECTED, NOW - 60, (5, "known"))
    assert bands(make_timeline(told, NOW)) == [("FINE", 5, 0)]


def test_acknowledgements_are_marks() -> None:
    told = history(Phase.DEVIATING, NOW - 12 * HOUR, (12, "deviation"), (6, "acknowledged"))
    assert make_timeline(told, NOW, "day").lanes[0].marks == [75.0]


def test_other_expectations_stay_out_of_the_lane() -> None:
    told = history(Phase.FINE, NOW - 5 * HOUR, (2, "deviation"), key="139")
    assert bands(make_timeline(told, NOW)) == [("FINE", 5, 0)]


def test_even_the_shortest_band_can_be_seen_and_is_inside() -> None:
    told = history(Phase.DEVIATING, NOW - 1, (24 * 6, "known"), (1 / 3600, "deviation"))
    last = make_timeline(told, NOW, "week").lanes[0].bands[-1]
    assert last.width >= 0.3
    assert last.left + last.width <= 100


def test_ticks_are_few_and_inside() -> None:
    told = history(Phase.FINE, NOW - 400 * DAY, (24 * 400, "known"))
    for span in ("day", "week", "month", "all"):
        ticks = make_timeline(told, NOW, span).ticks
        assert 2 <= len(ticks) <= 7, span
        assert all(0 < tick.left < 100 for tick in ticks)
