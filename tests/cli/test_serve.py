"""`nethood serve` as a process of its own: what it prints, what it serves, how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals differ on Windows")

Serve = Callable[..., "Running"]
HERE = "127.0.0.1:0"


class Running:
    """A `nethood serve` that runs, and its standard output line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def line(self) -> str:
        assert self.process.stdout is not None
        self.lines.append(self.process.stdout.readline().rstrip("\n"))
        if not self.lines[-1] and self.process.poll() is not None:
            pytest.fail("it ended early: " + "\n".join(self.lines))
        return self.lines[-1]

    def until(self, start: str) -> str:
        """Return the first line that begins with *start*, spaces aside."""
        while not self.line().lstrip().startswith(start):
            pass
        return self.lines[-1].strip()

    def event(self, kind: str) -> dict[str, Any]:
        """Return the next event of *kind*; every line until then must be JSON."""
        while True:
            found: dict[str, Any] = json.loads(self.line())
            if found["event"] == kind:
                return found

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal; return exit status and what is left of both outputs."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "My files"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello")
    return folder


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, stdin: str | None = None) -> Running:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "nethood", "serve", *arguments],
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
        )
        started.append(process)
        if process.stdin is not None and stdin is not None:
            process.stdin.write(stdin)
            process.stdin.close()
            process.stdin = None
        return Running(process)

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_json_tells_where_it_listens_who_logs_in_and_ends_well(serve: Serve, folder: Path) -> None:
    running = serve(str(folder), "--listen", HERE, "--json", "--user", "alice")
    listening = running.event("listening")
    assert listening["address"] == "127.0.0.1"
    assert listening["port"] > 0
    ready = running.event("ready")
    assert (ready["user"], ready["shares"]) == ("alice", ["My files"])
    assert len(ready["password"]) > 10
    status, out, err = running.end()
    assert (status, err) == (0, "")
    assert [json.loads(line)["event"] for line in out.splitlines()] == ["stopping"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_plain_lines_and_both_signals(serve: Serve, folder: Path, number: int) -> None:
    running = serve(str(folder), "--listen", HERE, "--share", "Public", "--user", "alice")
    running.until("User alice, password ")
    assert running.until("smbclient:").endswith(f"Public -U alice -p {_port(running)}")
    running.until("Stop with Ctrl-C.")
    status, out, err = running.end(number)
    assert (status, err) == (0, "")
    assert out.startswith("stopping")


def _port(running: Running) -> str:
    return running.lines[-1].rpartition(" ")[2]


def test_a_password_from_standard_input_is_never_printed(serve: Serve, folder: Path) -> None:
    arguments = ("--listen", HERE, "--user", "alice", "--password-file", "-")
    running = serve(str(folder), *arguments, stdin="topsecret\n")
    assert running.until("User") == "User alice"
    running.until("Stop with Ctrl-C.")
    _, out, err = running.end()
    assert "topsecret" not in "\n".join(running.lines) + out + err


def test_two_shares_from_a_configuration(serve: Serve, folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "nethood.toml"
    config.write_text(
        '[server]\nlisten = ["127.0.0.1:0"]\nsigning = "enabled"\n'
        f'[shares.one]\npath = "{folder}"\n[shares.two]\npath = "My files"\nencrypt = true\n'
    )
    running = serve("--config", str(config), "--user", "alice")
    assert running.until('signing = "enabled": whoever')
    running.until("Share one:")
    running.until("Share two:")
    assert ",seal" in running.until("Linux:")
    assert running.end()[0] == 0


def test_a_port_that_is_taken_is_said_and_nothing_starts(serve: Serve, folder: Path) -> None:
    first = serve(str(folder), "--listen", HERE, "--json")
    port = first.event("listening")["port"]
    second = serve(str(folder), "--listen", f"127.0.0.1:{port}")
    out, err = second.process.communicate(timeout=30)
    assert (second.process.returncode, out) == (2, "")
    assert err.startswith(f"nethood: cannot listen on 127.0.0.1:{port}: ")
    assert err.count("\n") == 1


def test_when_nobody_reads_any_more_it_ends(serve: Serve, folder: Path) -> None:
    running = serve(str(folder), "--listen", HERE, "--json")
    running.event("ready")
    assert running.process.stdout is not None
    running.process.stdout.close()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.stderr is not None
    assert running.process.stderr.read() == ""
    assert running.process.wait(10) == 141


def _smbclient(line: str, command: str, password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        f"{line} -c '{command}'",
        shell=True,
        env={**os.environ, "PASSWD": password},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.interop
@pytest.mark.skipif(
    shutil.which("smbclient") is None and os.environ.get("CI") != "true",
    reason="smbclient is not installed",
)
def test_the_printed_smbclient_line_works_as_printed(serve: Serve, folder: Path) -> None:
    running = serve(str(folder), "--listen", HERE, "--user", "alice")
    password = running.until("User alice").split()[3]
    line = running.until("smbclient:").partition(": ")[2].strip()
    listed = _smbclient(line, "ls", password)
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "hello.txt" in listed.stdout
    assert running.until("alice logged in from 127.0.0.1")
    refused = _smbclient(line, "ls", "wrong")
    assert "NT_STATUS_LOGON_FAILURE" in refused.stdout + refused.stderr
    assert running.until("refused login of")
