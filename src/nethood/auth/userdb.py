"""The user database: one JSON file that only its owner may read.

What it stores of a password is as good as the password, so a file others can read is not used.
Programs may share it: changes are made under a lock, written beside and moved into place, and a
running server sees them at the next login.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from nethood.auth.ntlm_crypto import nt_hash
from nethood.auth.users import (
    FIRST_RID,
    Account,
    check_new_name,
    check_password,
    new_machine_sid,
)
from nethood.errors import ConfigError, LocalError
from nethood.text import upcase

VERSION = 1
MAX_FILE_SIZE = 16 * 1024 * 1024


def default_path() -> Path:
    """Return where the user's own database lies: $XDG_STATE_HOME/nethood/users.json."""
    state = os.environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "nethood" / "users.json"


class _Content:
    """What the file holds."""

    def __init__(self, machine_sid: str, next_rid: int, accounts: list[Account]) -> None:
        self.machine_sid = machine_sid
        self.next_rid = next_rid
        self.by_name = {upcase(account.name): account for account in accounts}

    def encode(self) -> bytes:
        users = [
            {"name": a.name, "full_name": a.full_name, "rid": a.rid, "nt_hash": a.nt_hash.hex()}
            for a in self.by_name.values()
        ]
        head = {"version": VERSION, "machine_sid": self.machine_sid, "next_rid": self.next_rid}
        return json.dumps(head | {"users": users}, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, data: bytes) -> _Content:
        """Read a file's bytes. Raises ValueError, KeyError or TypeError."""
        raw = json.loads(data)
        if raw["version"] != VERSION:
            raise ValueError(f"version {raw['version']!r} is not {VERSION}")
        content = cls(
            _typed(raw["machine_sid"], str),
            _typed(raw["next_rid"], int),
            [_decode_account(user) for user in _typed(raw["users"], list)],
        )
        if len(content.by_name) != len(raw["users"]):
            raise ValueError("two users have the same name")
        return content


def _decode_account(raw: dict[str, Any]) -> Account:
    password_hash = bytes.fromhex(_typed(raw["nt_hash"], str))
    if len(password_hash) != 16:
        raise ValueError("an nt_hash is not 16 bytes long")
    name, rid = _typed(raw["name"], str), _typed(raw["rid"], int)
    return Account(name, password_hash, rid, _typed(raw.get("full_name", ""), str))


def _typed(value: Any, wanted: type) -> Any:
    if not isinstance(value, wanted):
        raise TypeError(f"found {type(value).__name__} in place of {wanted.__name__}")
    return value


class UserDatabase:
    """Users in a file. The file, and its folder, are made when the first user is added.

    Every method raises ConfigError when the file cannot be used, with a sentence that says how to
    mend it. Calls block on the disk for a moment: `lookup` for one stat, others for an fsync.
    """

    def __init__(
        self, path: Path | None = None, *, random: Callable[[int], bytes] = secrets.token_bytes
    ) -> None:
        self.path = path or default_path()
        self._random = random
        self._seen: tuple[int, ...] = ()
        self._content: _Content | None = None

    @property
    def machine_sid(self) -> str:
        """The SID under which this machine's users count; made once and kept."""
        content = self._load()
        if content is None:
            with self._changing() as content:
                pass
        return content.machine_sid

    def lookup(self, name: str) -> Account | None:
        """Return the account called *name*, in whatever case it is written."""
        content = self._load()
        return content.by_name.get(upcase(name)) if content else None

    def accounts(self) -> list[Account]:
        """Return all accounts, in the order they were added."""
        content = self._load()
        return list(content.by_name.values()) if content else []

    def add(self, name: str, password: str, full_name: str = "") -> Account:
        """Add a user. Raises LocalError for a bad or taken name and for a bad password."""
        check_password(password)
        with self._changing() as content:
            check_new_name(name, content.by_name)
            account = Account(name, nt_hash(password), content.next_rid, full_name)
            content.by_name[upcase(name)] = account
            content.next_rid += 1
        return account

    def set_password(self, name: str, password: str) -> Account:
        """Change a user's password. Raises LocalError."""
        check_password(password)
        with self._changing() as content:
            account = replace(self._existing(content, name), nt_hash=nt_hash(password))
            content.by_name[upcase(name)] = account
        return account

    def remove(self, name: str) -> Account:
        """Remove a user, whose RID is never given again. Raises LocalError."""
        with self._changing() as content:
            account = self._existing(content, name)
            del content.by_name[upcase(name)]
        return account

    def _existing(self, content: _Content, name: str) -> Account:
        account = content.by_name.get(upcase(name))
        if account is None:
            known = ", ".join(a.name for a in content.by_name.values()) or "nobody yet"
            raise LocalError(f"there is no user {name!r} in {self.path}; it knows {known}")
        return account

    # -- reading

    def _load(self) -> _Content | None:
        """Return the file's content, read again only when it has changed; None without a file."""
        try:
            now = _identity(os.stat(self.path))
            if now != self._seen:
                data, self._seen = self._read()
                self._content = self._parse(data)
        except FileNotFoundError:
            self._seen, self._content = (), None
        except OSError as problem:
            raise ConfigError(f"{self.path} cannot be read: {problem.strerror}") from problem
        return self._content

    def _read(self) -> tuple[bytes, tuple[int, ...]]:
        with open(self.path, "rb") as file:
            status = os.fstat(file.fileno())
            _refuse_if_exposed(self.path, status)
            data = file.read(MAX_FILE_SIZE + 1)
        if len(data) > MAX_FILE_SIZE:
            raise ConfigError(f"{self.path} is longer than {MAX_FILE_SIZE} bytes")
        return data, _identity(status)

    def _parse(self, data: bytes) -> _Content:
        try:
            return _Content.decode(data)
        except (ValueError, KeyError, TypeError, RecursionError) as problem:
            self._seen = ()
            raise ConfigError(
                f"{self.path} is no user database ({type(problem).__name__}: {problem}); "
                "restore it from a backup, or move it away and add the users again"
            ) from problem

    # -- changing

    @contextmanager
    def _changing(self) -> Iterator[_Content]:
        """Give the content for changing, and write it unless the block raises."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _locked(self.path.with_name(self.path.name + ".lock")):
                content = self._load() or _Content(new_machine_sid(self._random), FIRST_RID, [])
                # From here on the copy in memory is not what the file holds.
                self._seen = ()
                yield content
                self._write(content.encode())
        except OSError as problem:
            raise ConfigError(f"{self.path} cannot be written: {problem.strerror}") from problem

    def _write(self, data: bytes) -> None:
        beside = self.path.with_name(f"{self.path.name}.{self._random(6).hex()}.new")
        try:
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, self.path)
        except OSError:
            with suppress(OSError):
                os.unlink(beside)
            raise
        _sync_folder(self.path.parent)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode, status.st_uid)


def _refuse_if_exposed(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        raise ConfigError(
            f"{path} holds passwords and others may read or write it (mode {mode:04o}); "
            f"run: chmod 600 '{path}'"
        )
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        raise ConfigError(f"{path} belongs to another user; use a file of your own")


def _sync_folder(folder: Path) -> None:
    """Make a rename last; systems that cannot open folders have no need of it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes, and other objects of this one, from changing the file meanwhile."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)
