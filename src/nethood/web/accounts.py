"""Users of the dashboard: a file of NAME:HASH lines, argon2id through argon2-cffi.

A wrong name costs as much time as a wrong password, so that names can't be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nethood.errors import LocalError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024
_NAME = re.compile(r"[\w.@+-]{1,64}")
_MOST_USERS = 1000
_FORM = "NAME:HASH, as `nethood watch --web-user NAME` prints it"


def user_line(name: str, password: str) -> str:
    """Return the line of the users file for *name*.

    Raises LocalError for a name that can't stand in the file, or a password that is too short.
    """
    if not _NAME.fullmatch(name):
        raise LocalError(f"{name!r} can't be a user's name; use letters, digits and . _ @ + -")
    if len(password) < SHORTEST_PASSWORD:
        raise LocalError(
            f"that password is too short; give at least {SHORTEST_PASSWORD} characters"
        )
    if len(password) > LONGEST_PASSWORD:
        raise LocalError(f"that password is too long; give at most {LONGEST_PASSWORD} characters")
    return f"{name}:{_hasher().hash(password)}"


def read_users(path: Path) -> dict[str, str]:
    """Return name -> hash from a users file. Raises LocalError naming the file and the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise LocalError(f"can't read the dashboard's users from {path}: {error}") from error
    users: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, hashed = line.strip().partition(":")
        if not colon or not _NAME.fullmatch(name) or not _is_argon2id(hashed):
            raise LocalError(f"{path}, line {number} is no user; write {_FORM}")
        if name in users:
            raise LocalError(f"{path}, line {number}: {name} is there twice; keep one of them")
        users[name] = hashed
    if not 0 < len(users) <= _MOST_USERS:
        raise LocalError(f"{path} holds {len(users)} users; write 1 to {_MOST_USERS}: {_FORM}")
    return users


def check_hash(name: str, hashed: str) -> None:
    """Raise LocalError where *hashed* is no argon2id hash."""
    if not _is_argon2id(hashed):
        raise LocalError(f"the dashboard's user {name!r} has no argon2id hash; write {_FORM}")


def password_fits(users: Mapping[str, str], name: str, password: str) -> bool:
    """Tell whether *password* is that of *name*. Takes its time (about 50 ms) and 64 MiB."""
    from argon2.exceptions import InvalidHashError, VerificationError

    hashed = users.get(name)
    try:
        _hasher().verify(hashed or _nobodys_hash(), password[:LONGEST_PASSWORD])
    except (VerificationError, InvalidHashError):
        return False
    return hashed is not None


def _is_argon2id(text: str) -> bool:
    from argon2 import Type, extract_parameters
    from argon2.exceptions import InvalidHashError

    try:
        return extract_parameters(text).type is Type.ID
    except InvalidHashError:
        return False


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("the password of nobody")
