"""ufw: its own rules, by its own commands, before everybody else's.

ufw itself lets established connections go on, and loads its rules when the machine starts. What
it was is kept as the bytes of its two files of rules.
"""

from __future__ import annotations

from nethood.exposure.harden.journal import Undo, save
from nethood.exposure.harden.model import Check, Command, PlanRequest, Platform, Step, run
from nethood.exposure.harden.runner import Machine

COMMENT = "nethood harden"
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
            commands=[run("ufw", "prepend", *rule, "comment", COMMENT) for rule in rules],
            undo=_deletions(rules),
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
    rules = [["deny", "proto", proto, "to", "any", "port", ports] for proto, ports in _PORTS]
    networks = request.allow_v4 + (request.allow_v6 if with_ipv6 else [])
    rules += [
        ["allow", "proto", proto, "from", network, "to", "any", "port", ports]
        for network in reversed(networks)
        for proto, ports in _PORTS
    ]
    return rules


def _deletions(rules: list[list[str]]) -> list[Command]:
    return [run("ufw", "--force", "delete", *rule) for rule in reversed(rules)]


def _checks(request: PlanRequest, with_ipv6: bool) -> list[Check]:
    checks = [_check("iptables", "ufw-user-input", request.allow_v4)]
    if with_ipv6:
        checks.append(_check("ip6tables", "ufw6-user-input", request.allow_v6))
    return checks


def _check(program: str, chain: str, networks: list[str]) -> Check:
    wanted = [f"-N {chain}"]
    for source in [f"-s {network} " for network in networks] + [""]:
        verdict = "ACCEPT" if source else "DROP"
        wanted += [
            f"-A {chain} {source}-p {proto} -m multiport --dports {ports} -j {verdict}"
            for proto, ports in reversed(_PORTS)
        ]
    block = "\n".join(wanted) + "\n"
    text = f"{program}: the first rules of {chain} are ours."
    return Check(text, argv=(program, "-w", "-S", chain), contains=(block,))


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how the rules are taken back: ufw's files as they are, loaded again."""
    files = tuple(save(path, machine.look(path), (), []) for path in USER_RULES)
    return [
        Undo(files=files, commands=(run("ufw", "reload"),), otherwise=tuple(step.undo)),
    ]


def observe(step: Step, machine: Machine) -> str:
    """Return the rules that carry our comment."""
    lines = machine.run(("ufw", "show", "added")).output.splitlines()
    return "\n".join(line for line in lines if f"comment '{COMMENT}'" in line)
