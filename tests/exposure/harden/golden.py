"""The texts of the platforms that are only printed, kept as files to be read and compared.

`python -m tests.exposure.harden.golden` writes them anew; look at what changed before it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from nethood.exposure.harden.model import LocalFacts, PlanRequest, Step, parse_network
from nethood.exposure.harden.platforms import pf, samba, windows_firewall, windows_settings

FOLDER = Path(__file__).parent / "texts"
ALLOWED = ("10.0.0.0/8", "fd00::/8", "203.0.113.0/24")
SMB_CONF = """\
# Written by hand.
[global]
   workgroup = HOUSE
   server min protocol = NT1
   map to guest = Bad User
   include = /etc/samba/more.conf

[pub]
   path = /srv/pub
   guest ok = yes
"""


def request(*allow: str, files: dict[str, str | None] | None = None) -> PlanRequest:
    """Return a request that allows *allow* on a machine with *files*."""
    facts = LocalFacts(system="linux", systemd=True, files=files or {})
    return PlanRequest(facts, tuple(parse_network(text) for text in allow))


def with_samba() -> PlanRequest:
    """Return a request for a machine with Samba, as Debian sets it up."""
    files: dict[str, str | None] = {
        "/etc/samba/smb.conf": SMB_CONF,
        "/etc/samba/more.conf": "[more]\n   path = /srv/more\n   public = yes\n",
        "/usr/lib/systemd/system/smbd.service": "",
        "/usr/lib/systemd/system/nmbd.service": "",
    }
    return request("10.0.0.0/8", files=files)


TEXTS: dict[str, Callable[[], list[Step]]] = {
    "windows-firewall": lambda: windows_firewall.steps(request(*ALLOWED)),
    "windows-firewall-nobody": lambda: windows_firewall.steps(request()),
    "windows": lambda: windows_settings.steps(request()),
    "pf": lambda: pf.steps(request(*ALLOWED)),
    "pf-nobody": lambda: pf.steps(request()),
    "samba": lambda: samba.steps(with_samba()),
    "samba-elsewhere": lambda: samba.steps(request("10.0.0.0/8")),
}


def render(steps: list[Step]) -> str:
    """Return all that *steps* hold as text."""
    return "\n".join(line for step in steps for line in _lines(step))


def _lines(step: Step) -> Iterator[str]:
    yield f"== {step.id}: {step.title}"
    yield f"why: {step.why}"
    yield from (f"breaks: {text}" for text in step.breaks)
    yield from (f"note: {text}" for text in step.notes)
    for what, commands in (("do", step.commands), ("undo", step.undo)):
        for command in commands:
            yield f"-- {what}, {command.kind}"
            yield from ([f"argv: {' '.join(command.argv)}"] if command.argv else [])
            yield from ([f"path: {command.path}"] if command.path else [])
            yield (command.stdin + command.text + command.content).rstrip("\n")
    yield from (f"check: {check.text} {' '.join(check.argv)}".rstrip() for check in step.verify)
    yield ""


def main() -> None:
    """Write every file anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, steps in TEXTS.items():
        (FOLDER / f"{name}.txt").write_text(render(steps()), encoding="utf-8")
        print(f"{name}.txt")


if __name__ == "__main__":
    main()
