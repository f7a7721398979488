"""The grade of a host: one letter for its findings.

A: nothing worse than info. B: low at worst. C: medium at worst. D: one or two of high severity.
E: three or more of high severity. F: anything critical. A host that did not answer the questions
that matter most gets no better than "at best" its grade; one that did not answer at all has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nethood.exposure.findings.judge import judge, unknowns
from nethood.exposure.findings.model import Finding, Severity, Unknown
from nethood.exposure.model import Answer, HostReport, PortState

GRADES = "ABCDEF"
NO_GRADE = "-"
MANY_HIGH = 3
REFUSED = "refused: "
"""How the reason of an answer begins that the host denied."""


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
    letter, at_best = grade(findings), _could_be_worse(report)
    if at_best and letter == "A" and not _answered_smb(report):
        letter = NO_GRADE
    if letter in (NO_GRADE, "F"):
        at_best = False
    return Assessment(report, findings, unknowns(report), letter, at_best)


def _answered_smb(report: HostReport) -> bool:
    return any(getattr(report, name).value is not None for name in ("server", "smb1", "dialects"))


def _could_be_worse(report: HostReport) -> bool:
    """Whether something that weighs much is unknown, other than behind ports that are closed."""
    if _is_closed(report):
        return False
    smb1, dialects, anonymous = report.smb1.value, report.dialects.value, report.anonymous.value
    if smb1 is None or dialects is None or anonymous is None:
        return True
    if anonymous.allowed and (_broke_off(report.shares) or _broke_off(report.pipes)):
        return True
    return any(facts.supported is None for facts in dialects)


def _broke_off(answer: Answer[Any]) -> bool:
    """Whether a look around as nobody came to no end; that it was refused is an end."""
    return answer.value is None and not answer.unknown.startswith(REFUSED)


def _is_closed(report: HostReport) -> bool:
    """Whether every port of SMB is known to be closed."""
    states = [report.ports.get(port) for port in (f"tcp/{report.target.port}", "tcp/139")]
    found = [answer.value.state for answer in states if answer is not None and answer.value]
    return bool(found) and all(state is PortState.CLOSED for state in found)
