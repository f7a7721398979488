"""What a dashboard is given of a running watcher: to read, to acknowledge, to look at a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nethood.exposure.model import Answer, HostReport
from nethood.exposure.watch.records import (
    Acknowledgement,
    Change,
    Delivery,
    Deviation,
    HostHistory,
    HostLine,
    Overview,
)

if TYPE_CHECKING:
    from nethood.exposure.watch.policy import Policy

OnAnswer = Callable[[str, Answer[Any]], None]


class WatchView(Protocol):
    """The seam between watcher and dashboard. Nothing here blocks the event loop."""

    @property
    def policy(self) -> Policy:
        """The policy in force; another object after a reload."""

    @property
    def policy_path(self) -> str:
        """Where the policy was read from."""

    async def overview(self) -> Overview:
        """Return everything at a glance; open deviations oldest first."""

    async def hosts(
        self, *, group: str = "", search: str = "", offset: int = 0, limit: int = 100
    ) -> tuple[int, list[HostLine]]:
        """Return how many targets match, and a page of them, the worst first.

        *search* is part of a target's text or name.
        """

    async def host_history(self, target: str, limit: int = 500) -> HostHistory | None:
        """Return all that is stored of a target; None where it isn't watched and never was."""

    async def open_deviations(self) -> list[Deviation]:
        """Return the confirmed deviations that last, oldest first."""

    async def deviation(self, deviation_id: int) -> Deviation | None:
        """Return one deviation, over or not."""

    async def acknowledge(
        self, deviation_id: int, by: str, note: str, until_unix: float | None = None
    ) -> Acknowledgement:
        """Keep a deviation quiet until *until_unix* or its end.

        Raises LocalError with a sentence where there is no such one, or it is over.
        """

    async def withdraw(self, deviation_id: int) -> None:
        """Take an acknowledgement back. Raises LocalError where there is none."""

    async def last_checked(self, target: str) -> float | None:
        """Return when a target was last looked at."""

    async def changes(self, limit: int = 100) -> Sequence[Change]:
        """Return the last changes of all targets, the newest first."""

    async def deliveries(self, limit: int = 100) -> Sequence[Delivery]:
        """Return the last alerts at each channel, the newest first."""

    async def wait_for_news(self, seen: int, timeout_s: float) -> int:
        """Return the number of the last change of what is stored, once it is not *seen*.

        Give 0 to hear the number as it is now; after *timeout_s* it comes back as it was.
        """

    async def examine(self, text: str, on_answer: OnAnswer) -> HostReport:
        """Look at one host in full, now; *on_answer* hears each answer by field or port.

        The policy's pace and its rule of public targets hold. Raises LocalError with a sentence
        for a *text* that is no single target, a name nobody knows, a public address.
        """
