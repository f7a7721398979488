"""`nethood harden apply`, `confirm` and `undo`: what changes this machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nethood.cli.harden_plan import allow_option, make, platform_option, read_plan, show
from nethood.errors import Error

if TYPE_CHECKING:
    from nethood.exposure.harden.apply import Applied
    from nethood.exposure.harden.journal import Journal
    from nethood.exposure.harden.model import Plan
    from nethood.exposure.harden.verify import Verification


class StoppedLooking(Error):
    """Ctrl-C came between applying a plan and having proved it."""


DEFAULT_STATE = "/var/lib/nethood/harden"
NOT_VERIFIED = 1
_Function = TypeVar("_Function", bound=Callable[..., Any])


def state_option(function: _Function) -> _Function:
    """Add --state to a command."""
    return click.option(
        "--state",
        "state_folder",
        metavar="DIR",
        type=click.Path(path_type=Path, readable=False),
        default=DEFAULT_STATE,
        show_default=True,
        help="Where what was there before is kept.",
    )(function)


def json_option(function: _Function) -> _Function:
    """Add --json to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


def journal_in(folder: Path) -> Journal:
    """Return the journal in *folder*. Raises LocalError on a system that has none."""
    need_linux()
    from nethood.exposure.harden.journal import Journal

    return Journal(folder)


def need_linux() -> None:
    """Raise LocalError where nothing can be applied: Windows and macOS are told, not done."""
    from nethood.errors import LocalError

    if sys.platform != "linux":
        raise LocalError("only Linux is changed from here: type what nethood harden plan prints")


@click.command(short_help="Do it, and look whether it is so.")
@click.argument("plan_file", metavar="[PLAN]", required=False, type=click.Path(path_type=Path))
@allow_option
@platform_option
@click.option(
    "--confirm-within",
    "confirm_within_s",
    type=click.IntRange(10, 86_400),
    metavar="SECONDS",
    help="Take everything back by itself unless 'nethood harden confirm' comes in time.",
)
@click.option("--yes", is_flag=True, help="Don't ask before anything is changed.")
@state_option
@json_option
def apply(
    plan_file: Path | None,
    allow: Sequence[str],
    platforms: Sequence[str],
    confirm_within_s: int | None,
    yes: bool,
    state_folder: Path,
    as_json: bool,
) -> int:
    """Close the ports on this machine, all of it or nothing, and look from outside.

    PLAN is a file of 'nethood harden plan --out'; without it the plan is made now from --allow
    and --platform. What was there before is kept first, for 'nethood harden undo'. ssh and open
    connections are left alone. Applying again changes nothing. Needs root: without it the plan
    is printed and nothing is done.
    """
    if plan_file is not None and (allow or platforms):
        raise click.UsageError("PLAN says who is allowed and where; leave out --allow, --platform")
    plan = read_plan(plan_file) if plan_file is not None else make(allow, platforms)
    if confirm_within_s is not None and plan_is_not_for_here(plan):
        raise click.UsageError("--confirm-within is for what is applied here")
    journal = _allowed_to(plan, state_folder, as_json=as_json)
    if plan_file is not None:
        _fits(plan_file, plan, journal)
    if not yes:
        _ask(plan, as_json=as_json)
    return _apply(plan, journal, confirm_within_s, as_json=as_json)


def plan_is_not_for_here(plan: Plan) -> str:
    """Return the first platform of *plan* that is only printed, nothing where there is none."""
    from nethood.exposure.harden.model import APPLIED_HERE

    return next((str(name) for name in plan.platforms if name not in APPLIED_HERE), "")


def _allowed_to(plan: Plan, folder: Path, *, as_json: bool) -> Journal:
    """Return the journal where *plan* may be applied here; else say why not, having printed it."""
    from nethood.errors import LocalError
    from nethood.exposure.harden.model import plan_to_json
    from nethood.exposure.harden.runner import Machine

    foreign = plan_is_not_for_here(plan)
    problem = f"{foreign} is not changed from here: type this there" if foreign else ""
    if not problem and sys.platform == "linux" and not Machine().is_root:
        problem = "nothing was changed: that needs root, this is what it would be (try sudo)"
    if problem:
        if as_json:
            click.echo(plan_to_json(plan), nl=False)
        else:
            show(plan)
        raise LocalError(problem)
    return journal_in(folder)


def _fits(path: Path, plan: Plan, journal: Journal) -> None:
    """Raise LocalError where *plan* is not what would be made now, nor what is applied already.

    A plan is commands that run as root: one that was changed, or is out of date, is not run.
    """
    from nethood.errors import LocalError

    state = journal.state()
    if state is not None and state.plan.steps == plan.steps:
        return
    if make(plan.allow, plan.platforms).steps != plan.steps:
        raise LocalError(
            f"{path} is not the plan for this machine as it is now: "
            "make it again with nethood harden plan --out"
        )


def _ask(plan: Plan, *, as_json: bool) -> None:
    """Show *plan* and have it agreed to. Raises UsageError where nobody is there to."""
    if as_json or not sys.stdin.isatty():
        raise click.UsageError("say --yes: nobody is here to be asked")
    from nethood.errors import LocalError

    show(plan)
    if not click.confirm("Do this now?"):
        raise LocalError("nothing was changed")


def _apply(plan: Plan, journal: Journal, confirm_within_s: int | None, *, as_json: bool) -> int:
    from nethood.cli.harden_probe import PATIENCE_S, ask_samba
    from nethood.exposure.harden.apply import apply as apply_plan
    from nethood.exposure.harden.runner import Machine
    from nethood.exposure.harden.verify import verify

    machine = Machine()
    applied = apply_plan(
        plan,
        machine,
        journal,
        confirm_within_s=confirm_within_s,
        say=_nothing if as_json else click.echo,
    )
    try:
        seen = verify(journal, machine)
        is_right, answer = ask_samba(plan, patience_s=PATIENCE_S)
    except KeyboardInterrupt:
        raise StoppedLooking(
            "it is applied, and not looked at to the end: nethood harden verify does that,"
            " nethood harden undo takes it back"
        ) from None
    if as_json:
        click.echo(json.dumps(_fields(applied, confirm_within_s, seen) | {"samba": answer}))
    else:
        _tell(applied, confirm_within_s, seen, answer)
    return 0 if seen is not None and seen.verified and is_right else NOT_VERIFIED


def _nothing(sentence: str) -> None:
    """Leave out what is said on the way."""


def _fields(
    applied: Applied, confirm_within_s: int | None, seen: Verification | None
) -> dict[str, Any]:
    from nethood.cli.harden_state import fields

    waits = confirm_within_s if applied.waiting else None
    return {"changed": applied.changed, "confirm_within_s": waits, **fields(seen)}


def _tell(
    applied: Applied, confirm_within_s: int | None, seen: Verification | None, answer: str
) -> None:
    if not applied.changed:
        click.echo("Nothing had to be changed: it is applied already.")
    if seen is not None:
        click.echo(f"{seen.sentence[:1].upper()}{seen.sentence[1:]}.")
    if answer:
        click.echo(answer)
    if applied.waiting:
        when = f"within {confirm_within_s} s" if confirm_within_s else "in time"
        click.echo(
            f"It is taken back by itself unless you say 'nethood harden confirm' {when}; "
            "until then it would not last over a restart."
        )


@click.command(short_help="Keep what waits to be confirmed.")
@state_option
@json_option
def confirm(state_folder: Path, as_json: bool) -> int:
    """Keep what 'nethood harden apply --confirm-within' did, and make it last over a restart."""
    journal = journal_in(state_folder)
    from nethood.exposure.harden.confirm import confirm as keep
    from nethood.exposure.harden.runner import Machine

    done = keep(journal, Machine(), say=_nothing if as_json else click.echo)
    if as_json:
        click.echo(json.dumps({"confirmed": True, "changed": done}))
    else:
        click.echo("It stays, over a restart too.")
    return 0


@click.command(short_help="Put back what was there before.")
@state_option
@json_option
def undo(state_folder: Path, as_json: bool) -> int:
    """Put back exactly what was there before 'nethood harden apply', byte for byte.

    A file that somebody else changed since keeps that change; only what is ours is taken out.
    """
    journal = journal_in(state_folder)
    from nethood.exposure.harden.runner import Machine
    from nethood.exposure.harden.undo import undo as take_back

    undone = take_back(journal, Machine(), say=_nothing if as_json else click.echo)
    if as_json:
        click.echo(json.dumps({"undone": undone}))
    else:
        click.echo("It is as it was before." if undone else "Nothing is applied here.")
    return 0
