"""What was found on this machine in sentences: one conclusion, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import attrgetter

from nethood.exposure.local.firewall import Access
from nethood.exposure.local.firewall.model import short_list
from nethood.exposure.local.listeners import Listener
from nethood.exposure.local.survey import Exposure, Gate, LocalReport

_NETBIOS = frozenset({137, 138, 139})
_NARROW = {
    "ufw": "ufw allow from {network} to any port {port} proto {protocol}",
    "firewalld": (
        "firewall-cmd --permanent --add-rich-rule='rule family={family} source address={network}"
        " port port={port} protocol={protocol} accept'"
    ),
}


def owners(listener: Listener) -> str:
    """Return who owns a listener: "smbd (root, pid 812)"."""
    if not listener.owners:
        return f"unknown: {listener.owner_unknown}"
    grouped = groupby(
        sorted(listener.owners, key=attrgetter("name", "user", "pid")), attrgetter("name", "user")
    )
    return ", ".join(
        f"{name} ({user or 'user unknown'}, pid {' '.join(str(one.pid) for one in group)})"
        for (name, user), group in grouped
    )


def exposure_text(exposure: Exposure) -> str:
    """Return who gets to a listener, interface by interface where that differs."""
    if exposure.access is None:
        return f"not from outside: {exposure.why}"
    if len(exposure.gates) == 1:
        return str(exposure.gates[0].verdict)
    return "; ".join(f"{_through(gate)}: {gate.verdict}" for gate in exposure.gates)


def _through(gate: Gate) -> str:
    names = dict.fromkeys(f"{p.interface} IPv{p.family}" for p in gate.places)
    return "through " + ", ".join(names)


def conclusion(report: LocalReport) -> str:
    """Return what matters most in one or a few sentences."""
    if report.listeners_unknown:
        return f"What listens here is unknown: {report.listeners_unknown}."
    mine = [e for e in report.exposures if not e.listener.service.beside]
    found = _of(mine, Access.EVERYONE) + _of(mine, Access.SOME)
    sentences = [f"{line}." for line in dict.fromkeys(map(_open_sentence, found))]
    if unclear := _of(mine, Access.UNKNOWN):
        reason = unclear[0].gates[0].verdict.reason
        sentences.append(
            f"Whether {_ports(unclear)} can be reached from outside is unknown: {reason}."
        )
    if sentences:
        return " ".join(sentences)
    if not mine:
        return "Nothing here listens for SMB or NetBIOS."
    return f"Nothing of SMB or NetBIOS is open to other hosts: {_why_closed(mine)}."


def _of(exposures: Iterable[Exposure], access: Access) -> list[Exposure]:
    return [e for e in exposures if e.access is access]


def _ports(exposures: Iterable[Exposure]) -> str:
    return ", ".join(dict.fromkeys(f"{_port(e.listener)}" for e in exposures))


def _port(listener: Listener) -> str:
    return f"{listener.service.protocol.upper()} {listener.service.port}"


def _open_sentence(exposure: Exposure) -> str:
    verdict = exposure.gates[0].verdict
    if verdict.access is Access.EVERYONE:
        whom = "every network" if _is_everywhere(exposure.listener) else exposure.listener.reach
    elif verdict.except_for:
        whom = f"everyone except {short_list(verdict.except_for)}"
    else:
        whom = short_list(verdict.networks)
    if len(exposure.gates) > 1:
        whom += f" {_through(exposure.gates[0])}"
    return f"{_port(exposure.listener)} is open to {whom}: {owners(exposure.listener)}"


def _is_everywhere(listener: Listener) -> bool:
    return listener.reach.startswith("every")


def _why_closed(exposures: list[Exposure]) -> str:
    blocked = _of(exposures, Access.NOBODY)
    parts = [f"the firewall blocks {_ports(blocked)}"] if blocked else []
    inner = [e for e in exposures if e.access is None]
    if inner:
        parts.append(f"{_ports(inner)} can be reached from this machine only")
    return ", and ".join(parts)


def advice(report: LocalReport) -> list[str]:
    """Return what to do, most urgent first."""
    mine = [e for e in report.exposures if not e.listener.service.beside]
    found = _of(mine, Access.EVERYONE)
    steps: list[str] = []
    if found:
        steps.append(_narrow(found[0], report))
    if any(e.listener.service.port in _NETBIOS for e in found + _of(mine, Access.SOME)):
        steps.append(
            "NetBIOS is needed by very old clients only. In Samba: 'disable netbios = yes' and"
            " 'smb ports = 445', and stop nmbd."
        )
    if any(e.listener.owner_unknown == "needs root" for e in report.exposures) or (
        "needs root" in report.firewall.unknown
    ):
        steps.append("Run it as root to see what is unknown now: sudo nethood local")
    return steps + [_setting(one.name, one.advice) for one in report.settings if one.advice]


def _setting(name: str, text: str) -> str:
    return f"{name}: {text}"


def _narrow(exposure: Exposure, report: LocalReport) -> str:
    """Say how to let one network in instead of everyone."""
    head = "Stop what nobody needs; let only your own network in"
    place = next(iter(exposure.gates[0].places), None)
    command = next((_NARROW[name] for name in report.firewall.managers if name in _NARROW), "")
    if not command or place is None:
        return f"{head}, by a rule of your firewall."
    service = exposure.listener.service
    shown = command.format(
        network=place.network,
        port=service.port,
        protocol=service.protocol,
        family=f"ipv{place.family}",
    )
    return f"{head}, in place of the rule that lets everyone in: {shown}"
