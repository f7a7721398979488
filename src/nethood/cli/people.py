"""Who may log in while `nethood serve` runs: the user database, or one user for this run."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from dataclasses import dataclass

from nethood.auth.userdb import UserDatabase, default_path
from nethood.auth.users import MemoryUsers, UserSource, generate_password
from nethood.cli import passwords
from nethood.config import Settings
from nethood.errors import ConfigError


@dataclass(slots=True)
class People:
    """Where the server looks users up, whom the mount lines name, and what to say about it."""

    source: UserSource
    user: str
    password: str | None = None
    """Generated for this run."""
    note: str | None = None


def choose(
    settings: Settings, user: str | None, password_file: str | None, *, configured: bool
) -> People:
    """Decide who may log in. *configured* says that *settings* come from a file.

    A password file makes one user for this run; otherwise the database is used if it has the
    user asked for (or anybody, where *configured* and none is asked for); otherwise a user is
    made for this run with a generated password. Raises ConfigError.
    """
    name = user or current_user()
    if password_file is not None:
        password = passwords.from_file(password_file)
        return _checked(settings, People(MemoryUsers({name: password}), name), [name])
    database = UserDatabase(settings.server.users or default_path())
    known = [account.name for account in database.accounts()]
    found = _match(name, known)
    if found is None and known and configured and user is None:
        found = known[0]
    if found is not None:
        note = f"Passwords are those of the user database, {database.path}."
        return _checked(settings, People(database, found, note=note), known)
    if configured and user is None:
        raise ConfigError(
            f"nobody may log in: {database.path} has no user; run 'nethood user add NAME'"
        )
    password = generate_password(os.urandom)
    return _checked(settings, People(MemoryUsers({name: password}), name, password), [name])


def current_user() -> str:
    """Return the name of whoever runs this, or "user" where the system has none for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "user"


def _match(name: str, known: Iterable[str]) -> str | None:
    return next((k for k in known if k.casefold() == name.casefold()), None)


def _checked(settings: Settings, people: People, known: Iterable[str]) -> People:
    known = list(known)
    for share, what in settings.shares.items():
        for user in what.users or ():
            if _match(user, known) is None:
                raise ConfigError(
                    f"[shares.{share}] users names {user!r}, who can't log in;"
                    f" run 'nethood user add {user}' or take the name out"
                )
    return people
