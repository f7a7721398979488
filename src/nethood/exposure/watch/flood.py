"""Flood control: many alerts to one channel become one that names them.

Pure: time is passed in. Up to *limit* alerts within *within_s* go out as they come; the next ones
are held. What is held goes out as one summary once *within_s* has gone by since the first of
it, and at most one summary goes out in that time. Nothing is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from nethood.errors import LocalError
from nethood.exposure.watch.events import Alert, AlertKind, event_id
from nethood.exposure.watch.policy import FloodLimits

MOST_MEMBERS = 200
"""How many alerts a summary names; of more it says how many."""
_EXEMPT = (AlertKind.SUMMARY, AlertKind.HEARTBEAT, AlertKind.TEST)


@dataclass(frozen=True, slots=True)
class FloodState:
    """What is remembered of one channel: when alerts went out, and the ids of those held.

    *held_unix* is when the first of these was held.
    """

    sent_unix: tuple[float, ...] = ()
    held: tuple[str, ...] = ()
    held_unix: float = 0.0


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
    exempt = [alert for alert in alerts if alert.kind in _EXEMPT]
    counted = [alert for alert in alerts if alert.kind not in _EXEMPT]
    recent = _recent(state, limits, now_unix)
    if not state.held and len(recent) + len(counted) <= limits.limit:
        sent = (*recent, *(now_unix for _ in counted))
        return Admission(FloodState(sent), list(alerts), [])
    if not counted:
        return Admission(state, exempt, [])
    held = (*state.held, *(alert.id for alert in counted))
    first = state.held_unix if state.held else now_unix
    return Admission(FloodState(recent, held, first), exempt, counted)


def _recent(state: FloodState, limits: FloodLimits, now_unix: float) -> tuple[float, ...]:
    """Return when alerts went out that still count; a clock set back makes none count twice."""
    return tuple(at for at in state.sent_unix if 0 <= now_unix - at < limits.within_s)


def due_at(state: FloodState, limits: FloodLimits) -> float | None:
    """Return when what is held is to go out, None where nothing is."""
    return state.held_unix + limits.within_s if state.held else None


def release(
    state: FloodState, limits: FloodLimits, now_unix: float
) -> tuple[FloodState, tuple[str, ...]]:
    """Return the state and the ids of the alerts that are to become a summary now, if any."""
    due = due_at(state, limits)
    if due is None or (now_unix < due and now_unix >= state.held_unix):
        return state, ()
    # The summary fills the window: what follows it closely is held again.
    return FloodState((now_unix,) * limits.limit), state.held


def summarise(alerts: Sequence[Alert], channel: str, now_unix: float) -> Alert:
    """Return one alert that stands for *alerts*, at least one, on *channel*."""
    members = [alert.title for alert in alerts[:MOST_MEMBERS]]
    if len(alerts) > MOST_MEMBERS:
        members.append(f"and {len(alerts) - MOST_MEMBERS:,} more; the dashboard has all of them")
    counts = {kind: sum(alert.kind is kind for alert in alerts) for kind in AlertKind}
    told = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    hosts = {alert.subject.target for alert in alerts if alert.subject is not None}
    noun = "change" if len(alerts) == 1 else "changes"
    return Alert(
        event_id(AlertKind.SUMMARY, channel, now_unix, *(alert.id for alert in alerts)),
        AlertKind.SUMMARY,
        now_unix,
        f"{len(alerts):,} {noun} on {len(hosts):,} host{'s' * (len(hosts) != 1)}: {told}",
        (channel,),
        since_unix=min(alert.at_unix for alert in alerts),
        members=tuple(members),
    )


def flood_to_json(state: FloodState) -> str:
    """Return *state* as JSON."""
    return json.dumps([state.sent_unix, state.held, state.held_unix], separators=(",", ":"))


def flood_from_json(text: str) -> FloodState:
    """Return what *flood_to_json* wrote. Raises LocalError where it is none."""
    try:
        sent, held, held_unix = json.loads(text)
        return FloodState(tuple(map(float, sent)), tuple(map(str, held)), float(held_unix))
    except (ValueError, TypeError) as error:
        raise LocalError(f"this is no state of flood control: {error}") from None
