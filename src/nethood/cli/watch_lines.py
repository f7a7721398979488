"""What `nethood watch` prints: a line for each change, each alert, and of itself."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from io import TextIOWrapper
from typing import Any

import click

from nethood.cli import events
from nethood.exposure.watch.events import Outcome, Transition
from nethood.exposure.watch.once import Result
from nethood.exposure.watch.outbox import Due
from nethood.exposure.watch.records import DeliveryState
from nethood.exposure.watch.session import Listener


class Lines:
    """Plain lines with the local time."""

    def listener(self) -> Listener:
        """Return what hears of everything and prints it."""
        return Listener(self.transition, self.delivery, self.notice)

    def transition(self, transition: Transition) -> None:
        """Tell of a change that is stored."""
        subject = transition.subject
        sentence = (
            f"{subject.group}, {subject.host}: {transition.kind}: {transition.observed};"
            f" expected: {subject.expectation}"
        )
        if transition.quiet:
            sentence += f" ({transition.quiet})"
        fields = {
            "kind": transition.kind.value,
            **asdict(subject),
            "since_unix": transition.since_unix,
            "observed": transition.observed,
            "evidence": transition.evidence,
            "quiet": transition.quiet,
        }
        self.say("change", sentence, fields)

    def delivery(self, due: Due, outcome: Outcome, state: DeliveryState) -> None:
        """Tell what became of an alert at a channel."""
        said = "to be tried again" if state is DeliveryState.PENDING else state.value
        why = f": {outcome.why}" if outcome.why else ""
        fields = {"channel": due.channel, "alert_id": due.alert.id, "state": state.value}
        self.say("alert", f"alert to {due.channel} {said}{why}", fields | {"why": outcome.why})

    def notice(self, sentence: str) -> None:
        """Tell of the watcher itself."""
        for line in sentence.splitlines():
            self.say("notice", line, {})

    def tested(self, outcome: Outcome) -> None:
        """Tell what became of a test."""
        why = f": {outcome.why}" if outcome.why else ""
        fields = {"channel": outcome.channel, "result": outcome.fate.value, "why": outcome.why}
        self.say("test", f"test to {outcome.channel}: {outcome.fate}{why}", fields)

    def summary(self, result: Result) -> None:
        """Tell where everything stands after a look at all."""
        tally = result.tally
        counts = {name: getattr(tally, name) for name in tally.__dataclass_fields__}
        told = ", ".join(
            f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count
        )
        self.say("summary", told or "nothing is watched", counts)

    def say(self, kind: str, sentence: str, fields: Mapping[str, Any]) -> None:
        """Print one line."""
        moment = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M:%S")
        click.echo(f"{moment} {events.printable(sentence)}")


class JsonLines(Lines):
    """One JSON object a line."""

    def say(self, kind: str, sentence: str, fields: Mapping[str, Any]) -> None:
        """Print one object."""
        click.echo(events.as_json(kind, sentence, fields))


def make_lines(*, as_json: bool) -> Lines:
    """Return what prints; a reader that is slow gets whole lines."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    return JsonLines() if as_json else Lines()
