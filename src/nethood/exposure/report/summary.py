"""What all hosts of a scan are together: counts by severity, grade, dialect and signing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from nethood.exposure.findings import Assessment, Severity
from nethood.exposure.findings.grade import GRADES, NO_GRADE
from nethood.exposure.findings.words import clean
from nethood.exposure.model import HostReport, Signing

NOTHING = "none"
UNKNOWN = "unknown"
SMB1 = "SMB1"
DIALECTS = ("2.0.2", "2.1", "3.0", "3.0.2", "3.1.1")


@dataclass(slots=True)
class Summary:
    """Counts of hosts; *findings* counts hosts by the id of what was found on them."""

    hosts: int = 0
    silent: int = 0
    started_unix: float = 0.0
    ended_unix: float = 0.0
    severities: Counter[str] = field(default_factory=Counter)
    grades: Counter[str] = field(default_factory=Counter)
    dialects: Counter[str] = field(default_factory=Counter)
    signing: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def add(self, host: Assessment) -> None:
        """Count one more host."""
        report = host.report
        self.hosts += 1
        self.silent += not report.is_alive
        self._widen(report)
        self.grades[host.grade] += 1
        self.findings.update(finding.id for finding in host.findings)
        if report.is_alive:
            self.severities[str(host.worst or NOTHING)] += 1
            self.dialects.update(dialects_of(report))
            state = signing_of(report)
            if state:
                self.signing[state] += 1

    def _widen(self, report: HostReport) -> None:
        begun = [time for time in (self.started_unix, report.started_unix) if time]
        self.started_unix = min(begun, default=0.0)
        self.ended_unix = max(self.ended_unix, report.ended_unix)

    def fields(self) -> dict[str, object]:
        """Return the counts as JSON has them, every key always there."""
        severities = (*map(str, Severity), NOTHING)
        signing = (*map(str, Signing), UNKNOWN)
        return {
            "hosts": self.hosts,
            "silent": self.silent,
            "started_unix": self.started_unix,
            "ended_unix": self.ended_unix,
            "severities": {name: self.severities[name] for name in severities},
            "grades": {name: self.grades[name] for name in (*GRADES, NO_GRADE)},
            "dialects": {name: self.dialects[name] for name in (SMB1, *DIALECTS)},
            "signing": {name: self.signing[name] for name in signing},
            "findings": dict(self.findings.most_common()),
        }


def dialects_of(report: HostReport) -> list[str]:
    """Return the dialects a host was seen to speak, SMB1 first."""
    smb1 = report.smb1.value
    spoken = [clean(facts.name, 20) for facts in report.dialects.value or () if facts.supported]
    return [SMB1, *spoken] if smb1 is not None and smb1.enabled else spoken


def signing_of(report: HostReport) -> str:
    """Return the weakest signing of a host over SMB2 and SMB3; "" where it speaks neither."""
    states = {facts.signing for facts in report.dialects.value or () if facts.supported}
    if report.server.value is not None:
        states.add(report.server.value.signing)
    for state in (Signing.OFF, Signing.ENABLED, Signing.REQUIRED):
        if state in states:
            return str(state)
    return UNKNOWN if report.port_is_open(f"tcp/{report.target.port}") and not _smb1(report) else ""


def _smb1(report: HostReport) -> bool:
    return report.smb1.value is not None and report.smb1.value.enabled
