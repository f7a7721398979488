"""Addresses a question goes to: a host by name, and the broadcast addresses of this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import ifaddr

from nethood.errors import LocalError


async def ipv4_address(host: str) -> str:
    """Return *host* if it is an IPv4 address, otherwise the first one its name stands for.

    Raises LocalError when the name stands for none.
    """
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        pass
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, None, family=socket.AF_INET, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise LocalError(
            f"{host!r} is no IPv4 address, and no name with one is known for it"
        ) from None
    return str(found[0][4][0])


def broadcast_addresses() -> list[str]:
    """Return the broadcast address of every IPv4 network of this machine.

    That of loopback comes only where there is no other network.
    """
    found: dict[bool, list[str]] = {False: [], True: []}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if ip.is_IPv4 and ip.network_prefix < 31:
                network = ipaddress.IPv4Interface(f"{ip.ip}/{ip.network_prefix}").network
                found[network.is_loopback].append(str(network.broadcast_address))
    return list(dict.fromkeys(found[False] or found[True]))


def interface_of(address: str) -> str:
    """Return the name of the interface that has *address*, or *address* where none has it."""
    for adapter in ifaddr.get_adapters():
        if any(ip.ip == address for ip in adapter.ips):
            return str(adapter.nice_name)
    return address
