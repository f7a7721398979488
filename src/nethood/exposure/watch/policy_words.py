"""A policy in sentences, as it was understood: for the page and for whoever just wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nethood.exposure.watch.checks import PortCheck

if TYPE_CHECKING:
    from nethood.exposure.watch.policy import Group, Policy

_UNITS = ((86400, "d"), (3600, "h"), (60, "m"))


def duration_words(seconds: float) -> str:
    """Return 5400 as "1h 30m", 0.5 as "0.5s"."""
    left, words = seconds, []
    for unit, letter in _UNITS:
        if left >= unit:
            words.append(f"{int(left // unit)}{letter}")
            left %= unit
    if left or not words:
        words.append(f"{left:g}s")
    return " ".join(words)


def understood(policy: Policy) -> list[str]:
    """Return the policy in sentences."""
    return [
        *(line for group in policy.groups.values() for line in _group(group)),
        *_telling(policy),
    ]


def _group(group: Group) -> Iterator[str]:
    without = f" without {', '.join(group.exclude)}" if group.exclude else ""
    yield (
        f"{group.name}: {', '.join(group.targets)}{without};"
        f" looked at every {duration_words(group.every_s)}"
    )
    for one in group.expectations:
        told = f"tells {', '.join(one.tell)}" if one.tell else "tells nobody"
        yield f"{group.name}: {one.sentence}; {told}"
        if isinstance(one.check, PortCheck) and one.check.except_from:
            networks = ", ".join(map(str, one.check.except_from))
            yield (
                f"{group.name}: {one.key} is judged as seen from this watcher: if it is in"
                f" {networks}, the port may be open or closed; if not, it must be closed"
            )


def _telling(policy: Policy) -> Iterator[str]:
    for name, channel in policy.channels.items():
        yield f"alerts go to {name} by {channel.kind}"
    flood = policy.flood
    yield (
        f"more than {flood.limit} alerts to a channel within"
        f" {duration_words(flood.within_s)} become one summary"
    )
    for window in policy.maintenance:
        groups = ", ".join(sorted(window.groups)) or "everything"
        note = f" ({window.note})" if window.note else ""
        yield f"maintenance of {groups}: {window.text}{note}"
    beat = policy.heartbeat
    if beat.at is not None:
        yield f"a heartbeat comes each day at {beat.at:%H:%M}"
    elif beat.every_s is not None:
        yield f"a heartbeat comes every {duration_words(beat.every_s)}"
    else:
        yield "no heartbeat is sent"
