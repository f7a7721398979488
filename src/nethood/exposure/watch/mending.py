"""What goes with a deviation: the findings of the catalogue it shows, and the fix for the host."""

from __future__ import annotations

from dataclasses import replace

from nethood.exposure.findings.catalogue import CATALOGUE
from nethood.exposure.findings.judge import fix_lines, judge
from nethood.exposure.findings.model import Finding
from nethood.exposure.findings.platform import platform_of
from nethood.exposure.model import HostReport
from nethood.exposure.watch.checks import (
    Check,
    DialectsCheck,
    EncryptionCheck,
    FindingsCheck,
    GradeCheck,
    LogonCheck,
    NamesCheck,
    PortCheck,
    SigningCheck,
    Smb1Check,
)
from nethood.exposure.watch.events import Verdict

_MOST_FIXES = 12
_MOST_FINDINGS = 3
_PORT_FINDINGS = {
    "137": ("netbios-open-to-internet", "netbios-name-service"),
    "138": ("netbios-open-to-internet", "netbios-name-service"),
    "139": ("session-service-open",),
    "445": ("smb-open-to-internet", "smb-reachable"),
}
_LOGON_FINDINGS = {
    "anonymous": ("anonymous-session", "guest-for-anonymous"),
    "guest": ("guest-session",),
}
_FINDINGS: dict[type, tuple[str, ...]] = {
    Smb1Check: ("smb1-enabled",),
    SigningCheck: ("signing-not-required", "signing-not-required-dc", "signing-off"),
    EncryptionCheck: ("no-encryption",),
    NamesCheck: ("netbios-names-told",),
    DialectsCheck: ("old-dialects", "smb1-enabled"),
}
CLOSE_IT = "On the host: nethood harden plan shows how to close it, and what that breaks."
OPEN_IT = "Start the service, or let the port through the firewall of the host."


def with_findings(check: Check, report: HostReport, verdict: Verdict) -> Verdict:
    """Return *verdict*, a deviation, with the ids of findings it shows and the lines of a fix."""
    if isinstance(check, PortCheck) and check.open:
        return replace(verdict, fix=(OPEN_IT,))
    shown = _shown(check, report)
    if shown:
        ids = tuple(one.id for one in shown)
        lines = [line for one in shown[:_MOST_FINDINGS] for line in one.fix]
    else:
        entry = CATALOGUE.get(_candidates(check)[-1]) if _candidates(check) else None
        ids = ()
        lines = fix_lines(entry, platform_of(report)) if entry else []
    if isinstance(check, PortCheck):
        lines = [CLOSE_IT, *lines]
    return replace(verdict, finding_ids=ids, fix=tuple(dict.fromkeys(lines))[:_MOST_FIXES])


def _shown(check: Check, report: HostReport) -> list[Finding]:
    found = judge(report)
    if isinstance(check, FindingsCheck):
        return [one for one in found if one.severity.at_least(check.severity)]
    if isinstance(check, GradeCheck):
        worst = found[0].severity if found else None
        return [one for one in found if one.severity is worst]
    return [one for one in found if one.id in _candidates(check)]


def _candidates(check: Check) -> tuple[str, ...]:
    if isinstance(check, PortCheck):
        return _PORT_FINDINGS[check.port]
    if isinstance(check, LogonCheck):
        return _LOGON_FINDINGS[check.field]
    return _FINDINGS.get(type(check), ())
