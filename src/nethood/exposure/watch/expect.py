"""Is it as expected? One expectation and what is known of a host make a verdict.

Pure. What is not known is never a deviation: its verdict is UNKNOWN, with the reason. A host
whose SMB ports refuse every connection offers nothing that could be wrong; one that is silent
is not reachable from here, and nothing is said of what it would offer others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from nethood.exposure.findings.grade import GRADES, NO_GRADE, Assessment, assess
from nethood.exposure.findings.judge import judge
from nethood.exposure.findings.words import clean, joined
from nethood.exposure.model import Answer, DialectFacts, HostReport, PortState, Signing
from nethood.exposure.watch.checks import (
    DIALECTS,
    PORTS,
    Check,
    DialectsCheck,
    EncryptionCheck,
    FindingsCheck,
    GradeCheck,
    HardenCheck,
    LogonCheck,
    NamesCheck,
    PortCheck,
    SigningCheck,
    Smb1Check,
)
from nethood.exposure.watch.events import Judgement, Verdict
from nethood.exposure.watch.expect_ports import judge_port, open_port, smb_is_refused
from nethood.exposure.watch.mending import with_findings
from nethood.exposure.watch.policy import Expectation
from nethood.exposure.watch.verdicts import as_expected, deviates, exchanges, unknown

SMB_3_0 = 0x0300
_SIGNING_ORDER = (Signing.OFF, Signing.ENABLED, Signing.REQUIRED)
_NOT_FIELDS = ("target", "started_unix", "ended_unix", "ports")
ALL_FIELDS = frozenset(f.name for f in fields(HostReport) if f.name not in _NOT_FIELDS)

_FIELDS: dict[type, frozenset[str]] = {
    PortCheck: frozenset(),
    Smb1Check: frozenset({"smb1"}),
    SigningCheck: frozenset({"server", "smb1"}),
    EncryptionCheck: frozenset({"dialects", "algorithms"}),
    NamesCheck: frozenset({"netbios"}),
    DialectsCheck: frozenset({"smb1", "dialects"}),
    GradeCheck: ALL_FIELDS | {"ports"},
    FindingsCheck: ALL_FIELDS | {"ports"},
    HardenCheck: frozenset(),
}


def ports_needed(expectations: Iterable[Expectation]) -> frozenset[str]:
    """Return the ports to look at, as a report names them: "tcp/445", "udp/137"."""
    return frozenset(
        PORTS[one.check.port] for one in expectations if isinstance(one.check, PortCheck)
    )


def fields_needed(expectations: Iterable[Expectation]) -> frozenset[str]:
    """Return the fields of HostReport to have filled; none where the ports are enough."""
    return frozenset().union(*(_fields(one.check) for one in expectations))


def wants_guest(expectations: Iterable[Expectation]) -> bool:
    """Tell whether a logon as guest is to be tried, which is done only on request."""
    return any(one.check == LogonCheck("guest") for one in expectations)


def _fields(check: Check) -> frozenset[str]:
    return frozenset({check.field}) if isinstance(check, LogonCheck) else _FIELDS[type(check)]


def judge_expectations(
    expectations: Sequence[Expectation],
    report: HostReport,
    here: str = "",
    others: Mapping[str, Verdict] | None = None,
) -> list[Verdict]:
    """Return a verdict for each expectation, in their order.

    *here* is the address the target sees this watcher come from, "" where nobody knows. *others*
    has verdicts by key that do not follow from a report: that of "harden".
    """
    given = others or {}
    return [
        given.get(one.key) or judge_expectation(one.check, report, here) for one in expectations
    ]


def judge_expectation(check: Check, report: HostReport, here: str = "") -> Verdict:
    """Return what *report* says of one expectation."""
    if isinstance(check, PortCheck):
        verdict = judge_port(check, report, here)
    else:
        verdict = _JUDGES[type(check)](check, report)
    if verdict.judgement is Judgement.DEVIATES:
        return with_findings(check, report, verdict)
    return verdict


def _without(report: HostReport, what: str, answer: Answer[Any]) -> Verdict:
    """Judge an expectation of something the host did not tell."""
    if smb_is_refused(report):
        return as_expected("SMB is not offered: its ports are closed")
    return unknown(f"{what} unknown: {clean(answer.unknown)}", exchanges(answer))


def _smb1(_check: Smb1Check, report: HostReport) -> Verdict:
    facts = report.smb1.value
    if facts is None:
        return _without(report, "SMB1", report.smb1)
    if not facts.enabled:
        return as_expected("SMB1 is off")
    system = joined([text for text in (facts.native_os, facts.native_lan_manager) if text])
    return deviates("SMB1 is on" + (f" ({system})" if system else ""), "on", exchanges(report.smb1))


def _signing(check: SigningCheck, report: HostReport) -> Verdict:
    told = _signing_told(report)
    if not told:
        return _without(report, "signing", report.server)
    worst = min(told, key=lambda name: _SIGNING_ORDER.index(told[name]))
    state = told[worst]
    observed = {
        Signing.REQUIRED: "signing is required",
        Signing.ENABLED: "signing is enabled, but not required",
        Signing.OFF: "signing is off",
    }[state]
    if _SIGNING_ORDER.index(state) >= _SIGNING_ORDER.index(check.least):
        return as_expected(observed)
    having = [name for name in told if told[name] is state]
    if len(having) < len(told) or worst == "SMB1":
        observed += f" ({', '.join(having)})"
    source = report.server if report.server.value is not None else report.smb1
    return deviates(observed, state, exchanges(source))


def _signing_told(report: HostReport) -> dict[str, Signing]:
    """Return what the host says of signing, by what it says it of."""
    told: dict[str, Signing] = {}
    if report.server.value is not None:
        told["SMB2 and newer"] = report.server.value.signing
    for facts in report.dialects.value or ():
        if facts.supported and facts.signing is not None:
            told[f"SMB {clean(facts.name, 20)}"] = facts.signing
    smb1 = report.smb1.value
    if smb1 is not None and smb1.enabled and smb1.signing is not None:
        told["SMB1"] = smb1.signing
    return told


def _encryption(_check: EncryptionCheck, report: HostReport) -> Verdict:
    algorithms, dialects = report.algorithms.value, report.dialects.value
    ciphers = algorithms.ciphers if algorithms is not None else {}
    offered = [name for name, answer in ciphers.items() if answer]
    if offered:
        return as_expected(f"encryption is available: {joined(offered)}")
    if any(_encrypts(facts) for facts in dialects or ()):
        return as_expected("encryption is available: AES-128-CCM of SMB 3.0")
    if dialects is None:
        return _without(report, "encryption", report.dialects)
    if any(facts.supported is None for facts in dialects):
        return unknown("encryption unknown: not every dialect had an answer")
    asked_ciphers = bool(ciphers) and all(answer is False for answer in ciphers.values())
    if any(facts.supported and facts.dialect == DIALECTS["3.1.1"] for facts in dialects):
        if not asked_ciphers:
            return _without(report, "encryption", report.algorithms)
        return deviates("every cipher is refused", "none", exchanges(report.algorithms))
    return deviates("no dialect it speaks can encrypt", "none", exchanges(report.dialects))


def _encrypts(facts: DialectFacts) -> bool:
    return bool(facts.supported) and facts.dialect >= SMB_3_0 and "ENCRYPTION" in facts.capabilities


def _names(_check: NamesCheck, report: HostReport) -> Verdict:
    facts = report.netbios.value
    if facts is not None:
        names = [row.name.strip() for row in facts.names]
        observed = f"it tells the NetBIOS names {joined(names)}" if names else "it tells no names"
        if not names:
            return as_expected(observed)
        return deviates(observed, "told", exchanges(report.netbios))
    asked = report.ports.get(PORTS["137"])
    if asked is not None and asked.value is not None and asked.value.state is not PortState.OPEN:
        return as_expected(f"no NetBIOS names are told: port 137 is {asked.value.state}")
    if any(seen.got == "silence" for seen in report.netbios.evidence):
        return as_expected("no NetBIOS names are told: port 137 is silent")
    return unknown(f"NetBIOS names unknown: {clean(report.netbios.unknown)}")


def _logon(check: LogonCheck, report: HostReport) -> Verdict:
    answer = report.anonymous if check.field == "anonymous" else report.guest
    facts = answer.value
    if facts is None:
        return _without(report, f"{check.field} logon", answer)
    status = f" ({clean(facts.status, 60)})" if facts.status else ""
    if not facts.allowed:
        return as_expected(f"the {check.field} logon is refused{status}")
    became = " as guest" if facts.is_guest and check.field != "guest" else ""
    return deviates(
        f"the {check.field} logon is accepted{became}", f"accepted{became}", exchanges(answer)
    )


def _dialects(check: DialectsCheck, report: HostReport) -> Verdict:
    minimum = DIALECTS[check.minimum]
    smb1, told = report.smb1.value, report.dialects.value
    old = ["SMB1"] if smb1 is not None and smb1.enabled else []
    old += [
        f"SMB {clean(facts.name, 20)}"
        for facts in told or ()
        if facts.supported and facts.dialect < minimum
    ]
    if old:
        source = report.dialects if told else report.smb1
        return deviates(f"it accepts {', '.join(old)}", ",".join(old), exchanges(source))
    if told is None:
        return _without(report, "dialects", report.dialects)
    silent = [f for f in told if f.supported is None and f.dialect < minimum]
    if silent:
        reason = clean(silent[0].problem) or "no answer"
        return unknown(f"SMB {clean(silent[0].name, 20)} unknown: {reason}")
    if smb1 is None:
        return unknown(f"SMB1 unknown: {clean(report.smb1.unknown)}")
    return as_expected(f"nothing older than SMB {check.minimum} is accepted")


def _grade(check: GradeCheck, report: HostReport) -> Verdict:
    assessment = assess(report)
    letter = assessment.grade
    if letter == NO_GRADE:
        return unknown(f"the grade is unknown: {_why_unknown(assessment)}")
    if GRADES.index(letter) > GRADES.index(check.least):
        return deviates(f"the grade is {letter}", f"grade {letter}", _worst_of(assessment))
    if assessment.at_best:
        return unknown(f"the grade is {letter} at best: {_why_unknown(assessment)}")
    return as_expected(f"the grade is {letter}")


def _findings(check: FindingsCheck, report: HostReport) -> Verdict:
    found = [one for one in judge(report) if one.severity.at_least(check.severity)]
    if found:
        titles = "; ".join(f"{one.title} ({one.severity})" for one in found[:6])
        more = f" and {len(found) - 6} more" if len(found) > 6 else ""
        mark = ",".join(sorted(one.id for one in found))
        lines = tuple(line for one in found[:3] for line in one.evidence[:2])
        return deviates(titles + more, mark, lines)
    assessment = assess(report)
    if assessment.at_best or assessment.grade == NO_GRADE:
        return unknown(f"not everything could be asked: {_why_unknown(assessment)}")
    return as_expected(check.sentence)


def _worst_of(assessment: Assessment) -> tuple[str, ...]:
    return tuple(f"{one.title} ({one.severity})" for one in assessment.findings[:5])


def _why_unknown(assessment: Assessment) -> str:
    ports = open_port(assessment.report)
    if ports:
        return ports
    reasons = [f"{one.topic}: {one.reason}" for one in assessment.unknowns[:2]]
    return "; ".join(reasons) or "it did not answer"


def _harden(check: HardenCheck, _report: HostReport) -> Verdict:
    return unknown(f"whether {check.plan} holds was not looked at")


_JUDGES: dict[type, Callable[[Any, HostReport], Verdict]] = {
    Smb1Check: _smb1,
    SigningCheck: _signing,
    EncryptionCheck: _encryption,
    NamesCheck: _names,
    LogonCheck: _logon,
    DialectsCheck: _dialects,
    GradeCheck: _grade,
    FindingsCheck: _findings,
    HardenCheck: _harden,
}
