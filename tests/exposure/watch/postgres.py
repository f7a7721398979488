"""A PostgreSQL server of the tests' own: a cluster in a temporary folder, on a Unix socket."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

_START_S = 30.0
_FAST = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=40")


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL that is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name)
    )
    return found[-1] if found else None


class Cluster:
    """A running server; every test gets a database of its own."""

    def __init__(self, folder: Path, bin_folder: Path, user: str) -> None:
        self.folder = folder
        self.version = bin_folder.parent.name
        self._bin = bin_folder
        self._user = user
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        words = [
            str(self._bin / "postgres"),
            "-D",
            str(self.folder / "data"),
            "-k",
            str(self.folder),
        ]
        for setting in _FAST:
            words += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(words, stdout=log, stderr=log, **self._as_user())
        ends = time.monotonic() + _START_S
        while not self._answers():
            assert time.monotonic() < ends, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server at once, as a crash of its machine would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None

    def initialise(self) -> None:
        """Make the files of the cluster."""
        words = [str(self._bin / "initdb"), "-D", str(self.folder / "data"), "-U", "watcher"]
        words += ["--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(words, check=True, capture_output=True, timeout=60, **self._as_user())

    def new_database(self) -> str:
        """Make an empty database; return its URL for SQLAlchemy."""
        name = f"watch{next(self._numbers)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://watcher@/{name}?host={self.folder}"

    def connect(self, database: str = "postgres") -> Any:
        """Return a connection of psycopg that commits by itself."""
        import psycopg

        return psycopg.connect(
            host=str(self.folder), user="watcher", dbname=database, autocommit=True
        )

    def _answers(self) -> bool:
        import psycopg

        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _as_user(self) -> dict[str, Any]:
        """PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        entry = pwd.getpwnam(self._user)
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": [], "cwd": "/"}


@contextmanager
def running() -> Iterator[Cluster]:
    """Run a server, or skip the test; under CI it has to be there."""
    folder_of_programs = programs()
    if folder_of_programs is None:
        if os.environ.get("CI") == "true":
            pytest.fail("PostgreSQL is not installed: apt install postgresql")
        pytest.skip("PostgreSQL is not installed: apt install postgresql")
    user = "postgres" if os.geteuid() == 0 else ""
    folder = Path(tempfile.mkdtemp(prefix="nethood-pg-"))
    if user:
        entry = pwd.getpwnam(user)
        os.chown(folder, entry.pw_uid, entry.pw_gid)
    cluster = Cluster(folder, folder_of_programs, user)
    try:
        cluster.initialise()
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder)
