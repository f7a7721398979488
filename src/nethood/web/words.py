"""Times, counts and states as the pages say them. Pure: the time is passed in."""

from __future__ import annotations

from datetime import UTC, datetime

from nethood.exposure.watch.records import Phase

_STEPS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "min"), (1.0, "s"))
_PLURAL = {"day": "days", "hour": "hours", "min": "min", "s": "s"}
_SOON_S = 1.0

PHASES = {
    Phase.NEW: "not looked at",
    Phase.FINE: "as expected",
    Phase.SUSPECTED: "suspected",
    Phase.DEVIATING: "not as expected",
    Phase.RECOVERING: "recovering",
    Phase.UNKNOWN: "unknown",
}
MARKS = {
    Phase.NEW: "○",
    Phase.FINE: "✓",
    Phase.SUSPECTED: "?",
    Phase.DEVIATING: "!",
    Phase.RECOVERING: "↺",
    Phase.UNKNOWN: "\u2013",
}
KINDS = {
    "deviation": "deviates",
    "changed": "deviates in another way",
    "recovery": "holds again",
    "unknown": "can't be checked",
    "known": "holds",
    "acknowledged": "acknowledged",
    "acknowledgement ended": "acknowledgement ended",
}
TONES = {
    "deviation": "bad",
    "changed": "bad",
    "recovery": "good",
    "known": "good",
    "unknown": "dim",
    "acknowledged": "note",
    "acknowledgement ended": "note",
}


def counted(count: int, word: str, plural: str = "") -> str:
    """Return "1 host", "2 hosts"."""
    return f"{count:,} {word if count == 1 else plural or word + 's'}"


def duration(seconds: float) -> str:
    """Return "45 s", "2 h 5 min", "3 days 4 hours": two units at most."""
    left = max(0.0, seconds)
    parts: list[str] = []
    for size, word in _STEPS:
        number = int(left // size)
        left -= number * size
        if number:
            parts.append(f"{number} {word if number == 1 else _PLURAL[word]}")
        elif parts:
            break
        if len(parts) == 2 or (parts and word == "min"):
            break
    return " ".join(parts) or "0 s"


def ago(then_unix: float, now_unix: float) -> str:
    """Return "2 min ago", "just now", or "in 5 min"."""
    passed = now_unix - then_unix
    if abs(passed) < _SOON_S:
        return "just now"
    return f"{duration(passed)} ago" if passed > 0 else f"in {duration(-passed)}"


def clock(unix: float) -> str:
    """Return "2026-11-21 00:52 UTC"."""
    return _at(unix).strftime("%Y-%m-%d %H:%M UTC")


def iso(unix: float) -> str:
    """Return the time as the datetime attribute takes it."""
    return _at(unix).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_utc(text: str) -> float | None:
    """Return the time of a datetime-local field, taken as UTC; None where it is none."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()
    except (ValueError, OverflowError):
        return None


def _at(unix: float) -> datetime:
    try:
        return datetime.fromtimestamp(unix, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
