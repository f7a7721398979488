"""Accounts, where they come from, and the rules for names and passwords."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nethood.auth.ntlm_crypto import nt_hash
from nethood.errors import LocalError
from nethood.text import upcase

FIRST_RID = 1000
MAX_NAME_LENGTH = 64
MAX_PASSWORD_LENGTH = 256
_FORBIDDEN = frozenset('"/\\[]:;|=,+*?<>@')


@dataclass(frozen=True, slots=True)
class Account:
    """One user. *rid* is the last part of the SID; the hash is as good as the password."""

    name: str
    nt_hash: bytes = field(repr=False)
    rid: int
    full_name: str = ""


class UserSource(Protocol):
    """Whatever knows users by their names."""

    def lookup(self, name: str) -> Account | None:
        """Return the account called *name*, in whatever case it is written."""
        ...


class MemoryUsers:
    """Users of a running program, from plain passwords: name -> password."""

    def __init__(self, passwords: Mapping[str, str], machine_sid: str = "") -> None:
        """Check all names and passwords. Raises LocalError with a sentence about the first."""
        self.machine_sid = machine_sid
        self._by_name: dict[str, Account] = {}
        for rid, (name, password) in enumerate(passwords.items(), FIRST_RID):
            check_new_name(name, self._by_name)
            check_password(password)
            self._by_name[upcase(name)] = Account(name, nt_hash(password), rid)

    def lookup(self, name: str) -> Account | None:
        """Return the account called *name*, in whatever case it is written."""
        return self._by_name.get(upcase(name))

    def accounts(self) -> list[Account]:
        """Return all accounts, in the order of their RIDs."""
        return list(self._by_name.values())


def check_new_name(name: str, taken: Iterable[str] = ()) -> None:
    """Raise LocalError unless *name* is a valid user name; *taken* holds others, upper-cased."""
    problem = _name_problem(name)
    if not problem and upcase(name) in taken:
        problem = "exists already; names that differ only by case count as the same"
    if problem:
        raise LocalError(f"user name {name!r} {problem}")


def _name_problem(name: str) -> str:
    if not name.strip(" ."):
        return "needs a letter or digit"
    if len(name) > MAX_NAME_LENGTH:
        return f"is longer than {MAX_NAME_LENGTH} characters"
    if name != name.strip():
        return "begins or ends with a space; leave that out"
    bad = sorted({c for c in name if c in _FORBIDDEN or not c.isprintable()})
    return f"contains {' '.join(map(repr, bad))}, which no user name may" if bad else ""


def check_password(password: str) -> None:
    """Raise LocalError for a password that is empty, too long or holds control characters."""
    if not password:
        raise LocalError("the password is empty; choose one with at least one character")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise LocalError(f"the password is longer than {MAX_PASSWORD_LENGTH} characters")
    if any(ord(c) < 32 or ord(c) == 127 for c in password):
        raise LocalError("the password holds a control character, which nobody could type again")


_CONSONANTS = "bdfghjkmnprstvwz"
_VOWELS = "aiou"


def generate_password(random: Callable[[int], bytes]) -> str:
    """Return a password that can be read aloud, with 64 bits of randomness: four times CVCVC.

    *random* returns as many random bytes as asked for.
    """
    return "-".join(map(_group, struct.unpack("<4H", random(8))))


def _group(bits: int) -> str:
    c, v = _CONSONANTS, _VOWELS
    return c[bits & 15] + v[bits >> 4 & 3] + c[bits >> 6 & 15] + v[bits >> 10 & 3] + c[bits >> 12]


def new_machine_sid(random: Callable[[int], bytes]) -> str:
    """Return a new SID for a machine, under which its users count: S-1-5-21-x-y-z."""
    return "S-1-5-21-{}-{}-{}".format(*struct.unpack("<3I", random(12)))
