"""firewalld: rich rules before all others, in every zone that is in use, now and for good.

They are added without a reload, so what somebody else set for now only is not lost. firewalld
itself lets established connections go on.
"""

from __future__ import annotations

from nethood.exposure.harden.journal import Undo, save
from nethood.exposure.harden.model import Check, Command, PlanRequest, Platform, Step, run
from nethood.exposure.harden.runner import Machine

_PORTS = (("139", "tcp"), ("445", "tcp"), ("137-138", "udp"))
_LET_IN = "-32001"
_DROP = "-32000"
_RUNNING = ("firewall-cmd", "--state")
_NOT_RUNNING = (
    "firewalld is not running: start it (systemctl start firewalld; it allows ssh by default, but "
    "look at its zones first), or take --platform nftables."
)
_PERMANENT = ("--permanent",)


def steps(request: PlanRequest) -> list[Step]:
    """Return the rules for now and those for good; none where firewalld does not run."""
    firewall = request.facts.firewalls.get(Platform.FIREWALLD)
    if firewall is not None and not firewall.active:
        return [_start_first()]
    zones = firewall.details.get("zones", "") if firewall else ""
    names = zones.split() or ["public"]
    notes = [f"The zones in use are {', '.join(names)}: one put to use later is not closed."]
    if request.allow:
        notes.append("firewalld opens the ports to the allowed networks, whatever the zone says.")
    return [_step(request, names, notes, lasts=False), _step(request, names, [], lasts=True)]


def _start_first() -> Step:
    return Step(
        id="firewalld-rules",
        platform=Platform.FIREWALLD,
        title="Start firewalld first",
        why="firewalld is installed, but it does not run: it judges nothing now.",
        notes=[_NOT_RUNNING],
    )


def rich_rules(request: PlanRequest) -> list[str]:
    """Return the rules as firewalld prints them."""
    rules = [
        f'rule priority="{_LET_IN}" family="{family}" source address="{network}" '
        f'port port="{port}" protocol="{protocol}" accept'
        for family, networks in (("ipv4", request.allow_v4), ("ipv6", request.allow_v6))
        for network in networks
        for port, protocol in _PORTS
    ]
    return rules + [
        f'rule priority="{_DROP}" port port="{port}" protocol="{protocol}" drop'
        for port, protocol in _PORTS
    ]


def _step(request: PlanRequest, zones: list[str], notes: list[str], *, lasts: bool) -> Step:
    how = _PERMANENT if lasts else ()
    rules = rich_rules(request)
    checks = [
        Check(
            f"The zone {zone} has the rules{' for good' if lasts else ''}.",
            argv=("firewall-cmd", *how, f"--zone={zone}", "--list-rich-rules"),
            contains=tuple(rules),
        )
        for zone in zones
    ]
    return Step(
        id="firewalld-lasting" if lasts else "firewalld-rules",
        platform=Platform.FIREWALLD,
        title="Keep the rules over a restart" if lasts else "Close the ports with rich rules",
        why="firewalld loads its permanent configuration when it starts."
        if lasts
        else "Rules of a low priority come before the services and ports a zone opens.",
        commands=[_change("--add-rich-rule", how, zone, rules) for zone in zones],
        undo=[_change("--remove-rich-rule", how, zone, rules) for zone in zones],
        verify=checks,
        notes=notes,
        lasts=lasts,
    )


def _change(verb: str, how: tuple[str, ...], zone: str, rules: list[str]) -> Command:
    return run("firewall-cmd", *how, f"--zone={zone}", *(f"{verb}={rule}" for rule in rules))


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how the rules that are not there yet are taken back, and the zones' files kept."""
    removals = tuple(
        removal
        for command in step.commands
        for removal in [_removal(command, machine)]
        if removal is not None
    )
    if not step.lasts:
        return [Undo(commands=removals, guard=_RUNNING)]
    zones = [_zone(command) for command in step.commands]
    paths = [f"/etc/firewalld/zones/{zone}.xml{end}" for zone in zones for end in ("", ".old")]
    files = tuple(save(path, machine.look(path), (), []) for path in paths)
    return [Undo(files=files, first=removals, guard=_RUNNING, otherwise=removals)]


def _zone(command: Command) -> str:
    words = [word for word in command.argv if word.startswith("--zone=")]
    return words[0].removeprefix("--zone=")


def _removal(command: Command, machine: Machine) -> Command | None:
    """Return what removes the rules *command* adds, but those that are there already."""
    before = [word for word in command.argv if not word.startswith("--add-rich-rule=")]
    there = machine.run((*before, "--list-rich-rules")).output.splitlines()
    rules = [word.partition("=")[2] for word in command.argv[len(before) :]]
    new = [rule for rule in rules if rule not in there]
    return run(*before, *(f"--remove-rich-rule={rule}" for rule in new)) if new else None


def observe(step: Step, machine: Machine) -> str:
    """Return our rules, zone by zone."""
    said: list[str] = []
    for command in step.commands:
        words = [word for word in command.argv if not word.startswith("--add-rich-rule=")]
        rules = {word.partition("=")[2] for word in command.argv[len(words) :]}
        lines = machine.run((*words, "--list-rich-rules")).output.splitlines()
        said.extend(f"{_zone(command)}: {line}" for line in lines if line in rules)
    return "\n".join(sorted(said))  # their order changes when firewalld loads them again
