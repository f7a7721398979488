"""iptables and ip6tables: a chain of our own, NETHOOD, jumped to from INPUT for our ports alone.

What it lets in goes on to the other rules, so it never opens what another rule closes. TCP is
judged by its first packet alone: connections that exist are never cut.
"""

from __future__ import annotations

from dataclasses import dataclass

from nethood.errors import LocalError
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

CHAIN = "NETHOOD"
_TCP = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m multiport --dports 139,445 -j NETHOOD"
_UDP = (
    "-p udp -m multiport --dports 137,138 -m conntrack ! --ctstate RELATED,ESTABLISHED -j NETHOOD"
)
_EMPTY = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n"


@dataclass(frozen=True, slots=True)
class _Family:
    """IPv4 or IPv6: its program, its nft family, the end of its files' names."""

    program: str
    nft: str
    ending: str


_V4 = _Family("iptables", "ip", "v4")
_V6 = _Family("ip6tables", "ip6", "v6")


def steps(request: PlanRequest) -> list[Step]:
    """Return the chain, and what loads it when the machine starts."""
    return [_chain(request), _lasting(request)]


def _families(facts: LocalFacts) -> list[_Family]:
    firewall = facts.firewalls.get(Platform.IPTABLES)
    without = firewall is not None and firewall.details.get("ipv6") == "no"
    return [_V4] if without else [_V4, _V6]


def _allowed(family: _Family, request: PlanRequest) -> list[str]:
    return request.allow_v4 if family is _V4 else request.allow_v6


def _chain_rules(family: _Family, request: PlanRequest) -> list[str]:
    return [
        f"-A {CHAIN} -i lo -j RETURN",
        *(f"-A {CHAIN} -s {network} -j RETURN" for network in _allowed(family, request)),
        f"-A {CHAIN} -j DROP",
    ]


def _restore(family: _Family, request: PlanRequest) -> str:
    """Return what is given to iptables-restore --noflush: all of it is done, or none."""
    lines = [
        "*filter",
        f":{CHAIN} - [0:0]",
        *_chain_rules(family, request),
        f"-I INPUT 1 {_TCP}",
        f"-I INPUT 2 {_UDP}",
        "COMMIT",
    ]
    return "\n".join(lines) + "\n"


def _chain(request: PlanRequest) -> Step:
    families = _families(request.facts)
    return Step(
        id="iptables-chain",
        platform=Platform.IPTABLES,
        title=f"Close the ports with the chain {CHAIN}",
        why="A chain of its own is asked first, for these ports alone, and touches no other rule.",
        commands=[
            run(f"{f.program}-restore", "-w", "--noflush", stdin=_restore(f, request))
            for f in families
        ],
        undo=[command for f in families for command in _taking_out(f)],
        verify=[check for f in families for check in _checks(f, request)],
        notes=[] if len(families) == 2 else ["IPv6 is off on this machine: only IPv4 is closed."],
    )


def _taking_out(family: _Family) -> list[Command]:
    return [
        run(family.program, "-w", "-D", "INPUT", *_TCP.split()),
        run(family.program, "-w", "-D", "INPUT", *_UDP.split()),
        run(family.program, "-w", "-F", CHAIN),
        run(family.program, "-w", "-X", CHAIN),
    ]


def _checks(family: _Family, request: PlanRequest) -> list[Check]:
    begin = f"-A INPUT {_TCP}\n-A INPUT {_UDP}\n"
    listing = (family.program, "-w", "-S")
    rules = tuple(f"{rule}\n" for rule in _chain_rules(family, request))
    return [
        Check(
            f"{family.program}: INPUT asks {CHAIN}.", argv=(*listing, "INPUT"), contains=(begin,)
        ),
        Check(
            f"{family.program}: {CHAIN} drops all others.",
            argv=(*listing, CHAIN),
            contains=("".join(rules),),
        ),
    ]


def _lasting(request: PlanRequest) -> Step:
    facts = request.facts
    commands: list[Command] = []
    notes: list[str] = []
    for family in _families(facts):
        config = _own_file(facts, family)
        if config:
            commands.append(_into(config, facts.files.get(config), family, request))
        else:
            path = f"/etc/nethood/harden.{family.ending}"
            commands.append(write(path, _restore(family, request)))
    files = [command.path for command in commands]
    if all(command.inserted for command in commands):
        why = "These are the files the machine loads its rules from when it starts."
    elif facts.systemd:
        lines = [
            f"{f.program}-restore -w --noflush {path}"
            for f, path in zip(_families(facts), files, strict=True)
        ]
        commands += [write(UNIT_PATH, unit("\n".join(lines), facts)), link(UNIT_LINK, UNIT_PATH)]
        why = "Nothing else loads rules when this machine starts, so a unit of its own does."
    else:
        why = "The rules are on the disk, for what starts this machine."
        notes = [
            "Nothing here loads them after a restart: have it run iptables-restore -w --noflush "
            f"{files[0]}, and ip6tables-restore likewise."
        ]
    return Step(
        id="iptables-lasting",
        platform=Platform.IPTABLES,
        title="Keep the chain over a restart",
        why=why,
        commands=commands,
        undo=[run("rm", "-f", c.path) for c in commands if not c.inserted]
        + [run("sed", "-i", f"/{CHAIN}/d", c.path) for c in commands if c.inserted],
        verify=[
            Check(f"{path} holds the chain.", path=path, contains=(f"-A {CHAIN} -j DROP\n",))
            for path in files
        ],
        notes=notes,
        lasts=True,
    )


def _own_file(facts: LocalFacts, family: _Family) -> str:
    firewall = facts.firewalls.get(Platform.IPTABLES)
    if firewall is None or not firewall.starts:
        return ""
    return firewall.details.get(f"rules_{family.ending}", "")


def _into(path: str, text: str | None, family: _Family, request: PlanRequest) -> Command:
    ours = [f":{CHAIN} - [0:0]", f"-A INPUT {_TCP}", f"-A INPUT {_UDP}"]
    block = "\n".join([*ours, *_chain_rules(family, request)]) + "\n"
    return edit(path, *insert_rules(text or "", block))


def insert_rules(text: str, block: str) -> tuple[str, str]:
    """Put *block* before the rules of the filter table of what iptables-save wrote.

    Return the new text, and what was inserted: the block, or a table around it where there was
    none. Text that has the block already stays as it is.
    """
    if block in text:
        return text, block
    lines = text.splitlines(keepends=True)
    table = next((i for i, line in enumerate(lines) if line.strip() == "*filter"), None)
    if table is None:
        whole = f"{_EMPTY}{block}COMMIT\n"
        gap = "" if not text or text.endswith("\n") else "\n"
        return text + gap + whole, gap + whole
    at = table + 1
    while at < len(lines) and lines[at].startswith((":", "#")):
        at += 1
    return "".join([*lines[:at], block, *lines[at:]]), block


def capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how the chain is taken back. Raises LocalError where a chain of that name exists."""
    undos: list[Undo] = []
    for program in _programs(step):
        family = _V6 if program == _V6.program else _V4
        undos.extend(_capture(family, machine))
    return undos


def _programs(step: Step) -> list[str]:
    return [command.argv[0].removesuffix("-restore") for command in step.commands if command.argv]


def _capture(family: _Family, machine: Machine) -> list[Undo]:
    """Return the undos of one family; they run from the last to the first."""
    program = family.program
    if machine.run((program, "-w", "-S", CHAIN)).status == 0:
        raise LocalError(
            f"{program} has a chain {CHAIN} that the journal does not know: take it out with "
            f"{program} -D INPUT (its jumps), {program} -F {CHAIN} and {program} -X {CHAIN}"
        )
    there = "*filter" in machine.run((f"{program}-save",)).output
    tcp, udp, flush, delete = _taking_out(family)
    undos = [] if there or not _is_nft(program, machine) else [_table_of_nothing(family)]
    undos.append(Undo(commands=(flush, delete), guard=(program, "-w", "-S", CHAIN)))
    for jump in (udp, tcp):
        guard = tuple("-C" if word == "-D" else word for word in jump.argv)
        undos.append(Undo(commands=(jump,), guard=guard, repeat=True))
    return undos


def _is_nft(program: str, machine: Machine) -> bool:
    if machine.which("nft") is None:
        return False
    return "nf_tables" in machine.run((program, "-V")).output


def _table_of_nothing(family: _Family) -> Undo:
    """Remove the table that came into being with our chain, unless somebody has used it since."""
    used = "^(-A|:[A-Z]+ DROP|:[^ ]+ -)"
    guard = (
        f"nft list table {family.nft} filter >/dev/null 2>&1 && "
        f"! {family.program}-save -t filter | grep -Eq '{used}'"
    )
    table = ("nft", "delete", "table", family.nft, "filter")
    return Undo(commands=(run(*table),), guard=("sh", "-c", guard))


def observe(step: Step, machine: Machine) -> str:
    """Return our chain and the jumps to it."""
    said: list[str] = []
    for program in _programs(step):
        lines = machine.run((program, "-w", "-S")).output.splitlines()
        said.extend(f"{program}: {line}" for line in lines if CHAIN in line)
    return "\n".join(said)
