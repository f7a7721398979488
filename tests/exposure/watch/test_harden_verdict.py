from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nethood.exposure.harden.apply import apply
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import Plan, plan_to_json
from nethood.exposure.watch.events import Judgement, Verdict
from nethood.exposure.watch.harden_verdict import harden_verdicts
from tests.exposure.harden.fakes import FakeMachine, nftables_plan
from tests.exposure.watch.worlds import policy_in


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path / "root")


@pytest.fixture
def plan(machine: FakeMachine, tmp_path: Path) -> Plan:
    made = nftables_plan(machine, "10.0.0.0/8", service=False)
    (tmp_path / "plan.json").write_text(plan_to_json(made))
    return made


def verdict(tmp_path: Path, machine: FakeMachine) -> Verdict:
    policy = policy_in(tmp_path, end='[groups.here]\ntargets = "127.0.0.1"\nharden = "plan.json"')
    found = harden_verdicts(policy, tmp_path / "journal", machine)
    assert list(found) == ["here:harden"]
    return found["here:harden"]


def test_a_plan_that_is_not_applied(tmp_path: Path, machine: FakeMachine, plan: Plan) -> None:
    found = verdict(tmp_path, machine)
    assert found.judgement is Judgement.DEVIATES
    assert found.observed.endswith("is not applied to this machine")


def test_a_plan_that_was_undone_by_hand_deviates_and_says_what(
    tmp_path: Path, machine: FakeMachine, plan: Plan
) -> None:
    apply(plan, machine, Journal(tmp_path / "journal"))
    machine.table = None
    found = verdict(tmp_path, machine)
    assert found.judgement is Judgement.DEVIATES
    assert "no such table" in found.observed
    assert found.fix == ("nethood harden apply puts it right",)


def test_another_plan_is_another_plan(tmp_path: Path, machine: FakeMachine, plan: Plan) -> None:
    apply(plan, machine, Journal(tmp_path / "journal"))
    other = replace(plan, steps=plan.steps[:1])
    (tmp_path / "plan.json").write_text(plan_to_json(other))
    assert verdict(tmp_path, machine).observed.startswith("another plan than")


def test_a_plan_that_cannot_be_read_is_unknown(
    tmp_path: Path, machine: FakeMachine, plan: Plan
) -> None:
    (tmp_path / "plan.json").write_text("{}")
    assert verdict(tmp_path, machine).judgement is Judgement.UNKNOWN


def test_policies_without_plans_look_at_nothing(tmp_path: Path) -> None:
    assert harden_verdicts(policy_in(tmp_path)) == {}
