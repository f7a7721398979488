"""Whether an address belongs to the public Internet."""

from __future__ import annotations

from ipaddress import ip_address

from nethood.exposure.model import HostReport


def is_public(report: HostReport) -> bool:
    """Whether the host was reached at an address that is routed in the Internet."""
    try:
        return ip_address(report.target.address.partition("%")[0]).is_global
    except ValueError:
        return False
