"""`nethood user`: adding, changing, listing and removing people."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from nethood.auth.ntlm_crypto import nt_hash
from nethood.auth.userdb import UserDatabase
from nethood.cli import run


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "state" / "users.json"


def user(
    monkeypatch: pytest.MonkeyPatch, database: Path, *arguments: str, stdin: str = "secret\n"
) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
    return run(["user", *arguments, "--database", str(database)])


def add(monkeypatch: pytest.MonkeyPatch, database: Path, name: str) -> int:
    return user(monkeypatch, database, "add", name, "--password-file", "-")


def test_from_the_first_user_to_the_last(
    monkeypatch: pytest.MonkeyPatch, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(monkeypatch, database, "alice") == 0
    assert add(monkeypatch, database, "Bob") == 0
    assert user(monkeypatch, database, "list") == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["alice", "Bob"]
    status = user(monkeypatch, database, "passwd", "ALICE", "--password-file", "-", stdin="new\n")
    assert status == 0
    account = UserDatabase(database).lookup("alice")
    assert account is not None
    assert account.nt_hash == nt_hash("new")
    assert user(monkeypatch, database, "remove", "alice") == 0
    assert [a.name for a in UserDatabase(database).accounts()] == ["Bob"]


def test_no_output_holds_the_password(
    monkeypatch: pytest.MonkeyPatch, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add(monkeypatch, database, "alice")
    out, err = capsys.readouterr()
    assert "secret" not in out + err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "a/b", "--password-file", "-"], "user name 'a/b' contains '/'"),
        (["add", "alice", "--password-file", "-"], "user name 'alice' exists already"),
        (["add", "bob"], "there is no terminal to ask on; use --password-file FILE or -"),
        (["passwd", "bob", "--password-file", "-"], "there is no user 'bob' in "),
        (["remove", "bob"], "there is no user 'bob' in "),
    ],
)
def test_what_can_not_be_done_is_one_sentence_and_status_2(
    monkeypatch: pytest.MonkeyPatch,
    database: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    add(monkeypatch, database, "alice")
    capsys.readouterr()
    assert user(monkeypatch, database, *arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"nethood: {sentence}")


def test_the_default_database_is_in_the_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.StringIO("secret\n"))
    assert run(["user", "add", "alice", "--password-file", "-"]) == 0
    assert (tmp_path / "nethood" / "users.json").stat().st_mode & 0o777 == 0o600


def test_no_users_are_told_beside_the_list(
    monkeypatch: pytest.MonkeyPatch, database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert user(monkeypatch, database, "list") == 0
    out, err = capsys.readouterr()
    assert (out, "There are no users yet" in err) == ("", True)
