"""Applying a plan to this machine: the only module, with undo and confirm, that changes anything.

Each step's undo is computed from what is there and is on the disk before the step begins. A step
found half done, or no longer as it was left, is taken back and done again; so it does not matter
where an earlier run was cut short.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nethood.errors import LocalError
from nethood.exposure.harden import watchdog
from nethood.exposure.harden.checks import check_step
from nethood.exposure.harden.journal import Journal, JournalState, Undo, Waiting, save
from nethood.exposure.harden.model import APPLIED_HERE, Command, Kind, Plan, Step
from nethood.exposure.harden.platforms import applied
from nethood.exposure.harden.runner import Machine
from nethood.exposure.harden.undo import (
    Say,
    file_state,
    holding,
    silent,
    take_back,
    undo_all,
    without,
)

Arm = Callable[[Journal, Machine, Waiting], None]


@dataclass(slots=True)
class Applied:
    """What `apply` did: the ids of the steps it changed, and whether a confirmation is awaited."""

    changed: list[str] = field(default_factory=list)
    waiting: Waiting | None = None


def apply(
    plan: Plan,
    machine: Machine,
    journal: Journal,
    *,
    confirm_within_s: float | None = None,
    say: Say = silent,
    arm: Arm = watchdog.arm,
) -> Applied:
    """Do all steps of *plan*, or none: where one fails, those before it are taken back.

    With *confirm_within_s* the steps that make it last are left to `confirm`, and everything is
    taken back without it. Raises LocalError: no root, not a plan for this machine, another plan
    is applied, a step failed.
    """
    _refuse_what_is_not_ours(plan)
    with holding(journal, machine):
        state = _settle(plan, journal, machine, say)
        fresh = state is None or not state.applied
        if state is None:
            state = _begin(plan, journal, confirm_within_s)
        try:
            if state.waiting:
                arm(journal, machine, state.waiting)
            changed = _perform_all(plan, state, journal, machine, say)
        except (LocalError, OSError, KeyboardInterrupt) as problem:
            if not fresh:
                raise
            undo_all(state, journal, machine, say)
            raise LocalError(f"{str(problem) or 'interrupted'}; nothing was changed") from problem
        if not state.waiting and not state.applied:
            journal.applied()
        return Applied(changed, state.waiting)


def _refuse_what_is_not_ours(plan: Plan) -> None:
    if not plan.steps:
        raise LocalError("the plan has no step that can be applied here")
    for step in plan.steps:
        if step.platform not in APPLIED_HERE:
            raise LocalError(f"{step.platform} can't be applied from here: type what plan prints")
        if not step.commands:
            raise LocalError(f"{step.title}: {' '.join(step.notes) or 'this has to be done first'}")


def _settle(plan: Plan, journal: Journal, machine: Machine, say: Say) -> JournalState | None:
    """Return the state of this same plan, after taking back what was left half undone."""
    state = journal.state()
    if state is None:
        return None
    same = (state.plan.allow, state.plan.platforms) == (plan.allow, plan.platforms)
    over = state.waiting is not None and watchdog.is_over(state.waiting)
    if state.undoing or over or not (same or state.applied or state.waiting):
        say("an earlier run was cut short: it is taken back first")
        undo_all(state, journal, machine, say)
        return None
    if same:
        return state
    kept = ", ".join(state.plan.allow) or "nobody"
    raise LocalError(
        f"another plan is applied here ({state.plan.platforms[0]}, allowed: {kept}): "
        "take it back first with nethood harden undo"
    )


def _begin(plan: Plan, journal: Journal, confirm_within_s: float | None) -> JournalState:
    now = time.time()
    journal.begin(plan, now)
    state = JournalState(plan, now)
    if confirm_within_s is not None:
        state.waiting = watchdog.waiting(confirm_within_s)
        journal.wait(state.waiting)
    return state


def _perform_all(
    plan: Plan, state: JournalState, journal: Journal, machine: Machine, say: Say
) -> list[str]:
    now = [step for step in plan.steps if not (step.lasts and state.waiting)]
    return [step.id for step in now if perform(step, state, journal, machine, say)]


def perform(step: Step, state: JournalState, journal: Journal, machine: Machine, say: Say) -> bool:
    """Do *step* unless it is done and still as it was left; return whether anything changed."""
    if step.id in state.done and not drifted(step, state, machine):
        return False
    if step.id in state.undos:
        take_back(step.id, state, journal, machine, say)
    undos = _capture(step, machine)
    journal.will_undo(step.id, undos)
    state.undos[step.id] = undos
    for command in step.commands:
        _do(command, machine)
    for result in check_step(step, machine):
        if not result.holds:
            raise LocalError(f"{step.title}: {result.problem}")
    left = {saved.path: machine.look(saved.path).digest for u in undos for saved in u.files}
    observed = applied.observe(step, machine)
    journal.did(step.id, left, observed)
    state.done.add(step.id)
    state.left[step.id] = left
    state.observed[step.id] = observed
    say(f"{step.title}: done")
    return True


def drifted(step: Step, state: JournalState, machine: Machine) -> str:
    """Say what of *step* is no longer as it was left; nothing where all is."""
    for result in check_step(step, machine):
        if not result.holds:
            return result.problem
    for path in _ours_alone(state.undos.get(step.id, [])):
        if machine.look(path).digest != state.left[step.id].get(path):
            return f"{path} was changed"
    if applied.observe(step, machine) != state.observed.get(step.id, ""):
        return f"the rules of {step.platform} that are ours were changed"
    return ""


def _ours_alone(undos: list[Undo]) -> list[str]:
    """Return the files nobody else has a word in."""
    alone = [undo for undo in undos if not undo.otherwise]
    return [saved.path for undo in alone for saved in undo.files if not saved.inserted]


def _capture(step: Step, machine: Machine) -> list[Undo]:
    """Return how *step* is taken back, from what is there now: the last of them first."""
    undos: list[Undo] = []
    for command in step.commands:
        if command.kind in (Kind.FILE, Kind.LINK):
            before = machine.look(command.path)
            made = machine.missing_folders(command.path)
            saved = save(command.path, before, command.inserted, made)
            undos.append(Undo(files=(saved,)))
    return undos + applied.capture(step, machine)


def _refuse_a_stale_edit(command: Command, now: bytes) -> None:
    """Raise LocalError where the file is not the one the plan was made for: nothing gets lost."""
    after = command.content.encode(errors="surrogateescape")
    if without(now, command.inserted) != without(after, command.inserted):
        raise LocalError(f"{command.path} has changed since the plan was made: make it again")


def _do(command: Command, machine: Machine) -> None:
    if command.kind in (Kind.FILE, Kind.LINK):
        before = machine.look(command.path)
        if command.inserted and before.was == "file":
            _refuse_a_stale_edit(command, before.data)
        machine.put(command.path, file_state(command, before))
        return
    ran = machine.run(command.argv, command.stdin)
    if ran.status:
        raise LocalError(f"{' '.join(command.argv)}: {ran.output.strip() or ran.status}")
