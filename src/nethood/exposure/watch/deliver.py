"""The alerts on their way: one after the other at each channel, marked before and after.

What the process was sending when it was killed stays marked as being sent; the next start finds
it so, see outbox.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from nethood.exposure.watch import outbox
from nethood.exposure.watch.database import StoreError
from nethood.exposure.watch.events import Alert, Outcome
from nethood.exposure.watch.records import DeliveryState
from nethood.exposure.watch.store import Store

LONGEST_WAIT_S = 30.0
_STORE_AGAIN_S = 2.0


class Channel(Protocol):
    """A way to people."""

    async def send(self, alert: Alert) -> Outcome:
        """Deliver *alert* once; whatever goes wrong is in the outcome."""


OnDelivery = Callable[[outbox.Due, Outcome, DeliveryState], None]


class Deliverer:
    """Delivers what the outbox has."""

    def __init__(
        self, store: Store, channels: Mapping[str, Channel], on_delivery: OnDelivery
    ) -> None:
        """*on_delivery* hears what became of each try once it is stored."""
        self._store = store
        self._channels = channels
        self._on_delivery = on_delivery
        self._news = {name: asyncio.Event() for name in channels}
        self._ending = False

    def wake(self) -> None:
        """Look into the outbox now."""
        for event in self._news.values():
            event.set()

    def end(self) -> None:
        """Let `run` return when what is being sent has been."""
        self._ending = True
        self.wake()

    async def run(self) -> None:
        """Deliver until `end`."""
        async with asyncio.TaskGroup() as group:
            for name in self._channels:
                group.create_task(self._serve(name))

    async def drain(self) -> None:
        """Try once to deliver everything that is due now."""
        for name in self._channels:
            while await self._deliver_next(name):
                pass

    async def _serve(self, name: str) -> None:
        news = self._news[name]
        while not self._ending:
            news.clear()
            try:
                while not self._ending and await self._deliver_next(name):
                    pass
                due = await self._store.call(outbox.next_due, name)
            except StoreError:
                due = time.time() + _STORE_AGAIN_S
            wait_s = LONGEST_WAIT_S if due is None else due - time.time()
            await _wait(news, min(max(wait_s, 0.0), LONGEST_WAIT_S))

    async def _deliver_next(self, name: str) -> bool:
        """Deliver the next alert of a channel; return whether there was one."""
        due = await self._store.call(outbox.begin_due, name, time.time())
        if due is None:
            return False
        outcome = await self._channels[name].send(due.alert)
        state = await self._finish(due, outcome)
        self._on_delivery(due, outcome, state)
        return True

    async def _finish(self, due: outbox.Due, outcome: Outcome) -> DeliveryState:
        """Store what became of it, however long the store takes to be there again."""
        while True:
            try:
                return await self._store.call(outbox.finish, due, outcome, time.time())
            except StoreError:
                await asyncio.sleep(_STORE_AGAIN_S)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        pass
