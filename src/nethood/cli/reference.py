"""The command reference, docs/commands.md, made from the commands' own --help.

`python -m nethood.cli.reference` prints it; `make docs` writes it; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from nethood.cli import nethood

_HEAD = """# Commands

Made from `--help` by `make docs`; a test fails when the two differ.
"""
WIDTH = 90


def render() -> str:
    """Return the text of docs/commands.md."""
    sections = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in pages(nethood, "nethood")]
    return "\n".join([_HEAD, *sections])


def pages(
    command: click.Command, name: str, parent: click.Context | None = None
) -> Iterator[tuple[str, str]]:
    """Walk *command* and everything below it: (full name, help text)."""
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    context.terminal_width = WIDTH
    context.help_option_names = ["-h", "--help"]
    yield name, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from pages(found, f"{name} {child}", context)


if __name__ == "__main__":
    click.echo(render(), nl=False)
