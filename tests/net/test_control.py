"""The local socket of a daemon: who answers on it, whose it is, and what is read from it."""

from __future__ import annotations

import asyncio
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nethood.errors import ConnectError, Malformed, TimedOut
from nethood.net import control
from nethood.net.control import ControlSocket, ask, find, own_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sockets in the file system")


async def asked(path: Path) -> bytes | None:
    return await asyncio.to_thread(ask, path)


async def test_whoever_asks_is_told_what_is_known_now(tmp_path: Path) -> None:
    lines = iter([b"one", b"x" * 500_000])
    offer = ControlSocket(tmp_path / "nethood" / "a.sock", lambda: next(lines))
    offer.open()
    assert await asked(offer.path) == b"one"
    assert await asked(offer.path) == b"x" * 500_000
    offer.close()
    offer.close()
    assert not offer.path.exists()
    assert await asked(offer.path) is None


@pytest.mark.parametrize(("user", "folder", "sock"), [(0, 0o755, 0o666), (1000, 0o700, 0o600)])
async def test_who_may_ask(
    user: int, folder: int, sock: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    offer = ControlSocket(tmp_path / "nethood" / "a.sock", lambda: b"")
    offer.open()
    assert stat.S_IMODE(offer.path.parent.stat().st_mode) == folder
    assert stat.S_IMODE(offer.path.stat().st_mode) == sock
    offer.close()


async def test_what_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    assert await asked(path) is None
    offer = ControlSocket(path, lambda: b"alive")
    offer.open()
    assert await asked(path) == b"alive"
    offer.close()


async def test_a_living_daemon_keeps_its_socket(tmp_path: Path) -> None:
    first = ControlSocket(tmp_path / "a.sock", lambda: b"first")
    second = ControlSocket(tmp_path / "a.sock", lambda: b"second")
    first.open()
    with pytest.raises(
        ConnectError, match=r"another daemon offers .*a\.sock already; stop that one"
    ):
        second.open()
    second.close()
    assert await asked(first.path) == b"first"
    first.close()


async def test_closing_leaves_a_successor_alone(tmp_path: Path) -> None:
    first = ControlSocket(tmp_path / "a.sock", lambda: b"first")
    first.open()
    (tmp_path / "a.sock").rename(tmp_path / "old.sock")
    second = ControlSocket(tmp_path / "a.sock", lambda: b"second")
    second.open()
    first.close()
    assert await asked(second.path) == b"second"
    second.close()


async def test_a_folder_that_can_not_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectError, match=r"can't offer anything on .*a\.sock: "):
        ControlSocket(tmp_path / "file" / "a.sock", lambda: b"").open()


async def test_only_so_many_are_answered_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MAX_ASKERS", 0)
    offer = ControlSocket(tmp_path / "a.sock", lambda: b"one")
    offer.open()
    with pytest.raises(Malformed, match="is cut off"):
        await asked(offer.path)
    offer.close()


@contextmanager
def says(path: Path, *parts: bytes) -> Iterator[None]:
    """Be a daemon that says *parts* and then nothing, keeping the connection open."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        over = threading.Event()

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                for part in parts:
                    peer.sendall(part)
                over.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_a_daemon_that_says_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with says(tmp_path / "a.sock", b"half"), pytest.raises(TimedOut, match="does not answer"):
        ask(tmp_path / "a.sock", 0.05)


def test_too_long_a_line_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "MAX_ANSWER", 10)
    with says(tmp_path / "a.sock", b"0123456789a"), pytest.raises(Malformed, match="longer than"):
        ask(tmp_path / "a.sock")


@pytest.mark.parametrize(
    ("variables", "user", "folder"),
    [
        ({"RUNTIME_DIRECTORY": "/run/x:/run/y"}, 1000, "/run/x"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, 1000, "/run/user/1000/nethood"),
        ({"XDG_RUNTIME_DIR": "/run/user/0"}, 0, "/run/nethood"),
        ({"XDG_RUNTIME_DIR": "here"}, 1000, None),
        ({}, 1000, None),
    ],
)
def test_where_a_daemon_puts_its_socket(
    variables: dict[str, str], user: int, folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    for name in ("RUNTIME_DIRECTORY", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert own_folder() == (Path(folder) if folder else None)


def test_the_own_daemon_is_found_before_the_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, own = tmp_path / "system", tmp_path / "nethood"
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(control, "_SYSTEM", system)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert find("a.sock") is None
    for folder in (system, own):
        folder.mkdir()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.bind(str(folder / "a.sock"))
        assert find("a.sock") == folder / "a.sock"
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert find("a.sock") is None


async def test_a_system_without_such_sockets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert own_folder() is None
    assert find("a.sock") is None
    assert ask(tmp_path / "a.sock") is None
    with pytest.raises(ConnectError, match="this system has no local sockets"):
        ControlSocket(tmp_path / "a.sock", lambda: b"").open()
