"""A machine in a folder, with an nft that keeps one table in memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import FirewallFacts, LocalFacts, Plan, Platform, parse_network
from nethood.exposure.harden.plan import make_plan
from nethood.exposure.harden.runner import FileState, Machine, Ran


class PowerCut(BaseException):
    """The machine went off: nothing may catch it."""


class FakeMachine(Machine):
    """Files below *root*, one nft table, and a power cut at the operation *cut_at*."""

    def __init__(self, root: Path, cut_at: int = 0) -> None:
        super().__init__(root)
        self.table: str | None = None
        self.fails: set[str] = set()
        self.changes: list[str] = []
        self.cut_at = cut_at
        self.operations = 0
        self.root_rights = True

    @property
    def is_root(self) -> bool:
        return self.root_rights

    def which(self, program: str) -> str | None:
        return f"/usr/sbin/{program}"

    def tick(self) -> None:
        self.operations += 1
        if self.operations == self.cut_at:
            raise PowerCut

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        self.tick()
        line = " ".join(argv)
        if line in self.fails:
            return Ran(1, "Error: it can't be")
        if "list" in argv:
            return Ran(1, "no such table") if self.table is None else Ran(0, self.table)
        assert argv[0] == "nft", line
        self.changes.append(line)
        if "delete" in argv:
            self.table = None
        else:
            self.table = stdin.split("delete table inet nethood\n")[1]
        self.tick()
        return Ran(0, "")

    def put(self, path: str, state: FileState) -> None:
        self.tick()
        self.changes.append(path)
        super().put(path, state)
        self.tick()


class FakeJournal(Journal):
    """A journal that tells its machine of every line, so that it can be cut short there."""

    def __init__(self, folder: Path, machine: FakeMachine) -> None:
        super().__init__(folder)
        self.machine = machine

    def _append(self, **record: Any) -> None:
        self.machine.tick()
        super()._append(**record)
        self.machine.tick()


def nftables_plan(machine: Machine, *allow: str, service: bool = True) -> Plan:
    """Return a plan for nftables, loaded by its own service or by a unit of ours."""
    details = {"config": "/etc/nftables.conf"} if service else {}
    facts = LocalFacts(
        host="cellar",
        systemd=True,
        firewalls={Platform.NFTABLES: FirewallFacts(True, True, service, details=details)},
        files={"/etc/nftables.conf": machine.read_text("/etc/nftables.conf")},
    )
    networks = [parse_network(text) for text in allow]
    return make_plan(facts, networks, [Platform.NFTABLES])


def everything(machine: FakeMachine) -> dict[str, str]:
    """Return all files and links of the machine, and its table."""
    found = {"table": machine.table or "none"}
    for path in sorted(machine.root.rglob("*")):
        name = str(path.relative_to(machine.root))
        held = str(path.readlink()) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            held = f"{path.stat().st_mode:o} {path.read_bytes()!r}"
        found[name] = held
    return found
