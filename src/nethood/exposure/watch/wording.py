"""The one line an alert is known by."""

from __future__ import annotations

from nethood.exposure.watch.events import AlertKind, Subject

_TITLES = {
    AlertKind.DEVIATES: "{host}: {observed}; expected: {expectation}",
    AlertKind.CHANGED: "{host}: now {observed}; expected: {expectation}",
    AlertKind.STILL_DEVIATES: "{host}: still {observed}; expected: {expectation}",
    AlertKind.RECOVERED: "{host}: as it should be again: {expectation}",
    AlertKind.UNCHECKABLE: "{host}: can't be checked: {expectation}",
    AlertKind.CHECKABLE: "{host}: can be checked again: {expectation}",
}


def title_of(kind: AlertKind, subject: Subject, observed: str) -> str:
    """Return the title of an alert about *subject*."""
    return _TITLES[kind].format(
        host=subject.host, observed=observed, expectation=subject.expectation
    )
