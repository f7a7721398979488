"""What is confirmed, and what is told: the state machine of one expectation of one target.

Pure: time is passed in. Two halves, one after the other at every step.

What is confirmed follows from looks, by the table below. A look that sees a change makes it
pending; it is confirmed by a second look that agrees, at least confirm_after later:

    NEW, FINE, UNKNOWN --deviates--> SUSPECTED --confirms--> DEVIATING
    DEVIATING --fine--> RECOVERING --confirms--> FINE
    DEVIATING --differs--> CHANGING --confirms--> DEVIATING
    anything --many looks that could see nothing--> UNKNOWN, or LOST where it deviated

What is told follows from what is confirmed and what people know: where the two differ, and
neither maintenance nor an acknowledgement keeps it quiet, one alert makes them equal. So nothing
is told twice, a deviation that came and went in maintenance is never told, and one that came and
stayed is told at its end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from nethood.errors import LocalError
from nethood.exposure.watch.events import (
    Alert,
    AlertKind,
    Judgement,
    Subject,
    Transition,
    TransitionKind,
    Verdict,
    event_id,
)
from nethood.exposure.watch.policy import Expectation
from nethood.exposure.watch.tracked import CONFIRMED, PENDING, Acknowledged, State, Tracked
from nethood.exposure.watch.wording import title_of

IN_MAINTENANCE = "in maintenance"
ACKNOWLEDGED = "acknowledged"
POLICY_CHANGED = "the policy changed"


class Input(Enum):
    """What a look is to a state."""

    FINE = auto()
    DEVIATES = auto()
    """As was confirmed, where something was."""
    DIFFERS = auto()
    """It deviates, but otherwise than was confirmed."""
    AGREES = auto()
    """It agrees with what is pending, but too early to confirm it."""
    CONFIRMS = auto()
    BLIND = auto()
    BLIND_LONG = auto()
    """It could not see, as often now as makes a notice."""


class Action(Enum):
    """What is remembered of a look."""

    KEEP = auto()
    COUNT = auto()
    """One look more that could not see."""
    AWAIT = auto()
    """What it saw waits for a second look."""
    SETTLE = auto()
    """All is as it was confirmed; nothing is pending."""
    CONFIRM = auto()
    RECOVER = auto()
    LOSE = auto()


_S, _I, _A = State, Input, Action

TABLE: dict[tuple[State, Input], tuple[Action, State]] = {
    (_S.NEW, _I.FINE): (_A.SETTLE, _S.FINE),
    (_S.NEW, _I.DEVIATES): (_A.AWAIT, _S.SUSPECTED),
    (_S.NEW, _I.BLIND): (_A.COUNT, _S.NEW),
    (_S.NEW, _I.BLIND_LONG): (_A.LOSE, _S.UNKNOWN),
    (_S.FINE, _I.FINE): (_A.SETTLE, _S.FINE),
    (_S.FINE, _I.DEVIATES): (_A.AWAIT, _S.SUSPECTED),
    (_S.FINE, _I.BLIND): (_A.COUNT, _S.FINE),
    (_S.FINE, _I.BLIND_LONG): (_A.LOSE, _S.UNKNOWN),
    (_S.SUSPECTED, _I.FINE): (_A.SETTLE, _S.FINE),
    (_S.SUSPECTED, _I.AGREES): (_A.KEEP, _S.SUSPECTED),
    (_S.SUSPECTED, _I.CONFIRMS): (_A.CONFIRM, _S.DEVIATING),
    (_S.SUSPECTED, _I.BLIND): (_A.COUNT, _S.SUSPECTED),
    (_S.SUSPECTED, _I.BLIND_LONG): (_A.LOSE, _S.UNKNOWN),
    (_S.UNKNOWN, _I.FINE): (_A.SETTLE, _S.FINE),
    (_S.UNKNOWN, _I.DEVIATES): (_A.AWAIT, _S.SUSPECTED),
    (_S.UNKNOWN, _I.BLIND): (_A.KEEP, _S.UNKNOWN),
    (_S.UNKNOWN, _I.BLIND_LONG): (_A.KEEP, _S.UNKNOWN),
    (_S.DEVIATING, _I.FINE): (_A.AWAIT, _S.RECOVERING),
    (_S.DEVIATING, _I.DEVIATES): (_A.SETTLE, _S.DEVIATING),
    (_S.DEVIATING, _I.DIFFERS): (_A.AWAIT, _S.CHANGING),
    (_S.DEVIATING, _I.BLIND): (_A.COUNT, _S.DEVIATING),
    (_S.DEVIATING, _I.BLIND_LONG): (_A.LOSE, _S.LOST),
    (_S.CHANGING, _I.FINE): (_A.AWAIT, _S.RECOVERING),
    (_S.CHANGING, _I.DEVIATES): (_A.SETTLE, _S.DEVIATING),
    (_S.CHANGING, _I.DIFFERS): (_A.AWAIT, _S.CHANGING),
    (_S.CHANGING, _I.AGREES): (_A.KEEP, _S.CHANGING),
    (_S.CHANGING, _I.CONFIRMS): (_A.CONFIRM, _S.DEVIATING),
    (_S.CHANGING, _I.BLIND): (_A.COUNT, _S.CHANGING),
    (_S.CHANGING, _I.BLIND_LONG): (_A.LOSE, _S.LOST),
    (_S.RECOVERING, _I.AGREES): (_A.KEEP, _S.RECOVERING),
    (_S.RECOVERING, _I.CONFIRMS): (_A.RECOVER, _S.FINE),
    (_S.RECOVERING, _I.DEVIATES): (_A.SETTLE, _S.DEVIATING),
    (_S.RECOVERING, _I.DIFFERS): (_A.AWAIT, _S.CHANGING),
    (_S.RECOVERING, _I.BLIND): (_A.COUNT, _S.RECOVERING),
    (_S.RECOVERING, _I.BLIND_LONG): (_A.LOSE, _S.LOST),
    (_S.LOST, _I.FINE): (_A.AWAIT, _S.RECOVERING),
    (_S.LOST, _I.DEVIATES): (_A.SETTLE, _S.DEVIATING),
    (_S.LOST, _I.DIFFERS): (_A.AWAIT, _S.CHANGING),
    (_S.LOST, _I.BLIND): (_A.KEEP, _S.LOST),
    (_S.LOST, _I.BLIND_LONG): (_A.KEEP, _S.LOST),
}
"""The inputs a state does not have here can't come to it: `input_of` never gives them."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one input. *tracked* is the very same object where nothing is to be stored."""

    tracked: Tracked
    transitions: tuple[Transition, ...] = ()
    alerts: tuple[Alert, ...] = ()


def step_look(
    tracked: Tracked,
    expectation: Expectation,
    subject: Subject,
    verdict: Verdict,
    now_unix: float,
    in_maintenance: bool = False,
) -> Step:
    """Take in what a look saw. A deviation whose mark is empty has its judgement for a mark."""
    if verdict.judgement is Judgement.DEVIATES and not verdict.mark:
        verdict = replace(verdict, mark=str(Judgement.DEVIATES))
    work = _Work(tracked, expectation, subject, now_unix, in_maintenance)
    work.check_wanted()
    given = input_of(work.tracked, expectation, verdict, now_unix)
    action, state = TABLE[work.tracked.state, given]
    work.do(action, state, verdict)
    return work.finish()


def step_time(
    tracked: Tracked,
    expectation: Expectation,
    subject: Subject,
    now_unix: float,
    in_maintenance: bool = False,
) -> Step:
    """Take in that time went by: acknowledgements and maintenance windows end."""
    return _Work(tracked, expectation, subject, now_unix, in_maintenance).finish()


def step_acknowledge(
    tracked: Tracked,
    expectation: Expectation,
    subject: Subject,
    acknowledged: Acknowledged,
    in_maintenance: bool = False,
) -> Step:
    """Take in that somebody knows. Raises LocalError where no deviation is confirmed."""
    if not tracked.is_deviating:
        raise LocalError(f"{subject.host}: {subject.expectation} does not deviate")
    until = acknowledged.until_unix
    if until is not None and until <= acknowledged.at_unix:
        raise LocalError("the time to keep quiet until is over already; give a later one")
    work = _Work(tracked, expectation, subject, acknowledged.at_unix, in_maintenance)
    work.set(
        acknowledged=acknowledged,
        told=tracked.mark,
        told_observed=tracked.confirmed.observed if tracked.confirmed else "",
        told_blind=tracked.is_blind,
    )
    note = f"{acknowledged.by}: {acknowledged.note}" if acknowledged.note else acknowledged.by
    work.enter(TransitionKind.ACKNOWLEDGED, acknowledged.at_unix, note)
    return work.finish()


def step_withdraw(
    tracked: Tracked,
    expectation: Expectation,
    subject: Subject,
    now_unix: float,
    in_maintenance: bool = False,
) -> Step:
    """Take an acknowledgement back. Raises LocalError where there is none."""
    if tracked.acknowledged is None:
        raise LocalError(f"{subject.host}: {subject.expectation} is not acknowledged")
    work = _Work(tracked, expectation, subject, now_unix, in_maintenance)
    work.end_acknowledgement("withdrawn")
    return work.finish()


def input_of(
    tracked: Tracked, expectation: Expectation, verdict: Verdict, now_unix: float
) -> Input:
    """Return what a look is to the state it comes to."""
    if verdict.judgement is Judgement.UNKNOWN:
        limit = expectation.unknown_after
        return Input.BLIND_LONG if 0 < limit <= tracked.blind_looks + 1 else Input.BLIND
    if _agrees(tracked, verdict):
        is_early = now_unix < tracked.pending_unix + expectation.confirm_after_s
        return Input.AGREES if is_early else Input.CONFIRMS
    if verdict.judgement is Judgement.AS_EXPECTED:
        return Input.FINE
    return Input.DEVIATES if verdict.mark == (tracked.mark or verdict.mark) else Input.DIFFERS


def _agrees(tracked: Tracked, verdict: Verdict) -> bool:
    """Tell whether a look sees what is pending; of a suspicion any deviation is one more."""
    pending = tracked.pending
    if tracked.state not in PENDING or pending is None:
        return False
    if tracked.state is State.SUSPECTED:
        return verdict.judgement is Judgement.DEVIATES
    return verdict.judgement is pending.judgement and verdict.mark == pending.mark


class _Work:
    """One step while it is made."""

    def __init__(
        self,
        tracked: Tracked,
        expectation: Expectation,
        subject: Subject,
        now_unix: float,
        in_maintenance: bool,
    ) -> None:
        self.tracked = tracked
        self._expectation = expectation
        self._subject = subject
        self._now = now_unix
        self._in_maintenance = in_maintenance
        self._transitions: list[Transition] = []
        self._alerts: list[Alert] = []

    def set(self, **values: object) -> None:
        """Remember *values*; where they are what is remembered, nothing changes."""
        if any(getattr(self.tracked, key) != value for key, value in values.items()):
            self.tracked = replace(self.tracked, **values)  # type: ignore[arg-type]

    def check_wanted(self) -> None:
        """Begin anew where the policy expects something else now."""
        wanted = sys.intern(self._expectation.sentence)
        if self.tracked.wanted == wanted:
            return
        if self.tracked.is_deviating:
            self.enter(
                TransitionKind.RECOVERY, self._now, f"now expected: {wanted}", POLICY_CHANGED
            )
        self.tracked = Tracked(wanted=wanted, serial=self.tracked.serial)

    def do(self, action: Action, state: State, verdict: Verdict) -> None:
        """Remember a look as the table says."""
        if verdict.judgement is Judgement.UNKNOWN:
            self._count(verdict)
        else:
            # Most of a hundred thousand say the same: it is kept once.
            observed = sys.intern(verdict.observed)
            self.set(blind_looks=0, blind_unix=0.0, blind_why="", observed=observed)
        if action is Action.AWAIT:
            self.set(pending=verdict, pending_unix=self._now)
        elif action is Action.SETTLE:
            self._settle(state)
        elif action is Action.CONFIRM:
            self._confirm(verdict)
        elif action is Action.RECOVER:
            self._recover(verdict)
        elif action is Action.LOSE:
            self.set(pending=None, pending_unix=0.0)
            self.enter(TransitionKind.UNKNOWN, self.tracked.blind_unix, verdict.observed)
        self.set(state=state)

    def _count(self, verdict: Verdict) -> None:
        if self.tracked.is_blind:
            self.set(blind_why=verdict.observed)
            return
        first = self.tracked.blind_unix if self.tracked.blind_looks else self._now
        looks = self.tracked.blind_looks
        # Where no number of them makes a notice, they are not counted: it would be a new state
        # to store at every look.
        more = looks + 1 if self._expectation.unknown_after else 1
        self.set(blind_looks=more, blind_unix=first, blind_why=verdict.observed)

    def _settle(self, state: State) -> None:
        self.set(pending=None, pending_unix=0.0)
        if self.tracked.in_history in ("", TransitionKind.UNKNOWN):
            if state is State.FINE:
                self.set(since_unix=self._now)
            self.enter(TransitionKind.KNOWN, self._now, self.tracked.observed)

    def _confirm(self, verdict: Verdict) -> None:
        is_change = self.tracked.state in CONFIRMED
        if is_change:
            self._changed()
        since = self.tracked.pending_unix
        self.set(confirmed=verdict, since_unix=since, pending=None, pending_unix=0.0)
        kind = TransitionKind.CHANGED if is_change else TransitionKind.DEVIATION
        self.enter(kind, since, verdict.observed, evidence=verdict.evidence)

    def _recover(self, verdict: Verdict) -> None:
        self._changed()
        since = self.tracked.pending_unix
        self.set(confirmed=None, since_unix=since, pending=None, pending_unix=0.0)
        self.enter(TransitionKind.RECOVERY, since, verdict.observed)

    def _changed(self) -> None:
        """End an acknowledgement that holds until something changes."""
        acknowledged = self.tracked.acknowledged
        if acknowledged is not None and acknowledged.until_unix is None:
            self.set(acknowledged=None)

    def enter(
        self,
        kind: TransitionKind,
        since_unix: float,
        observed: str,
        quiet: str = "",
        evidence: tuple[str, ...] = (),
    ) -> None:
        """Write a line of the history."""
        self.set(serial=self.tracked.serial + 1)
        if kind not in (TransitionKind.ACKNOWLEDGED, TransitionKind.ACKNOWLEDGEMENT_ENDED):
            self.set(in_history=str(kind))
        self._transitions.append(
            Transition(
                self._id(kind),
                kind,
                self._subject,
                self._now,
                since_unix,
                observed,
                evidence,
                quiet or self._quiet(),
            )
        )

    def _id(self, kind: object) -> str:
        subject, serial = self._subject, self.tracked.serial
        return event_id(kind, subject.group, subject.target, subject.key, serial, self._now)

    def _quiet(self) -> str:
        if self._in_maintenance:
            return IN_MAINTENANCE
        return ACKNOWLEDGED if self.tracked.acknowledged is not None else ""

    def end_acknowledgement(self, why: str) -> None:
        """Take the acknowledgement away, and say so in the history."""
        self.set(acknowledged=None)
        self.enter(TransitionKind.ACKNOWLEDGEMENT_ENDED, self._now, why)

    def finish(self) -> Step:
        """Tell what is to be told, and return the step."""
        self._end_of_quiet()
        if not self._quiet():
            for kind in self._untold():
                self._tell(kind)
        return Step(self.tracked, tuple(self._transitions), tuple(self._alerts))

    def _end_of_quiet(self) -> None:
        """End an acknowledgement whose time is over; in maintenance it waits for its end."""
        acknowledged = self.tracked.acknowledged
        if acknowledged is None or self._in_maintenance:
            return
        if acknowledged.until_unix is not None and acknowledged.until_unix <= self._now:
            self.end_acknowledgement("its time is over")
            if self.tracked.mark and self.tracked.mark == self.tracked.told:
                self._tell(AlertKind.STILL_DEVIATES)

    def _untold(self) -> Iterator[AlertKind]:
        """Yield the kinds of alert that make what people know what is confirmed."""
        mark, told = self.tracked.mark, self.tracked.told
        if mark and mark != told:
            yield AlertKind.CHANGED if told else AlertKind.DEVIATES
        elif told and not mark and self.tracked.state is State.FINE:
            yield AlertKind.RECOVERED
        if self.tracked.is_blind and not self.tracked.told_blind:
            yield AlertKind.UNCHECKABLE
        elif self.tracked.told_blind and self.tracked.state in (State.FINE, State.DEVIATING):
            yield AlertKind.CHECKABLE

    def _tell(self, kind: AlertKind) -> None:
        """Make an alert; from now on people know what it says."""
        self.set(serial=self.tracked.serial + 1)
        tracked = self.tracked
        if kind is AlertKind.UNCHECKABLE:
            self._alerts.append(self._alert(kind, tracked.blind_why, tracked.blind_unix, None))
            self.set(told_blind=True)
            return
        shown = tracked.confirmed if tracked.is_deviating else None
        observed = shown.observed if shown is not None else tracked.observed
        self._alerts.append(self._alert(kind, observed, tracked.since_unix, shown))
        told = tracked.mark
        self.set(told=told, told_observed=observed, told_blind=False)

    def _alert(
        self, kind: AlertKind, observed: str, since_unix: float, shown: Verdict | None
    ) -> Alert:
        was = "" if kind is AlertKind.STILL_DEVIATES else self.tracked.told_observed
        return Alert(
            self._id(kind),
            kind,
            self._now,
            title_of(kind, self._subject, observed),
            self._expectation.tell,
            self._subject,
            since_unix,
            observed,
            was,
            shown.evidence if shown else (),
            shown.finding_ids if shown else (),
            shown.fix if shown else (),
        )
