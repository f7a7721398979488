"""What is true of this machine: its firewalls, their files, who is connected. It only looks."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Collection, Sequence

from nethood.errors import LocalError
from nethood.exposure.harden.model import (
    TCP_PORTS,
    Client,
    FirewallFacts,
    LocalFacts,
    Platform,
)
from nethood.exposure.harden.rules import who_gets_in
from nethood.exposure.harden.runner import Machine
from nethood.exposure.local.commands import Run, run_program

_PROGRAMS = ("nft", "iptables-restore", "ip6tables-restore", "ufw", "firewall-cmd")
_NFTABLES_FILES = ("/etc/nftables.conf", "/etc/sysconfig/nftables.conf")
_IPTABLES_FILES = (
    ("/etc/iptables/rules.v4", "/etc/iptables/rules.v6"),
    ("/etc/sysconfig/iptables", "/etc/sysconfig/ip6tables"),
)
_WANTS = ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SYSTEMS = {"linux": "linux", "win32": "windows", "darwin": "darwin"}


def gather_facts(
    machine: Machine,
    clients: Sequence[Client] = (),
    platforms: Collection[Platform] = (),
    *,
    run: Run = run_program,
) -> LocalFacts:
    """Return what is true of this machine; *clients* are added to those connected right now.

    With *platforms* only those firewalls are looked at; *run* reads the kernel's rules.
    """
    system = _SYSTEMS.get(sys.platform, sys.platform)
    seen = [*clients, *connected_clients()]
    if system != "linux":
        return LocalFacts(host=platform.node(), system=system, clients=seen)
    looks = {
        Platform.UFW: _ufw,
        Platform.FIREWALLD: _firewalld,
        Platform.NFTABLES: _nftables,
        Platform.IPTABLES: _iptables,
    }
    firewalls = {
        name: look(machine) for name, look in looks.items() if not platforms or name in platforms
    }
    let_in, rules_unknown = who_gets_in((), run)
    paths = [
        path
        for firewall in firewalls.values()
        for name, path in firewall.details.items()
        if name in ("config", "rules_v4", "rules_v6")
    ]
    return LocalFacts(
        host=platform.node(),
        system=system,
        is_root=machine.is_root,
        let_in=let_in,
        rules_unknown=rules_unknown,
        systemd=machine.exists("/run/systemd/system"),
        firewalls=firewalls,
        files={path: machine.read_text(path) for path in paths} | _samba(machine, platforms),
        clients=seen,
        programs={name: where for name in _PROGRAMS if (where := machine.which(name))},
    )


def _samba(machine: Machine, platforms: Collection[Platform]) -> dict[str, str | None]:
    from nethood.exposure.harden.platforms import samba

    return samba.look(machine) if not platforms or Platform.SAMBA in platforms else {}


def connected_clients() -> list[Client]:
    """Return who holds a connection to the TCP ports of this machine right now.

    Empty where the system does not tell.
    """
    import psutil

    try:
        connections = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return []
    now = time.time()
    found = {
        (_plain(one.raddr.ip), one.laddr.port)
        for one in connections
        if one.status == psutil.CONN_ESTABLISHED
        and one.laddr
        and one.raddr
        and one.laddr.port in TCP_PORTS
    }
    return [
        Client(address, port, "a connection right now", now)
        for address, port in sorted(found)
        if not address.startswith("127.") and address != "::1"
    ]


def _plain(address: str) -> str:
    return address.removeprefix("::ffff:") if "." in address else address


def _run(machine: Machine, *argv: str) -> str:
    """Return what *argv* prints; nothing where it fails or is not installed."""
    if machine.which(argv[0]) is None:
        return ""
    try:
        ran = machine.run(argv)
    except (LocalError, OSError):
        return ""
    return "" if ran.status else ran.output


def _ufw(machine: Machine) -> FirewallFacts:
    if machine.which("ufw") is None:
        return FirewallFacts(installed=False)
    # "ufw status" needs root; the file says the same to everybody.
    enabled = "ENABLED=yes" in (machine.read_text("/etc/ufw/ufw.conf") or "").splitlines()
    if machine.is_root:
        enabled = "Status: active" in _run(machine, "ufw", "status")
    defaults = (machine.read_text("/etc/default/ufw") or "").splitlines()
    ipv6 = "yes" if "IPV6=yes" in (line.strip() for line in defaults) else "no"
    version = (_run(machine, "ufw", "version").split() or ["", ""])[1]
    return FirewallFacts(True, enabled, enabled, version, {"ipv6": ipv6})


def _firewalld(machine: Machine) -> FirewallFacts:
    if machine.which("firewall-cmd") is None:
        return FirewallFacts(installed=False)
    active = "running" in _run(machine, "firewall-cmd", "--state").split()
    version = _run(machine, "firewall-cmd", "--version").strip()
    zones = _zones(machine) if active else []
    return FirewallFacts(True, active, active, version, {"zones": " ".join(zones)})


def _zones(machine: Machine) -> list[str]:
    """Return the default zone and all that have an interface or a source, now or for good."""
    names = [_run(machine, "firewall-cmd", "--get-default-zone").strip()]
    for how in ((), ("--permanent",)):
        lines = _run(machine, "firewall-cmd", *how, "--list-all-zones").splitlines()
        name = ""
        for line in lines:
            if line and not line[0].isspace():
                name = line.split()[0]
            key, _, value = line.strip().partition(":")
            if key in ("interfaces", "sources") and value.strip():
                names.append(name)
    return sorted({name for name in names if name})


def _nftables(machine: Machine) -> FirewallFacts:
    if machine.which("nft") is None:
        return FirewallFacts(installed=False)
    active = bool(machine.is_root and _run(machine, "nft", "list", "ruleset").strip())
    starts = _is_enabled(machine, "nftables.service")
    config = next((path for path in _NFTABLES_FILES if machine.exists(path)), "")
    details = {"config": machine.real_path(config)} if config and starts else {}
    words = _run(machine, "nft", "--version").split()
    version = words[1].removeprefix("v") if len(words) > 1 else ""
    return FirewallFacts(True, active, starts and bool(config), version, details)


def _iptables(machine: Machine) -> FirewallFacts:
    if machine.which("iptables") is None:
        return FirewallFacts(installed=False)
    said = _run(machine, "iptables", "-V")
    kind = "nf_tables" if "nf_tables" in said else "legacy"
    details = {"kind": kind, "ipv6": _has_ipv6(machine)}
    words = said.split()
    starts = False
    for four, six in _IPTABLES_FILES:
        services = ("netfilter-persistent.service", "iptables.service")
        if machine.exists(four) and any(_is_enabled(machine, name) for name in services):
            details |= {"rules_v4": machine.real_path(four), "rules_v6": machine.real_path(six)}
            starts = True
            break
    rules = _run(machine, "iptables", "-w", "-S") if machine.is_root else ""
    active = any(line.startswith("-A") for line in rules.splitlines())
    version = words[1].removeprefix("v") if len(words) > 1 else ""
    return FirewallFacts(True, active, starts, version, details)


def _has_ipv6(machine: Machine) -> str:
    return "yes" if machine.exists("/proc/net/if_inet6") and machine.which("ip6tables") else "no"


def _is_enabled(machine: Machine, unit: str) -> bool:
    """Whether systemd starts *unit*: some target wants it."""
    targets = ("sysinit.target.wants", "multi-user.target.wants", "basic.target.wants")
    return any(
        machine.exists(os.path.join(folder, target, unit))
        for folder in _WANTS
        for target in targets
    )
