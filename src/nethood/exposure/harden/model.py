"""What a hardening plan is made of: commands, checks, steps; and what it is made from.

A platform module is one pure function `steps(request: PlanRequest) -> list[Step]`. A plan has a
JSON form, version `PLAN_VERSION`: `plan_to_json` and `plan_from_json`.
"""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from nethood.errors import LocalError

PLAN_VERSION = 1
TCP_PORTS = (139, 445)
UDP_PORTS = (137, 138)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Platform(StrEnum):
    """What a step is for. APPLIED_HERE are applied, the others are printed."""

    UFW = "ufw"
    FIREWALLD = "firewalld"
    NFTABLES = "nftables"
    IPTABLES = "iptables"
    WINDOWS_FIREWALL = "windows-firewall"
    WINDOWS = "windows"
    SAMBA = "samba"
    PF = "pf"


APPLIED_HERE = (
    Platform.UFW,
    Platform.FIREWALLD,
    Platform.NFTABLES,
    Platform.IPTABLES,
    Platform.SAMBA,
)
SETTINGS = (Platform.WINDOWS, Platform.SAMBA)
"""These change what listens and how; the others are firewalls, which close the ports."""


class Kind(StrEnum):
    """How a command is given: run as argv, typed into a shell, or written as a file."""

    ARGV = "argv"
    FILE = "file"
    LINK = "link"
    POWERSHELL = "powershell"
    CMD = "cmd"
    SHELL = "shell"
    REGISTRY = "registry"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing to do.

    ARGV runs *argv* with *stdin*; FILE writes *content* to *path* with *mode*; LINK makes *path*
    a symbolic link to *content*; the shells type *text*, and may name a *path* to keep it under;
    TEXT is a sentence for a person (a group policy, a button). *inserted* are the texts in
    *content* that are ours where the rest of the file is somebody else's.
    """

    kind: Kind
    argv: tuple[str, ...] = ()
    stdin: str = ""
    text: str = ""
    path: str = ""
    content: str = ""
    mode: int = 0o644
    inserted: tuple[str, ...] = ()


def run(*argv: str, stdin: str = "") -> Command:
    """Return the command that runs *argv*."""
    return Command(Kind.ARGV, argv=argv, stdin=stdin)


def write(path: str, content: str, mode: int = 0o644) -> Command:
    """Return the command that makes *content* the whole of the file *path*."""
    return Command(Kind.FILE, path=path, content=content, mode=mode)


def edit(path: str, content: str, *inserted: str) -> Command:
    """Return the command that makes *content*, in which only *inserted* is new, the file *path*."""
    return Command(Kind.FILE, path=path, content=content, inserted=inserted)


def link(path: str, target: str) -> Command:
    """Return the command that makes *path* a symbolic link to *target*."""
    return Command(Kind.LINK, path=path, content=target)


def typed(kind: Kind, text: str) -> Command:
    """Return the command a person types into the shell *kind* stands for."""
    return Command(kind, text=text)


@dataclass(frozen=True, slots=True)
class Check:
    """What must be true when a step is done: *text* says it to a person.

    With *argv* it is checked by running it: every one of *contains* is in what it prints. With
    *path* the file there holds *contains* (all of them), or is *content* whole where that is given.
    """

    text: str
    argv: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    path: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One change, whole or not at all; *id* is stable over versions ("nftables-table").

    *undo* is what a person would type; where the step is applied here the undo is computed from
    what is there. *lasts* marks a step that only keeps the change over a restart. *notes* are
    sentences that have to be read before it is done.
    """

    id: str
    platform: Platform
    title: str
    why: str
    breaks: list[str] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    undo: list[Command] = field(default_factory=list)
    verify: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    needs_root: bool = True
    lasts: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who uses the ports: *port* is ours, *seen_by* "a connection right now", ..."""

    address: str
    port: int
    seen_by: str
    seen_unix: float | None = None
    allowed: bool = False


@dataclass(frozen=True, slots=True)
class FirewallFacts:
    """A firewall of this machine. *details* are the platform's own words ("iptables": "nf_tables").

    *active* says that it judges packets now; *starts* that it is loaded when the machine starts.
    """

    installed: bool
    active: bool = False
    starts: bool = False
    version: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LocalFacts:
    """What a plan is made from. *system* is "linux", "windows" or "darwin".

    *files* maps the path of a configuration file to its text, or to None where there is none;
    *systemd* says that systemd starts this machine's services; *clients* are those seen.
    """

    host: str = ""
    system: str = "linux"
    is_root: bool = False
    systemd: bool = False
    firewalls: dict[Platform, FirewallFacts] = field(default_factory=dict)
    files: dict[str, str | None] = field(default_factory=dict)
    clients: list[Client] = field(default_factory=list)
    programs: dict[str, str] = field(default_factory=dict)
    """Where the programs of the firewalls are: "nft" -> "/usr/sbin/nft"."""
    let_in: dict[str, str] = field(default_factory=dict)
    """Who the rules let in now: "445/tcp IPv4" -> "everyone"; empty where that is nobody."""
    rules_unknown: str = "nobody looked"
    """Why *let_in* is not known; empty where it is."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a platform module is given: the facts, and who may still come in."""

    facts: LocalFacts = field(default_factory=LocalFacts)
    allow: tuple[Network, ...] = ()

    @property
    def allow_v4(self) -> list[str]:
        """The allowed IPv4 networks as text, sorted."""
        return [str(network) for network in sorted(self._of_version(4))]

    @property
    def allow_v6(self) -> list[str]:
        """The allowed IPv6 networks as text, sorted."""
        return [str(network) for network in sorted(self._of_version(6))]

    def _of_version(self, version: int) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        if version == 4:
            four = [n for n in self.allow if isinstance(n, ipaddress.IPv4Network)]
            return list(ipaddress.collapse_addresses(four))
        six = [n for n in self.allow if isinstance(n, ipaddress.IPv6Network)]
        return list(ipaddress.collapse_addresses(six))


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, in order. *breaks* and *clients* are what it costs."""

    host: str
    made_unix: float
    platforms: list[Platform]
    allow: list[str]
    closes: list[str]
    steps: list[Step]
    breaks: list[str] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    version: int = PLAN_VERSION


CLOSES = ["139/tcp", "445/tcp", "137/udp", "138/udp"]


def parse_network(text: str) -> Network:
    """Return the network *text* names: "10.0.0.0/8", "fe80::/10", or one address.

    Raises LocalError with what is wrong with it.
    """
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
        address = ipaddress.ip_interface(text.strip()).ip
    except ValueError as error:
        raise LocalError(f"--allow {text}: {error}; give it as 10.0.0.0/8 or fd00::/8") from None
    if address != network.network_address:
        raise LocalError(f"--allow {text} is an address in a network; did you mean {network}?")
    return network


def plan_to_json(plan: Plan) -> str:
    """Return *plan* as JSON text."""
    return json.dumps(asdict(plan), indent=2) + "\n"


def plan_from_json(text: str) -> Plan:
    """Return the plan *plan_to_json* wrote. Raises LocalError where it is none."""
    from pydantic import TypeAdapter, ValidationError

    try:
        # Not validate_json: a file that is no UTF-8 is kept with lone surrogates.
        plan: Plan = TypeAdapter(Plan).validate_python(json.loads(text))
    except json.JSONDecodeError as error:
        raise LocalError(f"not a plan: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise LocalError(f"not a plan: {where}: {first['msg']}") from None
    if plan.version != PLAN_VERSION:
        raise LocalError(f"the plan has version {plan.version}, this nethood reads {PLAN_VERSION}")
    return plan
