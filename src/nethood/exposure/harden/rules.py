"""Who the kernel's rules let in at our ports, whoever made them: before a plan and after it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from nethood.exposure.harden.model import TCP_PORTS, UDP_PORTS, Network
from nethood.exposure.local.commands import Run, run_program
from nethood.exposure.local.firewall.judge import judge
from nethood.exposure.local.firewall.model import Access, Packet, Verdict
from nethood.exposure.local.firewall.read import read_linux


def who_gets_in(allow: Sequence[Network], run: Run = run_program) -> tuple[dict[str, str], str]:
    """Return who the kernel's rules let in beyond *allow*, by port; and why that is unknown."""
    state = read_linux(run)
    if state.ruleset is None:
        return {}, state.unknown
    found: dict[str, str] = {}
    for protocol, ports in (("tcp", TCP_PORTS), ("udp", UDP_PORTS)):
        for port in ports:
            for family in (4, 6):
                verdict = judge(state.ruleset, Packet(protocol, port, family))
                if who := _beyond(verdict, allow):
                    found[f"{port}/{protocol} IPv{family}"] = who
    return found, ""


def _beyond(verdict: Verdict, allow: Sequence[Network]) -> str:
    """Return who is let in that is not allowed; nothing where that is nobody."""
    if verdict.access is Access.EVERYONE:
        return "everyone"
    others = [text for text in verdict.networks if not _within(text, allow)]
    return ", ".join(others)


def _within(text: str, allow: Sequence[Network]) -> bool:
    network = ipaddress.ip_network(text, strict=False)
    mine = [other for other in allow if other.version == network.version]
    return any(
        int(other.network_address) <= int(network.network_address)
        and int(network.broadcast_address) <= int(other.broadcast_address)
        for other in mine
    )
