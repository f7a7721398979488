"""Saying that a plan applied with a time limit stays, and making it last over a restart."""

from __future__ import annotations

from collections.abc import Callable

from nethood.errors import LocalError
from nethood.exposure.harden import watchdog
from nethood.exposure.harden.apply import perform
from nethood.exposure.harden.journal import Journal
from nethood.exposure.harden.model import Plan
from nethood.exposure.harden.runner import Machine
from nethood.exposure.harden.undo import Say, holding, silent, undo_all

Again = Callable[[Plan], Plan]


def confirm(
    journal: Journal, machine: Machine, *, again: Again | None = None, say: Say = silent
) -> list[str]:
    """Keep what was applied; return the ids of the steps done to make it last.

    *again* makes the plan anew, from the files as they are now. Raises LocalError where nothing
    waits, and where it is too late: then it is taken back, if it is not already.
    """
    with holding(journal, machine):
        state = journal.state()
        if state is None:
            raise LocalError("nothing waits to be confirmed: nothing is applied here")
        if state.waiting is None:
            if state.applied:
                return []
            raise LocalError("an earlier run was cut short: run nethood harden apply or undo")
        if state.undoing or watchdog.is_over(state.waiting):
            undo_all(state, journal, machine, say)
            raise LocalError("too late: the time to confirm has passed, it was taken back")
        _need_all_done(state.plan, state.done)
        plan = (again or _again(machine))(state.plan)
        lasting = [step for step in plan.steps if step.lasts]
        done = [step.id for step in lasting if perform(step, state, journal, machine, say)]
        journal.confirm()
        journal.applied()
        return done


def _need_all_done(plan: Plan, done: set[str]) -> None:
    missing = [step.id for step in plan.steps if not step.lasts and step.id not in done]
    if missing:
        raise LocalError(
            f"the run was cut short before {missing[0]}: run nethood harden apply again, "
            "or wait until it is taken back"
        )


def _again(machine: Machine) -> Again:
    from nethood.exposure.harden.facts import gather_facts
    from nethood.exposure.harden.model import parse_network
    from nethood.exposure.harden.plan import make_plan

    def again(plan: Plan) -> Plan:
        allow = [parse_network(text) for text in plan.allow]
        facts = gather_facts(machine, platforms=plan.platforms)
        return make_plan(facts, allow, plan.platforms, made_unix=plan.made_unix)

    return again
