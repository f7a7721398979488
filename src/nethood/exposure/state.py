"""The file a scan keeps itself in: what it asks, how far it is, what it found.

SQLite in WAL mode: what was stored is there after a kill, and a scan is taken up again at its
position without asking anew whoever has a report behind it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from nethood.errors import LocalError
from nethood.exposure.model import HostReport
from nethood.exposure.report.json_lines import plain
from nethood.exposure.targets import Range, TargetSet

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FORMAT = 1
_SCHEMA = (
    """CREATE TABLE scan (
    id INTEGER PRIMARY KEY,
    process INTEGER NOT NULL,
    begun_unix REAL NOT NULL,
    ended_unix REAL,
    specs TEXT NOT NULL,
    targets TEXT NOT NULL,
    options TEXT NOT NULL,
    seed INTEGER NOT NULL,
    position INTEGER NOT NULL DEFAULT 0,
    settled TEXT NOT NULL DEFAULT '{}'
)""",
    """CREATE TABLE host (
    scan INTEGER NOT NULL REFERENCES scan (id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    report TEXT NOT NULL,
    PRIMARY KEY (scan, place)
) WITHOUT ROWID""",
)


@dataclass(frozen=True, slots=True)
class Saved:
    """A scan as it is stored; *settled* counts the fates of the targets below *position*."""

    id: int
    specs: list[str]
    targets: TargetSet
    options: dict[str, Any]
    seed: int
    position: int
    settled: dict[str, int]


def default_path() -> Path:
    """Return where scans are kept: in the user's directory for state."""
    home = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(home) if home else Path.home() / ".local" / "state"
    return base / "nethood" / "scans.sqlite"


class ScanFile:
    """An open file of scans."""

    def __init__(self, path: Path) -> None:
        """Open or make it. Raises LocalError where that can't be, or it is something else."""
        self.path = path
        with self._sentences():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # A report tells where the weak spots are: nobody else is to read it.
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        try:
            with self._sentences():
                self._prepare()
        except LocalError:
            self._db.close()
            raise

    def __enter__(self) -> ScanFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def begin(
        self, specs: list[str], targets: TargetSet, options: Mapping[str, Any], seed: int
    ) -> Saved:
        """Store a new scan and forget those that are over. Raises LocalError."""
        row = (
            os.getpid(),
            time.time(),
            json.dumps(specs),
            _dump_targets(targets),
            json.dumps(options),
            seed,
        )
        with self._sentences():
            self._db.execute("DELETE FROM scan WHERE ended_unix IS NOT NULL")
            made = self._db.execute(
                "INSERT INTO scan (process, begun_unix, specs, targets, options, seed)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                row,
            )
        assert made.lastrowid is not None
        return Saved(made.lastrowid, specs, targets, dict(options), seed, 0, {})

    def unfinished(self, specs: list[str] | None = None) -> Saved:
        """Return the last scan that is not over, of these *specs* if given, as ours from now on.

        Raises LocalError where there is none, or another process is at it.
        """
        query = "SELECT * FROM scan WHERE ended_unix IS NULL ORDER BY id DESC"
        with self._sentences():
            rows = self._db.execute(query).fetchall()
        found = [row for row in rows if not specs or json.loads(row["specs"]) == specs]
        if not found:
            whose = f" of {' '.join(specs)}" if specs else ""
            raise LocalError(f"no unfinished scan{whose} is in {self.path}; leave out --resume")
        row = found[0]
        if row["process"] != os.getpid() and psutil.pid_exists(row["process"]):
            raise LocalError(f"process {row['process']} is still at that scan; end it first")
        with self._sentences():
            self._db.execute("UPDATE scan SET process = ? WHERE id = ?", (os.getpid(), row["id"]))
        return Saved(
            row["id"],
            json.loads(row["specs"]),
            _load_targets(row["targets"]),
            json.loads(row["options"]),
            row["seed"],
            row["position"],
            json.loads(row["settled"]),
        )

    def save_position(self, scan: int, position: int, settled: Mapping[str, int]) -> None:
        """Note that everything below *position* is over. Raises LocalError."""
        with self._sentences():
            self._db.execute(
                "UPDATE scan SET position = ?, settled = ? WHERE id = ?",
                (position, json.dumps(settled), scan),
            )

    def save_host(self, scan: int, place: int, report: HostReport) -> None:
        """Store what was found of the target at *place* of the order. Raises LocalError."""
        try:
            text = _adapter().dump_json(report).decode()
        except ValueError:  # halves of UTF-16 pairs: a host may call itself anything
            text = json.dumps(plain(report))
        with self._sentences():
            self._db.execute("INSERT OR REPLACE INTO host VALUES (?, ?, ?)", (scan, place, text))

    def reports(self, scan: int) -> Iterator[HostReport]:
        """Read all reports of a scan, one after the other. Raises LocalError."""
        return (report for _, report in self.reports_from(scan, 0))

    def reports_from(self, scan: int, position: int) -> Iterator[tuple[int, HostReport]]:
        """Read the reports from *position* on, each with its place. Raises LocalError."""
        query = "SELECT place, report FROM host WHERE scan = ? AND place >= ? ORDER BY place"
        with self._sentences():
            for row in self._db.execute(query, (scan, position)):
                yield row["place"], _adapter().validate_json(row["report"])

    def finish(self, scan: int) -> None:
        """Note that a scan is over; it can't be resumed. Raises LocalError."""
        with self._sentences():
            self._db.execute("UPDATE scan SET ended_unix = ? WHERE id = ?", (time.time(), scan))

    def _prepare(self) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.execute("BEGIN IMMEDIATE")  # another process may be about to make the tables
        try:
            self._make_tables()
        finally:
            self._db.execute("COMMIT")
        # Not before it is known to be ours: this is written into the file.
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA foreign_keys = ON")

    def _make_tables(self) -> None:
        if self._db.execute("PRAGMA user_version").fetchone()[0] == FORMAT:
            return
        if self._db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise LocalError(f"{self.path} is no file of scans of this version; name another one")
        for statement in _SCHEMA:
            self._db.execute(statement)
        self._db.execute(f"PRAGMA user_version = {FORMAT}")

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what the file or SQLite complain of into one sentence."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise LocalError(f"can't keep the scan in {self.path}: {error}") from error
        except OSError as error:
            reason = error.strerror or error
            raise LocalError(
                f"can't keep the scan in {self.path}: {reason}; --state names another file"
            ) from error


def _dump_targets(targets: TargetSet) -> str:
    return json.dumps({"ranges": [asdict(part) for part in targets.ranges], "names": targets.names})


def _load_targets(text: str) -> TargetSet:
    stored = json.loads(text)
    return TargetSet([Range(**part) for part in stored["ranges"]], stored["names"])


@cache
def _adapter() -> TypeAdapter[HostReport]:
    """Return what turns a report into JSON and back; pydantic is imported where it is used."""
    from pydantic import TypeAdapter

    return TypeAdapter(HostReport)
