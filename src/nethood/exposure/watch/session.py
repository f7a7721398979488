"""The watcher at work on one policy, from the reading of its targets to its end.

Looks, the store, alerts and time each have a task; a reload of the policy ends the session and
begins another on the same store.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nethood.exposure.context import ProbeOptions
from nethood.exposure.model import HostReport
from nethood.exposure.pace import Pacer
from nethood.exposure.watch import acknowledging, expect, outbox, reading, syncing, writing
from nethood.exposure.watch.alerts.render import heartbeat_alert
from nethood.exposure.watch.database import StoreError
from nethood.exposure.watch.deliver import Channel, Deliverer
from nethood.exposure.watch.events import Outcome, Tally, Transition
from nethood.exposure.watch.look import Looker, LookOptions
from nethood.exposure.watch.maintenance import heartbeat_due
from nethood.exposure.watch.metrics import Metrics
from nethood.exposure.watch.policy import Policy
from nethood.exposure.watch.records import Delivery, DeliveryState
from nethood.exposure.watch.scheduler import Scheduler, most_per_s
from nethood.exposure.watch.store import Store
from nethood.exposure.watch.timetable import Timetable
from nethood.exposure.watch.watched import Watchlist
from nethood.exposure.watch.watcher import MOST_UNSTORED, Watcher, standing

FLUSH_S = 2.0
ALIVE_S = 30.0
PRUNE_S = 3600.0
CHECKED_NEWS_S = 20.0
"""How often it is news that targets were looked at and nothing changed."""
MOST_IN_FLIGHT = 2000

_CLOCK_S = 1.0
_RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
_LEAST_PACKETS = 200.0
_MOST_PACKETS = 20_000.0
_MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Listener:
    """Who hears what happens, once it is stored."""

    transition: Callable[[Transition], None]
    delivery: Callable[[outbox.Due, Outcome, DeliveryState], None]
    notice: Callable[[str], None]
    """A sentence on the watcher itself: the store is gone, and is there again."""


class Session:
    """One policy at work. `open` it, `run` it, and `end` it."""

    def __init__(
        self,
        policy: Policy,
        watchlist: Watchlist,
        store: Store,
        channels: Mapping[str, Channel],
        listener: Listener,
        metrics: Metrics,
    ) -> None:
        self.policy = policy
        self.watchlist = watchlist
        self.store = store
        self.metrics = metrics
        self.watcher: Watcher
        self.pacer = Pacer(policy.rate or packet_rate(watchlist))
        self._channels = channels
        self._listener = listener
        self._looker: Looker
        self._timetable: Timetable
        self._heartbeat_unix = 0.0
        self._stored = asyncio.Event()
        self.news = 0
        self._news_s = 0.0

    async def open(self) -> None:
        """Bring the store in line with the policy. Raises StoreError, ConnectError."""
        now = time.time()
        ids, tracked = await self.store.call(syncing.sync, self.watchlist.wanted(), now)
        self.watchlist.remember(ids, tracked)
        await self.store.call(outbox.drop_channels, list(self._channels), now)
        memory = await self.store.call(writing.recall)
        self._heartbeat_unix = float(memory.get("heartbeat_unix", now))
        self.watcher = Watcher(self.policy, self.watchlist, self.store, self._listener.transition)
        self.watcher.remember(
            heartbeat_unix=self._heartbeat_unix, alive_unix=now, every_s=self.every_s
        )
        await self.watcher.flush()
        self._looker = Looker(look_options(self.policy), self.pacer, self._looked)
        self.deliverer = Deliverer(self.store, self._channels, self._delivered)

    @property
    def every_s(self) -> float:
        """The shortest interval of any group."""
        return min(group.every_s for group in self.policy.groups.values())

    async def run(self) -> None:
        """Watch until cancelled, then store what is known and let what is being sent be sent."""
        periods = [one.duty.period_s for one in self.watchlist.targets]
        self._timetable = Timetable(periods, time.monotonic(), random.random)
        scheduler = Scheduler(self._timetable, most_per_s(periods), self._begin, self._room)
        self.metrics.watch(self, scheduler)
        delivering = asyncio.create_task(self.deliverer.run())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._looker.run())
                group.create_task(scheduler.run())
                group.create_task(self._store_now_and_then())
                group.create_task(self._keep_time())
        finally:
            self.deliverer.end()
            with contextlib.suppress(StoreError):
                await self.watcher.flush()
            await delivering

    async def look_once(self, targets: list[int]) -> dict[int, float]:
        """Look at *targets*; return those with a second look to come, and when."""
        again: dict[int, float] = {}
        left = set(targets)
        done = asyncio.Event()

        def looked(index: int, report: HostReport) -> None:
            due = self._take(index, report)
            if due is not None:
                again[index] = due
            left.discard(index)
            if not left:
                done.set()

        looker = Looker(look_options(self.policy), self.pacer, looked)
        looking = asyncio.create_task(looker.run())
        try:
            for index in targets:
                one = self.watchlist.targets[index]
                looker.begin(index, one.target, one.duty.needs)
            await done.wait()
        finally:
            looking.cancel()
            await asyncio.wait({looking})
        return again

    async def store_all(self) -> None:
        """Store what waits and let it be told. Raises StoreError."""
        has_news = self.watcher.has_news
        await self.watcher.flush()
        if has_news or time.monotonic() - self._news_s >= CHECKED_NEWS_S:
            self._announce()
            self.deliverer.wake()

    def _announce(self) -> None:
        """Let those hear who wait for news."""
        self.news += 1
        self._news_s = time.monotonic()
        self._stored.set()
        self._stored = asyncio.Event()

    async def wait_for_news(self, seen: int, timeout_s: float) -> int:
        """Return the number of the last change, once it is not *seen*; see `WatchView`."""
        if self.news == seen:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._stored.wait()
        return self.news

    def _begin(self, index: int) -> None:
        one = self.watchlist.targets[index]
        self._looker.begin(index, one.target, one.duty.needs)

    def _room(self) -> int:
        """Return how many looks may begin: none while the store does not keep up."""
        if self.watcher.unstored > MOST_UNSTORED:
            return 0
        return MOST_IN_FLIGHT - self._looker.in_flight

    @property
    def in_flight(self) -> int:
        """How many targets are being looked at."""
        return self._looker.in_flight

    def _looked(self, index: int, report: HostReport) -> None:
        again = self._take(index, report)
        now = time.monotonic()
        if again is None:
            self._timetable.looked_at(index, now)
        else:
            self._timetable.again_at(index, now + max(again - time.time(), 0.0))

    def _take(self, index: int, report: HostReport) -> float | None:
        self.metrics.looked(report.ended_unix - report.started_unix)
        return self.watcher.take(index, report, time.time())

    def _delivered(self, due: outbox.Due, outcome: Outcome, state: DeliveryState) -> None:
        self.metrics.delivered(due.channel, outcome)
        self._listener.delivery(due, outcome, state)
        self._announce()

    async def _store_now_and_then(self) -> None:
        """Store what people are to hear of at once, and the rest every few seconds."""
        failures = 0
        while True:
            wait_s = FLUSH_S if not failures else _RETRY_S[min(failures, len(_RETRY_S)) - 1]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await (asyncio.sleep(wait_s) if failures else self.watcher.changed.wait())
            self.watcher.changed.clear()
            try:
                await self.store_all()
            except StoreError as error:
                failures += 1
                if failures == 1:
                    self._listener.notice(f"{error}; trying again")
                continue
            if failures:
                self._listener.notice(f"{self.store.where} can be written again")
            failures = 0

    async def _keep_time(self) -> None:
        """Let time end what it ends, and say now and then that the watcher lives."""
        ticks = 0
        while True:
            now = time.time()
            self.watcher.let_time_pass(now)
            with contextlib.suppress(StoreError):
                await acknowledging.take_requests(self.watcher, self._listener.notice)
                if await self.store.call(outbox.release_held, self.policy.flood, now):
                    self.deliverer.wake()
                await self.beat(now)
                if ticks % PRUNE_S == 0:
                    await self.store.call(writing.prune, now - self.policy.state.keep_s)
            if ticks % ALIVE_S == 0:
                self.watcher.remember(alive_unix=now)
            ticks += 1
            await asyncio.sleep(_CLOCK_S)

    async def beat(self, now: float) -> None:
        """Say that the watcher lives, and what is not as it should be, where it is time for that.

        Raises StoreError.
        """
        if not heartbeat_due(self.policy.heartbeat, self._heartbeat_unix, now):
            return
        tell = tuple(name for name in self.policy.heartbeat_tell if name in self._channels)
        self._heartbeat_unix = now
        if not tell:
            self.watcher.remember(heartbeat_unix=now)
            return
        deviations = await self.store.call(
            reading.open_deviations, self.watcher.is_quiet, _MOST_LINES
        )
        sent = await self.store.call(outbox.deliveries, 1000)
        memory = await self.store.call(writing.recall)
        alert = heartbeat_alert(
            self.tally(),
            now,
            memory.get("round_unix"),
            tell,
            [f"{one.name or one.target}: {one.observed}" for one in deviations],
            [_line(one) for one in sent if _is_uncertain(one, now)][:_MOST_LINES],
            self.policy.zone,
        )
        self.watcher.post(alert, heartbeat_unix=now)

    def tally(self) -> Tally:
        """Count where everything stands."""
        counts = standing(self.watchlist, self.watcher.is_quiet)
        return Tally(
            as_expected=counts["fine"] + counts["suspected"],
            deviating=counts["deviating"],
            acknowledged=counts["acknowledged"],
            in_maintenance=counts["in maintenance"],
            unknown=counts["unknown"] + counts["new"],
        )


def _line(delivery: Delivery) -> str:
    return f"{delivery.sentence} ({delivery.channel})"


def _is_uncertain(delivery: Delivery, now: float) -> bool:
    return delivery.state is DeliveryState.UNCERTAIN and now - delivery.made_unix < 7 * 86400


def packet_rate(watchlist: Watchlist) -> float:
    """Return how many packets a second are the most: twice what all looks take at their worst."""
    duties = (one.duty for one in watchlist.targets)
    ordinary = sum(duty.packets / duty.period_s for duty in duties)
    return min(max(_LEAST_PACKETS, 2 * ordinary), _MOST_PACKETS)


def look_options(policy: Policy) -> LookOptions:
    """Return how patient the looks of *policy* are."""
    guest = expect.wants_guest(policy.expectations.values())
    return LookOptions(probes=ProbeOptions(timeout_s=policy.timeout_s, guest=guest))
