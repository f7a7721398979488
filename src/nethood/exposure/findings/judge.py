"""The judge: which entries of the catalogue are true of a host, and what could not be known.

A rule that finds its facts unknown finds nothing; `unknowns` says so instead, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from nethood.exposure.findings.catalogue import KINDS
from nethood.exposure.findings.model import Entry, Finding, Platform, Severity, Unknown
from nethood.exposure.findings.platform import platform_of
from nethood.exposure.findings.words import clean, joined
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
_MOST_LINES = 20
_LINE_LIMIT = 1600


def judge(report: HostReport) -> list[Finding]:
    """Return what is wrong with a host, worst first; what is unknown never makes a finding."""
    platform = platform_of(report)
    found = []
    for kind in KINDS:
        shown = kind.rule(report)
        if shown is not None:
            evidence = _bounded(shown) + _exchanges(kind.entry, report)
            found.append(_finding(kind.entry, evidence, platform))
    return sorted(found, key=lambda finding: finding.severity.rank)


def unknowns(report: HostReport) -> list[Unknown]:
    """Return what could not be known of a host, with reasons: whole answers, then parts of some."""
    whole = [
        Unknown(topic, clean(_answer(report, name).unknown), _judged_by(name))
        for name, topic in TOPICS.items()
        if _answer(report, name).value is None
    ]
    return [*whole, *_partly(report)]


def _partly(report: HostReport) -> Iterator[Unknown]:
    for facts in report.dialects.value or ():
        if facts.supported is None:
            reason = clean(facts.problem) or "no answer"
            yield Unknown(f"SMB {clean(facts.name)}", reason, _judged_by("dialects"))
    algorithms = report.algorithms.value
    if algorithms is not None:
        tables = (algorithms.ciphers, algorithms.signing, algorithms.compression)
        silent = [name for table in tables for name, answer in table.items() if answer is None]
        if silent:
            topic = f"algorithms {joined(silent)}"
            yield Unknown(topic, "no answer", _judged_by("algorithms"))
    ghost = report.smbghost.value
    if ghost is not None and ghost.exposed is None:
        yield Unknown(TOPICS["smbghost"], clean(ghost.why), _judged_by("smbghost"))


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


def _bounded(lines: list[str]) -> list[str]:
    """Cut what is too long; clean once more, so that no rule can forget it."""
    left = len(lines) - _MOST_LINES
    shown = [clean(line, _LINE_LIMIT) for line in lines[:_MOST_LINES]]
    return [*shown, f"and {left:,} more"] if left > 0 else shown


def _exchanges(entry: Entry, report: HostReport) -> list[str]:
    """Return what was sent and came back, where it matters and is short enough to help."""
    answer = _answer(report, entry.needs[0]) if entry.needs else Answer[object]()
    if entry.severity is Severity.INFO or not 0 < len(answer.evidence) <= _MOST_EXCHANGES:
        return []
    return [f"{clean(seen.sent)} → {clean(seen.got)}" for seen in answer.evidence]


def _answer(report: HostReport, name: str) -> Answer[object]:
    answer = getattr(report, name, None)
    return answer if isinstance(answer, Answer) else Answer()


def _judged_by(name: str) -> tuple[str, ...]:
    return tuple(kind.entry.id for kind in KINDS if name in kind.entry.needs)
