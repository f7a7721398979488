"""Read nethood.toml and turn everything wrong with it into sentences a person can act on."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from nethood.config.model import (
    BrowserTable,
    LimitsSettings,
    NetbiosSettings,
    PartnerSettings,
    ServerSettings,
    Settings,
    ShareSettings,
    StaticSettings,
    WinsSettings,
)
from nethood.errors import ConfigError

_TABLES: dict[str, type[BaseModel]] = {
    "server": ServerSettings,
    "netbios": NetbiosSettings,
    "browser": BrowserTable,
    "wins": WinsSettings,
    "limits": LimitsSettings,
    "shares": ShareSettings,
}
_LISTED: dict[tuple[str, ...], type[BaseModel]] = {
    ("wins", "static"): StaticSettings,
    ("wins", "partners"): PartnerSettings,
}
"""The tables there may be several of, each written [[in.two.brackets]]."""
# What pydantic calls a fault, and what would be right instead.
_REMEDIES = {
    "bool_type": "must be true or false",
    "string_type": 'must be text in quotes, such as "text"',
    "path_type": 'must be a path in quotes, such as "/srv/public"',
    "int_type": "must be a whole number without quotes",
    "float_type": "must be a number without quotes",
    "tuple_type": 'must be a list in brackets, such as ["alice", "bob"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "ip_v4_address": 'must be an IPv4 address in quotes, such as "192.168.1.5"',
    "ip_v4_network": 'must be a network, such as "203.0.113.0/24"',
    "ip_v6_network": 'must be a network, such as "203.0.113.0/24"',
}


def load(path: Path, *, needs_shares: bool = True) -> Settings:
    """Read and check the file at *path*; relative paths in it start at its folder.

    One without shares is a fault unless *needs_shares* is false. Raises ConfigError with one line
    for every fault.
    """
    text = _read(path)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}") from None
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        lines = dict.fromkeys(_sentence(path, text, fault) for fault in error.errors())
        raise ConfigError("\n".join(lines)) from None
    settings = _anchored(settings, path.parent)
    problems = [
        _at(path, text, where, problem) for where, problem in shares_problems(settings.shares)
    ]
    if needs_shares and not settings.shares:
        problems.append(f'{path}: there is no share; add [shares.NAME] with path = "FOLDER"')
    if problems:
        raise ConfigError("\n".join(problems))
    return settings


def shares_problems(
    shares: Mapping[str, ShareSettings],
) -> Iterable[tuple[tuple[str, ...], str]]:
    """Name what is wrong with *shares* on this machine: where (keys from the top), and what."""
    seen: dict[str, str] = {}
    for name, share in shares.items():
        if (other := seen.setdefault(name.lower(), name)) != name:
            yield ("shares", name), f"differs from {other!r} only by case; rename one of them"
        if not share.path.exists():
            yield (
                ("shares", name, "path"),
                f"there is no folder {share.path}; make it or correct it",
            )
        elif not share.path.is_dir():
            yield ("shares", name, "path"), f"{share.path} is no folder; name the folder it is in"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None


def _anchored(settings: Settings, folder: Path) -> Settings:
    shares = {
        name: share.model_copy(update={"path": folder / share.path})
        for name, share in settings.shares.items()
    }
    server = settings.server
    if server.users is not None:
        server = server.model_copy(update={"users": folder / server.users})
    wins = settings.wins
    if wins.store is not None:
        wins = wins.model_copy(update={"store": folder / wins.store})
    return settings.model_copy(update={"shares": shares, "server": server, "wins": wins})


def _sentence(path: Path, text: str, fault: Any) -> str:
    where = tuple(str(part) for part in fault["loc"] if not _is_internal(part))
    kind = fault["type"]
    if kind == "extra_forbidden":
        return _at(path, text, where[:-1], _unknown_key(where), line_of=where)
    if kind == "missing":
        return _at(path, text, where[:-1], f"{where[-1]} is missing; {_example(where[-1])}")
    if kind == "value_error":
        problem = str(fault["ctx"]["error"])
    elif kind == "tuple_type" and where in _LISTED:
        problem = f"must be written as [[{'.'.join(where)}]]"
    elif kind == "literal_error":
        problem = f"must be {fault['ctx']['expected']}"
    else:
        problem = _REMEDIES.get(kind) or _lowered(fault["msg"])
    return _at(path, text, where, f"{problem}{_given(fault['input'])}")


def _is_internal(part: object) -> bool:
    return part == "[key]" or (isinstance(part, str) and part.startswith(("IPv4", "IPv6")))


def _unknown_key(where: tuple[str, ...]) -> str:
    if len(where) == 1:
        known = list(_TABLES)
    else:
        table = _LISTED[where[:2]] if where[:2] in _LISTED and len(where) > 2 else _TABLES[where[0]]
        known = list(table.model_fields)
    close = get_close_matches(where[-1], known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    return f"unknown key {where[-1]!r}; {hint}"


def _example(key: str) -> str:
    examples = {
        "path": 'path = "FOLDER"',
        "name": 'name = "NAME#SUFFIX"',
        "address": 'address = "192.168.1.5"',
    }
    return f"add {examples.get(key, key)}"


def _lowered(message: str) -> str:
    return message.replace("Input should", "must", 1)


def _given(value: object) -> str:
    if isinstance(value, bool):
        return f", not {str(value).lower()}"
    if isinstance(value, str | int | float):
        return f", not {value!r}"
    return ""


def _at(
    path: Path,
    text: str,
    where: tuple[str, ...],
    problem: str,
    line_of: tuple[str, ...] | None = None,
) -> str:
    line = line_number(text, line_of or where)
    place = f"{path}: line {line}" if line else str(path)
    return f"{place}: {_key(where)}{problem}"


def _key(where: tuple[str, ...]) -> str:
    if not where:
        return ""
    if where[:2] in _LISTED and len(where) > 2:
        name, rest = f"[[{'.'.join(where[:2])}]] ", where[3:]
    else:
        depth = 2 if where[0] == "shares" else 1
        name, rest = f"[{'.'.join(map(_quoted, where[:depth]))}] ", where[depth:]
    return name + (f"{rest[0]} " if rest else "")


def _quoted(part: str) -> str:
    return part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'


def line_number(text: str, where: tuple[str, ...]) -> int | None:
    """Find the line in *text* where the key *where* stands, or its table; None if it can't.

    A table of several has its number, from 0, behind its name: ("wins", "static", "0").
    """
    table: tuple[str, ...] = ()
    found: dict[tuple[str, ...], int] = {}
    listed: Counter[tuple[str, ...]] = Counter()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\[([^\[\]]+)\]\]", line):
            name = _parts(header[1])
            table = (*name, str(listed[name]))
            listed[name] += 1
            found.setdefault(table, number)
        elif header := re.match(r"\s*\[([^\[\]]+)\]", line):
            table = _parts(header[1])
            found.setdefault(table, number)
        elif key := re.match(r"\s*([A-Za-z0-9_.\"' -]+?)\s*=", line):
            found.setdefault(table + _parts(key[1]), number)
    prefixes = (where[:length] for length in range(len(where), 0, -1))
    return next((found[prefix] for prefix in prefixes if prefix in found), None)


def _parts(dotted: str) -> tuple[str, ...]:
    found = re.findall(r"\"([^\"]*)\"|'([^']*)'|([^.\s\"']+)", dotted)
    return tuple("".join(part) for part in found)
