"""Short ways to write a verdict, with evidence that is fit to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nethood.exposure.findings.words import clean
from nethood.exposure.model import Answer
from nethood.exposure.watch.events import Judgement, Verdict

_MOST_LINES = 5
_LINE_LIMIT = 400


def as_expected(observed: str) -> Verdict:
    """Return the verdict that all is well."""
    return Verdict(Judgement.AS_EXPECTED, observed)


def deviates(observed: str, mark: str, evidence: Iterable[str] = ()) -> Verdict:
    """Return the verdict that it is not as expected; *mark* stays as long as this does."""
    return Verdict(Judgement.DEVIATES, observed, mark, _bounded(evidence))


def unknown(reason: str, evidence: Iterable[str] = ()) -> Verdict:
    """Return the verdict that it can't be seen."""
    return Verdict(Judgement.UNKNOWN, reason, evidence=_bounded(evidence))


def _bounded(evidence: Iterable[str]) -> tuple[str, ...]:
    return tuple(clean(line, _LINE_LIMIT) for line in list(evidence)[:_MOST_LINES])


def exchanges(answer: Answer[Any]) -> tuple[str, ...]:
    """Return what was sent and what came back, a line each."""
    return tuple(f"{seen.sent} → {seen.got}" for seen in answer.evidence[:_MOST_LINES])
