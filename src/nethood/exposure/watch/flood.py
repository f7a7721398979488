"""Flood control: many alerts to one channel become one that names them.

Pure: time is passed in. Up to *limit* alerts within *within_s* go out as they come; the next ones
are held. What is held goes out as one summary once *within_s* has gone by since the first of
it, and at most one such summary goes out in that time. Many alerts about one host at once are one
message as well, which goes out without waiting. Nothing is dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nethood.errors import LocalError
from nethood.exposure.watch.events import Alert, AlertKind, event_id
from nethood.exposure.watch.policy import FloodLimits

MOST_MEMBERS = 200
"""How many alerts a summary names; of more it says how many."""
MOST_OF_A_HOST = 3
"""How many alerts about one host go out at once one by one."""
_MOST_FIXES = 12
_EXEMPT = (AlertKind.SUMMARY, AlertKind.HEARTBEAT, AlertKind.TEST)


@dataclass(frozen=True, slots=True)
class FloodState:
    """What is remembered of one channel: when alerts went out, and the ids of those held.

    What is held was so first at *held_unix*; it waits, where *is_flood*, for that to be over,
    and else goes out at once, as it is about one host.
    """

    sent_unix: tuple[float, ...] = ()
    held: tuple[str, ...] = ()
    held_unix: float = 0.0
    is_flood: bool = False


@dataclass(frozen=True, slots=True)
class Admission:
    """What becomes of alerts: *send* goes out now, *hold* waits for a summary."""

    state: FloodState
    send: list[Alert]
    hold: list[Alert]


def admit(
    state: FloodState, limits: FloodLimits, alerts: Sequence[Alert], now_unix: float
) -> Admission:
    """Decide about *alerts* that come at once for a channel.

    A batch that would go over the limit is held as a whole, so that the summary has all of it.
    Heartbeats, summaries and tests always go out and are not counted.
    """
    counted = [alert for alert in alerts if alert.kind not in _EXEMPT]
    together = _many_of_a_host(counted)
    messages = len(counted) - len(together) + bool(together)
    recent = _recent(state, limits, now_unix)
    if not counted:
        return Admission(state, list(alerts), [])
    if state.held or len(recent) + messages > limits.limit:
        return _hold(state, recent, alerts, counted, now_unix, is_flood=not _is_due_now(state))
    sent = (*recent, *(now_unix for _ in range(messages)))
    if not together:
        return Admission(FloodState(sent), list(alerts), [])
    kept = _hold(FloodState(), sent, alerts, together, now_unix, is_flood=False)
    return Admission(kept.state, kept.send, together)


def _many_of_a_host(alerts: Sequence[Alert]) -> list[Alert]:
    """Return the alerts about hosts of which there are many."""
    counts = Counter(alert.subject.target for alert in alerts if alert.subject is not None)
    return [
        alert
        for alert in alerts
        if alert.subject is not None and counts[alert.subject.target] > MOST_OF_A_HOST
    ]


def _hold(
    state: FloodState,
    sent: tuple[float, ...],
    alerts: Sequence[Alert],
    hold: list[Alert],
    now_unix: float,
    *,
    is_flood: bool,
) -> Admission:
    ids = (*state.held, *(alert.id for alert in hold))
    first = state.held_unix if state.held else now_unix
    held = set(ids)
    send = [alert for alert in alerts if alert.id not in held]
    return Admission(FloodState(sent, ids, first, is_flood), send, hold)


def _is_due_now(state: FloodState) -> bool:
    """Tell whether something is held that waits for nothing but to be sent."""
    return bool(state.held) and not state.is_flood


def _recent(state: FloodState, limits: FloodLimits, now_unix: float) -> tuple[float, ...]:
    """Return when alerts went out that still count; a clock set back makes none count twice."""
    return tuple(at for at in state.sent_unix if 0 <= now_unix - at < limits.within_s)


def due_at(state: FloodState, limits: FloodLimits) -> float | None:
    """Return when what is held is to go out, None where nothing is."""
    if not state.held:
        return None
    return state.held_unix + limits.within_s if state.is_flood else state.held_unix


def release(
    state: FloodState, limits: FloodLimits, now_unix: float
) -> tuple[FloodState, tuple[str, ...]]:
    """Return the state and the ids of the alerts that are to become a summary now, if any."""
    due = due_at(state, limits)
    if due is None or (now_unix < due and now_unix >= state.held_unix):
        return state, ()
    if not state.is_flood:
        return FloodState(state.sent_unix), state.held
    # The summary fills the window: what follows it closely is held again.
    return FloodState((now_unix,) * limits.limit), state.held


def summarise(alerts: Sequence[Alert], channel: str, now_unix: float) -> Alert:
    """Return one alert that stands for *alerts*, at least one, on *channel*."""
    members = [_member(alert) for alert in alerts[:MOST_MEMBERS]]
    if len(alerts) > MOST_MEMBERS:
        members.append(f"and {len(alerts) - MOST_MEMBERS:,} more; the dashboard has all of them")
    return Alert(
        event_id(AlertKind.SUMMARY, channel, now_unix, *(alert.id for alert in alerts)),
        AlertKind.SUMMARY,
        now_unix,
        _title(alerts),
        (channel,),
        since_unix=min(alert.at_unix for alert in alerts),
        finding_ids=tuple(dict.fromkeys(one for alert in alerts for one in alert.finding_ids)),
        fix=tuple(_fixes(alerts)),
        members=tuple(members),
    )


def _member(alert: Alert) -> str:
    """Return the line of an alert, with what to acknowledge it by."""
    known_by = f" (deviation {alert.deviation_id})" if alert.deviation_id is not None else ""
    return alert.title + known_by


def _title(alerts: Sequence[Alert]) -> str:
    counts = Counter(alert.kind for alert in alerts)
    told = ", ".join(f"{counts[kind]:,} {kind}" for kind in AlertKind if kind in counts)
    changes = f"{len(alerts):,} change{'s' * (len(alerts) != 1)}"
    hosts = {alert.subject.target: alert.subject.host for alert in alerts if alert.subject}
    if len(hosts) == 1:
        return f"{next(iter(hosts.values()))}: {changes}: {told}"
    return f"{changes} on {len(hosts):,} hosts: {told}"


def _fixes(alerts: Sequence[Alert]) -> Iterator[str]:
    lines = dict.fromkeys(line for alert in alerts for line in alert.fix)
    yield from list(lines)[:_MOST_FIXES]


def flood_to_json(state: FloodState) -> str:
    """Return *state* as JSON."""
    values = [state.sent_unix, state.held, state.held_unix, state.is_flood]
    return json.dumps(values, separators=(",", ":"))


def flood_from_json(text: str) -> FloodState:
    """Return what *flood_to_json* wrote. Raises LocalError where it is none."""
    try:
        sent, held, held_unix, is_flood = json.loads(text)
        return FloodState(
            tuple(map(float, sent)), tuple(map(str, held)), float(held_unix), bool(is_flood)
        )
    except (ValueError, TypeError) as error:
        raise LocalError(f"this is no state of flood control: {error}") from None
