"""Addresses a question goes to: a host by name, and the broadcast addresses of this machine."""

from __future__ import annotations

import asyncio
import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Sequence

import ifaddr

from nethood.errors import LocalError

_RESOLVERS = 16


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


def resolve_names(names: Sequence[str], timeout_s: float) -> dict[str, list[str]]:
    """Return the IPv4 and IPv6 addresses of each name, none where it is unknown.

    Blocks for *timeout_s* at most: names not resolved by then count as unknown. The threads that
    wait for the system's resolver, which can't be interrupted, are left to end by themselves.
    """
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    resolved: queue.SimpleQueue[tuple[str, list[str]]] = queue.SimpleQueue()
    for name in names:
        waiting.put(name)
    for _ in range(min(_RESOLVERS, len(names))):
        threading.Thread(target=_resolve, args=(waiting, resolved), daemon=True).start()
    found: dict[str, list[str]] = {name: [] for name in names}
    end = time.monotonic() + timeout_s
    for _ in names:
        try:
            name, addresses = resolved.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[name] = addresses
    return found


def _resolve(
    waiting: queue.SimpleQueue[str], resolved: queue.SimpleQueue[tuple[str, list[str]]]
) -> None:
    """Resolve names until none waits; the work of one thread."""
    while True:
        try:
            name = waiting.get_nowait()
        except queue.Empty:
            return
        try:
            rows = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            rows = []
        resolved.put((name, list(dict.fromkeys(str(row[4][0]) for row in rows))))


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
