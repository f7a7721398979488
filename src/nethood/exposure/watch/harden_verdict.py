"""Whether the plans that were applied to this machine still hold, as verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nethood.errors import Error
from nethood.exposure.watch.checks import HardenCheck
from nethood.exposure.watch.events import Judgement, Verdict
from nethood.exposure.watch.policy import Policy

if TYPE_CHECKING:
    from nethood.exposure.harden.runner import Machine
    from nethood.exposure.harden.verify import Verification

AGAIN = "nethood harden apply puts it right"


def harden_verdicts(
    policy: Policy, folder: Path | None = None, machine: Machine | None = None
) -> dict[str, Verdict]:
    """Return a verdict for each expectation of a plan, by its id; nothing is changed.

    *folder* is where the journal of harden is, *machine* what is looked at; those of this
    machine if not given.
    """
    return {
        one.id: _verdict(Path(one.check.plan), folder, machine)
        for one in policy.expectations.values()
        if isinstance(one.check, HardenCheck)
    }


def _verdict(plan: Path, folder: Path | None, machine: Machine | None) -> Verdict:
    """Look after the applied plan; nobody knocks from outside: the watcher's looks do that."""
    # Imported here: what changes this machine exists on fewer systems than what watches others.
    from nethood.exposure.harden.journal import DEFAULT_STATE, Journal
    from nethood.exposure.harden.model import plan_from_json
    from nethood.exposure.harden.runner import Machine
    from nethood.exposure.harden.verify import verify

    try:
        wanted = plan_from_json(plan.read_text(encoding="utf-8"))
        found = verify(Journal(folder or DEFAULT_STATE), machine or Machine(), from_outside=False)
    except (Error, OSError, ValueError) as error:
        return Verdict(Judgement.UNKNOWN, f"whether {plan} holds is unknown: {error}")
    if found is None:
        return _deviates(f"{plan} is not applied to this machine", "not applied", ())
    if {step.id for step in found.plan.steps} != {step.id for step in wanted.steps}:
        return _deviates(f"another plan than {plan} is applied", "another plan", ())
    return _judged(found)


def _judged(found: Verification) -> Verdict:
    lines = tuple(f"{step}: {problem}" for step, problem in found.problems.items())
    lines += tuple(f"the rules let {who} in at {port}" for port, who in found.let_in.items())
    if lines:
        return _deviates(f"the plan does not hold: {lines[0]}", ",".join(sorted(lines)), lines)
    if found.rules_unknown:
        return Verdict(Judgement.UNKNOWN, f"the rules are unknown: {found.rules_unknown}")
    return Verdict(Judgement.AS_EXPECTED, "all settings are as they were left")


def _deviates(observed: str, mark: str, evidence: tuple[str, ...]) -> Verdict:
    return Verdict(Judgement.DEVIATES, observed, mark, evidence, (), (AGAIN,))
