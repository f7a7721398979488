from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from nethood.errors import LocalError
from nethood.exposure.watch import database, schema
from nethood.exposure.watch.database import Database, StoreError, upsert
from tests.exposure.watch import postgres


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def remember(opened: Database, **values: str) -> None:
    with opened.transaction() as connection:
        upsert(connection, schema.memory, [{"name": n, "value": v} for n, v in values.items()])


def remembered(opened: Database) -> dict[str, str]:
    with opened.transaction() as connection:
        return {row.name: row.value for row in connection.execute(select(schema.memory))}


def test_an_empty_database_gets_the_tables_the_program_knows(url: str) -> None:
    opened = Database(url)
    with opened.transaction() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE}
        )
        assert compare_metadata(context, schema.metadata) == []
    opened.close()


def test_the_list_of_revisions_is_that_of_the_migrations() -> None:
    scripts = ScriptDirectory(str(database.MIGRATIONS))
    assert tuple(s.revision for s in reversed(list(scripts.walk_revisions()))) == schema.REVISIONS


def test_what_is_stored_is_there_when_it_is_opened_again(url: str) -> None:
    opened = Database(url)
    remember(opened, one="1", two="2")
    remember(opened, two="3")
    opened.close()
    opened = Database(url)
    assert remembered(opened) == {"one": "1", "two": "3"}
    opened.close()


def test_a_transaction_that_fails_stores_nothing(url: str) -> None:
    opened = Database(url)

    def half() -> None:
        with opened.transaction() as connection:
            upsert(connection, schema.memory, [{"name": "a", "value": "b"}])
            connection.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(StoreError, match="can't keep what is watched in"):
        half()
    assert remembered(opened) == {}
    opened.close()


def test_a_second_watcher_is_refused_in_a_sentence(url: str) -> None:
    first = Database(url)
    with pytest.raises(LocalError) as refusal:
        Database(url)
    assert "another watcher" in str(refusal.value)
    assert f"process {os.getpid()}" in str(refusal.value)
    first.close()
    Database(url).close()


HOLDER = """
import sys, time
from nethood.exposure.watch.database import Database
opened = Database(sys.argv[1])
print("open", flush=True)
time.sleep(60)
"""


def test_a_watcher_that_was_killed_holds_nothing(url: str) -> None:
    words = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(LocalError, match=f"process {holder.pid}"):
            Database(url)
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
    until_open(url).close()


def until_open(url: str) -> Database:
    """Open it; PostgreSQL takes a moment to notice that a peer is gone."""
    for _ in range(1000):
        try:
            return Database(url)
        except LocalError:
            continue
    return Database(url)


def test_a_newer_schema_is_refused_in_a_sentence(url: str) -> None:
    opened = Database(url)
    with opened.transaction() as connection:
        connection.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '9999'"))
    opened.close()
    with pytest.raises(LocalError, match=r"made by a newer nethood \(its schema is '9999'\)"):
        Database(url)


ADDED = """
import sqlalchemy as sa
from alembic import op
revision = "0099"
down_revision = "{last}"
def upgrade():
    op.add_column("watch_memory", sa.Column("since", sa.Text()))
    {more}
"""


def add_migration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
    """Make the program one with a further migration."""
    folder = tmp_path / "migrations"
    shutil.copytree(database.MIGRATIONS, folder)
    added = ADDED.format(last=schema.REVISIONS[-1], more=more)
    (folder / "versions" / "m0099_since.py").write_text(added)
    monkeypatch.setattr(database, "MIGRATIONS", folder)
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "0099"))


def test_an_older_schema_is_brought_up_to_date(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Database(url)
    remember(opened, kept="yes")
    opened.close()
    before = schema.REVISIONS[-1]
    with monkeypatch.context() as patched:
        add_migration(tmp_path, patched)
        opened = Database(url)
        with opened.transaction() as connection:
            rows = connection.execute(text("SELECT name, value, since FROM watch_memory")).all()
        assert [tuple(row) for row in rows] == [("kept", "yes", None)]
        opened.close()
    if url.startswith("sqlite"):
        copy = path_of(url).with_name(f"watch.sqlite.schema-{before}")
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        kept = Database(f"sqlite:///{copy}")
        assert remembered(kept) == {"kept": "yes"}
        kept.close()


def test_a_migration_that_fails_leaves_everything_as_it_was(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Database(url)
    remember(opened, kept="yes")
    opened.close()
    with monkeypatch.context() as patched:
        add_migration(tmp_path, patched, 'op.execute("SELECT * FROM no_such_table")')
        with pytest.raises(LocalError, match="no_such_table"):
            Database(url)
    opened = Database(url)
    assert remembered(opened) == {"kept": "yes"}
    with pytest.raises(StoreError), opened.transaction() as connection:
        connection.execute(text("SELECT since FROM watch_memory"))
    opened.close()


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "watch.sqlite"
    opened = Database(f"sqlite:///{path}")
    remember(opened, a="b")
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    opened.close()
    assert "watch.sqlite-wal" in modes
    assert set(modes.values()) == {0o600}


def test_what_was_committed_survives_a_power_cut_by_the_settings(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path / 'watch.sqlite'}")
    with opened.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
    opened.close()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("nonsense", "is no URL of a database"),
        ("mysql://host/x", "there are sqlite and postgresql"),
        ("sqlite://", "names no file"),
        ("sqlite:////proc/nethood/x.sqlite", "can't keep what is watched"),
        ("postgresql+psycopg://me:secret@/x?host=/nowhere", "can't keep what is watched"),
    ],
)
def test_a_database_that_cannot_be_had_is_a_sentence(wrong: str, sentence: str) -> None:
    with pytest.raises(LocalError, match=sentence) as refusal:
        Database(wrong)
    assert "secret" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_database_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "watch.sqlite"
    path.write_bytes(b"this is a letter" * 100)
    with pytest.raises(LocalError, match="not a database"):
        Database(f"sqlite:///{path}")


def test_a_connection_that_was_lost_is_made_anew(cluster: postgres.Cluster) -> None:
    url = cluster.new_database()
    opened = Database(url)
    remember(opened, kept="yes")
    with cluster.connect() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'nethood watch%'"
        )
    with pytest.raises(StoreError):
        remembered(opened)
    assert remembered(opened) == {"kept": "yes"}
    with pytest.raises(LocalError, match="another watcher"):
        Database(url)
    opened.close()


def test_whoever_lost_the_connection_to_another_watcher_writes_nothing(
    cluster: postgres.Cluster,
) -> None:
    url = cluster.new_database()
    first = Database(url)
    with cluster.connect() as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name LIKE 'nethood watch%'"
        )
    second = Database(url)
    with pytest.raises(StoreError):
        remember(first, mine="no")
    with pytest.raises(StoreError, match="another watcher"):
        remember(first, mine="no")
    assert remembered(second) == {}
    second.close()
    first.close()
