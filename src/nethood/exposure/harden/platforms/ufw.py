"""ufw: its own rules, by its own commands, before everybody else's.

They name an application of our own, so that none of them is a rule that somebody else has too.
ufw itself lets established connections go on, and loads its rules when the machine starts. What
it was is kept as the bytes of its two files of rules.
"""

from __future__ import annotations

from nethood.exposure.harden.journal import Undo, save
from nethood.exposure.harden.model import Check, Command, PlanRequest, Platform, Step, run, write
from nethood.exposure.harden.runner import Machine

COMMENT = "nethood harden"
APPLICATION = "nethood"
PROFILE_PATH = f"/etc/ufw/applications.d/{APPLICATION}"
_PROFILE = f"""[{APPLICATION}]
title=NetBIOS and SMB, closed by nethood harden
description=Written by nethood harden, taken away by nethood harden undo
ports=137,138/udp|139,445/tcp
"""
USER_RULES = ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")
_PORTS = (("udp", "137,138"), ("tcp", "139,445"))


def steps(request: PlanRequest) -> list[Step]:
    """Return the one step ufw needs; without commands where ufw is not enabled."""
    firewall = request.facts.firewalls.get(Platform.UFW)
    if firewall is not None and not firewall.active:
        return [_enable_first()]
    with_ipv6 = firewall is None or firewall.details.get("ipv6") != "no"
    rules = _rules(request, with_ipv6)
    notes = ["ufw opens the ports to the allowed networks, whatever its later rules say."]
    if not with_ipv6:
        notes.append("IPV6=no in /etc/default/ufw: ufw does not judge IPv6, and it stays open.")
    return [
        Step(
            id="ufw-rules",
            platform=Platform.UFW,
            title="Close the ports with rules of ufw before all others",
            why="ufw asks its rules in order, so these come before any that opens the ports.",
            commands=[
                write(PROFILE_PATH, _PROFILE),
                *(run("ufw", "prepend", *rule, "comment", COMMENT) for rule in rules),
            ],
            undo=[*_deletions(rules), run("rm", PROFILE_PATH)],
            verify=_checks(request, with_ipv6),
            notes=notes if request.allow else notes[1:],
        )
    ]


def _enable_first() -> Step:
    return Step(
        id="ufw-rules",
        platform=Platform.UFW,
        title="Enable ufw first",
        why="ufw is installed, but it is not enabled: a rule given to it now would close nothing.",
        breaks=["Once enabled, ufw drops everything that comes in and is not allowed."],
        notes=[
            "ufw is not enabled. Enabling it closes every port but those it is told to allow:",
            "first ufw allow OpenSSH (or the port ssh has here), then ufw enable, then this again;",
            "or take --platform nftables, which closes these four ports and nothing else.",
        ],
    )


def _rules(request: PlanRequest, with_ipv6: bool) -> list[list[str]]:
    """Return the rules in the order they are put in front: the last one is asked first."""
    networks = request.allow_v4 + (request.allow_v6 if with_ipv6 else [])
    allowed = [
        ["allow", "from", network, "to", "any", "app", APPLICATION]
        for network in reversed(networks)
    ]
    return [["deny", "to", "any", "app", APPLICATION], *allowed]


def _deletions(rules: list[list[str]]) -> list[Command]:
    return [run("ufw", "--force", "delete", *rule) for rule in reversed(rules)]


def _checks(request: PlanRequest, with_ipv6: bool) -> list[Check]:
    checks = [_check("iptables", "ufw-user-input", request.allow_v4)]
    if with_ipv6:
        checks.append(_check("ip6tables", "ufw6-user-input", request.allow_v6))
    return checks


def _check(program: str, chain: str, networks: list[str]) -> Check:
    wanted = [
        f"-A {chain} {source}-p {proto} -m multiport --dports {ports} -m comment --comment "
        for source in [f"-s {network} " for network in networks] + [""]
        for proto, ports in _PORTS
    ]
    text = f"{program}: {chain} has our rules."
    argv = (program, "-w", "-S", chain)
    return Check(text, argv=argv, contains=(*wanted, f"dapp_{APPLICATION}"))


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how the rules are taken back: ufw's files as they are, loaded again."""
    files = tuple(save(path, machine.look(path), (), []) for path in USER_RULES)
    return [
        Undo(files=files, commands=(run("ufw", "reload"),), otherwise=tuple(step.undo[:-1])),
    ]


def observe(step: Step, machine: Machine) -> str:
    """Return the rules that carry our comment."""
    lines = machine.run(("ufw", "show", "added")).output.splitlines()
    return "\n".join(line for line in lines if f"comment '{COMMENT}'" in line)
