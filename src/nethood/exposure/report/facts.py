"""The facts of a host as people read them: what it is called, what it runs, what it said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from nethood.exposure.findings.kinds.host import moment
from nethood.exposure.findings.words import clean, joined
from nethood.exposure.model import AlgorithmFacts, HostReport
from nethood.exposure.report.summary import dialects_of, signing_of

Fact = tuple[str, str]


def host_name(report: HostReport) -> str:
    """Return the best name known of a host, "" if none is."""
    ntlm, netbios = report.ntlm.value, report.netbios.value
    names = [report.target.name]
    names += [ntlm.dns_computer, ntlm.netbios_computer] if ntlm is not None else []
    names += [netbios.computer] if netbios is not None else []
    return clean(next((name for name in names if name.strip()), ""), 80)


def software_name(report: HostReport) -> str:
    """Return what answers, with its version; "" if that is unknown."""
    facts = report.software.value
    if facts is None:
        return ""
    version = "" if facts.version in facts.name else f" {clean(facts.version, 40)}"
    return clean(facts.name, 80) + version


def iso_time(unix_s: float) -> str:
    """Return a time of the scanner's own clock to the second, in UTC."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def facts_of(report: HostReport) -> list[Fact]:
    """Return everything a host told, in the order a person asks for it."""
    return [
        *_software(report),
        *_ports(report),
        *_protocol(report),
        *_smb1(report),
        *_names(report),
        *_netbios(report),
        *_server(report),
        *_access(report),
    ]


def _software(report: HostReport) -> Iterator[Fact]:
    facts = report.software.value
    if facts is not None:
        told = joined(facts.told_by, 4, 100)
        yield "Software", f"{software_name(report)} ({facts.confidence}, told by {told})"


def _ports(report: HostReport) -> Iterator[Fact]:
    states = []
    for port, answer in report.ports.items():
        if answer.value is None:
            continue
        took = answer.value.connect_ms
        states.append(f"{port} {answer.value.state}" + (f" ({took:.1f} ms)" if took else ""))
    if states:
        yield "Ports", ", ".join(states)


def _protocol(report: HostReport) -> Iterator[Fact]:
    spoken = dialects_of(report)
    if spoken:
        yield "Dialects", ", ".join(spoken)
    if signing_of(report):
        text = {"enabled": "enabled, not required"}.get(signing_of(report), signing_of(report))
        yield "Signing", text
    if report.algorithms.value is not None:
        yield from _algorithms(report.algorithms.value)


def _algorithms(facts: AlgorithmFacts) -> Iterator[Fact]:
    for label, table in (
        ("Ciphers", facts.ciphers),
        ("Signing algorithms", facts.signing),
        ("Compression", facts.compression),
    ):
        if table:
            yield label, joined([name for name, answer in table.items() if answer]) or "none"


def _smb1(report: HostReport) -> Iterator[Fact]:
    facts = report.smb1.value
    if facts is None:
        return
    said = [facts.native_os, facts.native_lan_manager, facts.primary_domain]
    text = joined([word for word in said if word])
    yield "SMB1", f"on: {text}" if facts.enabled and text else ("on" if facts.enabled else "off")


def _names(report: HostReport) -> Iterator[Fact]:
    facts = report.ntlm.value
    if facts is None:
        return
    for label, text in (
        ("Computer", facts.dns_computer or facts.netbios_computer),
        ("Domain", facts.dns_domain or facts.netbios_domain),
        ("Forest", facts.dns_forest),
    ):
        if text:
            yield label, clean(text, 120)
    if facts.os_version:
        stale = " (an update may have left it behind)" if facts.may_be_stale else ""
        yield "Version told", clean(facts.os_version, 40) + stale


def _netbios(report: HostReport) -> Iterator[Fact]:
    facts = report.netbios.value
    if facts is None:
        return
    yield "NetBIOS names", joined([f"{name.name}<{name.suffix:02X}>" for name in facts.names])
    for label, text in (("Workgroup", facts.workgroup), ("MAC address", facts.mac)):
        if text:
            yield label, clean(text, 60)
    if facts.users:
        yield "Logged in", joined(facts.users)


def _server(report: HostReport) -> Iterator[Fact]:
    facts = report.server.value
    if facts is None:
        return
    yield "Server GUID", clean(facts.server_guid, 60)
    if facts.system_time_unix:
        yield "Its clock", moment(facts.system_time_unix) + _skew(facts.skew_s)
    if facts.boot_time_unix:
        yield "Started", moment(facts.boot_time_unix)
    if facts.mechanisms:
        yield "Ways to log in", joined(facts.mechanisms)
    if facts.capabilities:
        yield "Capabilities", joined(facts.capabilities)


def _skew(skew_s: float | None) -> str:
    """Return how far a clock is off; adding zero takes the sign off a negative one."""
    if skew_s is None or not abs(skew_s) < 1e10:
        return ""
    return f", {round(skew_s, 1) + 0.0:+,.1f} s from here"


def _access(report: HostReport) -> Iterator[Fact]:
    for label, answer in (("Anonymous", report.anonymous), ("Guest", report.guest)):
        if answer.value is not None:
            said = "let in" if answer.value.allowed else "refused"
            yield label, f"{said}: {clean(answer.value.status, 60)}"
    if report.shares.value is not None:
        yield "Shares told", joined([share.name for share in report.shares.value]) or "none"
    if report.pipes.value is not None:
        opened = [pipe.name for pipe in report.pipes.value if pipe.opens]
        yield "Pipes open to anybody", joined(opened) or "none"
