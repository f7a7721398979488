"""Runs one job of nethood.exposure.harden on the machine it is started on, and reports as JSON.

`python harden_driver.py '{"job": "apply", "state": "/...", "platform": "nftables"}'`. The job
"cuts" applies the plan again and again, each time killed with SIGKILL at another moment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nethood.errors import LocalError
from nethood.exposure.harden.apply import apply
from nethood.exposure.harden.confirm import confirm
from nethood.exposure.harden.facts import gather_facts
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import Plan, Platform, parse_network
from nethood.exposure.harden.plan import make_plan
from nethood.exposure.harden.runner import FileState, Machine, Ran
from nethood.exposure.harden.undo import undo
from nethood.exposure.harden.verify import verify


class Count:
    """Kills this process at the moment of a number."""

    def __init__(self, moment: int) -> None:
        self.moment = moment
        self.seen = 0

    def tick(self) -> None:
        self.seen += 1
        if self.seen == self.moment:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalMachine(Machine):
    """A machine that loses its power before, in the middle of or after whatever it does."""

    def __init__(self, count: Count) -> None:
        super().__init__()
        self.count = count

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        self.count.tick()
        return super().run(argv, stdin)

    def put(self, path: str, state: FileState) -> None:
        self.count.tick()
        beside = Path(path).with_name(f".{Path(path).name}.nethood-new")
        if state.was != "absent":
            beside.parent.mkdir(parents=True, exist_ok=True)
            beside.write_bytes(b"half a")
        self.count.tick()
        super().put(path, state)


class MortalJournal(Journal):
    """A journal whose machine loses its power before, in the middle of or after a line."""

    def __init__(self, folder: Path, count: Count) -> None:
        super().__init__(folder)
        self.count = count

    def _append(self, **record: Any) -> None:
        self.count.tick()
        if self.count.seen + 1 == self.count.moment:
            with self.path.open("ab") as file:
                file.write(b'{"record":"und')
        self.count.tick()
        super()._append(**record)
        self.count.tick()


def make(options: dict[str, Any]) -> Plan:
    allow = [parse_network(text) for text in options.get("allow", [])]
    platforms = [Platform(options["platform"])] if "platform" in options else []
    facts = gather_facts(Machine(), platforms=platforms, run=lambda _: None)
    return make_plan(facts, allow, platforms)


def cut_short(options: dict[str, Any], moment: int, job: str = "apply") -> bool:
    """Do *job* in a child that dies at *moment*; return whether it did die."""
    plan = make(options)
    child = os.fork()
    if child == 0:
        count = Count(moment)
        machine, journal = MortalMachine(count), MortalJournal(Path(options["state"]), count)
        if job == "apply":
            apply(plan, machine, journal)
        else:
            undo(journal, machine)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0, f"{job} failed at moment {moment}"
        return False
    return True


def whole_state(folders: list[str]) -> str:
    machine = Machine()
    rules = [machine.run(("nft", "-s", "list", "ruleset")).output]
    for program in ("iptables-save", "ip6tables-save"):
        lines = machine.run((program,)).output.splitlines()
        rules.append("\n".join(line for line in lines if line[:1] not in "#:"))
    for folder in folders:
        top = Path(folder)
        for path in [top, *sorted(top.rglob("*"))] if top.exists() else []:
            held = path.read_bytes() if path.is_file() else b""
            rules.append(f"{path} {path.lstat().st_mode:o} {held!r}")
    return "\n".join(rules)


def cuts(options: dict[str, Any]) -> dict[str, Any]:
    """Cut apply short at every *stride*th moment; recover by undo, or by apply and undo."""
    journal, machine = Journal(Path(options["state"])), Machine()
    folders = options["folders"]
    before = whole_state(folders)
    moment, died = 1, 0
    while True:
        job = "apply"
        if options.get("in_undo"):
            apply(make(options), machine, journal)
            job = "undo"
        if not cut_short(options, moment, job):
            undo(journal, machine)
            assert whole_state(folders) == before, "not the same after a whole run"
            return {"died": died, "before": len(before)}
        died += 1
        if moment % 2 or options.get("in_undo"):
            undo(journal, machine)
        else:
            apply(make(options), machine, journal)
            found = verify(journal, machine, from_outside=False)
            assert found is not None
            assert not found.problems, f"moment {moment}: {found.problems}"
            assert not found.let_in, f"moment {moment}: {found.let_in}"
            undo(journal, machine)
        after = whole_state(folders)
        assert after == before, f"moment {moment}:\n{before}\n-----\n{after}"
        moment += options.get("stride", 1)


def work(options: dict[str, Any]) -> dict[str, Any]:
    journal, machine = Journal(Path(options["state"])), Machine()
    match options["job"]:
        case "apply":
            plan = make(options)
            done = apply(plan, machine, journal, confirm_within_s=options.get("confirm_within_s"))
            if options.get("then_die"):
                os.kill(os.getpid(), signal.SIGKILL)
            return {"changed": done.changed, "platform": plan.platforms[0], "notes": plan.notes}
        case "undo":
            said: list[str] = []
            return {"undone": undo(journal, machine, said.append), "said": said}
        case "confirm":
            return {"changed": confirm(journal, machine)}
        case "verify":
            found = verify(journal, machine)
            assert found is not None
            states = found.outside.states if found.outside else {}
            unknown = found.outside.unknown if found.outside else ""
            return {
                "verified": found.verified,
                "sentence": found.sentence,
                "states": states,
                "unknown": unknown,
                "let_in": found.let_in,
                "rules_unknown": found.rules_unknown,
                "problems": found.problems,
            }
        case "cuts":
            return cuts(options)
        case job:
            raise ValueError(job)


if __name__ == "__main__":
    try:
        print(json.dumps(work(json.loads(sys.argv[1]))))
    except LocalError as problem:
        print(json.dumps({"error": str(problem)}))
        sys.exit(1)
