"""Which services systemd runs, and what its resolver does about LLMNR and mDNS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nethood.exposure.local.commands import Ran, Run
from nethood.exposure.local.settings.model import Setting

SOURCE = "systemd"
UNITS = (
    "smbd.service",
    "nmbd.service",
    "smb.service",
    "nmb.service",
    "samba-ad-dc.service",
    "winbind.service",
    "ksmbd.service",
    "wsdd.service",
    "wsdd-server.service",
    "avahi-daemon.service",
    "systemd-resolved.service",
)
RUNNING = Path("/run/systemd/system")
"""There where systemd runs."""
_PROPERTIES = "--property=Id,LoadState,ActiveState,UnitFileState"


def read_units(run: Run, *, systemd_runs: bool) -> list[Setting]:
    """Return the state of the units that are installed, and the resolver's two protocols."""
    if not systemd_runs:
        return [Setting(SOURCE, "units", unknown="systemd does not run here")]
    ran = run(["systemctl", "show", _PROPERTIES, *UNITS])
    if ran is None or ran.status != 0:
        why = "systemctl is not installed" if ran is None else f"systemctl: {ran.complaint}"
        return [Setting(SOURCE, "units", unknown=why)]
    units = list(_units(ran.out))
    if any(unit.name == "systemd-resolved" and "active" in unit.value.split() for unit in units):
        units += [_resolver(run, "llmnr", "LLMNR"), _resolver(run, "mdns", "MulticastDNS")]
    return units


def _units(text: str) -> Iterator[Setting]:
    for block in text.strip().split("\n\n"):
        pairs = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if pairs.get("LoadState") not in (None, "not-found"):
            state = f"{pairs.get('ActiveState', '')} {_at_start(pairs)}".strip()
            yield Setting(SOURCE, pairs.get("Id", "?").removesuffix(".service"), state)


def _at_start(pairs: dict[str, str]) -> str:
    if pairs["LoadState"] == "masked":
        return "(masked)"
    state = pairs.get("UnitFileState", "")
    return f"({state} at boot)" if state else ""


def _resolver(run: Run, verb: str, option: str) -> Setting:
    name = f"systemd-resolved {option}"
    ran: Ran | None = run(["resolvectl", verb])
    if ran is None or ran.status != 0:
        why = "resolvectl is not installed" if ran is None else f"resolvectl: {ran.complaint}"
        return Setting(SOURCE, name, unknown=why)
    lines = [line.strip() for line in ran.out.splitlines() if line.strip()]
    answering = any(line.endswith((": yes", ": resolve")) for line in lines)
    advice = ""
    if answering and option == "LLMNR":
        advice = "LLMNR can be poisoned: set 'LLMNR=no' in /etc/systemd/resolved.conf"
    return Setting(SOURCE, name, "; ".join(lines), advice=advice)
