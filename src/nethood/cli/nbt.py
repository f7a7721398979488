"""`nethood nbt`: questions to the NetBIOS name services of others."""

from __future__ import annotations

import click

from nethood.cli import LazyGroup


@click.command(
    cls=LazyGroup,
    lazy={
        "query": ("nethood.cli.nbt_ask:query", "Ask where a NetBIOS name is."),
        "status": ("nethood.cli.nbt_ask:status", "Ask hosts for their table of names."),
        "reverse": ("nethood.cli.nbt_ask:reverse", "Ask an address for its name."),
        "register": ("nethood.cli.nbt_register:register", "Claim a NetBIOS name."),
        "release": ("nethood.cli.nbt_register:release", "Give a NetBIOS name up."),
        "listen": ("nethood.cli.nbt_listen:listen", "Show the NetBIOS packets that pass."),
        "serve": ("nethood.cli.nbt_serve:serve", "Be a NetBIOS host, browser or name server."),
        "sweep": ("nethood.cli.nbt_sweep:sweep", "Ask whole networks for their names."),
    },
)
@click.pass_context
def nbt(ctx: click.Context) -> None:
    """NetBIOS: ask who has a name and which names a host has, or be a host yourself."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
