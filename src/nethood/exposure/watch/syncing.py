"""The store made to fit a policy: its targets and what is expected of them, no more and no less."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select, update
from sqlalchemy import delete as sql_delete

from nethood.errors import LocalError
from nethood.exposure.watch import schema
from nethood.exposure.watch.database import AnyRow, upsert
from nethood.exposure.watch.events import TransitionKind, event_id
from nethood.exposure.watch.records import Phase
from nethood.exposure.watch.tracked import NEW_TRACKED, Tracked, tracked_from_json
from nethood.exposure.watch.writing import Place

NO_LONGER = "no longer in the policy"
_MANY = 1000
_target, _state = schema.target, schema.state


@dataclass(frozen=True, slots=True)
class Wanted:
    """A target as a policy has it: *expectations* maps (group, key) to the sentence."""

    target: str
    name: str
    groups: tuple[str, ...]
    expectations: Mapping[tuple[str, str], str]


def sync(
    connection: Connection, wanted: Sequence[Wanted], now: float
) -> tuple[dict[str, int], dict[Place, Tracked]]:
    """Bring the store in line with *wanted*.

    Return the ids of the targets, and what is remembered of each expectation that was looked at.
    """
    ids = _sync_targets(connection, wanted)
    there = connection.execute(
        select(_state.c.target_id, _state.c.group_name, _state.c.key, _state.c.machine)
    ).all()
    expected = {
        (ids[one.target], group, key): sentence
        for one in wanted
        for (group, key), sentence in one.expectations.items()
    }
    gone = [row for row in there if _place(row) not in expected]
    _end(connection, gone, now)
    known = {_place(row): row.machine for row in there}
    rows = [_new_row(place, expected[place]) for place in expected if place not in known]
    for begin in range(0, len(rows), _MANY):
        connection.execute(_state.insert(), rows[begin : begin + _MANY])
    return ids, {
        place: _tracked(text) for place, text in known.items() if place in expected and text != "{}"
    }


def _place(row: AnyRow) -> Place:
    return row.target_id, row.group_name, row.key


def _tracked(text: str) -> Tracked:
    try:
        return tracked_from_json(text)
    except LocalError:  # another version wrote it: the next looks tell
        return NEW_TRACKED


def _sync_targets(connection: Connection, wanted: Sequence[Wanted]) -> dict[str, int]:
    """Enter the targets and mark the others as watched no more; return all ids."""
    there = {row.target: row for row in connection.execute(select(_target))}
    fresh, changed = [], []
    for one in wanted:
        row = {"name": one.name, "groups": json.dumps(one.groups), "is_watched": True}
        old = there.pop(one.target, None)
        if old is None:
            fresh.append({"target": one.target, **row})
        elif (old.name, old.groups, old.is_watched) != tuple(row.values()):
            changed.append({"id": old.id, "target": one.target, **row})
    for begin in range(0, len(fresh), _MANY):
        connection.execute(_target.insert(), fresh[begin : begin + _MANY])
    upsert(connection, _target, changed)
    gone = [{"which": row.id} for row in there.values() if row.is_watched]
    if gone:
        statement = update(_target).where(_target.c.id == bindparam("which"))
        connection.execute(statement.values(is_watched=False), gone)
    query = select(_target.c.target, _target.c.id).where(_target.c.is_watched)
    return {row.target: row.id for row in connection.execute(query)}


def _new_row(place: Place, sentence: str) -> dict[str, Any]:
    target_id, group, key = place
    return {
        "target_id": target_id,
        "group_name": group,
        "key": key,
        "expectation": sentence,
        "phase": Phase.NEW.value,
        "since_unix": 0.0,
        "observed": "",
        "machine": "{}",
    }


def _end(connection: Connection, gone: Iterable[AnyRow], now: float) -> None:
    """Forget the states of what is expected no more; what deviated of it is over."""
    for row in gone:
        target_id, group, key = _place(row)
        here = and_(
            _state.c.target_id == target_id, _state.c.group_name == group, _state.c.key == key
        )
        state = connection.execute(select(_state).where(here)).one()
        if state.deviation_id is not None:
            _end_deviation(connection, state, now)
        connection.execute(sql_delete(_state).where(here))


def _end_deviation(connection: Connection, state: AnyRow, now: float) -> None:
    table = schema.deviation
    connection.execute(update(table).where(table.c.id == state.deviation_id).values(ended_unix=now))
    kind = TransitionKind.RECOVERY.value
    row = {
        "target_id": state.target_id,
        "event_id": event_id(kind, *_place(state), state.deviation_id, now),
        "at_unix": now,
        "since_unix": now,
        "group_name": state.group_name,
        "key": state.key,
        "expectation": state.expectation,
        "kind": kind,
        "observed": NO_LONGER,
        "evidence": "[]",
        "quiet": NO_LONGER,
        "deviation_id": state.deviation_id,
    }
    connection.execute(schema.change.insert(), row)
