"""The command `nethood`: what it is called, what it can do, and how it fails.

A command's module is imported when that command runs, so that `nethood --help` is instant.
Bad input is one sentence on standard error and exit status 2; what fails later is status 1.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from nethood import __version__
from nethood.errors import ConfigError, Error, LocalError

HELP_NAMES = ["-h", "--help"]
CLOSED_PIPE = 141
"""What a shell says of a program that SIGPIPE ended: a reader like `head` has had enough."""
CONTEXT = {"help_option_names": HELP_NAMES, "max_content_width": 100}


class LazyGroup(click.Group):
    """A group whose commands are named, with their one-line help, before they are imported."""

    def __init__(self, *args: Any, lazy: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        """*lazy* maps a command's name to its "module:attribute" and its one line of help."""
        super().__init__(*args, **kwargs)
        self.invoke_without_command = True
        self.no_args_is_help = False
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return None
        module, _, attribute = self.lazy[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.lazy and not args[0].startswith("-"):
            raise click.UsageError(unknown(args[0], "command", self.lazy))
        return super().resolve_command(ctx, args)


def unknown(given: str, what: str, known: Sequence[str] | dict[str, Any]) -> str:
    """Return the sentence for a word that is not one of *known*."""
    from difflib import get_close_matches

    close = get_close_matches(given, list(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}."
    return f"{given!r} is no {what}; {hint}"


@click.command(
    cls=LazyGroup,
    context_settings=CONTEXT,
    lazy={
        "serve": ("nethood.cli.serve:serve", "Share a folder with Windows, macOS and Linux."),
        "user": ("nethood.cli.user:user", "Keep the people who may log in."),
        "nbt": ("nethood.cli.nbt:nbt", "Ask NetBIOS name services, one host or whole networks."),
        "browse": ("nethood.cli.browse:browse", "List the hosts that announce themselves."),
        "canary": ("nethood.cli.canary:canary", "Find who answers for names that do not exist."),
        "scan": ("nethood.cli.scan:scan", "Find what is exposed in whole networks."),
        "ping": ("nethood.cli.ping:ping", "Find out whether a port is open, and how far away."),
        "check": ("nethood.cli.check_host:check", "Look at one host in depth, and how to fix it."),
        "watch": ("nethood.cli.watch:watch", "Watch that the ports stay closed; tell when not."),
        "findings": ("nethood.cli.findings:findings", "Explain what the scanner finds."),
        "local": ("nethood.cli.local:local", "Show what this machine has open, and to whom."),
        "harden": ("nethood.cli.harden:harden", "Close NetBIOS and SMB, prove it, undo it."),
        "check-config": ("nethood.cli.check:check_config", "Say what is wrong in a nethood.toml."),
    },
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def nethood(ctx: click.Context) -> None:
    """The Windows network neighbourhood: share folders that every system can mount, find what a
    network exposes, close it, and watch that it stays closed.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with *arguments* (those of the process if None); return its exit status."""
    try:
        result = nethood.main(
            None if arguments is None else list(arguments),
            prog_name="nethood",
            standalone_mode=False,
            color=False if os.environ.get("NO_COLOR") else None,
        )
    except SystemExit:
        return CLOSED_PIPE  # what click makes of EPIPE, and of nothing else; no command exits
    except click.exceptions.Abort:
        return _complain("interrupted.", 130)
    except click.ClickException as error:
        return _complain(_sentence(error), 2)
    except (ConfigError, LocalError) as error:
        return _complain(str(error), 2)
    except Error as error:
        return _complain(str(error), 1)
    except OSError as error:
        parts = (error.filename, error.strerror)
        return _complain(": ".join(str(part) for part in parts if part) or str(error), 1)
    return result if isinstance(result, int) else 0


def main() -> None:
    """Run the command and leave the process with its exit status."""
    sys.exit(run())


def _complain(sentence: str, status: int) -> int:
    for line in sentence.splitlines():
        click.echo(f"nethood: {line}", err=True)
    return status


def _sentence(error: click.ClickException) -> str:
    text = " ".join(error.format_message().split())
    if isinstance(error, click.BadOptionUsage) and text.endswith("requires an argument."):
        text = f"{text.rstrip('.')}; --help says which"
    context = getattr(error, "ctx", None)
    if context is None:
        return text
    text = text.rstrip(".")
    return f"{text if text.endswith('?') else text + '.'} Try '{context.command_path} --help'."
