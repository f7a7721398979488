"""`nethood harden plan`, and the plan that `apply` makes where it is given none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from nethood.exposure.harden.model import Client, Plan

PLATFORMS = (
    "ufw",
    "firewalld",
    "nftables",
    "iptables",
    "windows-firewall",
    "windows",
    "samba",
    "pf",
)
_Function = TypeVar("_Function", bound=Callable[..., Any])


def allow_option(function: _Function) -> _Function:
    """Add --allow to a command."""
    return click.option(
        "--allow",
        multiple=True,
        metavar="NETWORK",
        help="Who may still come in, as 10.0.0.0/8 or an address; may be given again.",
    )(function)


def platform_option(function: _Function) -> _Function:
    """Add --platform to a command."""
    return click.option(
        "--platform",
        "platforms",
        multiple=True,
        type=click.Choice(PLATFORMS),
        help="For this firewall or system; may be given again. Without it: the firewall that is"
        " in use here.",
    )(function)


@click.command(short_help="Say what would be closed, and what breaks.")
@allow_option
@platform_option
@click.option(
    "--seen",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Name the clients in FILE, written by 'nethood serve --json', beside those connected now.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write it to FILE.")
def plan(
    allow: Sequence[str],
    platforms: Sequence[str],
    seen: Path | None,
    as_json: bool,
    out: Path | None,
) -> None:
    """Say what would be closed, what breaks by it, and the exact commands, in order.

    Nothing is changed. A plan for another system than this one is for printing: type there what
    it says. FILE is for 'nethood harden apply FILE' and for the watcher.
    """
    from nethood.cli.harden_seen import read_seen
    from nethood.exposure.harden.model import plan_to_json

    made = make(allow, platforms, read_seen(seen) if seen is not None else ())
    if out is not None:
        write_plan(out, plan_to_json(made))
    if as_json:
        click.echo(plan_to_json(made), nl=False)
    elif out is not None:
        click.echo(f"The plan is in {out}: {len(made.steps)} steps; nothing is changed yet.")
    else:
        show(made)


def make(allow: Sequence[str], platforms: Sequence[str], seen: Sequence[Client] = ()) -> Plan:
    """Make a plan from the options. Raises LocalError."""
    import time

    from nethood.exposure.harden.facts import gather_facts
    from nethood.exposure.harden.model import Platform, parse_network
    from nethood.exposure.harden.plan import make_plan
    from nethood.exposure.harden.runner import Machine

    networks = [parse_network(text) for text in allow]
    for network in networks:
        if not network.prefixlen:
            raise click.UsageError(
                f"--allow {network} is everybody: nothing would be closed; name your network"
            )
    chosen = [Platform(name) for name in platforms]
    facts = gather_facts(Machine(), seen, chosen)
    return make_plan(facts, networks, chosen, made_unix=time.time())


def show(plan: Plan) -> None:
    """Print a plan in words."""
    from nethood.cli.harden_text import plan_lines

    for line in plan_lines(plan):
        click.echo(line)


def write_plan(path: Path, text: str) -> None:
    """Write a plan to *path*. Raises LocalError."""
    from nethood.errors import LocalError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LocalError(f"{path} can't be written: {error.strerror}") from None


def read_plan(path: Path) -> Plan:
    """Read the plan *path* holds. Raises LocalError."""
    from nethood.errors import LocalError
    from nethood.exposure.harden.model import plan_from_json

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise LocalError(f"the plan {path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LocalError(f"{path} is no plan: it is not text") from None
    try:
        return plan_from_json(text)
    except LocalError as error:
        raise LocalError(f"{path} is {error}") from None
