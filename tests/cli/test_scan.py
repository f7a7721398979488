"""`nethood scan` and `nethood ping`: what they print, write and refuse, and their exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nethood.cli import run
from nethood.cli.scan_view import columns, row
from nethood.exposure.findings import assess
from nethood.exposure.model import HostReport, NetbiosFacts, Target, known
from nethood.exposure.state import ScanFile
from tests.exposure import fleet
from tests.exposure.fleet import NETWORK

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep scans in a folder of the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "nethood" / "scans.sqlite"


@pytest.fixture
def port() -> Iterator[int]:
    """Give a port at which .3 and .5 of the fleet accept, and say nothing."""
    port = fleet.free_ports().smb
    with fleet.listening(port, 3, 5):
        yield port


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@linux
def test_a_scan_for_people(port: int, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = run(["scan", f"{NETWORK}.1-8:{port}", "--timeout", "0.2", "--wait", "0.2"])
    out, err = capsys.readouterr()
    assert status == 0
    heading, *rows = out.splitlines()
    assert heading.split()[:2] == ["Address", "Name"]
    assert sorted(line.split()[0] for line in rows) == [f"{NETWORK}.{n}:{port}" for n in (3, 5)]
    assert err.startswith("2 hosts found, 8 addresses asked; 6 more answered with nothing")
    assert state.exists()


@linux
def test_every_kind_of_file(
    port: int, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {kind: tmp_path / f"out.{kind}" for kind in ("csv", "sarif", "html")}
    words = [word for kind, path in files.items() for word in (f"--{kind}", str(path))]
    words += ["--json", "-", "--timeout", "0.2", "--exclude", f"{NETWORK}.5"]
    assert run(["scan", f"{NETWORK}.1-8:{port}", "--all", *words]) == 0
    out, _ = capsys.readouterr()
    hosts = [line for line in lines(out) if line["kind"] == "host"]
    assert sorted(host["address"] for host in hosts) == [
        f"{NETWORK}.{n}" for n in (1, 2, 3, 4, 6, 7, 8)
    ]
    with files["csv"].open(newline="") as file:
        assert len(list(csv.reader(file))) == 8
    assert json.loads(files["sarif"].read_text())["version"] == "2.1.0"
    assert "</html>" in files["html"].read_text()
    assert not list(tmp_path.glob(".out*"))


@linux
def test_json_on_standard_output_comes_while_the_scan_runs(port: int, tmp_path: Path) -> None:
    words = [f"{NETWORK}.1-40:{port}", "--ports-only", "--all", "--rate", "30", "--json", "-"]
    process = start(words, tmp_path)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()
    first = json.loads(line)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    *_, last = lines(process.communicate(timeout=20)[0])
    assert (first["kind"], last["kind"]) == ("host", "summary")
    assert 1 <= last["hosts"] < 40


@linux
def test_ports_only(port: int, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", f"{NETWORK}.3:{port}", "--ports-only", "--json", "-"]) == 0
    host, _summary = lines(capsys.readouterr().out)
    assert host["address"] == f"{NETWORK}.3"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "there is no TARGET to scan"),
        (["8.8.8.0/24"], "8.8.8.0/24 is public"),
        (["10.0.0.0/24", "--rate", "0"], "not in the range 0<x"),
        (["10.0.0.0/24", "--timeout", "0"], "not in the range 0<x"),
        (["10.0.0.0/24", "--parallel", "0"], "not in the range"),
        (["10.0.0.300"], "'10.0.0.300' is no target"),
        (["no-such-host.invalid"], "no address is known for 'no-such-host.invalid'"),
        (["@/no/such/file"], "can't read /no/such/file"),
        (["10.0.0.1", "--exclude", "10.0.0.0/8"], "no target is left"),
        (["10.0.0.1", "--json", "/no/such/folder/x"], "there is no folder /no/such/folder"),
        (["10.0.0.1", "--html", "/"], "it is a folder"),
        (["10.0.0.1", "--json", "-", "--csv", "-"], "only one report can go to standard output"),
        (["10.0.0.1", "--fail-on", "terrible"], "'terrible' is not one of"),
        (["--resume"], "there is nothing to resume"),
    ],
)
def test_refused_in_one_sentence_and_nothing_half_done(
    words: list[str], sentence: str, state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["scan", *words]) == 2
    out, err = capsys.readouterr()
    assert sentence in err
    assert err.count("\n") == 1
    assert not out
    assert not state.exists()


def test_a_state_file_that_is_something_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 99)
    assert run(["scan", "10.0.0.1", "--state", str(path)]) == 2
    assert "can't keep the scan in" in capsys.readouterr().err
    assert path.read_text() == "Dear reader, " * 99


def start(words: list[str], home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "nethood", "scan", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(home / "state")},
    )


def hosts_of(state: Path) -> int:
    with ScanFile(state) as file:
        return len(list(file.reports(1)))


@linux
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_and_taken_up_again(
    how: signal.Signals, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C keeps what was found; so does a kill. Nobody is asked twice."""
    port = fleet.free_ports().smb
    words = [f"{NETWORK}.1-40:{port}", "--ports-only", "--all", "--rate", "60", "--wait", "0.2"]
    with fleet.listening(port, 3, 5):
        process = start(words, tmp_path)
        first = _until_some_hosts(process, state)
        process.send_signal(how)
        _, err = process.communicate(timeout=20)
        assert process.returncode == (130 if how is signal.SIGINT else -how)
        if how is signal.SIGINT:
            assert "Interrupted; --resume goes on" in err
        kept = hosts_of(state)
        assert first <= kept < 40
        with ScanFile(state) as file:
            before = file.unfinished()
        status = run(["scan", "--resume", "--json", "-"])
    assert status == 0
    out, _ = capsys.readouterr()
    found = [line["address"] for line in lines(out) if line["kind"] == "host"]
    assert sorted(found) == sorted(f"{NETWORK}.{n}" for n in range(1, 41))
    assert before.position > 0


def _until_some_hosts(process: subprocess.Popen[str], state: Path) -> int:
    """Wait until the scan has stored a few hosts and a position."""
    ends = time.monotonic() + 20
    while time.monotonic() < ends and process.poll() is None:
        try:
            # Not as a ScanFile: that would make the tables if it came first.
            with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as file:
                position = file.execute("SELECT max(position) FROM scan").fetchone()[0]
                if position and position > 3:
                    return int(file.execute("SELECT count(*) FROM host").fetchone()[0])
        except sqlite3.OperationalError:
            continue
    raise AssertionError(process.communicate(timeout=5))


def test_a_row_is_printable_and_in_its_columns() -> None:
    report = HostReport(Target("10.0.0.1", 4450, "attic"))
    report.netbios = known(
        NetbiosFacts([], "EVIL\x1b[31mNAME-IS-TOO-LONG", "HOUSE", "", [], [], 50, 157)
    )
    cells = row(assess(report))
    line = columns(cells)
    assert cells[0] == "10.0.0.1:4450"
    assert "\x1b" not in line
    assert line.index("…") == 21 + 2 + 15


@linux
def test_ping_for_people(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ping", f"{NETWORK}.3:{port}", "--count", "2", "--interval", "0.01"]
    assert run(words) == 0
    first, second, summary = capsys.readouterr().out.splitlines()
    for line in (first, second):
        assert line.startswith(f"{NETWORK}.3 port {port} open in ")
        assert line.endswith(" ms")
    assert summary.startswith("2 connections, 2 accepted, min/avg/max ")


@linux
def test_ping_for_programs_at_a_closed_port(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["ping", f"{NETWORK}.4:{port}", "--count", "1", "--json"]
    assert run(words) == 1
    one, summary = lines(capsys.readouterr().out)
    assert one == {
        "number": 1,
        "address": f"{NETWORK}.4",
        "port": port,
        "state": "closed",
        "connect_ms": None,
        "reason": None,
    }
    assert (summary["sent"], summary["accepted"], summary["min_ms"]) == (1, 0, None)


def test_ping_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        words = ["ping", f"localhost:{sock.getsockname()[1]}", "--count", "1"]
        assert run(words) == 1
    assert "closed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["10.0.0.0/24"], "more than one host; 'nethood scan' asks many"),
        (["no-such-host.invalid"], "no address is known for 'no-such-host.invalid'"),
        (["10.0.0.1:0"], "no port from 1 to 65535"),
        (["10.0.0.1", "--timeout", "0"], "not in the range 0<x"),
    ],
)
def test_ping_refuses(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ping", *words]) == 2
    assert sentence in capsys.readouterr().err


class Terminal(io.StringIO):
    """A person in front of a screen."""

    def isatty(self) -> bool:
        return True


@linux
def test_a_bar_for_a_person_and_none_where_it_is_not_wanted(
    port: int, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    words = ["scan", f"{NETWORK}.3:{port}", "--ports-only"]
    for more, has_bar in (([], True), (["--no-progress"], False)):
        screen = Terminal()
        monkeypatch.setattr(sys, "stdout", screen)
        assert run([*words, *more]) == 0
        assert f"{NETWORK}.3:{port}" in screen.getvalue()
        assert ("of 1 addresses, 1 found" in screen.getvalue()) is has_bar


def test_a_network_without_a_way_there_is_no_clean_one(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["scan", "fe80::1%no-such-if"]) == 2
    assert "1 address asked; 1 of them out of reach: " in capsys.readouterr().err


@pytest.mark.usefixtures("state")
def test_an_option_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", "10.0.0.1", "--json", "--csv", "-"]) == 2
    assert "--json wants a file before --csv; - is standard output" in capsys.readouterr().err


def test_a_report_that_fails_is_written_again_without_asking(
    port: int, state: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = f"{NETWORK}.3:{port}"
    assert run(["scan", target, "--ports-only", "--csv", "/dev/full"]) == 2
    assert "'nethood scan --resume' writes another" in capsys.readouterr().err
    again = tmp_path / "again.csv"
    assert run(["scan", "--resume", "--csv", str(again)]) == 0
    assert f"{NETWORK}.3" in again.read_text()
