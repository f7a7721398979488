"""nftables: a table of our own, `inet nethood`, that judges our four ports and nothing else.

Its chain stands just before the usual filter chains. What it accepts goes on to everybody else's
chains, so it never opens what another rule closes. TCP is judged by its first packet alone:
connections that exist are never cut, not even those the kernel has not been tracking.
"""

from __future__ import annotations

from nethood.exposure.harden.journal import Undo
from nethood.exposure.harden.model import (
    Check,
    Command,
    LocalFacts,
    PlanRequest,
    Platform,
    Step,
    edit,
    link,
    run,
    write,
)
from nethood.exposure.harden.platforms.lasting import UNIT_LINK, UNIT_PATH, unit
from nethood.exposure.harden.runner import Machine

RULES_PATH = "/etc/nethood/harden.nft"
TABLE = ("table", "inet", "nethood")
_LIST = ("nft", "-s", "list", *TABLE)
_INCLUDE = f"""
# nethood harden: this line only, taken out by nethood harden undo
include "{RULES_PATH}"
"""


def steps(request: PlanRequest) -> list[Step]:
    """Return the table, and what loads it when the machine starts."""
    return [_table(request), _lasting(request)]


def rules(request: PlanRequest) -> str:
    """Return what `nft -f` is given: the table, in place of one of that name."""
    allowed = [f"\t\tip saddr {_set(request.allow_v4)} accept"] if request.allow_v4 else []
    allowed += [f"\t\tip6 saddr {_set(request.allow_v6)} accept"] if request.allow_v6 else []
    lines = [
        "table inet nethood",
        "delete table inet nethood",
        "table inet nethood {",
        "\tchain input {",
        "\t\ttype filter hook input priority filter - 10; policy accept;",
        "\t\ttcp dport { 139, 445 } tcp flags & (fin | syn | rst | ack) == syn jump new_client",
        "\t\tudp dport { 137, 138 } ct state != { established, related } jump new_client",
        "\t}",
        "",
        "\tchain new_client {",
        '\t\tiif "lo" accept',
        *allowed,
        "\t\tdrop",
        "\t}",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _set(networks: list[str]) -> str:
    return "{ " + ", ".join(networks) + " }"


def _table(request: PlanRequest) -> Step:
    return Step(
        id="nftables-table",
        platform=Platform.NFTABLES,
        title="Close the ports with the table inet nethood",
        why="A table of its own closes them whatever else is loaded, and touches no other rule.",
        commands=[run("nft", "-f", "-", stdin=rules(request))],
        undo=[run("nft", "delete", *TABLE)],
        verify=[_check(request)],
    )


def _check(request: PlanRequest) -> Check:
    # nft prints a network of one address without its length.
    words = [n.removesuffix("/32").removesuffix("/128") for n in request.allow_v4]
    words += [n.removesuffix("/128") for n in request.allow_v6]
    text = "The table inet nethood is loaded and drops new clients of the four ports."
    return Check(text, argv=_LIST, contains=("hook input", "new_client", "drop", *words))


def _lasting(request: PlanRequest) -> Step:
    facts = request.facts
    config = _own_configuration(facts)
    commands = [write(RULES_PATH, "#!/usr/sbin/nft -f\n" + rules(request))]
    checks = [Check(f"{RULES_PATH} holds the table.", path=RULES_PATH, contains=("new_client",))]
    notes = []
    if config:
        text = facts.files.get(config) or ""
        commands.append(_include(config, text))
        wanted = (_INCLUDE,)
        checks.append(Check(f"{config} includes {RULES_PATH}.", path=config, contains=wanted))
        why = "nftables.service loads its own file when the machine starts; that includes ours."
    elif facts.systemd:
        commands += [
            write(UNIT_PATH, unit(f"nft -f {RULES_PATH}", facts)),
            link(UNIT_LINK, UNIT_PATH),
        ]
        checks.append(Check("A unit of its own loads it.", path=UNIT_PATH, contains=(RULES_PATH,)))
        why = "nftables.service is not enabled here, so a unit of its own loads the table."
    else:
        why = "The rules are on the disk, for what starts this machine."
        notes = [f"Nothing here loads it after a restart: have it run nft -f {RULES_PATH}."]
    return Step(
        id="nftables-lasting",
        platform=Platform.NFTABLES,
        title="Keep the table over a restart",
        why=why,
        commands=commands,
        undo=_by_hand(commands),
        verify=checks,
        notes=notes,
        lasts=True,
    )


def _include(config: str, text: str) -> Command:
    return edit(config, text if _INCLUDE in text else text + _INCLUDE, _INCLUDE)


def _by_hand(commands: list[Command]) -> list[Command]:
    undo = [run("rm", "-f", command.path) for command in commands if not command.inserted]
    edited = [command.path for command in commands if command.inserted]
    return undo + [run("sed", "-i", "/nethood/d", path) for path in edited]


def _own_configuration(facts: LocalFacts) -> str:
    firewall = facts.firewalls.get(Platform.NFTABLES)
    return firewall.details.get("config", "") if firewall and firewall.starts else ""


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how the table is taken back: to nothing, or to the one of that name there is."""
    if step.lasts:
        return []
    there = machine.run(_LIST)
    if there.status:
        return [Undo(commands=(run("nft", "delete", *TABLE),), guard=("nft", "list", *TABLE))]
    again = "table inet nethood\ndelete table inet nethood\n" + there.output
    return [Undo(commands=(run("nft", "-f", "-", stdin=again),))]


def observe(step: Step, machine: Machine) -> str:
    """Return the table as nft lists it."""
    return "" if step.lasts else machine.run(_LIST).output
