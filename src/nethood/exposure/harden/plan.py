"""What would be done, in which order, and what it costs. Nothing here looks or changes anything."""

from __future__ import annotations

import importlib
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import cast

from nethood.errors import LocalError
from nethood.exposure.harden.model import (
    APPLIED_HERE,
    CLOSES,
    SETTINGS,
    Client,
    LocalFacts,
    Network,
    Plan,
    PlanRequest,
    Platform,
    Step,
)

Steps = Callable[[PlanRequest], list[Step]]
_MODULES = {platform: platform.value.replace("-", "_") for platform in Platform} | {
    Platform.WINDOWS: "windows_settings"
}


def make_plan(
    facts: LocalFacts,
    allow: Sequence[Network] = (),
    platforms: Sequence[Platform] = (),
    *,
    made_unix: float = 0.0,
) -> Plan:
    """Return the plan that closes the ports to all but *allow*.

    Without *platforms* it is for what judges this machine's packets. Raises LocalError where there
    is nothing here that could.
    """
    chosen = list(dict.fromkeys(platforms)) or [choose_platform(facts)]
    request = PlanRequest(facts, tuple(allow))
    clients = [replace(c, allowed=is_allowed(c.address, allow)) for c in facts.clients]
    return Plan(
        host=facts.host,
        made_unix=made_unix,
        platforms=chosen,
        allow=request.allow_v4 + request.allow_v6,
        closes=list(CLOSES) if is_firewall(chosen) else [],
        steps=[step for platform in chosen for step in steps_of(platform)(request)],
        breaks=_breaks(request, clients) if is_firewall(chosen) else [],
        clients=clients,
        notes=_notes(facts, chosen),
    )


def is_firewall(platforms: Iterable[Platform]) -> bool:
    """Whether one of *platforms* closes ports, not only settings."""
    return any(platform not in SETTINGS for platform in platforms)


def choose_platform(facts: LocalFacts) -> Platform:
    """Return the firewall that is in use on this machine, or the one that fits it best.

    Raises LocalError where no firewall is installed.
    """
    if facts.system == "windows":
        return Platform.WINDOWS_FIREWALL
    if facts.system == "darwin":
        return Platform.PF
    walls = facts.firewalls
    for platform in (Platform.FIREWALLD, Platform.UFW):
        if platform in walls and walls[platform].active:
            return platform
    if Platform.IPTABLES in walls and walls[Platform.IPTABLES].starts:
        return Platform.IPTABLES
    for platform in (Platform.NFTABLES, Platform.IPTABLES, Platform.FIREWALLD, Platform.UFW):
        if platform in walls and walls[platform].installed:
            return platform
    raise LocalError(
        "no firewall is installed here (ufw, firewalld, nftables, iptables): install nftables, "
        "or name the --platform to print the commands for"
    )


def steps_of(platform: Platform) -> Steps:
    """Return the function that makes the steps of *platform*."""
    name = _MODULES[platform]
    module = importlib.import_module(f"nethood.exposure.harden.platforms.{name}")
    return cast(Steps, module.steps)


def is_allowed(address: str, allow: Sequence[Network]) -> bool:
    """Whether *address* is in one of the networks."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return any(ip in network for network in allow)


def _breaks(request: PlanRequest, clients: Sequence[Client]) -> list[str]:
    allowed = request.allow_v4 + request.allow_v6
    who = f"Computers outside {', '.join(allowed)}" if allowed else "Other computers"
    breaks = [
        f"{who} can't open this computer's shares and printers any more.",
        "They don't find it by its NetBIOS name, and it is not in their network neighbourhood.",
        "Its own NetBIOS look-ups by broadcast get no answer from them (WINS and DNS still do).",
    ]
    shut_out = [client for client in clients if not client.allowed]
    return breaks + [
        f"{client.address} uses {client.port}/tcp ({client.seen_by}): it goes on until it "
        "disconnects, and can't connect again."
        for client in shut_out
    ]


def _notes(facts: LocalFacts, chosen: Sequence[Platform]) -> list[str]:
    if not is_firewall(platform for platform in chosen if platform in APPLIED_HERE):
        return []
    notes = [
        "ssh and every connection that exists are left alone.",
        "A port that is forwarded to a container or a virtual machine is not closed by this.",
    ]
    if facts.rules_unknown:
        notes.append(f"Who the rules let in now is not known: {facts.rules_unknown}.")
    else:
        notes.append(f"The rules there are now let in: {_let_in(facts)}.")
    return notes


def _let_in(facts: LocalFacts) -> str:
    """Say who gets in now: the ports by who may use them."""
    ports: dict[str, list[str]] = {}
    for port, who in facts.let_in.items():
        ports.setdefault(who, []).append(port)
    return "; ".join(f"{who} at {', '.join(at)}" for who, at in ports.items()) or "nobody"
