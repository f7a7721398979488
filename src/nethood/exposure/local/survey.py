"""Puts together what is known of this machine: listeners, the firewall's verdicts, settings."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from nethood.exposure.local.commands import Run, run_program
from nethood.exposure.local.firewall import Access, Packet, Verdict, judge
from nethood.exposure.local.firewall.read import FirewallState, read_linux
from nethood.exposure.local.listeners import (
    Listener,
    Place,
    am_root,
    dual_from_ss,
    find_listeners,
    read_owner,
    read_places,
    read_sockets,
)
from nethood.exposure.local.settings.model import Setting
from nethood.exposure.local.settings.samba import read_samba
from nethood.exposure.local.settings.units import RUNNING, read_units
from nethood.exposure.local.settings.windows_registry import open_registry, read_windows

SCHEMA_VERSION = 1
OPENNESS = (Access.EVERYONE, Access.SOME, Access.UNKNOWN, Access.NOBODY)
"""From the most open; the worst of several verdicts comes first."""
NOT_LINUX = "nethood reads the rules of Linux firewalls only"


@dataclass(frozen=True, slots=True)
class Gate:
    """One verdict of the firewall and the places it is for."""

    verdict: Verdict
    places: tuple[Place, ...]


@dataclass(slots=True)
class Exposure:
    """A listener and who gets to it from other hosts.

    *access* is the most open of its gates: None where no other host can reach it whatever the
    firewall does, and *why* says that.
    """

    listener: Listener
    gates: list[Gate] = field(default_factory=list)
    access: Access | None = None
    why: str = ""


@dataclass(slots=True)
class LocalReport:
    """All that is known of this machine."""

    exposures: list[Exposure]
    firewall: FirewallState
    settings: list[Setting]
    places: list[Place]
    listeners_unknown: str = ""

    @property
    def open_to_others(self) -> bool | None:
        """Whether SMB or NetBIOS is open to other hosts; None where that can't be known."""
        found = [e.access for e in self.exposures if not e.listener.service.beside]
        if Access.EVERYONE in found or Access.SOME in found:
            return True
        return None if Access.UNKNOWN in found or self.listeners_unknown else False


def survey(run: Run = run_program) -> LocalReport:
    """Look at this machine; nothing is changed and nothing is sent."""
    places = read_places()
    listeners, unknown = _listeners(run, places)
    firewall = read_linux(run) if sys.platform == "linux" else FirewallState(None, NOT_LINUX)
    exposures = [expose(listener, firewall) for listener in listeners]
    return LocalReport(exposures, firewall, _settings(run, listeners), places, unknown)


def _listeners(run: Run, places: list[Place]) -> tuple[list[Listener], str]:
    try:
        sockets = read_sockets()
    except OSError as error:
        return [], str(error)
    return find_listeners(sockets, places, read_owner, dual_from_ss(run), am_root()), ""


def _settings(run: Run, listeners: list[Listener]) -> list[Setting]:
    configs = [owner.config for one in listeners for owner in one.owners if owner.name == "smbd"]
    found = read_samba(run, configs[0] if configs else "")
    if sys.platform == "linux":
        found += read_units(run, systemd_runs=RUNNING.is_dir())
    registry = open_registry()
    return found + (read_windows(registry) if registry else [])


def expose(listener: Listener, firewall: FirewallState) -> Exposure:
    """Return who gets to *listener*, place by place where the verdicts differ."""
    if not listener.places:
        return _unreachable(listener)
    by_verdict: dict[Verdict, list[Place]] = {}
    for place in listener.places:
        verdict = _verdict(listener, place, firewall)
        by_verdict.setdefault(verdict, []).append(place)
    gates = [Gate(verdict, tuple(places)) for verdict, places in by_verdict.items()]
    gates.sort(key=lambda gate: OPENNESS.index(gate.verdict.access))
    return Exposure(listener, gates, gates[0].verdict.access)


def _unreachable(listener: Listener) -> Exposure:
    if listener.reach.startswith("unknown"):
        reason = listener.reach.removeprefix("unknown: ")
        gate = Gate(Verdict(Access.UNKNOWN, reason=reason), ())
        return Exposure(listener, [gate], Access.UNKNOWN)
    if listener.reach == "this machine only":
        return Exposure(listener, why="this machine only")
    return Exposure(listener, why="this machine has no network of that kind now")


def _verdict(listener: Listener, place: Place, firewall: FirewallState) -> Verdict:
    if firewall.ruleset is None:
        return Verdict(Access.UNKNOWN, reason=firewall.unknown)
    service = listener.service
    packet = Packet(service.protocol, service.port, place.family, place.interface, place.address)
    return judge(firewall.ruleset, packet)
