"""The file of a scan: everything comes back, nothing wrong is taken for it."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nethood.errors import LocalError
from nethood.exposure.model import (
    Evidence,
    HostReport,
    PortFacts,
    PortState,
    Signing,
    Smb1Facts,
    SmbGhostFacts,
    Target,
    known,
)
from nethood.exposure.state import ScanFile, default_path
from nethood.exposure.targets import parse_targets

TARGETS = parse_targets(["10.0.0.0/24", "fd00::1", "10.0.0.9:4450"], ["10.0.0.7"])
OPTIONS = {"rate": 1000.0, "guest": False}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[ScanFile]:
    with ScanFile(tmp_path / "new" / "scans.sqlite") as opened:
        yield opened


def report(address: str) -> HostReport:
    facts = PortFacts(PortState.OPEN, 1.25)
    made = HostReport(
        Target(address), 1.5, 2.5, {"tcp/445": known(facts, Evidence("a", "b", "ff"))}
    )
    made.smbghost = known(SmbGhostFacts(None, f"{Signing.REQUIRED} \u2603"))
    return made


def test_a_scan_comes_back(file: ScanFile) -> None:
    begun = file.begin(["10.0.0.0/24"], TARGETS, OPTIONS, 2**62 - 1)
    file.save_host(begun.id, 12, report("10.0.0.1"))
    file.save_host(begun.id, 3, report("10.0.0.2"))
    file.save_position(begun.id, 10, {"silent": 9, "found": 1})
    again = file.unfinished()
    assert (again.targets, again.options, again.seed) == (TARGETS, OPTIONS, 2**62 - 1)
    assert (again.position, again.settled) == (10, {"silent": 9, "found": 1})
    assert list(file.reports_from(begun.id, 10)) == [(12, report("10.0.0.1"))]
    assert list(file.reports(begun.id)) == [report("10.0.0.2"), report("10.0.0.1")]


def test_a_host_may_call_itself_anything(file: ScanFile) -> None:
    begun = file.begin(["x"], TARGETS, OPTIONS, 1)
    odd = report("10.0.0.1")
    odd.smb1 = known(Smb1Facts(True, native_os="\udc00half\ud800 \U0001f600 \0 \u2028"))
    file.save_host(begun.id, 1, odd)
    [found] = file.reports(begun.id)
    assert found.smb1.value == Smb1Facts(True, native_os="\ufffdhalf\ufffd \U0001f600 \0 \u2028")
    assert found.ports == odd.ports


def test_a_report_takes_the_place_of_the_one_before(file: ScanFile) -> None:
    begun = file.begin(["x"], TARGETS, OPTIONS, 1)
    for address in ("10.0.0.1", "10.0.0.2"):
        file.save_host(begun.id, 3, report(address))
    assert [found.target.address for found in file.reports(begun.id)] == ["10.0.0.2"]


def test_the_last_unfinished_one_or_the_named_one(file: ScanFile) -> None:
    first = file.begin(["one"], TARGETS, OPTIONS, 1)
    second = file.begin(["two"], TARGETS, OPTIONS, 2)
    assert file.unfinished().id == second.id
    assert file.unfinished(["one"]).id == first.id
    with pytest.raises(LocalError, match="no unfinished scan of three"):
        file.unfinished(["three"])
    file.finish(second.id)
    assert file.unfinished().id == first.id
    file.finish(first.id)
    with pytest.raises(LocalError, match="no unfinished scan is in"):
        file.unfinished()


def test_finished_ones_are_forgotten_by_the_next(file: ScanFile) -> None:
    first = file.begin(["one"], TARGETS, OPTIONS, 1)
    file.save_host(first.id, 0, report("10.0.0.1"))
    file.finish(first.id)
    assert len(list(file.reports(first.id))) == 1
    second = file.begin(["two"], TARGETS, OPTIONS, 2)
    assert list(file.reports(first.id)) == []
    assert list(file.reports(second.id)) == []


def test_a_scan_that_runs_elsewhere_is_left_alone(file: ScanFile) -> None:
    begun = file.begin(["one"], TARGETS, OPTIONS, 1)
    with sqlite3.connect(file.path) as other:
        other.execute("UPDATE scan SET process = ?", (os.getppid(),))
    other.close()
    with pytest.raises(LocalError, match=f"process {os.getppid()} is still at that scan"):
        file.unfinished()
    assert begun.position == 0


def test_nobody_else_may_read_it(file: ScanFile) -> None:
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"no database at all, but long enough to be one" * 40])
def test_another_file_is_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "precious"
    path.write_bytes(content)
    with pytest.raises(LocalError, match=r"can't keep the scan in .*precious"):
        ScanFile(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE scan (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(LocalError, match="no file of scans of this version"):
        ScanFile(path)
    assert path.read_bytes() == before


def test_a_folder_and_a_place_that_can_not_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path, tmp_path / "file" / "scans.sqlite"):
        with pytest.raises(LocalError, match="can't keep the scan in"):
            ScanFile(path)


def test_where_it_is_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "nethood" / "scans.sqlite"


KILLED = """
import os, sys, signal
from pathlib import Path
from nethood.exposure.state import ScanFile
from nethood.exposure.model import HostReport, Target
from nethood.exposure.targets import parse_targets

file = ScanFile(Path(sys.argv[1]))
scan = file.begin(["x"], parse_targets(["10.0.0.0/24"]), {}, 5)
for place in range(20):
    file.save_host(scan.id, place, HostReport(Target(f"10.0.0.{place}")))
file.save_position(scan.id, 15, {"silent": 15})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_it_has_lost_nothing_that_was_stored(tmp_path: Path) -> None:
    path = tmp_path / "scans.sqlite"
    ran = subprocess.run([sys.executable, "-c", KILLED, path], check=False, timeout=30)
    assert ran.returncode == -signal.SIGKILL
    with ScanFile(path) as file:
        again = file.unfinished()
        assert (again.position, again.seed) == (15, 5)
        after = [place for place, _ in file.reports_from(again.id, again.position)]
        assert after == [15, 16, 17, 18, 19]
        assert len(list(file.reports(again.id))) == 20
