"""Where a name server's records are kept: one SQLite file that only its owner reads.

The calls block; the service makes them in a thread. Every call is one transaction that has
reached the disk when it returns.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from nethood.errors import LocalError
from nethood.nbt.name import NetbiosName
from nethood.nbt.wins import Change
from nethood.nbt.wins_records import Member, Record, RecordKind, RecordState

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS names (
    name TEXT NOT NULL,
    suffix INTEGER NOT NULL,
    scope TEXT NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    node_type INTEGER NOT NULL,
    is_static INTEGER NOT NULL,
    due_s REAL,
    owner TEXT,
    version INTEGER NOT NULL,
    members TEXT NOT NULL,
    PRIMARY KEY (name, suffix, scope)
) WITHOUT ROWID
"""
_PUT = "INSERT OR REPLACE INTO names VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM names WHERE name = ? AND suffix = ? AND scope = ?"
_ALL = (
    "SELECT name, suffix, scope, kind, state, node_type, is_static, due_s, owner, version, members"
    " FROM names ORDER BY name, suffix, scope"
)

_Row = tuple[str, int, str, int, int, int, int, float | None, str | None, int, str]


class WinsStore(Protocol):
    """What a name server needs of its storage."""

    def load(self) -> list[Record]:
        """Return every record. Raises LocalError."""

    def apply(self, changes: Sequence[Change]) -> None:
        """Store records, or delete them, all or none. Raises LocalError."""

    def close(self) -> None:
        """Let go of the storage."""


class MemoryWinsStore:
    """Records that last as long as the process, for tests and for servers without a disk."""

    def __init__(self) -> None:
        self.records: dict[NetbiosName, Record] = {}

    def load(self) -> list[Record]:
        return list(self.records.values())

    def apply(self, changes: Sequence[Change]) -> None:
        for name, record in changes:
            if record is None:
                self.records.pop(name, None)
            else:
                self.records[name] = record

    def close(self) -> None:
        """There is nothing to let go of."""


class SqliteWinsStore:
    """Records in the SQLite file *path*, made with mode 0600 if it is missing.

    Calls may come from any thread, one at a time. Raises LocalError if the file can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _make_private(path)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise self._unusable(error) from error
        except LocalError:
            self._db.close()
            raise

    def load(self) -> list[Record]:
        """Return every record. Raises LocalError."""
        try:
            return [_record(row) for row in self._db.execute(_ALL)]
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise self._unusable(error) from error

    def apply(self, changes: Sequence[Change]) -> None:
        """Store records, or delete them, in one transaction. Raises LocalError."""
        puts = [_row(record) for _, record in changes if record is not None]
        deletes = [
            (name.name, name.suffix, name.scope) for name, record in changes if record is None
        ]
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany(_PUT, puts)
                self._db.executemany(_DELETE, deletes)
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        self._db.close()

    def _prepare(self) -> None:
        # WAL and FULL: a commit is one write and one flush, and survives a loss of power.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            raise LocalError(
                f"{self.path} was written by another nethood (its records have version {version},"
                f" this one reads {SCHEMA_VERSION}): use that one, or name another file"
            )
        self._db.execute(_SCHEMA)
        self._db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")

    def _unusable(self, error: Exception) -> LocalError:
        return LocalError(f"can't keep WINS records in {self.path}: {error}")


def _make_private(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _row(record: Record) -> _Row:
    name = record.name
    members = [
        [str(member.address), member.due_s, _text(member.owner)] for member in record.members
    ]
    return (
        name.name,
        name.suffix,
        name.scope,
        int(record.kind),
        int(record.state),
        record.node_type,
        int(record.is_static),
        record.due_s,
        _text(record.owner),
        record.version,
        json.dumps(members),
    )


def _text(owner: IPv4Address | None) -> str | None:
    return None if owner is None else str(owner)


def _address(text: str | None) -> IPv4Address | None:
    return None if text is None else IPv4Address(text)


def _record(row: _Row) -> Record:
    name, suffix, scope, kind, state, node_type, is_static, due_s, owner, version, members = row
    return Record(
        NetbiosName(name, suffix, scope),
        RecordKind(kind),
        tuple(
            Member(IPv4Address(address), member_due_s, _address(member_owner))
            for address, member_due_s, member_owner in json.loads(members)
        ),
        RecordState(state),
        due_s,
        node_type,
        bool(is_static),
        _address(owner),
        version,
    )
