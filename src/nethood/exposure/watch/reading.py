"""What is read of the store, for pages and lists; each function within somebody's transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, or_, select

from nethood.exposure.watch import schema
from nethood.exposure.watch.database import AnyRow
from nethood.exposure.watch.records import (
    Acknowledgement,
    Change,
    Deviation,
    ExpectationState,
    GroupLine,
    HostHistory,
    HostLine,
    Phase,
)

if TYPE_CHECKING:
    from nethood.exposure.model import HostReport

IsQuiet = Callable[[str], bool]
"""Tells whether a group is in maintenance now."""

WORST_FIRST = (
    Phase.DEVIATING,
    Phase.RECOVERING,
    Phase.SUSPECTED,
    Phase.UNKNOWN,
    Phase.NEW,
    Phase.FINE,
)
_BAD = (Phase.DEVIATING.value, Phase.RECOVERING.value)
_target, _state, _deviation = schema.target, schema.state, schema.deviation
_change, _ack = schema.change, schema.acknowledgement
_rank = case({phase.value: n for n, phase in enumerate(WORST_FIRST)}, value=_state.c.phase)


def phase_counts(connection: Connection) -> dict[tuple[str, Phase], int]:
    """Return how many expectations of watched targets are in each phase, by group."""
    query = (
        select(_state.c.group_name, _state.c.phase, func.count())
        .join(_target, _target.c.id == _state.c.target_id)
        .where(_target.c.is_watched)
        .group_by(_state.c.group_name, _state.c.phase)
    )
    return {(row[0], Phase(row[1])): row[2] for row in connection.execute(query)}


def group_lines(connection: Connection, groups: Sequence[str]) -> list[GroupLine]:
    """Return the groups of the policy in its order, in numbers."""
    counts = phase_counts(connection)
    query = (
        select(_state.c.group_name, func.count(_state.c.target_id.distinct()))
        .join(_target, _target.c.id == _state.c.target_id)
        .where(_target.c.is_watched)
        .group_by(_state.c.group_name)
    )
    targets = {row[0]: row[1] for row in connection.execute(query)}

    def count(group: str, *phases: Phase) -> int:
        return sum(counts.get((group, phase), 0) for phase in phases)

    return [
        GroupLine(
            name,
            targets.get(name, 0),
            count(name, Phase.FINE, Phase.SUSPECTED),
            count(name, Phase.DEVIATING, Phase.RECOVERING),
            count(name, Phase.UNKNOWN),
            count(name, Phase.NEW),
        )
        for name in groups
    ]


def count_targets(connection: Connection) -> int:
    """Return how many targets are watched."""
    query = select(func.count()).select_from(_target).where(_target.c.is_watched)
    return int(connection.execute(query).scalar_one())


def count_suspected(connection: Connection) -> int:
    """Return how many expectations wait for the look that confirms a deviation."""
    counts = phase_counts(connection)
    return sum(n for (_, phase), n in counts.items() if phase is Phase.SUSPECTED)


def open_deviations(
    connection: Connection, is_quiet: IsQuiet, limit: int = 1000
) -> list[Deviation]:
    """Return the confirmed deviations that last, oldest first."""
    query = _deviations().where(_deviation.c.ended_unix.is_(None))
    query = query.order_by(_deviation.c.confirmed_unix, _deviation.c.id).limit(limit)
    return [_deviation_of(row, is_quiet) for row in connection.execute(query)]


def deviation(connection: Connection, deviation_id: int, is_quiet: IsQuiet) -> Deviation | None:
    """Return one deviation, over or not."""
    row = connection.execute(_deviations().where(_deviation.c.id == deviation_id)).first()
    return None if row is None else _deviation_of(row, is_quiet)


def count_acknowledged(connection: Connection) -> int:
    """Return how many of the deviations that last are acknowledged."""
    query = (
        select(func.count())
        .select_from(_ack.join(_deviation, _ack.c.deviation_id == _deviation.c.id))
        .where(_deviation.c.ended_unix.is_(None))
    )
    return int(connection.execute(query).scalar_one())


def _deviations() -> Select[Any]:
    same_state = (
        (_state.c.target_id == _deviation.c.target_id)
        & (_state.c.group_name == _deviation.c.group_name)
        & (_state.c.key == _deviation.c.key)
    )
    return select(
        _deviation,
        _target.c.target,
        _target.c.name,
        _state.c.phase,
        _state.c.deviation_id.label("open_id"),
        _ack.c.by,
        _ack.c.note,
        _ack.c.at_unix.label("acknowledged_unix"),
        _ack.c.until_unix,
    ).select_from(
        _deviation.join(_target, _target.c.id == _deviation.c.target_id)
        .outerjoin(_state, same_state)
        .outerjoin(_ack, _ack.c.deviation_id == _deviation.c.id)
    )


def _deviation_of(row: AnyRow, is_quiet: IsQuiet) -> Deviation:
    phase = Phase.DEVIATING
    if row.ended_unix is None and row.open_id == row.id and row.phase is not None:
        phase = Phase(row.phase)
    acknowledged = None
    if row.by is not None:
        acknowledged = Acknowledgement(row.by, row.note, row.acknowledged_unix, row.until_unix)
    return Deviation(
        id=row.id,
        group=row.group_name,
        target=row.target,
        name=row.name,
        key=row.key,
        expectation=row.expectation,
        observed=row.observed,
        first_seen_unix=row.first_seen_unix,
        confirmed_unix=row.confirmed_unix,
        evidence=json.loads(row.evidence),
        ended_unix=row.ended_unix,
        phase=phase,
        in_maintenance=row.ended_unix is None and is_quiet(row.group_name),
        acknowledgement=acknowledged,
        finding_ids=json.loads(row.finding_ids),
        fix=json.loads(row.fix),
    )


def changes(connection: Connection, limit: int, target_id: int | None = None) -> list[Change]:
    """Return the last changes, of one target or of all, the newest first."""
    query = select(_change, _target.c.target).join(_target, _target.c.id == _change.c.target_id)
    if target_id is not None:
        query = query.where(_change.c.target_id == target_id)
    query = query.order_by(_change.c.at_unix.desc(), _change.c.id.desc()).limit(limit)
    return [_change_of(row) for row in connection.execute(query)]


def _change_of(row: AnyRow) -> Change:
    return Change(
        id=row.id,
        at_unix=row.at_unix,
        group=row.group_name,
        target=row.target,
        key=row.key,
        expectation=row.expectation,
        kind=row.kind,
        observed=row.observed,
        evidence=json.loads(row.evidence),
        deviation_id=row.deviation_id,
        since_unix=row.since_unix,
        quiet=row.quiet,
    )


def host_history(connection: Connection, target: str, limit: int) -> HostHistory | None:
    """Return all that is stored of a target; None where it never was watched."""
    row = connection.execute(select(_target).where(_target.c.target == target)).first()
    if row is None:
        return None
    states = connection.execute(
        select(_state)
        .where(_state.c.target_id == row.id)
        .order_by(_state.c.group_name, _state.c.key)
    )
    return HostHistory(
        target=row.target,
        name=row.name,
        groups=json.loads(row.groups),
        last_checked_unix=row.checked_unix,
        states=[_state_of(state) for state in states],
        changes=changes(connection, limit, row.id),
        report=_report(connection, row.id),
    )


def _state_of(row: AnyRow) -> ExpectationState:
    return ExpectationState(
        row.group_name,
        row.key,
        row.expectation,
        Phase(row.phase),
        row.since_unix,
        row.observed,
        row.deviation_id,
    )


def _report(connection: Connection, target_id: int) -> HostReport | None:
    from nethood.exposure.watch.report_text import report_from_json

    query = select(schema.report.c.report).where(schema.report.c.target_id == target_id)
    text = connection.execute(query).scalar()
    return None if text is None else report_from_json(text)


def hosts(
    connection: Connection, group: str, search: str, offset: int, limit: int
) -> tuple[int, list[HostLine]]:
    """Return how many watched targets match, and a page of them, the worst first."""
    conditions = [_target.c.is_watched, *_matching(group, search)]
    worst = func.min(_rank).label("worst")
    query = (
        select(
            _target.c.id,
            _target.c.target,
            _target.c.name,
            _target.c.groups,
            _target.c.checked_unix,
            worst,
            func.sum(case((_state.c.phase.in_(_BAD), 1), else_=0)).label("deviating"),
            func.sum(case((_state.c.phase == Phase.UNKNOWN.value, 1), else_=0)).label("unknown"),
        )
        .join(_state, _state.c.target_id == _target.c.id)
        .where(*conditions)
        .group_by(_target.c.id)
    )
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    page = connection.execute(query.order_by(worst, _target.c.id).offset(offset).limit(limit)).all()
    since = _since(connection, [row.id for row in page])
    return int(total), [_host_line(row, since) for row in page]


def _matching(group: str, search: str) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if group:
        found.append(_state.c.group_name == group)
    if search:
        text = search.lower()
        found.append(
            or_(
                func.lower(_target.c.target).contains(text, autoescape=True),
                func.lower(_target.c.name).contains(text, autoescape=True),
            )
        )
    return found


def _since(connection: Connection, ids: list[int]) -> dict[tuple[int, str], float]:
    query = (
        select(_state.c.target_id, _state.c.phase, func.min(_state.c.since_unix))
        .where(_state.c.target_id.in_(ids))
        .group_by(_state.c.target_id, _state.c.phase)
    )
    return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _host_line(row: AnyRow, since: dict[tuple[int, str], float]) -> HostLine:
    phase = WORST_FIRST[row.worst]
    return HostLine(
        row.target,
        row.name,
        json.loads(row.groups),
        phase,
        since.get((row.id, phase.value), 0.0),
        int(row.deviating),
        int(row.unknown),
        row.checked_unix,
    )


def last_checked(connection: Connection, target: str) -> float | None:
    """Return when a target was last looked at."""
    query = select(_target.c.checked_unix).where(_target.c.target == target)
    found = connection.execute(query).scalar()
    return None if found is None else float(found)
