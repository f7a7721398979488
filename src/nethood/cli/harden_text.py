"""A hardening plan in words, for a terminal: what, why, what breaks, what is typed, its undo."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator

import click

from nethood.cli.events import printable
from nethood.exposure.harden.model import (
    APPLIED_HERE,
    Check,
    Client,
    Command,
    Kind,
    Plan,
    Platform,
    Step,
)

WIDTH = 88
_WAYS = {
    Kind.POWERSHELL: "In PowerShell, started as administrator:",
    Kind.CMD: "In cmd.exe, started as administrator:",
    Kind.REGISTRY: "As a .reg file:",
    Kind.SHELL: "In a shell:",
}
_ALTERNATIVES = (Platform.WINDOWS, Platform.WINDOWS_FIREWALL)
"""Their steps give one thing in several ways; elsewhere the commands follow each other."""


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield what is printed of a plan; colours are click's, which leaves them out in pipes."""
    yield from _head(plan)
    for number, step in enumerate(plan.steps, 1):
        yield ""
        yield from _step(step, f"Step {number} of {len(plan.steps)}")
    yield ""
    yield from _wrapped(_last_words(plan))


def _head(plan: Plan) -> Iterator[str]:
    names = ", ".join(plan.platforms)
    yield click.style(f"Plan for {printable(plan.host) or 'this machine'}: {names}", bold=True)
    if plan.closes:
        yield from _wrapped(f"Closes {', '.join(plan.closes)} to {_all_but(plan.allow)}.")
    yield from _list("What it costs:", plan.breaks)
    fates = plan.closes != []
    seen = [client_line(one, is_judged=fates) for one in plan.clients]
    yield from _list("Seen using these ports:", seen)
    yield from _list("Notes:", plan.notes)


def _all_but(allow: list[str]) -> str:
    return f"everybody but {', '.join(allow)}" if allow else "everybody"


def client_line(client: Client, *, is_judged: bool) -> str:
    """Return one client in a line: who, where seen, and, of a firewall, what becomes of it."""
    fate = "stays let in" if client.allowed else "is shut out"
    line = f"{client.address}, port {client.port} ({client.seen_by})"
    return printable(f"{line}: {fate}" if is_judged else line)


def _last_words(plan: Plan) -> str:
    if all(platform in APPLIED_HERE for platform in plan.platforms):
        return "Nothing is changed yet: nethood harden apply does it, as root."
    return "Nothing is changed: this is to be typed where it is meant for."


def _step(step: Step, number: str) -> Iterator[str]:
    yield click.style(f"{number}: {step.title}", bold=True) + f" ({step.id})"
    yield from _wrapped(f"Why: {step.why}", "  ")
    yield from _list("  What breaks:", step.breaks, "  ")
    yield from _list("  To know first:", step.notes, "  ")
    yield from _commands(step, "Do", step.commands)
    yield from _commands(step, "Undo", step.undo)
    yield from _list("  How to see that it is done:", [_check(one) for one in step.verify], "  ")


def _check(check: Check) -> str:
    return f"{check.text} ({shlex.join(check.argv)})" if check.argv else check.text


def _commands(step: Step, what: str, commands: list[Command]) -> Iterator[str]:
    if not commands:
        return
    several = step.platform in _ALTERNATIVES and len(commands) > 1
    yield f"  {what}, in one of these ways:" if several else f"  {what}:"
    contents = {command.content for command in commands if command.content}
    for command in commands:
        if command.stdin in contents:
            yield f"    {shlex.join(command.argv)}    with the new file, below, as its input"
            continue
        for line in command_lines(command):
            yield f"    {line}".rstrip()


def command_lines(command: Command) -> Iterator[str]:
    """Yield a command as a person gives it: typed, put into a file, or read."""
    match command.kind:
        case Kind.ARGV:
            yield from _typed(command)
        case Kind.FILE if command.inserted:
            yield f"Put into {command.path}:"
            for text in command.inserted:
                yield from _text(text)
        case Kind.FILE:
            yield f"Make this the file {command.path} (mode {command.mode:04o}):"
            yield from _text(command.content)
        case Kind.LINK:
            yield shlex.join(["ln", "-sfn", command.content, command.path])
        case Kind.TEXT:
            yield from (printable(line) for line in command.text.rstrip("\n").split("\n"))
        case kind:
            yield _WAYS[kind]
            yield from _text(command.text)


def _typed(command: Command) -> Iterator[str]:
    line = printable(shlex.join(command.argv))
    if not command.stdin:
        yield line
        return
    yield f"{line}    with this as its input:"
    yield from _text(command.stdin)


def _text(text: str) -> Iterator[str]:
    for line in text.strip("\n").split("\n"):
        yield f"    {printable(line.replace(chr(9), '        '))}".rstrip()


def _list(title: str, items: list[str], indent: str = "") -> Iterator[str]:
    if not items:
        return
    yield title
    for item in items:
        yield from textwrap.wrap(
            item,
            WIDTH,
            initial_indent=f"{indent}  - ",
            subsequent_indent=f"{indent}    ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
