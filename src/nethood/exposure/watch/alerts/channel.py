"""What every channel is: a name, and a way to send one alert that tells what became of it."""

from __future__ import annotations

from typing import Protocol

from nethood.exposure.watch.events import Alert, Fate, Outcome


class Channel(Protocol):
    """A way to tell people. It raises nothing that its peer can cause."""

    @property
    def name(self) -> str:
        """Its name in the policy."""

    @property
    def kind(self) -> str:
        """ "webhook", "smtp", "syslog" or "command"."""

    async def send(self, alert: Alert) -> Outcome:
        """Send one alert, once."""


def outcome(channel: Channel, alert: Alert, fate: Fate, why: str = "") -> Outcome:
    """Return what became of *alert*."""
    return Outcome(channel.name, alert.id, fate, why)
