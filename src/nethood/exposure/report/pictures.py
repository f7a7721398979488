"""The pictures of the report: numbers turned into lengths; the template draws them as SVG."""

from __future__ import annotations

from dataclasses import dataclass

from nethood.exposure.findings import Severity
from nethood.exposure.report.summary import DIALECTS, NOTHING, SMB1, UNKNOWN, Summary

BAR_LENGTH = 180
"""The longest bar, in units of the picture."""


@dataclass(frozen=True, slots=True)
class Part:
    """A bar, or a piece of the ring: *start* and *share* are percent of the whole ring."""

    label: str
    count: int
    style: str
    length: float = 0.0
    start: float = 0.0
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture and, for who can't see it, the same in a sentence."""

    id: str
    title: str
    sentence: str
    parts: tuple[Part, ...]
    is_ring: bool = False
    middle: str = ""


def picture_of_severities(summary: Summary) -> Picture:
    """Return how many hosts have findings of which severity, each host counted at its worst."""
    labels = [(str(s), str(s), str(s)) for s in Severity] + [(NOTHING, "nothing found", "good")]
    return _bars("severity", "Hosts by worst finding", summary.severities, labels)


def picture_of_dialects(summary: Summary) -> Picture:
    """Return how many hosts speak each dialect; a host counts at every one it speaks."""
    labels = [(SMB1, SMB1, "high")]
    labels += [(name, f"SMB {name}", "plain") for name in DIALECTS]
    return _bars("dialect", "Hosts by dialect they speak", summary.dialects, labels)


def picture_of_signing(summary: Summary) -> Picture:
    """Return which share of the hosts requires signing, as a ring."""
    labels = [
        ("required", "required", "good"),
        ("enabled", "not required", "medium"),
        ("off", "off", "high"),
        (UNKNOWN, "unknown", "info"),
    ]
    total = sum(summary.signing.values())
    parts, start = [], 0.0
    for key, label, style in labels:
        share = 100 * summary.signing[key] / total if total else 0.0
        parts.append(Part(label, summary.signing[key], style, start=start, share=share))
        start += share
    # Rounded down: 99.6 % is not all of them.
    middle = f"{100 * summary.signing['required'] // total}%" if total else "-"
    title = "Hosts that require signing"
    return Picture("signing", title, _sentence(title, parts), tuple(parts), True, middle)


def _bars(
    identity: str, title: str, counts: dict[str, int], labels: list[tuple[str, str, str]]
) -> Picture:
    most = max((counts.get(key, 0) for key, _, _ in labels), default=0) or 1
    parts = []
    for key, label, style in labels:
        count = counts.get(key, 0)
        # What is there is seen, be it one in a thousand.
        length = max(BAR_LENGTH * count / most, 3) if count else 0
        parts.append(Part(label, count, style, length=round(length, 1)))
    return Picture(identity, title, _sentence(title, parts), tuple(parts))


def _sentence(title: str, parts: list[Part]) -> str:
    return f"{title}: {', '.join(f'{part.label} {part.count:,}' for part in parts)}."
