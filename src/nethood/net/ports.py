"""Whether a TCP port may be listened on, and if not, why and who has it."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from pathlib import Path

_LISTEN = "0A"  # the state column of /proc/net/tcp


def why_not(address: str, port: int) -> str | None:
    """Try to listen on *address* and *port*; return None, or why it can't be done."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
            probe.listen(1)
    except PermissionError:
        return "ports below 1024 need more rights here"
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return holder(port) or "another program has it"
        return error.strerror or str(error)
    return None


def holder(port: int) -> str | None:
    """Say which program listens on *port*, where the system tells (Linux); otherwise None."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in Path("/proc").glob("[0-9]*"):
        if _has_one_of(process, wanted):
            with contextlib.suppress(OSError):
                name = (process / "comm").read_text().strip()
                return f"{name} (process {process.name}) has it"
    return None


def _listening_inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _has_one_of(process: Path, wanted: set[str]) -> bool:
    with contextlib.suppress(OSError), os.scandir(process / "fd") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if os.readlink(entry.path) in wanted:
                    return True
    return False
