"""How `nethood serve` speaks: JSON lines for scripts, plain lines for logs, a live view for people.

Every face has the same four calls; the server's events may come from the first moment on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import click

from nethood.cli import events, mounts

if TYPE_CHECKING:
    from nethood.server import Event, Server

GOODBYE = "stopping: what is being written is finished, nothing new is taken"


@dataclass(slots=True)
class Welcome:
    """What to tell the person when the server is up."""

    targets: list[mounts.Target]
    user: str
    password: str | None = None
    """Generated for this run; None where the person already knows it."""
    notes: list[str] = field(default_factory=list)


class Face(Protocol):
    """What `nethood serve` needs of its way to speak."""

    def event(self, event: Event) -> None:
        """Tell of something that happened."""

    def welcome(self, welcome: Welcome) -> None:
        """Tell that the server is up, and how to reach it."""

    async def watch(self, server: Server, stop: asyncio.Event) -> None:
        """Return when *stop* is set."""

    def goodbye(self) -> None:
        """Tell that the server drains."""


class JsonFace:
    """One JSON object a line on standard output, and nothing else there."""

    def event(self, event: Event) -> None:
        self._say(event.kind, event.sentence, event.fields)

    def welcome(self, welcome: Welcome) -> None:
        for note in welcome.notes:
            self._say("note", note, {})
        fields: dict[str, Any] = {"user": welcome.user}
        if welcome.password is not None:
            fields["password"] = welcome.password
        fields["shares"] = [target.share for target in welcome.targets]
        self._say("ready", "the shares can be mounted", fields)

    async def watch(self, server: Server, stop: asyncio.Event) -> None:
        await stop.wait()

    def goodbye(self) -> None:
        self._say("stopping", GOODBYE, {})

    def _say(self, kind: str, sentence: str, fields: Mapping[str, Any]) -> None:
        click.echo(events.as_json(kind, sentence, fields))


class PlainFace:
    """Lines of text, for a log or a pipe."""

    def event(self, event: Event) -> None:
        if event.kind != "listening":
            click.echo(events.printable(event.sentence))

    def welcome(self, welcome: Welcome) -> None:
        for line in welcome_lines(welcome):
            click.echo(line)

    async def watch(self, server: Server, stop: asyncio.Event) -> None:
        await stop.wait()

    def goodbye(self) -> None:
        click.echo(GOODBYE)


def welcome_lines(welcome: Welcome) -> list[str]:
    """Return what a person reads when the server is up."""
    lines = list(welcome.notes)
    who = f"User {welcome.user}"
    if welcome.password is not None:
        who += f", password {welcome.password} (made for this run, shown only now)"
    lines.append(who)
    for target in welcome.targets:
        lines += ["", f"Share {target.share}:"]
        lines += [f"  {system + ':':<11}{command}" for system, command in mounts.lines(target)]
    remarks = dict.fromkeys(mounts.remark(target) for target in welcome.targets)
    lines += ["", *(remark for remark in remarks if remark)]
    return [*lines, "Stop with Ctrl-C."]
