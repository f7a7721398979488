"""All targets looked at once, suspicions a second time: for cron, with the state kept between."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace

from nethood.exposure.watch import acknowledging, outbox
from nethood.exposure.watch.daemon import Plan
from nethood.exposure.watch.events import Tally
from nethood.exposure.watch.harden_verdict import harden_verdicts
from nethood.exposure.watch.metrics import Metrics
from nethood.exposure.watch.session import Listener, Session
from nethood.exposure.watch.store import Store

_CONFIRMING_LOOKS = 3
"""How often what is seen now may differ from what was seen a moment ago, and be looked at again."""


@dataclass(frozen=True, slots=True)
class Result:
    """Where everything stands after the look; *suspected* are not confirmed yet."""

    tally: Tally
    suspected: int

    @property
    def status(self) -> int:
        """The exit status: 0 as it should be, 1 deviations, 3 something could not be checked.

        What is acknowledged, or deviates in maintenance, is as somebody wants it.
        """
        if self.tally.deviating:
            return 1
        return 3 if self.tally.unknown else 0


async def watch_once(plan: Plan, store: Store, listener: Listener) -> Result:
    """Look at everything, store and tell what changed. Raises StoreError, ConnectError."""
    now = time.time()
    await store.call(outbox.end_interrupted, now)
    session = Session(plan.policy, plan.watchlist, store, plan.channels, listener, Metrics())
    await session.open()
    await acknowledging.take_requests(session.watcher, listener.notice)
    session.watcher.let_time_pass(now)
    session.watcher.harden = await asyncio.to_thread(harden_verdicts, plan.policy)
    again = await session.look_once(list(range(len(plan.watchlist.targets))))
    for _ in range(_CONFIRMING_LOOKS):
        if not again:
            break
        await session.store_all()
        await asyncio.sleep(max(max(again.values()) - time.time(), 0.0))
        again = await session.look_once(sorted(again))
    await session.beat(time.time())
    await session.store_all()
    # There is no later to wait for: what is held goes out as a summary now.
    await store.call(outbox.release_held, replace(plan.policy.flood, within_s=0), time.time())
    await session.deliverer.drain()
    return Result(session.tally(), len(again))
