"""The user database: what it keeps, who may read it, and two programs at once."""

from __future__ import annotations

import json
import os
import re
import stat
import threading
from pathlib import Path

import pytest

from nethood.auth.ntlm_crypto import nt_hash
from nethood.auth.userdb import UserDatabase, default_path
from nethood.errors import ConfigError, LocalError

posix = pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "users.json"


def test_default_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "nethood" / "users.json"
    assert UserDatabase().path == default_path()
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # to be ignored, says the XDG specification
    monkeypatch.setenv("HOME", "/home/x")
    monkeypatch.setattr(Path, "home", lambda: Path("/home/x"))
    assert default_path() == Path("/home/x/.local/state/nethood/users.json")


def test_no_file_means_no_users_and_makes_none(path: Path) -> None:
    database = UserDatabase(path)
    assert database.lookup("alice") is None
    assert database.accounts() == []
    assert not path.parent.exists()


def test_a_user_from_beginning_to_end(path: Path) -> None:
    database = UserDatabase(path)
    added = database.add("Alice", "one", "Alice Liddell")
    assert (added.name, added.rid, added.full_name) == ("Alice", 1000, "Alice Liddell")
    assert UserDatabase(path).lookup("ALICE") == added
    changed = database.set_password("alice", "two")
    assert changed.nt_hash == nt_hash("two")
    assert (changed.name, changed.rid) == ("Alice", 1000)
    assert UserDatabase(path).accounts() == [changed]
    assert database.remove("aLiCe") == changed
    assert UserDatabase(path).lookup("alice") is None


def test_rids_are_never_given_twice(path: Path) -> None:
    database = UserDatabase(path)
    database.add("a", "x")
    database.add("b", "x")
    database.remove("b")
    assert database.add("b", "x").rid == 1002


def test_machine_sid_is_made_once(path: Path) -> None:
    database = UserDatabase(path)
    sid = database.machine_sid
    assert re.fullmatch(r"S-1-5-21-\d+-\d+-\d+", sid)
    database.add("alice", "x")
    assert UserDatabase(path).machine_sid == sid
    assert UserDatabase(path.with_name("other.json")).machine_sid != sid


def test_a_running_program_sees_changes_of_another(path: Path) -> None:
    server, command = UserDatabase(path), UserDatabase(path)
    assert server.lookup("alice") is None
    command.add("alice", "one")
    assert server.lookup("alice") is not None
    command.set_password("alice", "two")
    found = server.lookup("alice")
    assert found is not None
    assert found.nt_hash == nt_hash("two")
    command.remove("alice")
    assert server.lookup("alice") is None


def test_the_file_is_read_again_only_when_it_has_changed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = UserDatabase(path)
    database.add("alice", "x")
    assert database.lookup("alice")
    monkeypatch.setattr(UserDatabase, "_read", lambda _self: pytest.fail("read again"))
    assert database.lookup("alice")


def test_bad_requests_change_nothing(path: Path) -> None:
    database = UserDatabase(path)
    database.add("alice", "x")
    before = path.read_bytes()
    with pytest.raises(LocalError, match="exists already"):
        database.add("ALICE", "y")
    with pytest.raises(LocalError, match="contains"):
        database.add("a/b", "y")
    with pytest.raises(LocalError, match="empty"):
        database.set_password("alice", "")
    with pytest.raises(LocalError, match=r"no user 'bob'.*knows alice"):
        database.set_password("bob", "y")
    with pytest.raises(LocalError, match="no user 'bob'"):
        database.remove("bob")
    assert path.read_bytes() == before
    assert database.lookup("alice")


@posix
def test_only_the_owner_may_read_it(path: Path) -> None:
    old = os.umask(0)
    try:
        UserDatabase(path).add("alice", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in sorted(path.parent.iterdir())] == ["users.json", "users.json.lock"]


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o620, 0o604])
def test_a_file_others_can_read_is_not_used(path: Path, mode: int) -> None:
    database = UserDatabase(path)
    database.add("alice", "x")
    path.chmod(mode)
    sentence = rf"mode {mode:04o}.*chmod 600 '{path}'"
    for reader in (database, UserDatabase(path)):
        with pytest.raises(ConfigError, match=sentence):
            reader.lookup("alice")
    with pytest.raises(ConfigError, match=sentence):
        database.add("bob", "x")
    path.chmod(0o600)
    assert database.lookup("alice")


@posix
def test_somebody_elses_file_is_not_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    UserDatabase(path).add("alice", "x")
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="belongs to another user"):
        UserDatabase(path).lookup("alice")


GOOD = {"version": 1, "machine_sid": "S-1-5-21-1-2-3", "next_rid": 1001}
USER = {"name": "a", "full_name": "", "rid": 1000, "nt_hash": "00" * 16}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[" * 100_000,
        b"[]",
        b"{}",
        json.dumps(GOOD).encode(),
        json.dumps(GOOD | {"users": [], "version": 2}).encode(),
        json.dumps(GOOD | {"users": {}}).encode(),
        json.dumps(GOOD | {"users": [1]}).encode(),
        json.dumps(GOOD | {"users": [USER | {"nt_hash": "00"}]}).encode(),
        json.dumps(GOOD | {"users": [USER | {"nt_hash": "x"}]}).encode(),
        json.dumps(GOOD | {"users": [USER | {"rid": "1000"}]}).encode(),
        json.dumps(GOOD | {"users": [USER, USER | {"name": "A"}]}).encode(),
    ],
)
def test_a_damaged_file_is_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.chmod(0o600)
    database = UserDatabase(path)
    for _ in range(2):
        with pytest.raises(ConfigError, match="no user database"):
            database.lookup("a")
        with pytest.raises(ConfigError, match="no user database"):
            database.add("b", "x")
    assert path.read_bytes() == content


def test_a_good_file_by_hand(path: Path) -> None:
    path.parent.mkdir()
    path.write_text(json.dumps(GOOD | {"users": [USER]}))
    path.chmod(0o600)
    found = UserDatabase(path).lookup("A")
    assert found is not None
    assert found.rid == 1000


def test_a_folder_in_the_way_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "users.json").mkdir()
    with pytest.raises(ConfigError, match="cannot be read"):
        UserDatabase(tmp_path / "users.json").lookup("a")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        UserDatabase(tmp_path / "file" / "users.json").add("a", "x")


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = UserDatabase(path)
    database.add("alice", "x")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: No space left"):
        database.add("bob", "x")
    assert [a.name for a in database.accounts()] == ["alice"]
    assert [p.name for p in sorted(path.parent.iterdir())] == ["users.json", "users.json.lock"]


def test_many_writers_lose_nothing(path: Path) -> None:
    names = [f"user{i}" for i in range(24)]

    def add(some: list[str]) -> None:
        database = UserDatabase(path)
        for name in some:
            database.add(name, "x")

    threads = [threading.Thread(target=add, args=(names[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    accounts = UserDatabase(path).accounts()
    assert sorted(a.name for a in accounts) == sorted(names)
    assert sorted(a.rid for a in accounts) == list(range(1000, 1024))


def test_hashes_are_never_printed(path: Path) -> None:
    database = UserDatabase(path)
    account = database.add("alice", "x")
    for text in (repr(account), repr(database), repr(database.accounts()), repr(vars(database))):
        assert account.nt_hash.hex() not in text
        assert repr(account.nt_hash) not in text
