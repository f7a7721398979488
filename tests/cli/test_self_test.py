"""`nethood serve --self-test`: our defaults are an A, and what weakens them is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nethood.cli import run
from nethood.cli.self_test import left_out

CONFIG = """[server]
name = "attic"
listen = ["127.0.0.1:0"]
discovery = false
{more}
[shares.files]
path = "files"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to share, and a password."""
    (tmp_path / "files").mkdir()
    (tmp_path / "password").write_text("correct-horse-9\n")
    return tmp_path


def self_test(folder: Path, more: str, *options: str) -> int:
    """Run the self-test of a configuration."""
    config = folder / "nethood.toml"
    config.write_text(CONFIG.format(more=more))
    words = ["serve", "--config", str(config), "--self-test", "--user", "alice"]
    return run([*words, "--password-file", str(folder / "password"), *options])


def test_our_defaults_are_an_a(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert self_test(folder, "") == 0
    said = capsys.readouterr().out
    assert "nethood: grade A" in said
    assert "at best" not in said
    assert "SMB1 " in said


def test_signing_that_is_not_required_is_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert self_test(folder, 'signing = "enabled"') == 1
    said = capsys.readouterr().out
    assert "signing-not-required" in said
    assert "grade A" not in said


@pytest.mark.parametrize(
    ("netbios", "sessions", "names"),
    [
        (False, False, {"netbios", "ports", "session_service"}),
        (False, True, {"netbios", "ports"}),
        (True, False, {"session_service"}),
        (True, True, set()),
    ],
)
def test_only_what_is_served_is_asked(netbios: bool, sessions: bool, names: set[str]) -> None:
    assert set(left_out(has_netbios=netbios, has_sessions=sessions)) == names


def test_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert self_test(folder, "", "--json") == 0
    host, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert host["grade"] == "A"
    assert host["report"]["anonymous"]["value"]["allowed"] is False
    assert summary
