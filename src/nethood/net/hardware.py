"""The hardware address of a network interface, which NetBIOS calls its unit ID."""

from __future__ import annotations

import sys
import uuid
from ipaddress import IPv4Address
from pathlib import Path

from nethood.net.links import Link

NO_HARDWARE_ADDRESS = bytes(6)
_IS_RANDOM = 1 << 40  # the multicast bit: uuid made the address up
_SYSTEM = Path("/sys/class/net")


def hardware_address(name: str, system: Path = _SYSTEM) -> bytes:
    """Return the six bytes of the interface *name*; zeros where it has none, or none is told.

    Only Linux tells by interface; elsewhere it is one the machine has.
    """
    if sys.platform != "linux":
        node = uuid.getnode()
        return NO_HARDWARE_ADDRESS if node & _IS_RANDOM else node.to_bytes(6, "big")
    try:
        address = bytes.fromhex((system / name / "address").read_text().strip().replace(":", ""))
    except (OSError, ValueError):
        return NO_HARDWARE_ADDRESS
    return address if len(address) == len(NO_HARDWARE_ADDRESS) else NO_HARDWARE_ADDRESS


def hardware_address_of(found: list[Link], address: IPv4Address) -> bytes:
    """Return the hardware address of the interface of *found* that has *address*, or zeros."""
    for link in found:
        if any(own.ip == address for own in link.ipv4):
            return hardware_address(link.name)
    return NO_HARDWARE_ADDRESS
