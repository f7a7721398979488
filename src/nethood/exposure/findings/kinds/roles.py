"""What part a host plays in its network, as its NetBIOS names tell."""

from __future__ import annotations

from nethood.exposure.findings.words import clean
from nethood.exposure.model import HostReport, NetbiosName

DOMAIN_MASTER = 0x1B
DOMAIN_CONTROLLER = 0x1C
MASTER_BROWSER = 0x1D
BROWSER_ELECTION = 0x1E


def names_with(report: HostReport, suffix: int) -> list[NetbiosName]:
    """Return the names of a host with *suffix*."""
    facts = report.netbios.value
    return [name for name in facts.names if name.suffix == suffix] if facts else []


def is_domain_controller(report: HostReport) -> list[str]:
    """Return the names that only a domain controller registers, as lines; none for others."""
    return [
        f"NetBIOS name {clean(name.name.strip())}<1C>: a domain controller registers it."
        for name in names_with(report, DOMAIN_CONTROLLER)
        if name.is_group
    ]
