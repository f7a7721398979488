"""JSON lines: an object for each host, then one for all. docs/scan-schema.json is their schema.

Only ASCII is written, every other character as its escape: no byte of a host's own choice
reaches a terminal. Numbers JSON has no word for are null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Literal, TextIO

from nethood.exposure.findings import Assessment, Finding, Unknown
from nethood.exposure.model import SCHEMA_VERSION, HostReport
from nethood.exposure.report.summary import Summary

_AS_THEY_ARE = frozenset({int, bool, type(None)})


@dataclass(slots=True)
class HostObject:
    """One host. *grade* is A to F, or - for a host that did not answer; *at_best* means that
    something which could make it worse is not known."""

    kind: Literal["host"]
    schema_version: int
    address: str
    port: int
    name: str
    grade: Literal["A", "B", "C", "D", "E", "F", "-"]
    at_best: bool
    findings: list[Finding]
    unknowns: list[Unknown]
    report: HostReport


@dataclass(slots=True)
class SummaryObject:
    """The last line: how many hosts there are of each kind."""

    kind: Literal["summary"]
    schema_version: int
    hosts: int
    silent: int
    started_unix: float
    ended_unix: float
    severities: dict[str, int]
    grades: dict[str, int]
    dialects: dict[str, int]
    signing: dict[str, int]
    findings: dict[str, int]


class JsonLines:
    """An open report: a line for each host the moment it is known, the summary at the end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._summary = Summary()

    def host(self, host: Assessment) -> None:
        """Write a host's line; whoever reads a pipe has it at once."""
        self._summary.add(host)
        self._file.write(dumps(host_object(host)) + "\n")
        self._file.flush()

    def end(self) -> None:
        """Write the summary."""
        self._file.write(dumps(summary_object(self._summary)) + "\n")


def write_json_lines(hosts: Iterable[Assessment], file: TextIO) -> None:
    """Write an object for each host as it comes, then the summary."""
    summary = Summary()
    for host in hosts:
        summary.add(host)
        file.write(dumps(host_object(host)) + "\n")
    file.write(dumps(summary_object(summary)) + "\n")


def host_object(host: Assessment) -> dict[str, Any]:
    """Return what is written of one host."""
    target = host.report.target
    return {
        "kind": "host",
        "schema_version": SCHEMA_VERSION,
        "address": target.address,
        "port": target.port,
        "name": target.name,
        "grade": host.grade,
        "at_best": host.at_best,
        "findings": plain(host.findings),
        "unknowns": plain(host.unknowns),
        "report": plain(host.report),
    }


def summary_object(summary: Summary) -> dict[str, Any]:
    """Return what is written of all hosts."""
    return {"kind": "summary", "schema_version": SCHEMA_VERSION, **summary.fields()}


def dumps(line: dict[str, Any]) -> str:
    """Return JSON in ASCII. Raises ValueError for what `plain` did not make."""
    return json.dumps(line, allow_nan=False)


def plain(value: Any) -> Any:
    """Return dataclasses as dicts, enums as text, what is no number to JSON as None."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else _paired(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is float:
        return value if math.isfinite(value) else None
    names = _field_names(kind)  # type: ignore[arg-type]
    if names is not None:
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value


def _paired(text: str) -> str:
    """Return *text* with U+FFFD for halves of UTF-16 pairs, which JSON can't carry to everybody."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@cache
def _field_names(kind: type) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields, None where it is none; benchmarks/scan.py."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None
