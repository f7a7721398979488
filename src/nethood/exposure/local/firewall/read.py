"""Reads the rules that the Linux kernel of this machine has now, whichever tool put them there.

nft shows all tables but the legacy ones. Those that iptables keeps in nft hold extensions that
nft can't show, so they are read with iptables' own tool where it is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nethood.errors import Malformed
from nethood.exposure.local.commands import Ran, Run
from nethood.exposure.local.firewall.iptables import rules_from_iptables
from nethood.exposure.local.firewall.model import Ruleset
from nethood.exposure.local.firewall.nft import rules_from_nft

NEEDS_ROOT = "reading the firewall's rules needs root"
_TABLES = frozenset({"filter", "nat", "mangle", "raw", "security"})
_LEGACY = {4: Path("/proc/net/ip_tables_names"), 6: Path("/proc/net/ip6_tables_names")}
_PROGRAMS = {4: "iptables", 6: "ip6tables"}
_NFT_FAMILIES = {4: "ip", 6: "ip6"}
_MANAGERS = (
    ("ufw-", "ufw"),
    ("firewalld", "firewalld"),
    ("DOCKER", "Docker"),
    ("LIBVIRT_", "libvirt"),
    ("libvirt_network", "libvirt"),
    ("f2b-", "fail2ban"),
    ("ts-input", "Tailscale"),
    ("KUBE-", "Kubernetes"),
    ("cali-", "Calico"),
)


@dataclass(slots=True)
class FirewallState:
    """The rules there are, or None and why; *managers* are programs whose rules are among them."""

    ruleset: Ruleset | None
    unknown: str = ""
    managers: list[str] = field(default_factory=list)


class _CannotTell(Exception):
    """The rules can't be known whole; its words say why."""


def read_linux(run: Run, legacy: Callable[[int], str] | None = None) -> FirewallState:
    """Return the rules; *legacy* tells which legacy tables a family has.

    Nothing partial is returned: where one tool fails, the rules are unknown.
    """
    try:
        ruleset = _nft(run)
        for family in (4, 6):
            ruleset = _with_iptables(run, ruleset, family)
            ruleset += _legacy(run, family, legacy or _legacy_tables)
    except (_CannotTell, Malformed) as error:
        return FirewallState(None, str(error))
    return FirewallState(ruleset, "", managers(ruleset))


def managers(ruleset: Ruleset) -> list[str]:
    """Return the names of the programs that some chains and tables are named after."""
    names = {name for key in ruleset.chains for name in key[1:]}
    found = (label for start, label in _MANAGERS if any(name.startswith(start) for name in names))
    return list(dict.fromkeys(found))


def _told(ran: Ran | None, program: str) -> str:
    """Return what *program* printed. Raises _CannotTell."""
    if ran is None:
        raise _CannotTell(f"{program} is not installed, so its rules can't be read")
    if ran.lacks_rights:
        raise _CannotTell(NEEDS_ROOT)
    if ran.status != 0:
        raise _CannotTell(f"{program} failed: {ran.complaint}")
    return ran.out


def _nft(run: Run) -> Ruleset:
    text = _told(run(["nft", "-j", "list", "ruleset"]), "nft")
    listing = run(["nft", "-a", "list", "ruleset"])
    return rules_from_nft(text, listing.out if listing else "")


def _with_iptables(run: Run, ruleset: Ruleset, family: int) -> Ruleset:
    """Read the tables again that iptables keeps in nft, if it says they are its own."""
    nft_family = _NFT_FAMILIES[family]
    if not any(key[0] == nft_family and key[1] in _TABLES for key in ruleset.chains):
        return ruleset
    ran = run([f"{_PROGRAMS[family]}-nft-save"])
    if ran is None or ran.status != 0:
        return ruleset
    own = rules_from_iptables(ran.out, family)
    return ruleset.without(nft_family, _tables(own)) + own


def _tables(ruleset: Ruleset) -> Iterable[str]:
    return {key[1] for key in ruleset.chains}


def _legacy(run: Run, family: int, tables: Callable[[int], str]) -> Ruleset:
    if not tables(family).strip():
        return Ruleset()
    program = f"{_PROGRAMS[family]}-legacy-save"
    ran = run([program])
    if ran is None:
        program = f"{_PROGRAMS[family]}-save"
        ran = run([program])
    name = f"{_PROGRAMS[family]}-legacy"
    return rules_from_iptables(_told(ran, program), family, name)


def _legacy_tables(family: int) -> str:
    """Return the names of the legacy tables in use. Raises _CannotTell."""
    try:
        return _LEGACY[family].read_text(encoding="ascii")
    except FileNotFoundError:
        return ""
    except PermissionError:
        raise _CannotTell(NEEDS_ROOT) from None
