"""`nethood harden verify` and `status`: what is applied here, and whether it still holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nethood.cli.harden_apply import NOT_VERIFIED, journal_in, json_option, state_option

if TYPE_CHECKING:
    from nethood.exposure.harden.journal import JournalState
    from nethood.exposure.harden.verify import Verification


@click.command(short_help="Look whether it is still so.")
@click.option(
    "--inside-only",
    is_flag=True,
    help="Only read rules and files; don't knock from outside over a cable of our own.",
)
@state_option
@json_option
def verify(inside_only: bool, state_folder: Path, as_json: bool) -> int:
    """Look whether what was applied still holds: its files, its rules, and a stranger's knock.

    The exit status is 1 where it does not, or where nothing is applied.
    """
    journal = journal_in(state_folder)
    from nethood.cli.harden_probe import ask_samba
    from nethood.exposure.harden.runner import Machine
    from nethood.exposure.harden.verify import verify as look

    seen = look(journal, Machine(), from_outside=not inside_only)
    is_right, answer = ask_samba(seen.plan) if seen is not None else (True, "")
    if as_json:
        click.echo(json.dumps(fields(seen) | {"samba": answer}))
    else:
        for line in [*lines(seen), *([answer] if answer else [])]:
            click.echo(line)
    return 0 if holds(seen, inside_only=inside_only) and is_right else NOT_VERIFIED


def holds(seen: Verification | None, *, inside_only: bool) -> bool:
    """Whether all that was asked is as it was left."""
    if seen is None:
        return False
    return seen.verified or (inside_only and not seen.problems and not seen.let_in)


def fields(seen: Verification | None) -> dict[str, Any]:
    """Return what was seen as JSON has it."""
    if seen is None:
        return {"applied": False, "verified": False, "sentence": "nothing is applied here"}
    return {
        "applied": True,
        "verified": seen.verified,
        "sentence": seen.sentence,
        "waiting": seen.waiting,
        "problems": seen.problems,
        "let_in": seen.let_in,
        "outside": dict(seen.outside.states) if seen.outside else {},
    }


def lines(seen: Verification | None) -> Iterator[str]:
    """Yield what was seen, in words."""
    if seen is None:
        yield "Nothing is applied here."
        return
    for step, problem in seen.problems.items():
        yield f"  {step}: {problem}"
    for port, who in seen.let_in.items():
        yield f"  {port}: the rules let {who} in"
    if seen.rules_unknown:
        yield f"  who the rules let in is not known: {seen.rules_unknown}"
    for port, state in (seen.outside.states if seen.outside else {}).items():
        yield f"  {port} from outside: {state}"
    yield f"{seen.sentence[:1].upper()}{seen.sentence[1:]}."


@click.command(short_help="Say what is applied here.")
@state_option
@json_option
def status(state_folder: Path, as_json: bool) -> int:
    """Say what is applied on this machine, since when, and whether it waits to be confirmed."""
    state = journal_in(state_folder).state()
    if as_json:
        click.echo(json.dumps(_status_fields(state)))
    else:
        for line in _status_lines(state):
            click.echo(line)
    return 0


def phase(state: JournalState) -> str:
    """Return how far it is: "applied", "waiting", "undoing" or "cut short"."""
    if state.undoing:
        return "undoing"
    if state.waiting is not None:
        return "waiting"
    return "applied" if state.applied else "cut short"


def _status_fields(state: JournalState | None) -> dict[str, Any]:
    if state is None:
        return {"applied": False}
    return {
        "applied": state.applied,
        "phase": phase(state),
        "since_unix": state.began_unix,
        "platforms": [str(name) for name in state.plan.platforms],
        "allow": state.plan.allow,
        "closes": state.plan.closes,
        "steps": {step.id: step.id in state.done for step in state.plan.steps},
    }


_PHASES = {
    "applied": "It is applied.",
    "waiting": "It waits for 'nethood harden confirm' and is taken back by itself without it.",
    "undoing": "Taking it back was cut short: run 'nethood harden undo' again.",
    "cut short": "It was cut short: run 'nethood harden apply' again, or 'nethood harden undo'.",
}


def _status_lines(state: JournalState | None) -> Iterator[str]:
    from datetime import datetime

    if state is None:
        yield "Nothing is applied here."
        return
    since = datetime.fromtimestamp(state.began_unix).astimezone()
    allowed = ", ".join(state.plan.allow) or "nobody"
    names = ", ".join(state.plan.platforms)
    yield f"{names}, since {since:%Y-%m-%d %H:%M}, allowed: {allowed}"
    for step in state.plan.steps:
        yield f"  {'done    ' if step.id in state.done else 'not done'} {step.title} ({step.id})"
    yield _PHASES[phase(state)]
