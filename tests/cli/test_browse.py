"""`nethood browse`: the daemon is asked first, and what it says is printed or refused."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from nethood.browse.listener import Listener
from nethood.cli import browse as command
from nethood.cli import run
from nethood.neighborhood import browse_offer
from nethood.neighborhood.browse_offer import MASTER, Offer, Row, encode, socket_name
from nethood.net import control

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets in the file system")

ROWS = [
    Row("CORP", "BOSS", "10.0.0.7", "", "", 0x40000, MASTER),
    Row("HOUSE", "ATTIC", "10.0.0.1", "10.0", "up there", 0x40003, MASTER),
    Row("HOUSE", "CELLAR", "10.0.0.2", "6.1", "\x1b[2J", 3, ""),
]

LINE = encode(Offer(ROWS, ["HOUSE"])) + b"\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon of this machine has a part in these tests."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(control, "_SYSTEM", tmp_path)


@contextmanager
def daemon(folder: Path, line: bytes) -> Iterator[None]:
    """Offer *line* once."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(folder / socket_name()))
        listener.listen()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(line)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(10)


def test_the_daemons_list_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path, LINE):
        assert run(["browse"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines] == [
        ["Workgroup", "Name", "Address"],
        ["CORP", "BOSS", "10.0.0.7"],
        ["HOUSE", "ATTIC", "10.0.0.1"],
        ["HOUSE", "CELLAR", "10.0.0.2"],
    ]
    assert lines[2].endswith("master browser")
    assert "\\x1b[2J" in lines[3]


def test_one_workgroup_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path, LINE):
        assert run(["browse", "house", "--from", "daemon", "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    first, second = map(json.loads, captured.out.splitlines())
    assert first == {
        "group": "HOUSE",
        "name": "ATTIC",
        "address": "10.0.0.1",
        "version": "10.0",
        "comment": "up there",
        "server_type": 0x40003,
        "part": "master browser",
    }
    assert second["name"] == "CELLAR"


@pytest.mark.parametrize(("group", "status", "words"), [("corp", 0, 1), ("nobody", 1, 2)])
def test_a_workgroup_that_is_not_the_daemons(
    group: str, status: int, words: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with daemon(tmp_path, LINE):
        assert run(["browse", group]) == status
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == words
    assert lines[0].startswith("nethood: the daemon is in HOUSE; of other workgroups it knows")


def test_a_daemon_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with daemon(tmp_path, b'{"version": 99}\n'):
        assert run(["browse"]) == 1
    assert "restart the daemon" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "heard_s"),
    [
        (["--from", "network"], 35.0),
        (["--wait", "2"], 2.0),
        (["--interface", "lan0"], 35.0),
        ([], 35.0),
    ],
)
def test_when_it_listens(
    arguments: list[str],
    heard_s: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited: list[float] = []

    async def listen(group: str | None, wait_s: float, _: Sequence[str] | None) -> list[Listener]:
        waited.append(wait_s)
        return []

    monkeypatch.setattr(command, "_listen", listen)
    if arguments:  # a daemon that would answer is not asked
        (tmp_path / "nethood").mkdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nobody:
            nobody.bind(str(tmp_path / socket_name()))
            nobody.listen()
            assert run(["browse", *arguments]) == 1
    else:
        assert run(["browse"]) == 1
    assert waited == [heard_s]


def test_a_daemon_on_another_network_is_none_of_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(tmp_path / socket_name()))
        other.listen()
        monkeypatch.setattr(browse_offer, "network_id", lambda: 7)
        assert run(["browse", "--from", "daemon"]) == 2
    assert capsys.readouterr().err.startswith("nethood: no NetBIOS daemon of nethood runs here; ")


def test_no_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["browse", "--from", "daemon"]) == 2
    assert capsys.readouterr().err.startswith("nethood: no NetBIOS daemon of nethood runs here; ")
    assert run(["browse", "--from", "daemon", "--wait", "1"]) == 2
