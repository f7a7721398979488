"""Acknowledgements asked for by another process than the watcher, left in the store for it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy import delete as sql_delete

from nethood.errors import LocalError
from nethood.exposure.watch import reading
from nethood.exposure.watch.records import Deviation
from nethood.exposure.watch.schema import request as table


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody knows of a deviation."""

    deviation_id: int
    by: str
    note: str
    at_unix: float
    until_unix: float | None = None


def leave(connection: Connection, request: Request) -> Deviation:
    """Leave *request* for the watcher; return the deviation. Raises LocalError: it is over."""
    found = reading.deviation(connection, request.deviation_id, lambda _group: False)
    if found is None:
        raise LocalError(f"there is no deviation {request.deviation_id}")
    if found.ended_unix is not None:
        raise LocalError(f"deviation {request.deviation_id} is over")
    row = {
        "deviation_id": request.deviation_id,
        "by": request.by,
        "note": request.note,
        "at_unix": request.at_unix,
        "until_unix": request.until_unix,
    }
    connection.execute(table.insert(), row)
    return found


def take(connection: Connection) -> list[tuple[Request, Deviation | None]]:
    """Take what was left, with the deviations it is about."""
    rows = connection.execute(select(table).order_by(table.c.id)).all()
    if not rows:
        return []
    connection.execute(sql_delete(table).where(table.c.id <= rows[-1].id))
    return [
        (
            Request(row.deviation_id, row.by, row.note, row.at_unix, row.until_unix),
            reading.deviation(connection, row.deviation_id, lambda _group: False),
        )
        for row in rows
    ]
