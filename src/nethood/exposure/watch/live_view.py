"""The `WatchView` of a running watcher."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from nethood.errors import LocalError
from nethood.exposure.context import ProbeOptions
from nethood.exposure.examine import examine
from nethood.exposure.model import HostReport, Target
from nethood.exposure.network import PacedNetwork
from nethood.exposure.targets import parse_targets
from nethood.exposure.watch import acknowledging, outbox, reading, writing
from nethood.exposure.watch.policy import Policy
from nethood.exposure.watch.records import (
    Acknowledgement,
    Change,
    Delivery,
    DeliveryState,
    Deviation,
    HostHistory,
    HostLine,
    Overview,
)
from nethood.exposure.watch.session import Session
from nethood.exposure.watch.view import OnAnswer

_RECENT_S = 7 * 86400.0


class LiveView:
    """Reads the store of a session and acts through it; *session* gives the one at work."""

    def __init__(self, session: Callable[[], Session]) -> None:
        self._get = session

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self._get().policy

    @property
    def policy_path(self) -> str:
        """Where it was read from."""
        return str(self.policy.path)

    async def overview(self) -> Overview:
        """Return everything at a glance."""
        session = self._get()
        store, quiet, now = session.store, session.watcher.is_quiet, time.time()
        groups = await store.call(reading.group_lines, list(self.policy.groups))
        memory = await store.call(writing.recall)
        delivered = await store.call(outbox.counts, now - _RECENT_S)
        return Overview(
            now_unix=now,
            targets=await store.call(reading.count_targets),
            fine=sum(group.fine for group in groups),
            suspected=await store.call(reading.count_suspected),
            deviating=sum(group.deviating for group in groups),
            acknowledged=await store.call(reading.count_acknowledged),
            unknown=sum(group.unknown for group in groups),
            not_looked_at=sum(group.not_looked_at for group in groups),
            every_s=session.every_s,
            last_round_unix=memory.get("round_unix"),
            watching_unix=memory.get("alive_unix"),
            groups=groups,
            open=await store.call(reading.open_deviations, quiet),
            uncertain=delivered.get(DeliveryState.UNCERTAIN, 0),
            failed=delivered.get(DeliveryState.FAILED, 0),
        )

    async def hosts(
        self, *, group: str = "", search: str = "", offset: int = 0, limit: int = 100
    ) -> tuple[int, list[HostLine]]:
        """Return how many targets match, and a page of them, the worst first."""
        return await self._get().store.call(reading.hosts, group, search, offset, limit)

    async def host_history(self, target: str, limit: int = 500) -> HostHistory | None:
        """Return all that is stored of a target."""
        return await self._get().store.call(reading.host_history, target, limit)

    async def open_deviations(self) -> list[Deviation]:
        """Return the confirmed deviations that last, oldest first."""
        session = self._get()
        return await session.store.call(reading.open_deviations, session.watcher.is_quiet)

    async def deviation(self, deviation_id: int) -> Deviation | None:
        """Return one deviation, over or not."""
        session = self._get()
        return await session.store.call(reading.deviation, deviation_id, session.watcher.is_quiet)

    async def acknowledge(
        self, deviation_id: int, by: str, note: str, until_unix: float | None = None
    ) -> Acknowledgement:
        """Keep a deviation quiet; it is stored when this returns. Raises LocalError, StoreError."""
        session = self._get()
        made = await acknowledging.acknowledge(session.watcher, deviation_id, by, note, until_unix)
        await session.store_all()
        return made

    async def withdraw(self, deviation_id: int) -> None:
        """Take an acknowledgement back. Raises LocalError, StoreError."""
        session = self._get()
        await acknowledging.withdraw(session.watcher, deviation_id)
        await session.store_all()

    async def last_checked(self, target: str) -> float | None:
        """Return when a target was last looked at."""
        return await self._get().store.call(reading.last_checked, target)

    async def changes(self, limit: int = 100) -> Sequence[Change]:
        """Return the last changes of all targets."""
        return await self._get().store.call(reading.changes, limit)

    async def deliveries(self, limit: int = 100) -> Sequence[Delivery]:
        """Return the last alerts at each channel."""
        return await self._get().store.call(outbox.deliveries, limit)

    async def wait_for_news(self, seen: int, timeout_s: float) -> int:
        """Return the number of the last change of what is stored, once it is not *seen*."""
        return await self._get().wait_for_news(seen, timeout_s)

    async def examine(self, text: str, on_answer: OnAnswer) -> HostReport:
        """Look at one host in full, now."""
        session, policy = self._get(), self.policy
        target = await asyncio.to_thread(one_target, text, public=policy.public)
        options = ProbeOptions(timeout_s=policy.timeout_s)
        network = PacedNetwork(session.pacer)
        return await examine(target, network, options, on_answer=on_answer)


def one_target(text: str, *, public: bool) -> Target:
    """Return the one host *text* names, the first address of a name. Raises LocalError."""
    if text.lstrip().startswith("@"):
        raise LocalError("name one host here, not a file of them")
    try:
        found = parse_targets([text.strip()], public=public)
    except LocalError as error:
        sentence = str(error).replace("--public", "public = true in the policy")
        raise LocalError(sentence) from error
    if len(found) > 1 and not found.names:
        raise LocalError(f"{text.strip()!r} is {len(found):,} hosts; name one of them")
    return found[0]
