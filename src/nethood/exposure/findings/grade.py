"""The grade of a host: one letter for its findings.

A: nothing worse than info. B: low at worst. C: medium at worst. D: one or two of high severity.
E: three or more of high severity. F: anything critical. A host that did not answer the questions
that matter most gets no better than "at best" its grade; one that did not answer at all has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from nethood.exposure.findings.judge import judge, unknowns
from nethood.exposure.findings.model import Finding, Severity, Unknown
from nethood.exposure.model import HostReport

GRADES = "ABCDEF"
NO_GRADE = "-"
MANY_HIGH = 3

_MATTERS_MOST = ("server", "smb1", "dialects", "anonymous")


@dataclass(slots=True)
class Assessment:
    """A host's report with all that follows from it.

    *grade* is a letter of GRADES, or NO_GRADE for a host that did not answer; *at_best* means
    that something which could make it worse is not known.
    """

    report: HostReport
    findings: list[Finding]
    unknowns: list[Unknown]
    grade: str
    at_best: bool

    @property
    def worst(self) -> Severity | None:
        """The severity of the worst finding."""
        return min((f.severity for f in self.findings), key=lambda s: s.rank, default=None)


def grade(findings: Iterable[Finding]) -> str:
    """Return the letter for *findings*; the rule is in the module's docstring."""
    severities = [finding.severity for finding in findings]
    if Severity.CRITICAL in severities:
        return "F"
    high = severities.count(Severity.HIGH)
    if high:
        return "E" if high >= MANY_HIGH else "D"
    if Severity.MEDIUM in severities:
        return "C"
    return "B" if Severity.LOW in severities else "A"


def assess(report: HostReport) -> Assessment:
    """Return the findings, the grade and what is not known of a host."""
    findings = judge(report)
    letter = grade(findings) if report.is_alive else NO_GRADE
    has_smb = report.server.value is not None or report.smb1.value is not None
    at_best = letter not in (NO_GRADE, "F") and any(
        getattr(report, name).value is None for name in _MATTERS_MOST
    )
    if not findings and not has_smb and not _speaks(report):
        letter, at_best = NO_GRADE, False
    return Assessment(report, findings, unknowns(report), letter, at_best)


def _speaks(report: HostReport) -> bool:
    ports = ("tcp/445", f"tcp/{report.target.port}", "tcp/139")
    return any(report.port_is_open(port) for port in ports)
