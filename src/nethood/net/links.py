"""Which network interfaces have neighbours on them: where a host makes itself known.

Those with a default route, without those that containers, virtual machines and tunnels bring.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import ifaddr

from nethood.net.interfaces import primary_address

_BRED = (
    *("br-", "cali", "cilium", "cni", "docker", "flannel", "ipsec", "lxc", "lxdbr", "podman"),
    *("ppp", "tailscale", "tap", "tun", "utun", "vboxnet", "veth", "virbr", "vmnet", "vnet"),
    *("vxlan", "wg", "zt"),
)
"""How the names of interfaces begin that containers, virtual machines and tunnels bring."""

_RTF_UP, _RTF_REJECT = 0x0001, 0x0200
_ZERO_V6 = "0" * 32


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface with its addresses, each with its network."""

    name: str
    index: int
    ipv4: tuple[ipaddress.IPv4Interface, ...] = ()
    ipv6: tuple[ipaddress.IPv6Interface, ...] = ()

    @property
    def is_loopback(self) -> bool:
        v4 = any(a.ip.is_loopback for a in self.ipv4)
        return v4 or any(a.ip.is_loopback for a in self.ipv6)

    @property
    def is_bred(self) -> bool:
        """Whether it looks like a container's, a virtual machine's or a tunnel's."""
        return self.name.startswith(_BRED)

    @property
    def address_v4(self) -> str | None:
        """The first IPv4 address."""
        return str(self.ipv4[0].ip) if self.ipv4 else None

    @property
    def address_v6(self) -> str | None:
        """The link-local IPv6 address, which every neighbour reaches."""
        return next((str(a.ip) for a in self.ipv6 if a.ip.is_link_local), None)

    def holds(self, address: str) -> bool:
        """Tell whether *address* belongs to a network of this interface."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv4Address):
            return any(ip in own.network for own in self.ipv4)
        return any(ip in own.network for own in self.ipv6)


def links() -> list[Link]:
    """Return this machine's interfaces that have an address, in the system's order."""
    found = []
    for adapter in ifaddr.get_adapters():
        v4 = [
            ipaddress.IPv4Interface(f"{ip.ip}/{ip.network_prefix}")
            for ip in adapter.ips
            if ip.is_IPv4
        ]
        v6 = [
            ipaddress.IPv6Interface(f"{ip.ip[0].partition('%')[0]}/{ip.network_prefix}")
            for ip in adapter.ips
            if not ip.is_IPv4
        ]
        if v4 or v6:
            found.append(Link(adapter.nice_name, adapter.index or 0, tuple(v4), tuple(v6)))
    return found


def choose_links(
    found: Sequence[Link], routed: Collection[str], named: Sequence[str] | None = None
) -> list[Link]:
    """Return the interfaces to be known on.

    Those *named*, whatever they are; otherwise those *routed* (names with a default route) and
    not bred by containers or tunnels; where none is routed, a network on its own, all but those.
    """
    if named is not None:
        return [link for link in found if link.name in named]
    own = [link for link in found if not link.is_loopback and not link.is_bred]
    return own if not routed else [link for link in own if link.name in routed]


def default_route_names(found: Sequence[Link]) -> set[str]:
    """Return the names of the interfaces that have a default route."""
    v4, v6 = Path("/proc/net/route"), Path("/proc/net/ipv6_route")
    if v4.exists():
        names = _routed_v4(v4.read_text())
        return names | _routed_v6(v6.read_text()) if v6.exists() else names
    primary = primary_address()
    return {link.name for link in found if link.address_v4 == primary}


def _routed_v4(table: str) -> set[str]:
    """Read /proc/net/route: name, destination, gateway, flags, ..., mask in the eighth column."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return {
        row[0]
        for row in rows
        if len(row) > 7 and int(row[1], 16) == int(row[7], 16) == 0 and _is_usable(row[3])
    }


def _routed_v6(table: str) -> set[str]:
    """Read /proc/net/ipv6_route: destination, prefix length first, flags and name last."""
    rows = [line.split() for line in table.splitlines()]
    return {
        row[9]
        for row in rows
        if len(row) > 9 and row[0] == _ZERO_V6 and row[1] == "00" and _is_usable(row[8])
    }


def _is_usable(flags: str) -> bool:
    return int(flags, 16) & (_RTF_UP | _RTF_REJECT) == _RTF_UP
