"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make everything."""
    _make_alert()
    _make_memory()
    _make_request()
    _make_target()
    _make_change()
    _make_deviation()
    _make_report()
    _make_state()
    _make_acknowledgement()


def _make_alert() -> None:
    op.create_table(
        "watch_alert",
        sa.Column("id", _ID, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("made_unix", sa.Double(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_unix", sa.Double(), nullable=False),
        sa.Column("changed_unix", sa.Double(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id", "channel", name="watch_alert_once"),
    )
    op.create_index("watch_alert_state", "watch_alert", ["state", "next_try_unix"], unique=False)


def _make_memory() -> None:
    op.create_table(
        "watch_memory",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _make_request() -> None:
    op.create_table(
        "watch_request",
        sa.Column("id", _ID, nullable=False),
        sa.Column("deviation_id", _ID, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at_unix", sa.Double(), nullable=False),
        sa.Column("until_unix", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )


def _make_target() -> None:
    op.create_table(
        "watch_target",
        sa.Column("id", _ID, nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("groups", sa.Text(), nullable=False),
        sa.Column("is_watched", sa.Boolean(), nullable=False),
        sa.Column("checked_unix", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("target"),
    )


def _make_change() -> None:
    op.create_table(
        "watch_change",
        sa.Column("id", _ID, nullable=False),
        sa.Column("target_id", _ID, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("at_unix", sa.Double(), nullable=False),
        sa.Column("since_unix", sa.Double(), nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("expectation", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("quiet", sa.Text(), nullable=False),
        sa.Column("deviation_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["watch_target.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index("watch_change_at", "watch_change", ["at_unix"], unique=False)
    op.create_index("watch_change_target", "watch_change", ["target_id", "at_unix"], unique=False)


def _make_deviation() -> None:
    op.create_table(
        "watch_deviation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("target_id", _ID, nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("expectation", sa.Text(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("finding_ids", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("first_seen_unix", sa.Double(), nullable=False),
        sa.Column("confirmed_unix", sa.Double(), nullable=False),
        sa.Column("ended_unix", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["watch_target.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("watch_deviation_ended", "watch_deviation", ["ended_unix"], unique=False)
    op.create_index("watch_deviation_target", "watch_deviation", ["target_id"], unique=False)


def _make_report() -> None:
    op.create_table(
        "watch_report",
        sa.Column("target_id", _ID, nullable=False),
        sa.Column("at_unix", sa.Double(), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["watch_target.id"],
        ),
        sa.PrimaryKeyConstraint("target_id"),
    )


def _make_state() -> None:
    op.create_table(
        "watch_state",
        sa.Column("target_id", _ID, nullable=False),
        sa.Column("group_name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("expectation", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("since_unix", sa.Double(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("deviation_id", _ID, nullable=True),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["target_id"],
            ["watch_target.id"],
        ),
        sa.PrimaryKeyConstraint("target_id", "group_name", "key"),
    )
    op.create_index("watch_state_phase", "watch_state", ["phase"], unique=False)


def _make_acknowledgement() -> None:
    op.create_table(
        "watch_acknowledgement",
        sa.Column("deviation_id", _ID, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("at_unix", sa.Double(), nullable=False),
        sa.Column("until_unix", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["deviation_id"],
            ["watch_deviation.id"],
        ),
        sa.PrimaryKeyConstraint("deviation_id"),
    )
