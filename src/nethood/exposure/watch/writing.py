"""What is written to the store: steps of the state machine, and all that follows, as one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy import delete as sql_delete

from nethood.exposure.watch import outbox, schema
from nethood.exposure.watch.database import upsert
from nethood.exposure.watch.events import Alert, Subject, Transition, TransitionKind
from nethood.exposure.watch.policy import FloodLimits
from nethood.exposure.watch.records import Phase
from nethood.exposure.watch.tracked import Tracked, tracked_to_json

Place = tuple[int, str, str]
"""A target's id, a group, a key: one expectation of one target."""

_FEW = 500
_BATCH = "batch"
_state, _deviation, _change = schema.state, schema.deviation, schema.change
_ack, _target = schema.acknowledgement, schema.target


@dataclass(frozen=True, slots=True)
class Stored:
    """One step to store: *tracked* is what holds after it; *target_id* is the store's."""

    target_id: int
    subject: Subject
    tracked: Tracked
    transitions: tuple[Transition, ...] = ()
    alerts: tuple[Alert, ...] = ()

    @property
    def place(self) -> Place:
        """Which expectation of which target it is of."""
        return self.target_id, self.subject.group, self.subject.key


def write_steps(
    connection: Connection, steps: Sequence[Stored], limits: FloodLimits, now: float
) -> None:
    """Store *steps* in their order, with their alerts."""
    open_ids = _open_deviations(connection, steps)
    changes: list[dict[str, Any]] = []
    states: dict[Place, dict[str, Any]] = {}
    alerts: list[Alert] = []
    for step in steps:
        about = open_ids.get(step.place)
        for transition in step.transitions:
            about = _follow(connection, step, transition, about)
            changes.append(_change_row(step, transition, about))
        alerts += [replace(alert, deviation_id=about) for alert in step.alerts]
        still = about if step.tracked.is_deviating else None
        if still is not None:
            _note_acknowledgement(connection, step, still)
        elif about is not None:
            _end_deviation(connection, about, now)
        open_ids[step.place] = still
        states[step.place] = _state_row(step, still)
    if changes:
        connection.execute(_change.insert(), changes)
    upsert(connection, _state, list(states.values()))
    outbox.put(connection, alerts, limits, now)


def _open_deviations(connection: Connection, steps: Sequence[Stored]) -> dict[Place, int | None]:
    """Return the deviations that are open at the targets of *steps*."""
    query = select(_state.c.target_id, _state.c.group_name, _state.c.key, _state.c.deviation_id)
    query = query.where(_state.c.deviation_id.is_not(None))
    targets = {step.target_id for step in steps}
    if len(targets) <= _FEW:
        query = query.where(_state.c.target_id.in_(targets))
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def _follow(
    connection: Connection, step: Stored, transition: Transition, about: int | None
) -> int | None:
    """Store what a transition means for a deviation; return the one it is about."""
    if transition.kind is TransitionKind.DEVIATION:
        return _begin_deviation(connection, step, transition)
    if about is None:
        return None
    values: dict[str, Any] = {}
    if transition.kind is TransitionKind.CHANGED:
        values = {"observed": transition.observed, **_details(step, transition)}
    elif transition.kind is TransitionKind.RECOVERY:
        _end_deviation(connection, about, transition.at_unix)
    if values:
        connection.execute(update(_deviation).where(_deviation.c.id == about).values(values))
    return about


def _end_deviation(connection: Connection, deviation_id: int, at_unix: float) -> None:
    """Note when a deviation ended, if it has not been noted."""
    connection.execute(
        update(_deviation)
        .where(_deviation.c.id == deviation_id, _deviation.c.ended_unix.is_(None))
        .values(ended_unix=at_unix)
    )


def _begin_deviation(connection: Connection, step: Stored, transition: Transition) -> int:
    row = {
        "target_id": step.target_id,
        "group_name": transition.subject.group,
        "key": transition.subject.key,
        "expectation": transition.subject.expectation,
        "observed": transition.observed,
        "first_seen_unix": transition.since_unix,
        "confirmed_unix": transition.at_unix,
        **_details(step, transition),
    }
    made = connection.execute(_deviation.insert().returning(_deviation.c.id), row)
    return int(made.scalar_one())


def _details(step: Stored, transition: Transition) -> dict[str, str]:
    verdict = step.tracked.confirmed
    return {
        "evidence": json.dumps(transition.evidence),
        "finding_ids": json.dumps(verdict.finding_ids if verdict else ()),
        "fix": json.dumps(verdict.fix if verdict else ()),
    }


def _change_row(step: Stored, transition: Transition, about: int | None) -> dict[str, Any]:
    subject = transition.subject
    return {
        "target_id": step.target_id,
        "event_id": transition.id,
        "at_unix": transition.at_unix,
        "since_unix": transition.since_unix,
        "group_name": subject.group,
        "key": subject.key,
        "expectation": subject.expectation,
        "kind": transition.kind.value,
        "observed": transition.observed,
        "evidence": json.dumps(transition.evidence),
        "quiet": transition.quiet,
        "deviation_id": about,
    }


def _note_acknowledgement(connection: Connection, step: Stored, about: int) -> None:
    """Make the acknowledgement that is stored the one that holds."""
    held = step.tracked.acknowledged
    connection.execute(sql_delete(_ack).where(_ack.c.deviation_id == about))
    if held is not None:
        row = {
            "deviation_id": about,
            "by": held.by,
            "note": held.note,
            "at_unix": held.at_unix,
            "until_unix": held.until_unix,
        }
        connection.execute(_ack.insert(), row)


def _state_row(step: Stored, about: int | None) -> dict[str, Any]:
    tracked = step.tracked
    is_blind = tracked.phase is Phase.UNKNOWN
    return {
        "target_id": step.target_id,
        "group_name": step.subject.group,
        "key": step.subject.key,
        "expectation": step.subject.expectation,
        "phase": tracked.phase.value,
        "since_unix": tracked.blind_unix if is_blind else tracked.since_unix,
        "observed": tracked.blind_why if is_blind else tracked.observed,
        "deviation_id": about,
        "machine": tracked_to_json(tracked),
    }


def note_checked(connection: Connection, checked: Mapping[int, float]) -> None:
    """Store when targets, by their ids, were last looked at."""
    if checked:
        statement = (
            update(_target)
            .where(_target.c.id == bindparam("which"))
            .values(checked_unix=bindparam("at"))
        )
        connection.execute(statement, [{"which": n, "at": at} for n, at in checked.items()])


def remember(connection: Connection, **values: object) -> None:
    """Store what the watcher remembers of itself, by name."""
    rows = [{"name": name, "value": json.dumps(value)} for name, value in values.items()]
    upsert(connection, schema.memory, rows)


def is_new_batch(connection: Connection, batch_id: str) -> bool:
    """Note that a batch is stored; return False where it was the last that was.

    So whoever does not know whether a commit came about may store the same batch again.
    """
    if recall(connection).get(_BATCH) == batch_id:
        return False
    remember(connection, **{_BATCH: batch_id})
    return True


def recall(connection: Connection) -> dict[str, Any]:
    """Return what the watcher remembers of itself."""
    return {row.name: json.loads(row.value) for row in connection.execute(select(schema.memory))}


def prune(connection: Connection, before: float) -> None:
    """Forget changes, deviations that are over, and alerts, of before a time."""
    connection.execute(sql_delete(_change).where(_change.c.at_unix < before))
    old = select(_deviation.c.id).where(_deviation.c.ended_unix < before)
    connection.execute(sql_delete(_ack).where(_ack.c.deviation_id.in_(old)))
    connection.execute(sql_delete(_deviation).where(_deviation.c.ended_unix < before))
    outbox.prune(connection, before)
