"""Who may log in: the database, a password file, or somebody made up for this run."""

from __future__ import annotations

from pathlib import Path

import pytest

from nethood.auth.ntlm_crypto import nt_hash
from nethood.auth.userdb import UserDatabase
from nethood.cli import people
from nethood.cli.people import choose
from nethood.config import ServerSettings, Settings, ShareSettings
from nethood.errors import ConfigError, LocalError


@pytest.fixture(autouse=True)
def state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(people, "current_user", lambda: "carol")
    return tmp_path


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.write_text("from file\n")
    return str(file)


def shared_with(*users: str) -> Settings:
    return Settings(shares={"docs": ShareSettings(path=Path("/"), users=users)})


def test_somebody_is_made_up_for_this_run() -> None:
    got = choose(Settings(), None, None, configured=False)
    assert got.user == "carol"
    assert got.password is not None
    account = got.source.lookup("CAROL")
    assert account is not None
    assert account.nt_hash == nt_hash(got.password)
    again = choose(Settings(), None, None, configured=False)
    assert again.password != got.password


def test_a_password_file_makes_one_user(password_file: str) -> None:
    UserDatabase().add("carol", "from database")
    got = choose(Settings(), None, password_file, configured=False)
    account = got.source.lookup("carol")
    assert account is not None
    assert account.nt_hash == nt_hash("from file")
    assert got.password is None


def test_the_database_is_used_if_it_has_the_user_and_that_is_said() -> None:
    UserDatabase().add("Carol", "from database")
    got = choose(Settings(), None, None, configured=False)
    assert (got.user, got.password) == ("Carol", None)
    assert got.note is not None
    assert "users.json" in got.note
    assert choose(Settings(), "dave", None, configured=False).password is not None


def test_a_configuration_uses_its_own_database(tmp_path: Path) -> None:
    file = tmp_path / "own.json"
    UserDatabase(file).add("alice", "x")
    settings = Settings(server=ServerSettings(users=file))
    got = choose(settings, None, None, configured=True)
    assert (got.user, got.password) == ("alice", None)
    assert isinstance(got.source, UserDatabase)
    assert got.source.path == file


def test_a_configuration_without_users_does_not_start() -> None:
    with pytest.raises(ConfigError, match=r"nobody may log in.*nethood user add NAME"):
        choose(Settings(), None, None, configured=True)
    assert choose(Settings(), "dave", None, configured=True).password is not None


def test_a_share_for_somebody_who_can_not_log_in_does_not_start(password_file: str) -> None:
    settings = shared_with("alice", "CAROL")
    with pytest.raises(ConfigError, match=r"\[shares.docs\] users names 'alice', who can't log in"):
        choose(settings, None, password_file, configured=True)
    assert choose(shared_with("CAROL"), None, password_file, configured=True).user == "carol"


def test_a_user_name_that_can_not_be() -> None:
    with pytest.raises(LocalError, match="user name 'a/b' contains '/'"):
        choose(Settings(), "a/b", None, configured=False)
