"""CVE-2020-0796 (SMBGhost), told by what earlier probes found; nothing is sent.

Affected were Windows 10 and Windows Server of builds 18362 and 18363 (1903, 1909), through the
compression of 3.1.1. Whether its update is there cannot be seen from outside, so nobody is ever
called exposed; "not exposed" is said only where something it takes is certainly not there.
"""

from __future__ import annotations

from nethood.exposure.context import ProbeContext
from nethood.exposure.model import Answer, Confidence, HostReport, SmbGhostFacts, known, unknown
from nethood.smb2.constants import DIALECT_3_1_1

AFFECTED_BUILDS = (18362, 18363)
_FIX = "KB4551762"


async def probe_smbghost(context: ProbeContext) -> Answer[SmbGhostFacts]:
    """Judge what is known already."""
    report = context.report
    speaks = _speaks_3_1_1(report)
    if speaks is None:
        return unknown(f"whether the server speaks 3.1.1 is unknown: {_why_unknown(report)}")
    reason = _why_not_exposed(report, speaks=speaks)
    if reason:
        return known(SmbGhostFacts(False, reason))
    return known(SmbGhostFacts(None, _why_unsure(report)))


def _speaks_3_1_1(report: HostReport) -> bool | None:
    for facts in report.dialects.value or []:
        if facts.dialect == DIALECT_3_1_1 and facts.supported is not None:
            return facts.supported
    server = report.server.value
    return None if server is None else server.preferred_dialect == DIALECT_3_1_1


def _why_unknown(report: HostReport) -> str:
    for facts in report.dialects.value or []:
        if facts.dialect == DIALECT_3_1_1:
            return facts.problem
    return report.dialects.unknown or report.server.unknown


def _why_not_exposed(report: HostReport, *, speaks: bool) -> str:
    """Return what is certainly not there; empty where nothing is certain."""
    if not speaks:
        return "3.1.1 is not supported, and compression belongs to it"
    if _compresses(report) is False:
        return "the server offers no compression: not affected, or mitigated"
    other = _other_software(report)
    if other:
        return f"{other} is not affected, Windows was"
    build = _build(report)
    if build and build not in AFFECTED_BUILDS:
        return f"build {build} is not affected: only 18362 and 18363 were (1903 and 1909)"
    return ""


def _other_software(report: HostReport) -> str:
    """Return what certainly answers, where that is not Windows."""
    software = report.software.value
    if software is None or software.confidence is not Confidence.CERTAIN:
        return ""
    return "" if software.name.startswith("Windows") else software.name


def _compresses(report: HostReport) -> bool | None:
    """Return whether any algorithm is taken; None where that is not known of all."""
    algorithms = report.algorithms.value
    if algorithms is None:
        return None
    answers = algorithms.compression.values()
    return True if True in answers else None if None in answers else False


def _build(report: HostReport) -> int | None:
    return report.ntlm.value.os_build if report.ntlm.value else None


def _why_unsure(report: HostReport) -> str:
    build = _build(report)
    if report.ntlm.value is None:
        return f"the server's build is unknown: {report.ntlm.unknown}"
    if not build:
        return "the server tells no build, so whether it is an affected Windows is unknown"
    if _compresses(report) is None:
        why = report.algorithms.unknown or "not every question had an answer"
        return f"build {build} was affected; whether compression is on is unknown: {why}"
    return (
        f"build {build} was affected and compression is on; the patch level cannot be seen from "
        f"outside: see that {_FIX} or a later update is installed"
    )
