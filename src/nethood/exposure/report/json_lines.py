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
from typing import Any, Literal, TextIO

from nethood.exposure.findings import Assessment, Finding, Unknown
from nethood.exposure.model import SCHEMA_VERSION, HostReport
from nethood.exposure.report.summary import Summary


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
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return value
