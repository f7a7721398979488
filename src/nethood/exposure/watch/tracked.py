"""Where one expectation of one target stands: all the state machine remembers of it.

It goes to the store and back as JSON. One that is as it should be is small: a watcher may hold
a hundred thousand of them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from nethood.errors import LocalError
from nethood.exposure.watch.events import Judgement, Verdict
from nethood.exposure.watch.records import Phase

_VERSION = 1


class State(StrEnum):
    """Where it stands. The transitions between them are the table in machine.py."""

    NEW = "new"
    FINE = "fine"
    SUSPECTED = "suspected"
    """One look saw a deviation."""
    DEVIATING = "deviating"
    CHANGING = "changing"
    """Deviating, and one look saw it deviate otherwise."""
    RECOVERING = "recovering"
    """Deviating, and one look saw it as it should be."""
    UNKNOWN = "unknown"
    """It can't be checked; before that nothing was wrong."""
    LOST = "lost"
    """It can't be checked; when last seen it deviated."""


CONFIRMED = frozenset({State.DEVIATING, State.CHANGING, State.RECOVERING, State.LOST})
"""States in which a deviation is confirmed and its end is not."""
PENDING = frozenset({State.SUSPECTED, State.CHANGING, State.RECOVERING})
"""States that wait for a second look."""
_PHASES = {State.CHANGING: Phase.DEVIATING, State.LOST: Phase.DEVIATING}


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Who knows of it; quiet until *until_unix*, or until it changes for None."""

    by: str
    note: str
    at_unix: float
    until_unix: float | None = None


@dataclass(frozen=True, slots=True)
class Tracked:
    """All that is remembered of one expectation of one target.

    *wanted* is the sentence it was judged by. *observed* is what the last look saw that could
    see. *since_unix* is when what holds now was first seen, *confirmed* the deviation that is
    confirmed. *pending* was first seen at *pending_unix* and waits for a second look.
    *blind_looks* in a row could not see it, for *blind_why*. *told* is the mark of the deviation
    people know of, "" where they think all is well; *told_blind* says that they know it can't be
    checked. *in_history* is the last line of the history, "" for none. *serial* counts events.
    """

    state: State = State.NEW
    wanted: str = ""
    observed: str = ""
    since_unix: float = 0.0
    confirmed: Verdict | None = None
    pending: Verdict | None = None
    pending_unix: float = 0.0
    blind_looks: int = 0
    blind_unix: float = 0.0
    blind_why: str = ""
    told: str = ""
    told_observed: str = ""
    told_blind: bool = False
    in_history: str = ""
    acknowledged: Acknowledged | None = None
    serial: int = 0

    @property
    def phase(self) -> Phase:
        """The phase pages and lists show."""
        return _PHASES.get(self.state) or Phase(self.state.value)

    @property
    def is_deviating(self) -> bool:
        """Whether a deviation is confirmed, and its end is not."""
        return self.state in CONFIRMED

    @property
    def mark(self) -> str:
        """The mark of the confirmed deviation, "" for none."""
        return self.confirmed.mark if self.confirmed is not None and self.is_deviating else ""

    @property
    def is_blind(self) -> bool:
        """Whether it can't be checked, for so many looks that it is said."""
        return self.state in (State.UNKNOWN, State.LOST)

    @property
    def waits_for_time(self) -> bool:
        """Whether time alone may make something of it: call `step_time` now and then."""
        return (
            self.acknowledged is not None
            or self.told != self.mark
            or self.told_blind != self.is_blind
        )

    def look_again_at(self, confirm_after_s: float) -> float | None:
        """Return when the second look is due, None where none is waited for."""
        return self.pending_unix + confirm_after_s if self.state in PENDING else None


NEW_TRACKED = Tracked()


def tracked_to_json(tracked: Tracked) -> str:
    """Return *tracked* as JSON, without what is as at the beginning."""
    plain = asdict(tracked)
    first = asdict(NEW_TRACKED)
    kept = {key: value for key, value in plain.items() if value != first[key]}
    return json.dumps({"v": _VERSION, **kept}, ensure_ascii=False, separators=(",", ":"))


def tracked_from_json(text: str) -> Tracked:
    """Return what *tracked_to_json* wrote. Raises LocalError where it is none."""
    try:
        plain: dict[str, Any] = json.loads(text)
        if plain.pop("v") != _VERSION:
            raise LocalError("the state is of another version of nethood")
        for key in ("confirmed", "pending"):
            if plain.get(key) is not None:
                plain[key] = _verdict(plain[key])
        if plain.get("acknowledged") is not None:
            plain["acknowledged"] = Acknowledged(**plain["acknowledged"])
        return Tracked(**{**plain, "state": State(plain.get("state", State.NEW))})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalError(f"this is no state of an expectation: {error}") from None


def _verdict(plain: dict[str, Any]) -> Verdict:
    lists = {key: tuple(value) for key, value in plain.items() if isinstance(value, list)}
    return Verdict(**{**plain, **lists, "judgement": Judgement(plain["judgement"])})
