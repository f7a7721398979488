"""The alerts that are to go out, and what became of each: at most once for a person.

An alert is stored together with the change it tells of. It is marked as being sent, and that is
committed, before a byte leaves; what is found so after a crash may have arrived and is not
repeated, but shown as uncertain. What a channel refused is tried again, later each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy import delete as sql_delete

from nethood.errors import LocalError
from nethood.exposure.watch.events import Alert, Fate, Outcome, alert_from_json, alert_to_json
from nethood.exposure.watch.records import Delivery, DeliveryState
from nethood.exposure.watch.schema import alert as table

MOST_TRIES = 8
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 3600.0
CRASHED = "the watcher ended while it was being sent; it may have arrived, and is not repeated"


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that is to go out at one channel; *tries* is how often it was tried before."""

    id: int
    channel: str
    alert: Alert
    tries: int


def put(connection: Connection, alerts: Iterable[Alert], now: float) -> None:
    """Store *alerts*, each once for every channel it is for; one that is there stays as it is."""
    for alert in alerts:
        known = select(table.c.channel).where(table.c.event_id == alert.id)
        there = set(connection.execute(known).scalars())
        rows = [
            _row(alert, channel, now)
            for channel in dict.fromkeys(alert.tell)
            if channel not in there
        ]
        if rows:
            connection.execute(table.insert(), rows)


def _row(alert: Alert, channel: str, now: float) -> dict[str, object]:
    return {
        "event_id": alert.id,
        "channel": channel,
        "state": DeliveryState.PENDING.value,
        "sentence": alert.title,
        "target": alert.subject.target if alert.subject else "",
        "event": alert_to_json(replace(alert, tell=(channel,))),
        "made_unix": now,
        "tries": 0,
        "next_try_unix": now,
        "error": "",
    }


def end_interrupted(connection: Connection, now: float) -> int:
    """Mark what an earlier process was sending when it ended; return how many there were."""
    changed = connection.execute(
        update(table)
        .where(table.c.state == DeliveryState.SENDING.value)
        .values(state=DeliveryState.UNCERTAIN.value, changed_unix=now, error=CRASHED)
    )
    return changed.rowcount


def begin_due(connection: Connection, now: float, limit: int, busy: Iterable[str]) -> list[Due]:
    """Mark up to *limit* alerts whose time has come as being sent, one a channel, and return them.

    Channels in *busy* are left out: a channel's alerts go one after the other, in their order.
    """
    first = (
        select(func.min(table.c.id))
        .where(table.c.state == DeliveryState.PENDING.value, table.c.next_try_unix <= now)
        .where(table.c.channel.not_in(list(busy)))
        .group_by(table.c.channel)
        .limit(limit)
    )
    rows = connection.execute(select(table).where(table.c.id.in_(first)).order_by(table.c.id)).all()
    if rows:
        connection.execute(
            update(table)
            .where(table.c.id.in_([row.id for row in rows]))
            .values(
                state=DeliveryState.SENDING.value,
                changed_unix=now,
                tries=table.c.tries + 1,
                error="",
            )
        )
    return [due for row in rows if (due := _due(connection, row, now)) is not None]


def _due(connection: Connection, row: Row[Any], now: float) -> Due | None:
    """Read a row; one that another version wrote and nobody here can read has failed."""
    try:
        return Due(row.id, row.channel, alert_from_json(row.event), row.tries)
    except LocalError as error:
        values = {"state": DeliveryState.FAILED.value, "changed_unix": now, "error": str(error)}
        connection.execute(update(table).where(table.c.id == row.id).values(values))
        return None


def next_due(connection: Connection) -> float | None:
    """Return when the next alert is due, None where none waits."""
    pending = table.c.state == DeliveryState.PENDING.value
    found = connection.execute(select(func.min(table.c.next_try_unix)).where(pending)).scalar()
    return None if found is None else float(found)


def finish(connection: Connection, due: Due, outcome: Outcome, now: float) -> DeliveryState:
    """Store what became of an alert; return its state: PENDING where it is tried once more."""
    state = _state_after(outcome, due.tries + 1)
    values: dict[str, object] = {
        "state": state.value,
        "changed_unix": now,
        "error": outcome.why,
    }
    if state is DeliveryState.PENDING:
        values["next_try_unix"] = now + wait_s(due.tries + 1)
    connection.execute(update(table).where(table.c.id == due.id).values(values))
    return state


def _state_after(outcome: Outcome, tries: int) -> DeliveryState:
    if outcome.fate in (Fate.DELIVERED, Fate.SENT):
        return DeliveryState.SENT
    if outcome.fate is Fate.UNCERTAIN:
        return DeliveryState.UNCERTAIN
    again = outcome.fate is Fate.FAILED and tries < MOST_TRIES
    return DeliveryState.PENDING if again else DeliveryState.FAILED


def wait_s(tries: int) -> float:
    """Return how long to wait after the *tries*-th try that failed."""
    return float(min(FIRST_WAIT_S * 2 ** (tries - 1), LONGEST_WAIT_S))


def deliveries(connection: Connection, limit: int) -> list[Delivery]:
    """Return the last alerts at each channel, the newest first."""
    rows = connection.execute(select(table).order_by(table.c.id.desc()).limit(limit))
    return [
        Delivery(
            row.id,
            row.event_id,
            row.channel,
            DeliveryState(row.state),
            row.sentence,
            row.target,
            row.made_unix,
            row.tries,
            row.changed_unix,
            row.error,
        )
        for row in rows
    ]


def counts(connection: Connection, since: float) -> dict[DeliveryState, int]:
    """Return how many deliveries made from *since* on are in each state."""
    query = (
        select(table.c.state, func.count())
        .where(table.c.made_unix >= since)
        .group_by(table.c.state)
    )
    return {DeliveryState(row[0]): row[1] for row in connection.execute(query)}


def prune(connection: Connection, before: float) -> None:
    """Forget what is over and was made before a time."""
    over = [DeliveryState.SENT.value, DeliveryState.FAILED.value, DeliveryState.UNCERTAIN.value]
    connection.execute(sql_delete(table).where(table.c.state.in_(over), table.c.made_unix < before))
