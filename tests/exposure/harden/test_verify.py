"""What verify says of a plan: as it was left, who the rules let in, what a stranger gets."""

from __future__ import annotations

import fcntl
from collections.abc import Sequence
from pathlib import Path

import pytest

from nethood.exposure.harden.apply import apply
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import parse_network
from nethood.exposure.harden.outside import Outside, knock_from_outside
from nethood.exposure.harden.runner import Machine, Ran
from nethood.exposure.harden.verify import Verification, verify
from nethood.exposure.local.commands import Ran as ToolRan
from tests.exposure.harden.fakes import FakeMachine, nftables_plan

STATES = {"445/tcp IPv4": "filtered", "137/udp IPv4": "filtered"}


def no_rules(_: Sequence[str]) -> ToolRan | None:
    return None


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path / "root")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def look(journal: Journal, machine: FakeMachine) -> Verification:
    found = verify(journal, machine, from_outside=False, run=no_rules)
    assert found is not None
    return found


def test_what_is_not_applied_is_not_verified(machine: FakeMachine, journal: Journal) -> None:
    assert verify(journal, machine, from_outside=False) is None


def test_as_it_was_left(machine: FakeMachine, journal: Journal) -> None:
    apply(nftables_plan(machine, "10.0.0.0/8", service=False), machine, journal)
    found = look(journal, machine)
    assert found.problems == {}
    assert "nft" in found.rules_unknown
    assert not found.verified
    assert found.sentence == "not verified from outside: the rules are as they were left"


def test_a_change_is_named(machine: FakeMachine, journal: Journal) -> None:
    apply(nftables_plan(machine, "10.0.0.0/8", service=False), machine, journal)
    assert machine.table is not None
    machine.table = machine.table.replace("\t\tdrop", "\t\taccept # drop")
    assert look(journal, machine).problems == {
        "nftables-table": "the rules of nftables that are ours were changed"
    }
    machine.table = None
    assert "fails: no such table" in look(journal, machine).sentence
    (machine.root / "etc/nethood/harden.nft").unlink()
    assert look(journal, machine).problems["nftables-lasting"].endswith("is not there")


@pytest.mark.parametrize(
    ("outside", "verified", "words"),
    [
        (Outside(STATES, (4,)), True, "verified: closed from outside"),
        (Outside(STATES | {"139/tcp IPv6": "open"}, (4,)), False, "open from outside: 139/tcp"),
        (Outside(STATES, (), "no answer on the cable"), False, "no answer on the cable"),
        (Outside(unknown="needs root"), False, "not verified from outside: needs root"),
    ],
)
def test_the_verdict(outside: Outside, verified: bool, words: str) -> None:
    plan = nftables_plan(Machine(Path("/nowhere")))
    found = Verification(plan, outside=outside)
    assert found.verified is verified
    assert words in found.sentence


class CableMachine(FakeMachine):
    """A machine on which cables can be laid, and *answers* tells what is said on them."""

    def __init__(self, root: Path, neighbours: str) -> None:
        super().__init__(root)
        self.neighbours = neighbours
        self.asked: list[str] = []

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        line = " ".join(argv)
        self.asked.append(line)
        if "knock" in line:
            return Ran(0, '{"198.51.100.237 445/tcp": "filtered"}')
        return Ran(0, self.neighbours if "neighbour" in line else "")


def test_a_stranger_is_nobody_who_is_allowed(tmp_path: Path) -> None:
    machine = CableMachine(tmp_path, "198.51.100.237 dev x lladdr 02:00:00:00:00:01 REACHABLE\n")
    allow = [parse_network("198.18.0.0/15"), parse_network("::/0")]
    found = knock_from_outside(machine, allow)
    assert found == Outside({"445/tcp IPv4": "filtered"}, (4,), "")
    assert found.closed
    assert not any("2001:db8" in line for line in machine.asked)
    assert machine.asked[-1] == "ip netns delete nethood-verify"


def test_silence_of_a_dead_cable_proves_nothing(tmp_path: Path) -> None:
    machine = CableMachine(tmp_path, "198.51.100.237 dev x FAILED\n")
    found = knock_from_outside(machine, [parse_network("198.18.0.0/15")])
    assert not found.closed
    assert "silence proves nothing" in found.unknown


def test_where_everybody_is_allowed_nobody_is_asked(tmp_path: Path) -> None:
    machine = CableMachine(tmp_path, "")
    allow = [parse_network("0.0.0.0/0"), parse_network("::/0")]
    assert "everybody is allowed" in knock_from_outside(machine, allow).unknown
    assert machine.asked == []


class LockedCable(CableMachine):
    """Finds out whether another could knock at the same time."""

    def __init__(self, root: Path, lock: Path) -> None:
        super().__init__(root, "198.18.237.1 dev x lladdr 02:00:00:00:00:01 REACHABLE\n")
        self.lock = lock
        self.alone: list[bool] = []

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        if argv[0] == "ip":
            self.alone.append(self._is_held())
        if argv[0] == "nft":
            return FakeMachine.run(self, argv, stdin)
        return super().run(argv, stdin)

    def _is_held(self) -> bool:
        with self.lock.open("rb+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False


def test_one_cable_at_a_time(tmp_path: Path, journal: Journal) -> None:
    machine = LockedCable(tmp_path / "root", tmp_path / "state/lock")
    apply(nftables_plan(machine, "10.0.0.0/8", service=False), machine, journal)
    assert verify(journal, machine, run=no_rules) is not None
    assert machine.alone
    assert all(machine.alone)
