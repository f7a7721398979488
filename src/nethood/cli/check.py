"""`nethood check-config`: say what is wrong in a nethood.toml, and start nothing."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(name="check-config")
@click.argument("file", type=click.Path(path_type=Path))
def check_config(file: Path) -> None:
    """Check FILE, a nethood.toml, and print what it would expose.

    Every fault is one line on standard error with the file, the line, the key, and what would
    be right; the exit status is 2 then.
    """
    from nethood.config import build, load

    settings = load(file, needs_shares=False)
    if not (settings.shares or settings.netbios.enabled or settings.wins.enabled):
        load(file)  # says what a file for `nethood serve` has to have
    for sentence in build.exposures(settings):
        click.echo(sentence)
    shares = ", ".join(settings.shares) or "nothing, as `nethood nbt serve` does"
    click.echo(f"{file}: nothing is wrong; it shares {shares}.")
