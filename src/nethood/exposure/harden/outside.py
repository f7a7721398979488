"""Knock at our own ports from outside: over a cable of our own, from a namespace of our own.

A connection to one's own address never crosses the rules for what comes in. So a virtual cable
is laid to an empty network namespace, with addresses nobody has, and the knocking is done there.
All of it is gone afterwards, and what a run that was cut short left goes with the next.
"""

from __future__ import annotations

import ipaddress
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from nethood.errors import LocalError
from nethood.exposure.harden.model import Network
from nethood.exposure.harden.runner import Machine

NAMESPACE = "nethood-verify"
CABLE = "nethood-v0"
_FAR_END = "nethood-v1"
# For tests of networks and for documentation: RFC 2544, RFC 5737, RFC 3849, and a random fd00::/8.
_FOUR = ("198.18.237.0/30", "198.51.100.236/30", "203.0.113.236/30", "192.0.2.236/30")
_SIX = ("2001:db8:6e65:7468::/126", "fd6e:6574:686f:6f64::/126")


@dataclass(frozen=True, slots=True)
class Outside:
    """What a stranger gets: "137/udp IPv4" -> "filtered"; or why that is not known.

    "filtered" is no answer at all, "closed" a refusal. *reached* are the families for which the
    way from there to here is proved to work.
    """

    states: dict[str, str] = field(default_factory=dict)
    reached: tuple[int, ...] = ()
    unknown: str = ""

    @property
    def open_ports(self) -> list[str]:
        """The ports that let the stranger in."""
        return [port for port, state in self.states.items() if state == "open"]

    @property
    def closed(self) -> bool:
        """Whether all ports were knocked at and none let the stranger in."""
        return bool(self.states) and not self.unknown and not self.open_ports


def knock_from_outside(machine: Machine, allow: Sequence[Network]) -> Outside:
    """Return what a stranger who is in none of *allow* gets from this machine's ports."""
    if not machine.is_root:
        return Outside(unknown="knocking from outside needs root")
    if machine.which("ip") is None:
        return Outside(unknown="ip (iproute2) is not installed, so no cable can be laid")
    links = [link for link in (_free(_FOUR, allow), _free(_SIX, allow)) if link is not None]
    if not links:
        return Outside(unknown="everybody is allowed, so there is nobody to be shut out")
    _take_away(machine)
    try:
        return _knock(machine, links)
    except LocalError as problem:
        return Outside(unknown=f"no cable can be laid here: {problem}")
    finally:
        _take_away(machine)


def _free(candidates: Sequence[str], allow: Sequence[Network]) -> Network | None:
    networks = (ipaddress.ip_network(text) for text in candidates)
    return next((n for n in networks if not any(_overlap(n, other) for other in allow)), None)


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def _knock(machine: Machine, links: Sequence[Network]) -> Outside:
    inside = ["ip", "netns", "exec", NAMESPACE]
    _need(machine, "ip", "netns", "add", NAMESPACE)
    pair = ["ip", "link", "add", CABLE, "type", "veth", "peer", "name", _FAR_END]
    _need(machine, *pair, "netns", NAMESPACE)
    ours = [_lay(machine, link, inside) for link in links if _has(machine, link)]
    _need(machine, "ip", "link", "set", CABLE, "up")
    _need(machine, *inside, "ip", "link", "set", _FAR_END, "up")
    said = _need(machine, *inside, sys.executable, "-m", "nethood.exposure.harden.knock", *ours)
    neighbours = _need(machine, *inside, "ip", "neighbour", "show")
    reached = tuple(6 if ":" in one else 4 for one in ours if _answered(one, neighbours))
    return Outside(_by_port(json.loads(said.splitlines()[-1])), reached, _doubt(ours, reached))


def _lay(machine: Machine, link: Network, inside: Sequence[str]) -> str:
    """Give both ends an address of *link*; return ours."""
    ours, theirs = link[1], link[2]
    once = ["nodad"] if link.version == 6 else []
    _need(machine, "ip", "address", "add", f"{ours}/{link.prefixlen}", "dev", CABLE, *once)
    far = f"{theirs}/{link.prefixlen}"
    _need(machine, *inside, "ip", "address", "add", far, "dev", _FAR_END, *once)
    return str(ours)


def _has(machine: Machine, link: Network) -> bool:
    return link.version == 4 or machine.exists("/proc/net/if_inet6")


def _answered(address: str, neighbours: str) -> bool:
    lines = [line.split() for line in neighbours.splitlines()]
    return any(words and words[0] == address and "lladdr" in words for words in lines)


def _by_port(said: dict[str, str]) -> dict[str, str]:
    states = {}
    for key, state in said.items():
        address, port = key.split()
        states[f"{port} IPv{6 if ':' in address else 4}"] = state
    return states


def _doubt(ours: Sequence[str], reached: Sequence[int]) -> str:
    if len(reached) == len(ours):
        return ""
    return "the machine did not answer on the cable, so silence proves nothing"


def _take_away(machine: Machine) -> None:
    machine.run(("ip", "link", "delete", CABLE))
    machine.run(("ip", "netns", "delete", NAMESPACE))


def _need(machine: Machine, *argv: str) -> str:
    ran = machine.run(argv)
    if ran.status:
        raise LocalError(ran.output.strip() or f"{' '.join(argv)} fails")
    return ran.output
