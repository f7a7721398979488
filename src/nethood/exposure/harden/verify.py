"""Whether an applied plan still holds: as it was left, in the rules there are, and from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nethood.exposure.harden.apply import drifted
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import Network, Plan, parse_network
from nethood.exposure.harden.outside import Outside, knock_from_outside
from nethood.exposure.harden.plan import is_firewall
from nethood.exposure.harden.rules import who_gets_in
from nethood.exposure.harden.runner import Machine
from nethood.exposure.local.commands import Run, run_program


@dataclass(frozen=True, slots=True)
class Verification:
    """What became of the applied plan.

    *problems* are its steps that are no longer as they were left; *let_in* maps "445/tcp IPv4" to
    who the rules let in beyond those allowed, *rules_unknown* says why that is not known;
    *outside* is what a stranger got, None where nobody knocked.
    """

    plan: Plan
    problems: dict[str, str] = field(default_factory=dict)
    let_in: dict[str, str] = field(default_factory=dict)
    rules_unknown: str = ""
    outside: Outside | None = None
    waiting: bool = False

    @property
    def verified(self) -> bool:
        """Whether all is as it was left, and a stranger was shut out of every port."""
        as_left = not self.problems and not self.let_in
        if not is_firewall(self.plan.platforms):
            return as_left
        return as_left and self.outside is not None and self.outside.closed

    @property
    def sentence(self) -> str:
        """What a person is told."""
        if self.problems:
            step, problem = next(iter(self.problems.items()))
            return f"not verified: {step}: {problem}; nethood harden apply puts it right"
        if self.let_in:
            port, who = next(iter(self.let_in.items()))
            return f"not verified: the rules let {who} in at {port}"
        if not is_firewall(self.plan.platforms):
            return "verified: the settings are as they were left"
        if self.outside is None:
            return "not verified from outside: the rules are as they were left"
        if self.outside.open_ports:
            return f"not verified: open from outside: {', '.join(self.outside.open_ports)}"
        if not self.outside.closed:
            return f"not verified from outside: {self.outside.unknown}"
        return "verified: closed from outside, and the rules are as they were left"


def verify(
    journal: Journal, machine: Machine, *, from_outside: bool = True, run: Run = run_program
) -> Verification | None:
    """Look whether what the journal says is applied still holds; None where nothing is applied.

    *from_outside* lays a cable for a moment, see `outside`. Raises LocalError where the journal
    can't be read.
    """
    state = journal.state()
    if state is None:
        return None
    plan = state.plan
    problems: dict[str, str] = {}
    for step in plan.steps:
        if step.id not in state.done:
            if not (step.lasts and state.waiting):
                problems[step.id] = "it was cut short before this was done"
        elif problem := drifted(step, state, machine):
            problems[step.id] = problem
    if not is_firewall(plan.platforms):
        return Verification(plan, problems, waiting=state.waiting is not None)
    allow = [parse_network(text) for text in plan.allow]
    let_in, unknown = who_gets_in(allow, run)
    outside = _knocked(journal, machine, allow) if from_outside else None
    return Verification(plan, problems, let_in, unknown, outside, state.waiting is not None)


def _knocked(journal: Journal, machine: Machine, allow: Sequence[Network]) -> Outside:
    """Knock while nobody else does: there is one cable, and two would take it from each other."""
    if not machine.is_root:
        return knock_from_outside(machine, allow)
    with journal.locked():
        return knock_from_outside(machine, allow)
