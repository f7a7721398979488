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

    settings = load(file)
    for sentence in build.exposures(settings):
        click.echo(sentence)
    click.echo(f"{file}: nothing is wrong; it shares {', '.join(settings.shares)}.")
