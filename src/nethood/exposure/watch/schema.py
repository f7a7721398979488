"""The tables of the watcher's store; `migrations/` makes them and changes them.

Times are seconds since 1970, lists and records are JSON texts: the same on SQLite and PostgreSQL.
There is no row for a look: `target.checked_unix` is when the last one was.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

REVISIONS = ("0001",)
"""All schemas there have been, the newest last: those of `migrations/versions`."""

VERSION_TABLE = "watch_schema"
metadata = MetaData()

_Id = BigInteger().with_variant(Integer, "sqlite")  # what SQLite counts up by itself


def _target() -> Column[int]:
    return Column("target_id", _Id, ForeignKey("watch_target.id"), nullable=False)


target = Table(
    "watch_target",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("target", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("groups", Text, nullable=False),
    Column("is_watched", Boolean, nullable=False),
    Column("checked_unix", Double),
)

state = Table(
    "watch_state",
    metadata,
    Column("target_id", _Id, ForeignKey("watch_target.id"), primary_key=True),
    Column("group_name", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("expectation", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("since_unix", Double, nullable=False),
    Column("observed", Text, nullable=False),
    Column("deviation_id", _Id),
    Column("machine", Text, nullable=False),
    Index("watch_state_phase", "phase"),
)

deviation = Table(
    "watch_deviation",
    metadata,
    Column("id", _Id, primary_key=True),
    _target(),
    Column("group_name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("expectation", Text, nullable=False),
    Column("observed", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("finding_ids", Text, nullable=False),
    Column("fix", Text, nullable=False),
    Column("first_seen_unix", Double, nullable=False),
    Column("confirmed_unix", Double, nullable=False),
    Column("ended_unix", Double),
    Index("watch_deviation_ended", "ended_unix"),
    Index("watch_deviation_target", "target_id"),
)

change = Table(
    "watch_change",
    metadata,
    Column("id", _Id, primary_key=True),
    _target(),
    Column("event_id", Text, nullable=False, unique=True),
    Column("at_unix", Double, nullable=False),
    Column("since_unix", Double, nullable=False),
    Column("group_name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("expectation", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("observed", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("quiet", Text, nullable=False),
    Column("deviation_id", _Id),
    Index("watch_change_target", "target_id", "at_unix"),
    Index("watch_change_at", "at_unix"),
)

acknowledgement = Table(
    "watch_acknowledgement",
    metadata,
    Column("deviation_id", _Id, ForeignKey("watch_deviation.id"), primary_key=True),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at_unix", Double, nullable=False),
    Column("until_unix", Double),
)

alert = Table(
    "watch_alert",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("made_unix", Double, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_unix", Double, nullable=False),
    Column("changed_unix", Double),
    Column("error", Text, nullable=False),
    UniqueConstraint("event_id", "channel", name="watch_alert_once"),
    Index("watch_alert_state", "state", "next_try_unix"),
)

request = Table(
    "watch_request",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("deviation_id", _Id, nullable=False),
    Column("by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("at_unix", Double, nullable=False),
    Column("until_unix", Double),
)
"""Acknowledgements by other processes, for the watcher to take up."""

report = Table(
    "watch_report",
    metadata,
    Column("target_id", _Id, ForeignKey("watch_target.id"), primary_key=True),
    Column("at_unix", Double, nullable=False),
    Column("report", Text, nullable=False),
)

memory = Table(
    "watch_memory",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""What the watcher remembers of itself, by name: when it lived last, its last whole round ..."""
