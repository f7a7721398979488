"""The connection to SQLite or PostgreSQL, its one holder, and the schema it must have.

There is one connection, and whoever has it is the only watcher of that state: on PostgreSQL by an
advisory lock of the session, which ends with it; on SQLite by a lock on a file beside the
database, which ends with the process. So after a kill nothing has to be waited for.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Row, create_engine, event, inspect, make_url, select
from sqlalchemy import Table as SqlTable
from sqlalchemy import exc as sql_errors
from sqlalchemy.pool import NullPool

from nethood.errors import Error, LocalError
from nethood.exposure.watch import schema
from nethood.exposure.watch.only_one import FileLock

AnyRow = Row[*tuple[Any, ...]]
"""A row of whatever was asked for."""

MIGRATIONS = Path(__file__).with_name("migrations")
_BUSY_MS = 5000
_STATEMENT_MS = 30_000
_CONNECT_S = 10
_LOCK = "hashtext('nethood watch'), hashtext(current_schema())"
_HOLDER = (
    "SELECT a.pid, a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
    " AND (l.classid, l.objid) ="
    " (SELECT hashtext('nethood watch')::oid, hashtext(current_schema())::oid) LIMIT 1"
)


class StoreError(Error):
    """The store failed, although it could be opened: its disk is full, its server is gone ..."""


def default_url() -> str:
    """Return where the watcher keeps what it knows by default: the user's directory for state."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(home) if home else Path.home() / ".local" / "state"
    return f"sqlite:///{base / 'nethood' / 'watch.sqlite'}"


class Database:
    """An open database with the schema of this program, ours alone until it is closed."""

    def __init__(self, url: str, *, beside: bool = False) -> None:
        """Open or make it, and bring its schema up to date.

        With *beside* it is opened beside the watcher that may have it, as it is. Raises
        LocalError with a sentence for a URL that is none, a database that can't be opened, one
        of a newer nethood, and one that another watcher holds.
        """
        self.url = _checked_url(url)
        self.where = self.url.render_as_string(hide_password=True)
        self._beside = beside
        self._lock: FileLock | None = None
        self._connection: Connection | None = None
        try:
            self._open()
        except StoreError as error:
            self.close()
            raise LocalError(str(error)) from error
        except LocalError:
            self.close()
            raise

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite."""
        return self.url.get_backend_name() == "sqlite"

    def close(self) -> None:
        """Close the connection; another watcher may have the database then."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give the connection within a transaction: all of it is stored, or nothing.

        A connection that was lost is made anew. Raises StoreError.
        """
        assert self._connection is not None, "the database is closed"
        with self._sentences(), self._connection.begin():
            yield self._connection

    def _open(self) -> None:
        with self._sentences():
            if self.is_sqlite:
                self._prepare_file()
            engine = self._engine()
            self._connection = engine.connect()
        with self.transaction() as connection:
            found = _revision(connection)
        if found == schema.REVISIONS[-1]:
            return
        if found is not None and found not in schema.REVISIONS:
            raise LocalError(
                f"{self.where} was made by a newer nethood (its schema is {found!r});"
                " install that version, or name another [state] url"
            )
        if self._beside:
            raise LocalError(f"{self.where} is no state of this version; start the watcher first")
        if found is not None and self.is_sqlite:
            self._keep_copy(found)
        with self.transaction() as connection:
            _migrate(connection)

    def _engine(self) -> Engine:
        if self.is_sqlite:
            arguments: dict[str, Any] = {"isolation_level": None, "check_same_thread": False}
            engine = create_engine(self.url, poolclass=NullPool, connect_args=arguments)
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
            return engine
        arguments = {"connect_timeout": _CONNECT_S}
        if "application_name" not in self.url.query:
            arguments["application_name"] = f"nethood watch, process {os.getpid()}"
        engine = create_engine(self.url, poolclass=NullPool, connect_args=arguments)
        event.listen(engine, "connect", self._prepare_postgresql)
        return engine

    def _prepare_file(self) -> None:
        """Make the file so that nobody else reads it, and lock the one beside it."""
        path = Path(self.url.database or "")
        if self._beside:
            if not path.exists():
                raise LocalError(f"there is no {path}; start the watcher first")
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = FileLock(path.with_name(f"{path.name}.lock"), f"the state in {path}")
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))

    def _keep_copy(self, revision: str) -> None:
        """Copy a file of SQLite beside itself before its schema changes."""
        path = Path(self.url.database or "")
        copy = path.with_name(f"{path.name}.schema-{revision}")
        with self._sentences():
            os.close(os.open(copy, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600))
            source, target = sqlite3.connect(path), sqlite3.connect(copy)
            try:
                source.backup(target)
            finally:
                source.close()
                target.close()

    def _prepare_postgresql(self, connection: Any, _: object) -> None:
        """Take the lock with every new connection: what is written is written by its holder."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {_STATEMENT_MS}")
            if self._beside:
                connection.commit()
                return
            cursor.execute(f"SELECT pg_try_advisory_lock({_LOCK})")
            if cursor.fetchone()[0]:
                connection.commit()
                return
            cursor.execute(_HOLDER)
            holder = cursor.fetchone()
        connection.close()
        who = f" ({holder[1]}, backend {holder[0]})" if holder else ""
        raise StoreError(
            f"another watcher has the state in {self.where}{who};"
            " end it, or name another [state] url"
        )

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what the database or the system complain of into one sentence."""
        try:
            yield
        except (sql_errors.DBAPIError, sqlite3.Error) as error:
            cause = getattr(error, "orig", error)
            reason = " ".join(str(cause).split()) or type(cause).__name__
            raise StoreError(f"can't keep what is watched in {self.where}: {reason}") from error
        except sql_errors.SQLAlchemyError as error:
            raise StoreError(f"can't keep what is watched in {self.where}: {error}") from error
        except OSError as error:
            reason = error.strerror or str(error)
            raise StoreError(f"can't keep what is watched in {self.where}: {reason}") from error


def upsert(connection: Connection, table: SqlTable, rows: list[dict[str, Any]]) -> None:
    """Insert *rows*, or change those that are there by the same primary key."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert
    else:
        from sqlalchemy.dialects.postgresql import insert  # type: ignore[assignment]
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _checked_url(text: str) -> URL:
    try:
        url = make_url(text)
    except sql_errors.ArgumentError:
        raise LocalError(
            "[state] url is no URL of a database; write it like sqlite:////var/lib/watch.sqlite"
            " or postgresql+psycopg://user@host/database"
        ) from None
    backend = url.get_backend_name()
    if backend == "sqlite":
        if not url.database or url.database == ":memory:":
            raise LocalError("[state] url names no file; write it like sqlite:////var/lib/x.sqlite")
        return url.set(drivername="sqlite")
    if backend != "postgresql":
        raise LocalError(f"[state] url is of {backend!r}; there are sqlite and postgresql+psycopg")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise LocalError(
            "[state] url is of PostgreSQL, which needs pip install 'nethood[postgresql]'"
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _prepare_sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    # What was committed is there after the power fails too, not only after a kill.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    """Begin in earnest: the module sqlite3 would wait for the first change, after the reading."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _revision(connection: Connection) -> str | None:
    """Return the revision of the schema that is there, None for an empty database."""
    if not inspect(connection).has_table(schema.VERSION_TABLE):
        return None
    from sqlalchemy import column, table

    version = table(schema.VERSION_TABLE, column("version_num"))
    found = connection.execute(select(version.c.version_num)).scalar()
    return None if found is None else str(found)


def _migrate(connection: Connection) -> None:
    """Bring the schema up to date, all of it or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
