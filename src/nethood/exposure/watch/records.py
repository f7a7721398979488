"""What the store of the watcher tells: plain records, read by the command and the dashboard.

Times are seconds since 1970 (UTC). A target is named by its text, "10.1.0.7" or "[::1]:4450", as
`str(Target)` gives it. A deviation is one target that isn't as one expectation of one group says,
from the look that confirmed it to the look that confirmed its end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from nethood.exposure.model import HostReport


class Phase(StrEnum):
    """Where one expectation of one target stands."""

    NEW = "new"
    """Not looked at yet."""
    FINE = "fine"
    SUSPECTED = "suspected"
    """One look saw a deviation; the second is to come."""
    DEVIATING = "deviating"
    RECOVERING = "recovering"
    """One look saw it end; the second is to come."""
    UNKNOWN = "unknown"
    """It could not be seen; `observed` says why."""


class DeliveryState(StrEnum):
    """What became of an alert at one channel."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    """It did not arrive, and was tried as often as it is."""
    HELD = "held"
    """Too many at once: it waits for a summary."""
    SUMMARISED = "in a summary"
    UNCERTAIN = "delivery uncertain"
    """It may have arrived or not: it is not repeated."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """Somebody knows of a deviation; it stays quiet until *until_unix*, or its end if None."""

    by: str
    note: str
    at_unix: float
    until_unix: float | None = None


@dataclass(frozen=True, slots=True)
class Deviation:
    """A confirmed deviation. *ended_unix* is None while it lasts.

    *id* is what `acknowledge` takes; *expectation* is the sentence for people ("445/tcp closed"),
    *key* its name in the policy ("445"); *evidence* one line a fact; *finding_ids* are entries of
    the catalogue, *fix* lines a person can act on.
    """

    id: int
    group: str
    target: str
    name: str
    key: str
    expectation: str
    observed: str
    first_seen_unix: float
    confirmed_unix: float
    evidence: list[str] = field(default_factory=list)
    ended_unix: float | None = None
    phase: Phase = Phase.DEVIATING
    in_maintenance: bool = False
    acknowledgement: Acknowledgement | None = None
    finding_ids: list[str] = field(default_factory=list)
    fix: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a host's history: a confirmed change of one expectation.

    *kind* is the text of a `TransitionKind` ("deviation", "recovery", "unknown", "known" ...);
    *quiet* says why nobody was told: "in maintenance", "acknowledged", or "".
    """

    id: int
    at_unix: float
    group: str
    target: str
    key: str
    expectation: str
    kind: str
    observed: str
    evidence: list[str] = field(default_factory=list)
    deviation_id: int | None = None
    since_unix: float = 0.0
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class ExpectationState:
    """One expectation of one target as it stands, since when, and what was last seen."""

    group: str
    key: str
    expectation: str
    phase: Phase
    since_unix: float
    observed: str
    deviation_id: int | None = None


@dataclass(frozen=True, slots=True)
class HostLine:
    """One target in a list: *phase* is the worst of its expectations, *since_unix* that one's.

    *deviating* and *unknown* count expectations.
    """

    target: str
    name: str
    groups: list[str]
    phase: Phase
    since_unix: float
    deviating: int
    unknown: int
    last_checked_unix: float | None


@dataclass(frozen=True, slots=True)
class HostHistory:
    """All that is stored of one target; *changes* the newest first.

    *report* is the look that confirmed the last change: what findings can be judged by. It holds
    what the policy needs to know and no more.
    """

    target: str
    name: str
    groups: list[str]
    last_checked_unix: float | None
    states: list[ExpectationState]
    changes: list[Change]
    report: HostReport | None = None


@dataclass(frozen=True, slots=True)
class GroupLine:
    """One group of the policy: how many targets, and where its expectations stand."""

    name: str
    targets: int
    fine: int
    deviating: int
    unknown: int
    not_looked_at: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at a glance. Counts are of expectations where not said otherwise.

    *deviating* counts all that are confirmed, *acknowledged* those among them. *last_round_unix*
    is when a whole round over all targets was last completed, *watching_unix* when a watcher last
    said that it lives (None: never); *uncertain* and *failed* count deliveries.
    """

    now_unix: float
    targets: int
    fine: int
    suspected: int
    deviating: int
    acknowledged: int
    unknown: int
    not_looked_at: int
    every_s: float
    last_round_unix: float | None
    watching_unix: float | None
    groups: list[GroupLine]
    open: list[Deviation]
    uncertain: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """One alert at one channel; *event_id* is the id of the `Alert`.

    *changed_unix* is when the state became what it is, *error* one sentence where it went wrong.
    """

    id: int
    event_id: str
    channel: str
    state: DeliveryState
    sentence: str
    target: str
    made_unix: float
    tries: int = 0
    changed_unix: float | None = None
    error: str = ""
