"""Fuzz the decoders: `python -m fuzz [--seconds N] [--seed N] [WORD]...`."""

from __future__ import annotations

import sys
from random import SystemRandom

import click

from fuzz.run import Broken, for_seconds
from fuzz.targets import all_targets


@click.command()
@click.argument("words", nargs=-1)
@click.option("--seconds", default=1.0, show_default=True, help="Time for each decoder.")
@click.option("--seed", type=int, help="Repeat a run; chosen by chance if not given.")
def main(words: tuple[str, ...], seconds: float, seed: int | None) -> None:
    """Throw bytes at every decoder whose name holds one of WORDS, or at all."""
    seed = SystemRandom().randrange(1 << 32) if seed is None else seed
    click.echo(f"seed {seed}")
    broken = 0
    for target in all_targets():
        if words and not any(word in target.name for word in words):
            continue
        try:
            tried, accepted = for_seconds(target, seed, seconds)
        except Broken as finding:
            broken += 1
            click.echo(str(finding))
        else:
            click.echo(f"{target.name}: {tried} inputs, {accepted} accepted")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
