"""What a look means: judged, taken into the state machine, stored, and only then told.

In memory is what holds after every look so far; what of it is not stored yet waits here in its
order. Nothing leaves for people before the store has it, so a kill loses nothing that was told.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from nethood.exposure.model import HostReport
from nethood.exposure.watch import schema, writing
from nethood.exposure.watch.checks import HardenCheck, PortCheck
from nethood.exposure.watch.database import upsert
from nethood.exposure.watch.events import Alert, Transition, TransitionKind, Verdict
from nethood.exposure.watch.expect import judge_expectations
from nethood.exposure.watch.machine import Step, step_look, step_time
from nethood.exposure.watch.maintenance import in_maintenance
from nethood.exposure.watch.outbox import put
from nethood.exposure.watch.policy import FloodLimits, Policy
from nethood.exposure.watch.report_text import report_to_json
from nethood.exposure.watch.store import Store
from nethood.exposure.watch.tracked import NEW_TRACKED, State, Tracked
from nethood.exposure.watch.watched import Watched, Watchlist
from nethood.exposure.watch.writing import Stored
from nethood.net.facing import source_address

MOST_UNSTORED = 20_000
"""How many steps may wait for the store before no more looks begin."""

Tell = Callable[[Transition], None]
_REPORTED = frozenset(TransitionKind) - {
    TransitionKind.ACKNOWLEDGED,
    TransitionKind.ACKNOWLEDGEMENT_ENDED,
}


@dataclass(slots=True)
class Batch:
    """What is stored at once, and never twice."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    steps: list[Stored] = field(default_factory=list)
    checked: dict[int, float] = field(default_factory=dict)
    reports: dict[int, tuple[float, HostReport]] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    remembered: dict[str, object] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.steps or self.checked or self.alerts or self.remembered)


def write_batch(connection: Connection, batch: Batch, limits: FloodLimits, now: float) -> None:
    """Store everything of *batch* or nothing; one that is stored already is left out."""
    if not writing.is_new_batch(connection, batch.id):
        return
    writing.write_steps(connection, batch.steps, limits, now)
    put(connection, batch.alerts, limits, now)
    writing.note_checked(connection, batch.checked)
    rows = [
        {"target_id": target_id, "at_unix": at, "report": report_to_json(report)}
        for target_id, (at, report) in batch.reports.items()
    ]
    upsert(connection, schema.report, rows)
    writing.remember(connection, **batch.remembered)


class Watcher:
    """The targets of one policy, and what becomes of the looks at them."""

    def __init__(self, policy: Policy, watchlist: Watchlist, store: Store, tell: Tell) -> None:
        """*tell* hears of every transition once it is stored, but for first looks as expected."""
        self.policy = policy
        self.watchlist = watchlist
        self.store = store
        self.changed = asyncio.Event()
        """Set where something waits that people are to hear of."""
        self.harden: dict[str, Verdict] = {}
        """Verdicts on plans that were applied to this machine, by the id of the expectation."""
        self._tell = tell
        self._batch = Batch()
        self._unsure: Batch | None = None
        self._writing = asyncio.Lock()
        self._quiet: dict[str, bool] = {}
        self._waiting: set[tuple[int, int]] = set()
        self._left = len(watchlist.targets)
        self._round = bytearray(len(watchlist.targets))
        self.note_time(time.time())
        for index, one in enumerate(watchlist.targets):
            for place in range(len(one.tracked)):
                self._note_waiting(index, place)

    @property
    def unstored(self) -> int:
        """How many steps wait for the store."""
        unsure = self._unsure.steps if self._unsure else ()
        return len(self._batch.steps) + len(unsure)

    def is_quiet(self, group: str) -> bool:
        """Tell whether a group is in maintenance now."""
        return self._quiet.get(group, False)

    def note_time(self, now: float) -> None:
        """See which groups are in maintenance."""
        windows = self.policy.maintenance
        self._quiet = {
            group: in_maintenance(windows, group, now) is not None for group in self.policy.groups
        }

    def take(self, index: int, report: HostReport, now: float) -> float | None:
        """Take what a look at a target saw; return when to look at it again, if that is soon."""
        one = self.watchlist.targets[index]
        verdicts = judge_expectations(
            one.duty.expectations, report, self._seen_from(one), self._others(one)
        )
        again: float | None = None
        for place, verdict in enumerate(verdicts):
            expectation, tracked = one.duty.expectations[place], one.tracked[place]
            quiet = self.is_quiet(expectation.group)
            subject = one.subject(expectation)
            step = step_look(tracked, expectation, subject, verdict, now, quiet)
            self.enter(index, place, step, report, now)
            due = step.tracked.look_again_at(expectation.confirm_after_s)
            if due is not None:
                again = due if again is None else min(again, due)
        self._batch.checked[one.id] = now
        self._count_round(index, now)
        return again

    def enter(
        self, index: int, place: int, step: Step, report: HostReport | None, now: float
    ) -> None:
        """Let a step hold from now on, and have it stored."""
        one = self.watchlist.targets[index]
        if step.tracked is one.tracked[place] and not step.alerts:
            return
        one.tracked[place] = step.tracked
        subject = one.subject(one.duty.expectations[place])
        self._batch.steps.append(
            Stored(one.id, subject, step.tracked, step.transitions, step.alerts)
        )
        self._note_waiting(index, place)
        if report is not None and any(t.kind in _REPORTED for t in step.transitions):
            self._batch.reports[one.id] = (now, report)
        if step.alerts or any(t.kind is not TransitionKind.KNOWN for t in step.transitions):
            self.changed.set()

    def let_time_pass(self, now: float) -> None:
        """End what time ends: maintenance windows and acknowledgements."""
        self.note_time(now)
        for index, place in list(self._waiting):
            one = self.watchlist.targets[index]
            expectation = one.duty.expectations[place]
            quiet = self.is_quiet(expectation.group)
            step = step_time(one.tracked[place], expectation, one.subject(expectation), now, quiet)
            self.enter(index, place, step, None, now)

    def post(self, alert: Alert, **remembered: object) -> None:
        """Have an alert told that follows from no look, and values remembered with it."""
        self._batch.alerts.append(alert)
        self.remember(**remembered)
        self.changed.set()

    def remember(self, **values: object) -> None:
        """Have values stored by name."""
        self._batch.remembered |= values

    @property
    def has_news(self) -> bool:
        """Whether what waits for the store is more than that targets were looked at."""
        return bool(self._batch.steps or self._batch.alerts or self._unsure)

    async def flush(self) -> None:
        """Store what waits. Raises StoreError; it waits on then."""
        async with self._writing:
            await self._store_unsure()
            if self._batch:
                self._unsure, self._batch = self._batch, Batch()
                await self._store_unsure()

    async def _store_unsure(self) -> None:
        """Store the batch of which nobody knows yet that it is stored."""
        batch = self._unsure
        if batch is None:
            return
        await self.store.call(write_batch, batch, self.policy.flood, time.time())
        self._unsure = None
        for step in batch.steps:
            for transition in step.transitions:
                is_first = step.tracked.serial == 1 and transition.kind is TransitionKind.KNOWN
                if not is_first:
                    self._tell(transition)

    def _note_waiting(self, index: int, place: int) -> None:
        tracked = self.watchlist.targets[index].tracked[place]
        if tracked is not NEW_TRACKED and tracked.waits_for_time:
            self._waiting.add((index, place))
        else:
            self._waiting.discard((index, place))

    def _count_round(self, index: int, now: float) -> None:
        if self._round[index]:
            return
        self._round[index] = 1
        self._left -= 1
        if not self._left:
            self._left = len(self._round)
            self._round = bytearray(self._left)
            self.remember(round_unix=now)

    def _seen_from(self, one: Watched) -> str:
        """Return the address a target sees us come from, where that matters."""
        checks = [expectation.check for expectation in one.duty.expectations]
        if not any(isinstance(check, PortCheck) and check.except_from for check in checks):
            return ""
        return self.policy.seen_from or source_address(one.target.address)

    def _others(self, one: Watched) -> Mapping[str, Verdict]:
        return {
            e.key: self.harden[e.id]
            for e in one.duty.expectations
            if isinstance(e.check, HardenCheck) and e.id in self.harden
        }


def standing(watchlist: Watchlist, is_quiet: Callable[[str], bool]) -> dict[str, int]:
    """Count where every expectation stands, those in maintenance and acknowledged apart."""
    names = ("fine", "deviating", "acknowledged", "in maintenance", "suspected", "unknown", "new")
    counts = dict.fromkeys(names, 0)
    for one in watchlist.targets:
        for expectation, tracked in zip(one.duty.expectations, one.tracked, strict=True):
            counts[_standing(tracked, quiet=is_quiet(expectation.group))] += 1
    return counts


def _standing(tracked: Tracked, *, quiet: bool) -> str:
    if tracked.is_deviating:
        if tracked.acknowledged is not None:
            return "acknowledged"
        return "in maintenance" if quiet else "deviating"
    if tracked.is_blind or (tracked.blind_looks and tracked.state is State.NEW):
        return "unknown"
    return tracked.phase.value
