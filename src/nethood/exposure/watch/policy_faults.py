"""What is wrong with a policy, in sentences: file, line, key, what it has, what to write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from nethood.exposure.watch.policy_file import (
    CHANNELS,
    FloodTable,
    GroupTable,
    MaintenanceTable,
    MetricsTable,
    PolicyTable,
    StateTable,
    WebTable,
)
from nethood.exposure.watch.policy_lines import KeyPath, find_lines, line_of

if TYPE_CHECKING:
    from pydantic import ValidationError

_TABLES: dict[str, type[BaseModel]] = {
    "flood": FloodTable,
    "web": WebTable,
    "state": StateTable,
    "metrics": MetricsTable,
    "maintenance": MaintenanceTable,
    "groups": GroupTable,
}
_NAMED = ("groups", "alerts")
_NAMED_DEPTH = 2
_LISTED = ("maintenance",)
# What pydantic calls a fault, and what to write instead.
_REMEDIES = {
    "bool_type": "write true or false",
    "string_type": "write text in quotes",
    "path_type": "write a path in quotes",
    "int_type": "write a whole number without quotes",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number without quotes",
    "float_type": "write a number without quotes",
    "float_parsing": "write a number without quotes",
    "tuple_type": 'write a list in brackets, such as ["one", "two"]',
    "dict_type": "write a table, such as [{key}.NAME]",
    "model_type": "write a table: [{key}]",
    "model_attributes_type": "write a table: [{key}]",
}
_EXAMPLES = {
    "targets": 'targets = ["192.168.1.0/24", "nas.example"]',
    "kind": 'kind = "webhook", "smtp", "syslog" or "command"',
    "host": 'host = "mail.example"',
    "sender": 'sender = "nethood@example.org"',
    "to": 'to = ["ops@example.org"]',
    "argv": 'argv = ["/usr/local/bin/page-me"]',
    "start": 'start = 2026-12-24T18:00:00, or start = "22:00" with days',
    "end": 'end = 2026-12-25T06:00:00, or end = "04:00" with days',
    "listen": 'listen = "127.0.0.1:8137"',
}
_MOST_SHOWN = 60
Fault = tuple[int, str]
"""A line, 0 for the file as a whole, and the sentence."""


class Faults:
    """Makes sentences about one file."""

    def __init__(self, path: Path, text: str) -> None:
        self._name = path.name
        self._lines = find_lines(text)
        self._raw_lines = text.splitlines()

    def of_syntax(self, message: str) -> str:
        """Return the sentence for a text that is not TOML; *message* is tomllib's."""
        place = re.search(r"line (\d+)", message)
        line = int(place[1]) if place else len(self._raw_lines) or 1
        plain = re.sub(r" \(at .*\)$", "", message)
        return _visible(
            f"{self._name} line {line}: this is not TOML: {plain[:1].lower()}{plain[1:]}"
        )

    def at(self, where: KeyPath, problem: str, given: object = None) -> Fault:
        """Return a fault: file, line, key (with the value *given*), problem."""
        line = line_of(self._lines, where)
        place = f"{self._name} line {line}" if line else self._name
        key = dotted(where)
        if key and (shown := _shown(given)):
            key = f"{key} = {shown}"
        sentence = f"{place}: {key}: {problem}" if key else f"{place}: {problem}"
        return line or 0, _visible(sentence)

    def together(self, found: Iterable[Fault]) -> str:
        """Return the sentences of all, one a line, each once, in the order of the file."""
        in_order = sorted(found, key=lambda fault: fault[0])
        return "\n".join(dict.fromkeys(sentence for _, sentence in in_order))


def dotted(where: KeyPath) -> str:
    """Return *where* as a person writes it: groups.lab.445, groups.lab.targets[1]."""
    words = ""
    for depth, part in enumerate(where):
        # What is named by the policy may be a number, and some expectations are: 139, 445.
        is_name = where[0] in _NAMED and depth <= _NAMED_DEPTH
        if part.isdigit() and not is_name:
            words += f"[{int(part) + 1}]"
        else:
            quoted = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
            words += f".{quoted}" if words else quoted
    return words


def _visible(text: str) -> str:
    """Return *text* on one line: what a file holds must not steer a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        cut = value if len(value) <= _MOST_SHOWN else value[:_MOST_SHOWN] + "…"
        return '"' + cut.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value) if isinstance(value, int | float) else ""


def sentences(faults: Faults, raw: Mapping[str, Any], error: ValidationError) -> str:
    """Return one sentence a line for each thing pydantic found wrong."""
    return faults.together(_fault(faults, raw, fault) for fault in error.errors())


def _fault(faults: Faults, raw: Mapping[str, Any], fault: Any) -> Fault:
    where = _where(raw, fault["loc"])
    kind = fault["type"]
    if kind == "extra_forbidden":
        return faults.at(where, f"unknown key; {did_you_mean(where[-1], _known(raw, where))}")
    if kind in ("missing", "union_tag_not_found"):
        key = "kind" if kind != "missing" else where[-1]
        table = where if kind != "missing" else where[:-1]
        return faults.at(table, f"{key} is missing; add {_EXAMPLES.get(key, key)}")
    if kind == "union_tag_invalid":
        given = fault["ctx"]["tag"]
        hint = did_you_mean(given, list(CHANNELS))
        return faults.at((*where, "kind"), f"no such kind; {hint}", given)
    return faults.at(where, _remedy(where, fault), fault["input"])


def _remedy(where: KeyPath, fault: Any) -> str:
    kind = fault["type"]
    if kind == "value_error":
        return str(fault["ctx"]["error"])
    if kind == "literal_error":
        return f"write {fault['ctx']['expected']}".replace("'", '"')
    if kind == "tuple_type" and where[0] in _LISTED:
        return f"write it as [[{where[0]}]]"
    if kind in _REMEDIES:
        return _REMEDIES[kind].format(key=where[0])
    return str(fault["msg"]).replace("Input should be", "write what is", 1)


def _where(raw: Mapping[str, Any], loc: Sequence[object]) -> KeyPath:
    """Return a fault's place as keys of the file: the kind of a channel is none."""
    where = tuple(str(part) for part in loc if part != "[key]")
    if where[:1] == ("alerts",) and len(where) > 2 and where[2] in CHANNELS:
        where = (*where[:2], *where[3:])
    return where


def did_you_mean(given: str, known: Sequence[str]) -> str:
    """Return a hint: the word nearest to *given*, or all there are."""
    close = get_close_matches(given.lower(), known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"there are {', '.join(known)}"


def _known(raw: Mapping[str, Any], where: KeyPath) -> list[str]:
    """Return the keys of the table that *where* is in."""
    model: type[BaseModel] = PolicyTable
    if len(where) > 1:
        model = _TABLES.get(where[0], PolicyTable)
        if where[0] == "alerts":
            model = CHANNELS[str(raw["alerts"][where[1]]["kind"])]
    return [field.alias or name for name, field in model.model_fields.items()]
