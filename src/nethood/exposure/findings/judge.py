"""The judge: which entries of the catalogue are true of a host, and what could not be known.

A rule that finds its facts unknown finds nothing; `unknowns` says so instead, with the reason.
"""

from __future__ import annotations

from nethood.exposure.findings.catalogue import KINDS
from nethood.exposure.findings.model import Entry, Finding, Platform, Unknown
from nethood.exposure.findings.platform import platform_of
from nethood.exposure.findings.words import clean
from nethood.exposure.model import Answer, HostReport

TOPICS = {
    "netbios": "NetBIOS names",
    "session_service": "NetBIOS session service",
    "server": "SMB2 negotiation",
    "ntlm": "NTLM target information",
    "smb1": "SMB1",
    "dialects": "SMB dialects",
    "algorithms": "ciphers, signing and compression",
    "anonymous": "anonymous session",
    "guest": "guest session",
    "shares": "shares told to the null session",
    "pipes": "pipes open to anonymous callers",
    "ms17_010": "update MS17-010",
    "smbghost": "SMBGhost (CVE-2020-0796)",
    "software": "software",
}

_MOST_EXCHANGES = 2


def judge(report: HostReport) -> list[Finding]:
    """Return what is wrong with a host, worst first; what is unknown never makes a finding."""
    platform = platform_of(report)
    found = []
    for kind in KINDS:
        shown = kind.rule(report)
        if shown is not None:
            found.append(_finding(kind.entry, shown + _exchanges(kind.entry, report), platform))
    return sorted(found, key=lambda finding: finding.severity.rank)


def unknowns(report: HostReport) -> list[Unknown]:
    """Return what could not be known of a host, with reasons, in the order of the probes."""
    return [
        Unknown(topic, clean(_answer(report, name).unknown), _judged_by(name))
        for name, topic in TOPICS.items()
        if _answer(report, name).value is None
    ]


def fix_lines(entry: Entry, platform: Platform | None) -> list[str]:
    """Return the steps for *platform*, those of every platform for None, one line each."""
    chosen = [platform] if platform in entry.fixes else list(entry.fixes)
    return [
        f"{step.how}: {line}" if len(chosen) == 1 else f"{name}, {step.how}: {line}"
        for name in chosen
        if name is not None
        for step in entry.fixes[name]
        for line in step.text.splitlines()
    ]


def _finding(entry: Entry, evidence: list[str], platform: Platform | None) -> Finding:
    return Finding(
        entry.id, entry.severity, entry.title, evidence, platform, fix_lines(entry, platform)
    )


def _exchanges(entry: Entry, report: HostReport) -> list[str]:
    """Return what was sent and came back, where that is short enough to help."""
    answer = _answer(report, entry.needs[0]) if entry.needs else Answer[object]()
    if not 0 < len(answer.evidence) <= _MOST_EXCHANGES:
        return []
    return [f"{clean(seen.sent)} → {clean(seen.got)}" for seen in answer.evidence]


def _answer(report: HostReport, name: str) -> Answer[object]:
    answer = getattr(report, name, None)
    return answer if isinstance(answer, Answer) else Answer()


def _judged_by(name: str) -> tuple[str, ...]:
    return tuple(kind.entry.id for kind in KINDS if name in kind.entry.needs)
