"""What happens in the watcher: verdicts, confirmed changes for the history, alerts for people.

An `Alert` is written to the outbox together with the `Transition` that caused it, and delivered
once to each channel of *tell*. Ids follow from what happened, so nothing random is needed here.
The JSON form of an Alert is documented in docs/watch.md, version `SCHEMA_VERSION`.
What is *stored* of all this, as pages and lists show it, is in records.py.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256

from nethood.errors import LocalError

SCHEMA_VERSION = 1


class Judgement(StrEnum):
    """What a look says of one expectation."""

    AS_EXPECTED = "as expected"
    DEVIATES = "deviates"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One look at one expectation: *observed* in words, and what showed it.

    *mark* is short and the same as long as the deviation is the same ("open", "grade D").
    *finding_ids* are entries of the catalogue; *fix* is lines a person can act on.
    """

    judgement: Judgement
    observed: str
    mark: str = ""
    evidence: tuple[str, ...] = ()
    finding_ids: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """One expectation of one target.

    *target* is `str(Target)` ("10.1.0.7", "[::1]:4450"), *name* what it was given by if that is
    a name; *key* is the expectation's key in the policy ("445", "smb1"), *expectation* the
    sentence for people ("445/tcp closed").
    """

    group: str
    target: str
    key: str
    expectation: str
    name: str = ""

    @property
    def host(self) -> str:
        """The target as a person knows it: "nas.example (10.1.0.7)"."""
        return f"{self.name} ({self.target})" if self.name else self.target


class TransitionKind(StrEnum):
    """What a line of the history says happened to an expectation."""

    DEVIATION = "deviation"
    CHANGED = "changed"
    """It deviated before, and deviates in another way now."""
    RECOVERY = "recovery"
    UNKNOWN = "unknown"
    """It could not be checked some looks in a row."""
    KNOWN = "known"
    """It was looked at for the first time and is as it should be, or can be checked again."""
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_ENDED = "acknowledgement ended"


@dataclass(frozen=True, slots=True)
class Transition:
    """One confirmed change of one expectation, a line of the history.

    *since_unix* is when it was first seen, *at_unix* when the second look confirmed it.
    *quiet* says why nobody is told of it now: "in maintenance", "acknowledged", or "".
    """

    id: str
    kind: TransitionKind
    subject: Subject
    at_unix: float
    since_unix: float
    observed: str
    evidence: tuple[str, ...] = ()
    quiet: str = ""


class AlertKind(StrEnum):
    """Why somebody is told."""

    DEVIATES = "deviates"
    CHANGED = "changed"
    STILL_DEVIATES = "still deviates"
    """The acknowledgement's time is over."""
    RECOVERED = "recovered"
    UNCHECKABLE = "can't be checked"
    CHECKABLE = "can be checked again"
    SUMMARY = "summary"
    """Many alerts in one, by flood control."""
    HEARTBEAT = "heartbeat"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Alert:
    """What people are told, once per channel of *tell*.

    *title* is one line. *was* is what was seen before the change. *since_unix* is when it was
    first seen. *members* are the lines of a summary or a heartbeat. *subject* is None for those
    and for a test. *deviation_id* is what `acknowledge` takes: the store fills it in when it
    writes the alert, as the deviation gets its number there.
    """

    id: str
    kind: AlertKind
    at_unix: float
    title: str
    tell: tuple[str, ...]
    subject: Subject | None = None
    since_unix: float = 0.0
    observed: str = ""
    was: str = ""
    evidence: tuple[str, ...] = ()
    finding_ids: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()
    deviation_id: int | None = None
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of a heartbeat: expectations of all targets, each in one of the five.

    *deviating* is without those *acknowledged* and those *in_maintenance*.
    """

    as_expected: int = 0
    deviating: int = 0
    acknowledged: int = 0
    in_maintenance: int = 0
    unknown: int = 0

    @property
    def total(self) -> int:
        """How many expectations there are."""
        return (
            self.as_expected
            + self.deviating
            + self.acknowledged
            + self.in_maintenance
            + self.unknown
        )


class Fate(StrEnum):
    """What became of one attempt to deliver an alert."""

    DELIVERED = "delivered"
    """The peer took it."""
    SENT = "sent"
    """It went out, by a way that has no answer (syslog over UDP)."""
    FAILED = "failed"
    """It did not arrive; to try again repeats nothing."""
    REFUSED = "refused"
    """It did not arrive, and will not in this form: to try again is of no use."""
    UNCERTAIN = "uncertain"
    """It may have arrived: the answer was lost. It is not to be repeated."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one alert at one channel; *why* is one sentence where it went wrong."""

    channel: str
    alert_id: str
    fate: Fate
    why: str = ""


def event_id(*parts: object) -> str:
    """Return 32 hex digits that follow from *parts*."""
    text = "\x1f".join(str(part) for part in parts)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def alert_to_json(alert: Alert) -> str:
    """Return *alert* as one line of JSON."""
    document = {"schema": SCHEMA_VERSION, **asdict(alert)}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def alert_from_json(text: str) -> Alert:
    """Return the alert *alert_to_json* wrote. Raises LocalError where it is none."""
    try:
        document = json.loads(text)
        if document.pop("schema") != SCHEMA_VERSION:
            raise LocalError("the alert is of another version of nethood")
        subject = document.pop("subject")
        kind = AlertKind(document.pop("kind"))
        lists = {key: tuple(value) for key, value in document.items() if isinstance(value, list)}
        return Alert(
            kind=kind, subject=Subject(**subject) if subject else None, **{**document, **lists}
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalError(f"this is no alert: {error}") from None
