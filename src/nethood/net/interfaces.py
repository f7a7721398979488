"""Which addresses this machine has, and which of them are private.

Private means what never crosses the public internet: loopback, RFC 1918, link-local and unique
local addresses. Nothing listens on another address until somebody names it.
"""

from __future__ import annotations

import ipaddress
import socket

import ifaddr

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
_MAPPED = 0xFFFF  # ::ffff:0:0/96, its upper 96 bits
_IPV4_MASK = 0xFFFFFFFF
# An address for documentation (RFC 5737): connecting a UDP socket to it sends nothing.
_ELSEWHERE = ("192.0.2.1", 9)


def is_private(address: str) -> bool:
    """Tell whether *address* is private; an IPv4 address mapped into IPv6 counts as IPv4.

    Raises ValueError if it is no address.
    """
    parsed: Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed.version == net.version and parsed in net for net in _PRIVATE)


def is_private_range(version: int, first: int, last: int) -> bool:
    """Tell whether all addresses from *first* to *last*, as numbers, are private.

    An IPv4 address mapped into IPv6 counts as IPv4.
    """
    if version == 6 and first >> 32 == last >> 32 == _MAPPED:
        version, first, last = 4, first & _IPV4_MASK, last & _IPV4_MASK
    # No private block begins where another ends: what has both ends in one is all in it.
    return any(
        net.version == version
        and int(net.network_address) <= first
        and last <= int(net.broadcast_address)
        for net in _PRIVATE
    )


def private_addresses() -> list[str]:
    """Return this machine's private addresses, IPv4 first and loopback first within a family.

    IPv6 link-local addresses are left out: they mean nothing without their interface, and no
    client reaches them by a plain name.
    """
    found: list[Address] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            parsed = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            usable = parsed.version == 4 or not parsed.is_link_local
            if usable and is_private(str(parsed)) and parsed not in found:
                found.append(parsed)
    found.sort(key=lambda a: (a.version, not a.is_loopback))
    return [str(address) for address in found]


def served_addresses(listening: list[tuple[str, int]]) -> list[tuple[int, str]]:
    """Return interface index and address of all that *listening* sockets are reached by."""
    hosts = {host for host, _ in listening}
    everywhere = {4: "0.0.0.0" in hosts or "::" in hosts, 6: "::" in hosts}
    found = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if everywhere[4 if ip.is_IPv4 else 6] or text in hosts:
                found.append((adapter.index or 0, text))
    return found


def primary_address() -> str | None:
    """Return the IPv4 address other machines reach this one by, or None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return None
        return str(probe.getsockname()[0])


def host_name() -> str:
    """Return this machine's name, without its domain."""
    return socket.gethostname().partition(".")[0]
