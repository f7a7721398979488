"""`nethood harden`: close ports 137 to 139 and 445, prove it, and take it back."""

from __future__ import annotations

import click

from nethood.cli import LazyGroup


@click.command(
    cls=LazyGroup,
    lazy={
        "plan": ("nethood.cli.harden_plan:plan", "Say what would be closed, and what breaks."),
        "apply": ("nethood.cli.harden_apply:apply", "Do it, and look whether it is so."),
        "confirm": ("nethood.cli.harden_apply:confirm", "Keep what waits to be confirmed."),
        "undo": ("nethood.cli.harden_apply:undo", "Put back what was there before."),
        "verify": ("nethood.cli.harden_state:verify", "Look whether it is still so."),
        "status": ("nethood.cli.harden_state:status", "Say what is applied here."),
    },
)
@click.pass_context
def harden(ctx: click.Context) -> None:
    """Close NetBIOS and SMB to all but those you name; prove it; take it back."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
