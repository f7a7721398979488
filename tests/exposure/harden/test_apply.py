"""Applying and undoing on a machine in a folder: whole or not at all, wherever it is cut short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nethood.errors import LocalError
from nethood.exposure.harden import watchdog
from nethood.exposure.harden.apply import apply
from nethood.exposure.harden.confirm import confirm
from nethood.exposure.harden.journal import Journal, Waiting
from nethood.exposure.harden.model import Kind, Plan, Platform, typed
from nethood.exposure.harden.runner import FileState, Machine
from nethood.exposure.harden.undo import undo
from tests.exposure.harden.fakes import (
    FakeJournal,
    FakeMachine,
    PowerCut,
    everything,
    nftables_plan,
)

CONFIG = "flush ruleset\n# caf\xe9, in some old encoding\n".encode("latin-1")


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/nftables.conf").write_bytes(CONFIG)
    (root / "etc/nftables.conf").chmod(0o640)
    return FakeMachine(root)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def armed(_: Journal, __: Machine, ___: Waiting) -> None:
    """Stands for a watchdog that is there."""


def test_apply_and_undo_leave_everything_as_it_was(machine: FakeMachine, journal: Journal) -> None:
    before = everything(machine)
    done = apply(nftables_plan(machine, "10.0.0.0/8"), machine, journal)
    assert done.changed == ["nftables-table", "nftables-lasting"]
    config = (machine.root / "etc/nftables.conf").read_bytes()
    assert config.startswith(CONFIG)
    assert b'include "/etc/nethood/harden.nft"' in config
    assert machine.table is not None
    assert "10.0.0.0/8" in machine.table
    assert undo(journal, machine)
    assert everything(machine) == before
    assert not undo(journal, machine)


def test_a_second_apply_changes_nothing(machine: FakeMachine, journal: Journal) -> None:
    apply(nftables_plan(machine), machine, journal)
    after = everything(machine)
    machine.changes.clear()
    assert apply(nftables_plan(machine), machine, journal).changed == []
    assert machine.changes == []
    assert everything(machine) == after


def test_a_table_of_that_name_that_was_there_comes_back(
    machine: FakeMachine, journal: Journal
) -> None:
    machine.table = "table inet nethood { chain c { } }\n"
    before = everything(machine)
    apply(nftables_plan(machine), machine, journal)
    undo(journal, machine)
    assert everything(machine) == before


def test_cut_short_anywhere_undo_restores_and_apply_goes_on(tmp_path: Path) -> None:
    cuts = 0
    for moment in range(1, 1000):
        root = tmp_path / str(moment)
        (root / "root/etc").mkdir(parents=True)
        (root / "root/etc/nftables.conf").write_bytes(CONFIG)
        machine = FakeMachine(root / "root", cut_at=moment)
        journal = FakeJournal(root / "state", machine)
        before = everything(machine)
        plan = nftables_plan(machine)
        try:
            apply(plan, machine, journal)
        except PowerCut:
            cuts += 1
        else:
            break
        if moment % 2:
            apply(nftables_plan(machine), machine, journal)
            assert machine.table is not None
        undo(journal, machine)
        assert everything(machine) == before, moment
    assert cuts > 20


def test_undo_cut_short_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    cuts = 0
    for moment in range(1, 1000):
        root = tmp_path / str(moment)
        (root / "root/etc").mkdir(parents=True)
        machine = FakeMachine(root / "root")
        journal = FakeJournal(root / "state", machine)
        before = everything(machine)
        apply(nftables_plan(machine, service=False), machine, journal)
        machine.cut_at = machine.operations + moment
        try:
            undo(journal, machine)
        except PowerCut:
            cuts += 1
        else:
            break
        if moment % 2:
            undo(journal, machine)
        else:
            apply(nftables_plan(machine, "10.0.0.0/8", service=False), machine, journal)
            undo(journal, machine)
        assert everything(machine) == before, moment
    assert cuts > 10


def test_a_step_that_fails_takes_all_back(machine: FakeMachine, journal: Journal) -> None:
    before = everything(machine)
    machine.fails = {"nft -f -"}
    with pytest.raises(LocalError, match=r"it can't be; nothing was changed"):
        apply(nftables_plan(machine), machine, journal)
    assert everything(machine) == before
    assert not journal.exists


def test_without_root_nothing_is_touched(machine: FakeMachine, journal: Journal) -> None:
    machine.root_rights = False
    before = everything(machine)
    for job in (
        lambda: apply(nftables_plan(machine), machine, journal),
        lambda: undo(journal, machine),
        lambda: confirm(journal, machine),
    ):
        with pytest.raises(LocalError, match="needs root"):
            job()
    assert everything(machine) == before
    assert not journal.folder.exists()


def test_what_is_for_another_system_is_refused_whole(
    machine: FakeMachine, journal: Journal
) -> None:
    plan = nftables_plan(machine)
    foreign = replace(
        plan.steps[0], platform=Platform.WINDOWS, commands=[typed(Kind.POWERSHELL, "Get-Date")]
    )
    with pytest.raises(LocalError, match="windows can't be applied from here"):
        apply(replace(plan, steps=[plan.steps[0], foreign]), machine, journal)
    assert machine.changes == []


def test_another_plan_is_not_put_over_one_that_is_applied(
    machine: FakeMachine, journal: Journal
) -> None:
    apply(nftables_plan(machine, "10.0.0.0/8"), machine, journal)
    with pytest.raises(LocalError, match=r"allowed: 10\.0\.0\.0/8.*nethood harden undo"):
        apply(nftables_plan(machine), machine, journal)


def test_a_plan_made_before_the_file_changed_is_refused(
    machine: FakeMachine, journal: Journal
) -> None:
    plan = nftables_plan(machine)
    config = machine.root / "etc/nftables.conf"
    config.write_bytes(CONFIG + b"# mine\n")
    with pytest.raises(LocalError, match="changed since the plan was made"):
        apply(plan, machine, journal)
    assert config.read_bytes() == CONFIG + b"# mine\n"
    assert machine.table is None


def test_a_table_that_was_flushed_is_loaded_again(machine: FakeMachine, journal: Journal) -> None:
    before = everything(machine)
    apply(nftables_plan(machine), machine, journal)
    machine.table = None
    assert apply(nftables_plan(machine), machine, journal).changed == ["nftables-table"]
    assert machine.table is not None
    undo(journal, machine)
    assert everything(machine) == before


def test_a_file_of_ours_that_was_changed_is_kept_aside(
    machine: FakeMachine, journal: Journal
) -> None:
    before = everything(machine)
    apply(nftables_plan(machine), machine, journal)
    (machine.root / "etc/nethood/harden.nft").write_text("mine now\n")
    said: list[str] = []
    undo(journal, machine, said.append)
    assert everything(machine) == before
    assert (journal.folder / "changed-harden.nft").read_text() == "mine now\n"
    assert any("was changed since" in line for line in said)


def apply_unconfirmed(machine: FakeMachine, journal: Journal, seconds: float) -> Plan:
    plan = nftables_plan(machine)
    done = apply(plan, machine, journal, confirm_within_s=seconds, arm=armed)
    assert done.changed == ["nftables-table"]
    assert done.waiting is not None
    return plan


def test_only_a_confirmation_makes_it_last(machine: FakeMachine, journal: Journal) -> None:
    before = everything(machine)
    apply_unconfirmed(machine, journal, 60)
    assert not (machine.root / "etc/nethood").exists()
    assert confirm(journal, machine, again=lambda _: nftables_plan(machine)) == ["nftables-lasting"]
    assert (machine.root / "etc/nethood/harden.nft").exists()
    assert confirm(journal, machine) == []
    state = journal.state()
    assert state is not None
    assert state.applied
    undo(journal, machine)
    assert everything(machine) == before


def test_too_late_a_confirmation_takes_it_back(machine: FakeMachine, journal: Journal) -> None:
    before = everything(machine)
    apply_unconfirmed(machine, journal, 0)
    with pytest.raises(LocalError, match="too late"):
        confirm(journal, machine)
    assert everything(machine) == before


def test_a_wait_of_before_a_restart_is_over(
    machine: FakeMachine, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(machine)
    apply_unconfirmed(machine, journal, 60)
    monkeypatch.setattr(watchdog, "boot_id", lambda: "another")
    with pytest.raises(LocalError, match="too late"):
        confirm(journal, machine)
    assert everything(machine) == before


def test_a_watch_that_is_not_armed_means_nothing_is_applied(
    machine: FakeMachine, journal: Journal
) -> None:
    def arm(_: Journal, __: Machine, ___: Waiting) -> None:
        raise LocalError("the roll-back could not be armed")

    with pytest.raises(LocalError, match="could not be armed"):
        apply(nftables_plan(machine), machine, journal, confirm_within_s=60, arm=arm)
    assert machine.changes == []
    assert not journal.exists


def test_nothing_is_confirmed_where_nothing_is_applied(
    machine: FakeMachine, journal: Journal
) -> None:
    with pytest.raises(LocalError, match="nothing waits"):
        confirm(journal, machine)


def test_the_watchdog_rolls_back_when_the_time_is_over(
    machine: FakeMachine, journal: Journal
) -> None:
    before = everything(machine)
    apply_unconfirmed(machine, journal, 0)
    state = journal.state()
    assert state is not None
    assert state.waiting is not None
    token = state.waiting.token
    assert not watchdog.watch(journal, machine, "another token")
    assert watchdog.watch(journal, machine, token)
    assert everything(machine) == before
    assert not watchdog.watch(journal, machine, token)


def test_interrupted_by_a_person_it_is_taken_back_and_said(
    machine: FakeMachine, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = nftables_plan(machine, "10.0.0.0/8", service=False)
    put = machine.put

    def interrupted(path: str, state: FileState) -> None:
        monkeypatch.setattr(machine, "put", put)
        raise KeyboardInterrupt

    monkeypatch.setattr(machine, "put", interrupted)
    with pytest.raises(LocalError, match=r"^interrupted; nothing was changed$"):
        apply(plan, machine, journal)
    assert machine.table is None
