"""Alerts as people read them: a title of one line, and a text that says all of it.

What changed, since when, what shows it, how to mend it, how to keep it quiet. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo

from nethood.exposure.findings.words import clean
from nethood.exposure.watch.events import Alert, AlertKind, Tally, event_id

_TITLE_LIMIT = 300
_LINE_LIMIT = 500
_LABEL_WIDTH = 10
_MARKS = {
    AlertKind.DEVIATES: "DEVIATES",
    AlertKind.CHANGED: "CHANGED",
    AlertKind.STILL_DEVIATES: "STILL DEVIATES",
    AlertKind.RECOVERED: "RECOVERED",
    AlertKind.UNCHECKABLE: "CAN'T BE CHECKED",
    AlertKind.CHECKABLE: "CAN BE CHECKED AGAIN",
    AlertKind.SUMMARY: "SUMMARY",
    AlertKind.HEARTBEAT: "HEARTBEAT",
    AlertKind.TEST: "TEST",
}
TEST_TEXT = (
    "This is a test of nethood watch. Nothing happened: somebody ran it with --test-alerts to see"
    " whether alerts arrive here."
)


def subject_line(alert: Alert) -> str:
    """Return one line that says what happened, with a word for it in front."""
    return f"{_MARKS[alert.kind]} {clean(alert.title, _TITLE_LIMIT)}"


def text_of(alert: Alert, zone: tzinfo = UTC) -> str:
    """Return the whole alert as plain text, its times in *zone*."""
    return "\n".join((subject_line(alert), *_body(alert, zone))) + "\n"


def time_words(unix_s: float, zone: tzinfo = UTC) -> str:
    """Return "2026-11-21 08:00:05 UTC"."""
    return datetime.fromtimestamp(unix_s, zone).strftime("%Y-%m-%d %H:%M:%S %Z").strip()


def _body(alert: Alert, zone: tzinfo) -> Iterator[str]:
    facts = list(_facts(alert, zone))
    if facts:
        yield ""
        yield from (f"{label + ':':<{_LABEL_WIDTH}} {text}" for label, text in facts)
    for heading, lines in _lists(alert):
        yield ""
        yield heading
        yield from (f"  {clean(line, _LINE_LIMIT)}" for line in lines)
    if alert.deviation_id is not None and alert.kind in (
        AlertKind.DEVIATES,
        AlertKind.CHANGED,
        AlertKind.STILL_DEVIATES,
    ):
        yield ""
        yield from _how_to_acknowledge(alert.deviation_id)


def _facts(alert: Alert, zone: tzinfo) -> Iterator[tuple[str, str]]:
    if alert.subject is not None:
        yield "Host", clean(alert.subject.host)
        yield "Group", clean(alert.subject.group)
        yield "Expected", clean(alert.subject.expectation)
        yield "Seen", clean(alert.observed, _LINE_LIMIT)
    if alert.was:
        yield "Before", clean(alert.was, _LINE_LIMIT)
    if alert.since_unix:
        yield "Since", f"{time_words(alert.since_unix, zone)}{_confirmed(alert, zone)}"
    yield "Event", alert.id


def _confirmed(alert: Alert, zone: tzinfo) -> str:
    second_look = (AlertKind.DEVIATES, AlertKind.CHANGED, AlertKind.RECOVERED)
    if alert.kind not in second_look or alert.at_unix <= alert.since_unix:
        return ""
    return f", told at {time_words(alert.at_unix, zone)}"


def _lists(alert: Alert) -> Iterator[tuple[str, Sequence[str]]]:
    if alert.members:
        yield ("All of them:" if alert.kind is AlertKind.SUMMARY else "In short:"), alert.members
    if alert.evidence:
        yield "What shows it:", alert.evidence
    if alert.fix:
        yield "What to do:", alert.fix
    if alert.finding_ids:
        explained = [f"nethood findings {finding_id}" for finding_id in alert.finding_ids[:6]]
        yield "What it means:", explained


def _how_to_acknowledge(deviation_id: int) -> Iterator[str]:
    yield "To keep it quiet until it changes:"
    yield f"  nethood watch POLICY.toml --acknowledge {deviation_id}"
    yield f"  or acknowledge deviation {deviation_id} on the dashboard."


def trial_alert(channel: str, now_unix: float) -> Alert:
    """Return an alert that is plainly a test, for *channel*."""
    return Alert(
        event_id(AlertKind.TEST, channel, now_unix),
        AlertKind.TEST,
        now_unix,
        f"This is a test of nethood watch through {channel}; nothing happened",
        (channel,),
        members=(TEST_TEXT,),
    )


def heartbeat_alert(
    tally: Tally,
    now_unix: float,
    last_checked_unix: float | None,
    tell: tuple[str, ...],
    deviating: Sequence[str] = (),
    uncertain: Sequence[str] = (),
    zone: tzinfo = UTC,
) -> Alert:
    """Return the heartbeat: the counts, what deviates, and which alerts may not have arrived.

    *last_checked_unix* is when the last whole round ended, None for never. *deviating* and
    *uncertain* are lines that are shown as they are.
    """
    checked = (
        f"last checked {time_words(last_checked_unix, zone)}"
        if last_checked_unix is not None
        else "not checked yet"
    )
    members = [checked, *_counts(tally), *deviating]
    if uncertain:
        members.append("Alerts of which it is not certain that they arrived:")
        members.extend(uncertain)
    return Alert(
        event_id(AlertKind.HEARTBEAT, now_unix, *tell),
        AlertKind.HEARTBEAT,
        now_unix,
        f"{_state(tally)}, {checked}",
        tell,
        members=tuple(members),
    )


def _state(tally: Tally) -> str:
    expectations = f"{tally.total:,} expectation{'s' * (tally.total != 1)}"
    wrong = tally.total - tally.as_expected
    if not tally.total:
        return "nothing is watched yet"
    if not wrong:
        return f"still as it should be: {expectations}"
    return f"{wrong:,} of {expectations} not as they should be, or not known to be"


def _counts(tally: Tally) -> Iterator[str]:
    counts = (
        (tally.as_expected, "as they should be"),
        (tally.deviating, "deviating"),
        (tally.acknowledged, "deviating and acknowledged"),
        (tally.in_maintenance, "deviating in maintenance"),
        (tally.unknown, "not known"),
    )
    yield from (f"{count:,} {words}" for count, words in counts if count)
