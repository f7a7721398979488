"""rclone: an SMB client of its own, in Go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.conftest import ServerFactory
from tests.interop.server import STAND_IN, RunningServer

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server(start_server: ServerFactory) -> RunningServer:
    # rclone's SMB library refuses smbd's unsigned interim responses in a signed session.
    return start_server(signing="enabled" if STAND_IN else "required")


def test_copy_and_check(server: RunningServer, local: Path) -> None:
    peers.need("rclone")
    folder = server.fresh()
    for i in range(30):
        path = local / "tree" / f"d{i % 5}" / f"file {i} ü"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(i * 40_000))
    rclone(server, "copy", local / "tree", f"share:files/{folder.name}/tree")
    rclone(server, "check", "--download", local / "tree", f"share:files/{folder.name}/tree")
    rclone(server, "copy", f"share:files/{folder.name}/tree", local / "back")
    rclone(server, "check", local / "tree", local / "back")
    assert len([p for p in (folder / "tree").rglob("*") if p.is_file()]) == 30


def test_move_list_and_purge(server: RunningServer, local: Path) -> None:
    peers.need("rclone")
    folder = server.fresh()
    there = f"share:files/{folder.name}"
    (local / "one").write_bytes(b"one")
    rclone(server, "copy", local, there)
    rclone(server, "moveto", f"{there}/one", f"{there}/two")
    listed = rclone(server, "lsf", "--format", "ps", there).splitlines()
    assert listed == ["two;3"]
    rclone(server, "mkdir", f"{there}/sub")
    rclone(server, "purge", f"{there}")
    assert not folder.exists()


def rclone(server: RunningServer, *words: str | Path) -> str:
    obscured = peers.run(["rclone", "obscure", server.password], 10).output.strip()
    env = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_SHARE_TYPE": "smb",
        "RCLONE_CONFIG_SHARE_HOST": server.host,
        "RCLONE_CONFIG_SHARE_PORT": str(server.port),
        "RCLONE_CONFIG_SHARE_USER": server.user,
        "RCLONE_CONFIG_SHARE_PASS": obscured,
    }
    command = ["rclone", "--retries", "1", "--low-level-retries", "1", *map(str, words)]
    ran = peers.run(command, 60, env=env)
    assert ran.status == 0, ran.output
    return ran.output
