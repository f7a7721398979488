"""Who used the shares: read from what `nethood serve --json` wrote."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nethood.exposure.harden.model import Client

LINE_LIMIT = 65_536
SMB_PORT = 445


def read_seen(path: Path) -> list[Client]:
    """Return the clients named in the events *path* holds. Raises LocalError."""
    from nethood.errors import LocalError

    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            found = clients(iter(lambda: file.readline(LINE_LIMIT), ""))
    except OSError as error:
        raise LocalError(f"{path} can't be read: {error.strerror}") from None
    if found is None:
        raise LocalError(f"{path} holds no events: it wants what 'nethood serve --json' prints")
    return found


def clients(lines: Iterable[str]) -> list[Client] | None:
    """Return each client once, with when it was last seen; None where no line is an event.

    Clients of this machine itself are left out.
    """
    from nethood.exposure.harden.model import Client

    any_event, port, last = False, SMB_PORT, dict[str, str]()
    for event in map(_event, lines):
        any_event = any_event or bool(event)
        if event.get("event") == "listening" and isinstance(event.get("port"), int):
            port = event["port"]
        if event.get("event") == "connected" and _is_other(event.get("address")):
            last[str(event["address"])] = str(event.get("time", ""))
    if not any_event:
        return None
    return [
        Client(address, port, f"nethood serve, last {_day(when)}", _unix(when))
        for address, when in sorted(last.items())
    ]


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else {}


def _is_other(address: Any) -> bool:
    try:
        ip = ipaddress.ip_address(str(address).partition("%")[0])
    except ValueError:
        return False
    return not ip.is_loopback


def _unix(when: str) -> float | None:
    try:
        return datetime.fromisoformat(when).timestamp()
    except (ValueError, OverflowError):
        return None


def _day(when: str) -> str:
    return "at a time not known" if _unix(when) is None else when[:16].replace("T", " ")
