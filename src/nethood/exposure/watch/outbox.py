"""The alerts that are to go out, and what became of each: at most once for a person.

An alert is stored together with the change it tells of. It is marked as being sent, and that is
committed, before a byte leaves; what is found so after a crash may have arrived and is not
repeated, but shown as uncertain. What a channel refused is tried again, later each time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select, update
from sqlalchemy import delete as sql_delete

from nethood.errors import LocalError
from nethood.exposure.watch import flood
from nethood.exposure.watch.database import AnyRow, upsert
from nethood.exposure.watch.events import Alert, Fate, Outcome, alert_from_json, alert_to_json
from nethood.exposure.watch.policy import FloodLimits
from nethood.exposure.watch.records import Delivery, DeliveryState
from nethood.exposure.watch.schema import alert as table
from nethood.exposure.watch.schema import memory

MOST_TRIES = 8
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 3600.0
NO_CHANNEL = "the policy has no such channel any more"
CRASHED = "the watcher ended while it was being sent; it may have arrived, and is not repeated"

_FLOOD = "flood:"
_MANY = 500


@dataclass(frozen=True, slots=True)
class Due:
    """An alert that is to go out at one channel; *tries* is how often it was tried before."""

    id: int
    channel: str
    alert: Alert
    tries: int


def put(connection: Connection, alerts: Sequence[Alert], limits: FloodLimits, now: float) -> None:
    """Store *alerts*, each once for every channel it is for; one that is there stays as it is.

    What is too much for a channel at once waits for a summary.
    """
    by_channel: dict[str, list[Alert]] = {}
    there = _there(connection, [alert.id for alert in alerts])
    for alert in alerts:
        for channel in dict.fromkeys(alert.tell):
            if (alert.id, channel) not in there:
                by_channel.setdefault(channel, []).append(alert)
    for channel, mine in by_channel.items():
        admission = flood.admit(_flood(connection, channel), limits, mine, now)
        _keep_flood(connection, channel, admission.state)
        held = {alert.id for alert in admission.hold}
        rows = [_row(alert, channel, now, is_held=alert.id in held) for alert in mine]
        connection.execute(table.insert(), rows)


def _there(connection: Connection, ids: Sequence[str]) -> set[tuple[str, str]]:
    """Return which of the alerts *ids* are stored, and for which channels."""
    found: set[tuple[str, str]] = set()
    for begin in range(0, len(ids), _MANY):
        query = select(table.c.event_id, table.c.channel).where(
            table.c.event_id.in_(ids[begin : begin + _MANY])
        )
        found.update((row.event_id, row.channel) for row in connection.execute(query))
    return found


def release_held(connection: Connection, limits: FloodLimits, now: float) -> int:
    """Make a summary, for each channel whose time has come, of what was held back.

    Return how many summaries there are.
    """
    made = 0
    held = table.c.state == DeliveryState.HELD.value
    for channel in connection.execute(select(table.c.channel).where(held).distinct()).scalars():
        state, ids = flood.release(_flood(connection, channel), limits, now)
        if not ids:
            continue
        rows = connection.execute(
            select(table).where(held, table.c.channel == channel).order_by(table.c.id)
        ).all()
        alerts = [due.alert for row in rows if (due := _due(connection, row, now)) is not None]
        connection.execute(
            update(table)
            .where(held, table.c.channel == channel)
            .values(state=DeliveryState.SUMMARISED.value, changed_unix=now)
        )
        _keep_flood(connection, channel, state)
        if alerts:
            summary = flood.summarise(alerts, channel, now)
            connection.execute(table.insert(), [_row(summary, channel, now, is_held=False)])
            made += 1
    return made


def _flood(connection: Connection, channel: str) -> flood.FloodState:
    query = select(memory.c.value).where(memory.c.name == _FLOOD + channel)
    text = connection.execute(query).scalar()
    try:
        return flood.flood_from_json(text) if text is not None else flood.FloodState()
    except LocalError:  # another version wrote it: it forgets who was told how much
        return flood.FloodState()


def _keep_flood(connection: Connection, channel: str, state: flood.FloodState) -> None:
    row = {"name": _FLOOD + channel, "value": flood.flood_to_json(state)}
    upsert(connection, memory, [row])


def drop_channels(connection: Connection, channels: Sequence[str], now: float) -> None:
    """Give up what waits for a channel that is not among *channels* any more."""
    waiting = [DeliveryState.PENDING.value, DeliveryState.HELD.value]
    connection.execute(
        update(table)
        .where(table.c.state.in_(waiting), table.c.channel.not_in(list(channels)))
        .values(state=DeliveryState.FAILED.value, changed_unix=now, error=NO_CHANNEL)
    )


def _row(alert: Alert, channel: str, now: float, *, is_held: bool) -> dict[str, object]:
    state = DeliveryState.HELD if is_held else DeliveryState.PENDING
    return {
        "event_id": alert.id,
        "channel": channel,
        "state": state.value,
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


def begin_due(connection: Connection, channel: str, now: float) -> Due | None:
    """Mark the next alert of a channel whose time has come as being sent, and return it."""
    query = (
        select(table)
        .where(table.c.state == DeliveryState.PENDING.value, table.c.channel == channel)
        .where(table.c.next_try_unix <= now)
        .order_by(table.c.id)
    )
    for row in connection.execute(query.limit(_MANY)).all():
        due = _due(connection, row, now)
        if due is not None:
            values = {"state": DeliveryState.SENDING.value, "changed_unix": now, "error": ""}
            connection.execute(
                update(table).where(table.c.id == row.id).values(tries=row.tries + 1, **values)
            )
            return due
    return None


def _due(connection: Connection, row: AnyRow, now: float) -> Due | None:
    """Read a row; one that another version wrote and nobody here can read has failed."""
    try:
        return Due(row.id, row.channel, alert_from_json(row.event), row.tries)
    except LocalError as error:
        values = {"state": DeliveryState.FAILED.value, "changed_unix": now, "error": str(error)}
        connection.execute(update(table).where(table.c.id == row.id).values(values))
        return None


def next_due(connection: Connection, channel: str) -> float | None:
    """Return when the next alert of a channel is due, None where none waits."""
    query = select(func.min(table.c.next_try_unix)).where(
        table.c.state == DeliveryState.PENDING.value, table.c.channel == channel
    )
    found = connection.execute(query).scalar()
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
