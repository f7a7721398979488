"""The hardware addresses of neighbours this machine has just talked to: its ARP table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_TABLE = Path("/proc/net/arp")
_MAC = re.compile(r"\b(?:[0-9a-f]{1,2}[:-]){5}[0-9a-f]{1,2}\b", re.IGNORECASE)
_ARP_TIMEOUT_S = 5
_NONE = "00:00:00:00:00:00"


def mac_of(address: str, table: Path = _TABLE) -> str:
    """Return the MAC of the IPv4 neighbour *address*, "" where the system does not know it."""
    if sys.platform == "linux":
        return _from_table(address, table)
    return _from_command(address)


def _from_table(address: str, table: Path) -> str:
    """Read /proc/net/arp: address, type, flags, MAC, mask, device."""
    try:
        rows = table.read_text(encoding="ascii").splitlines()[1:]
    except (OSError, UnicodeError):
        return ""
    for row in map(str.split, rows):
        if len(row) > 3 and row[0] == address and row[3] != _NONE:
            return row[3]
    return ""


def _from_command(address: str) -> str:
    """Ask ``arp``: macOS and Windows have no table to read."""
    command = ["arp", "-a", address] if sys.platform == "win32" else ["arp", "-n", address]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_ARP_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    found = _MAC.search(ran.stdout)
    if found is None:
        return ""
    return ":".join(part.zfill(2) for part in re.split("[:-]", found.group().lower()))
