"""A host in words, for a terminal: grade, facts, findings with their fixes, what is unknown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import click

from nethood.cli.findings import step_lines
from nethood.exposure.findings import (
    CATALOGUE,
    Assessment,
    Entry,
    Finding,
    Platform,
    Severity,
)
from nethood.exposure.findings.words import clean
from nethood.exposure.report.facts import facts_of, host_name, software_name

WIDTH = 88
_COLOURS = {
    Severity.CRITICAL: "bright_red",
    Severity.HIGH: "red",
    Severity.MEDIUM: "yellow",
    Severity.LOW: "blue",
}
_GRADE_COLOURS = {"A": "green", "B": "green", "C": "yellow", "D": "red", "E": "red", "F": "red"}


def lines(judged: Assessment, *, all_fixes: bool = False) -> Iterator[str]:
    """Yield what is printed of a host; colours are click's, which leaves them out in pipes."""
    yield _headline(judged)
    yield ""
    yield from _rows(facts_of(judged.report))
    printed: dict[tuple[str, ...], str] = {}
    for finding in judged.findings:
        yield ""
        yield from _finding(finding)
        if all_fixes or finding.severity is not Severity.INFO:
            yield from _fix_once(finding, printed, all_fixes=all_fixes)
    if not judged.findings and judged.report.is_alive:
        yield ""
        yield "Nothing was found."
    if judged.unknowns:
        yield ""
        yield click.style("Not known", bold=True)
        yield from _rows(_unknowns(judged))


def _unknowns(judged: Assessment) -> list[tuple[str, str]]:
    """Return what is unknown with its reason, which is not repeated from line to line."""
    before, found = "", []
    for entry in judged.unknowns:
        found.append((entry.topic, "the same" if entry.reason == before else entry.reason))
        before = entry.reason
    return [(topic, f"unknown: {reason}") for topic, reason in found]


def _headline(judged: Assessment) -> str:
    report = judged.report
    names = [clean(str(report.target), 80), host_name(report), software_name(report)]
    who = ", ".join(dict.fromkeys(name for name in names if name))
    return f"{who}: {click.style(_grade(judged), bold=True, fg=_GRADE_COLOURS.get(judged.grade))}"


def _grade(judged: Assessment) -> str:
    if judged.grade == "-":
        return "no grade, it did not answer"
    return f"{'at best ' if judged.at_best else ''}grade {judged.grade}"


def _rows(facts: list[tuple[str, str]]) -> Iterator[str]:
    width = max((len(label) for label, _ in facts), default=0) + 2
    for label, text in facts:
        yield from textwrap.wrap(
            text,
            WIDTH,
            initial_indent=f"  {label:<{width}}",
            subsequent_indent=" " * (width + 2),
            break_on_hyphens=False,
        )


def _finding(finding: Finding) -> Iterator[str]:
    severity = click.style(f"{finding.severity:<8}", bold=True, fg=_COLOURS.get(finding.severity))
    yield f"{severity} {click.style(finding.title, bold=True)} ({finding.id})"
    for line in finding.evidence:
        yield from textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="  ")


def _fix_once(
    finding: Finding, printed: dict[tuple[str, ...], str], *, all_fixes: bool
) -> Iterator[str]:
    """Yield the fix of a finding, or which finding above has the same."""
    steps = tuple(_fixes(CATALOGUE[finding.id], finding.platform, all_fixes=all_fixes))
    if steps in printed and len(steps) > 1:
        yield f"  The fix is that of {printed[steps]}."
        return
    printed[steps] = finding.id
    yield from steps
    yield from textwrap.wrap(
        f"What breaks: {CATALOGUE[finding.id].breaks}",
        WIDTH,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
    )


def _fixes(entry: Entry, platform: Platform | None, *, all_fixes: bool) -> Iterator[str]:
    if all_fixes or platform not in entry.fixes:
        chosen = list(entry.fixes)
    else:
        chosen = [platform] if platform is not None else []
    if not all_fixes and len(chosen) > 1:
        yield f"  Fixes: nethood findings {entry.id}"
        return
    for name in chosen:
        yield f"  Fix on {name}:"
        for step in entry.fixes[name]:
            yield from step_lines(step, "    ")
