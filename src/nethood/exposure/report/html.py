"""The HTML report: one file without scripts, without anything fetched, for screen and paper.

Its Content-Security-Policy allows the one style sheet inside, by its hash, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TextIO

from nethood import __version__
from nethood.exposure.findings import CATALOGUE, Assessment, Entry, Severity
from nethood.exposure.findings.grade import GRADES, NO_GRADE
from nethood.exposure.findings.words import clean
from nethood.exposure.model import Answer, HostReport
from nethood.exposure.report.facts import facts_of, host_name, iso_time, software_name
from nethood.exposure.report.pictures import (
    picture_of_dialects,
    picture_of_severities,
    picture_of_signing,
)
from nethood.exposure.report.summary import Summary

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_OPEN_UNTIL = 30
"""How many hosts a report may have whose details are unfolded from the start."""
_MOST_EXCHANGES = 24
_TEXT_LIMIT = 2000
_GRADE_RANK = {letter: rank for rank, letter in enumerate((*reversed(GRADES), NO_GRADE))}


@dataclass(slots=True)
class Exchange:
    """One question and its answer, ready to be shown."""

    topic: str
    sent: str
    got: str
    data_hex: str


def write_html(hosts: Iterable[Assessment], file: TextIO) -> None:
    """Write the whole report; hosts come worst first, then by address as given."""
    summary = Summary()
    found = []
    for host in hosts:
        summary.add(host)
        if host.report.is_alive:
            found.append(host)
    found.sort(key=lambda host: (_GRADE_RANK[host.grade], _weight(host)))
    for part in _template().generate(_context(summary, found)):
        file.write(part)


def _weight(host: Assessment) -> tuple[int, ...]:
    ranks = [finding.severity.rank for finding in host.findings]
    return tuple(-ranks.count(rank) for rank in range(len(Severity)))


def _context(summary: Summary, hosts: list[Assessment]) -> dict[str, Any]:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {
        "summary": summary,
        "hosts": hosts,
        "style": style,
        "style_hash": f"sha256-{digest}",
        "version": __version__,
        "grades": GRADES,
        "pictures": [
            picture_of_severities(summary),
            picture_of_dialects(summary),
            picture_of_signing(summary),
        ],
        "entries": sorted(
            (entry for entry in CATALOGUE.values() if summary.findings[entry.id]),
            key=lambda entry: entry.severity.rank,
        ),
        "catalogue": CATALOGUE,
        "affected": _affected(hosts),
        "unfold": len(hosts) <= _OPEN_UNTIL,
    }


def _affected(hosts: list[Assessment]) -> dict[str, list[int]]:
    """Return, for each finding, the places of the hosts in the report that have it."""
    found: dict[str, list[int]] = {}
    for place, host in enumerate(hosts, 1):
        for finding in host.findings:
            found.setdefault(finding.id, []).append(place)
    return found


def exchanges(report: HostReport) -> list[Exchange]:
    """Return what was sent to a host and what came back, the first of each topic first."""
    found = []
    for name in HostReport.__dataclass_fields__:
        answer = getattr(report, name)
        if isinstance(answer, Answer):
            found += [
                Exchange(name.replace("_", " "), clean(e.sent), clean(e.got), e.data_hex[:96])
                for e in answer.evidence
            ]
    return found[:_MOST_EXCHANGES]


def counted(count: int, word: str) -> str:
    """Return "1 host", "2 hosts"."""
    return f"{count:,} {word}" + ("" if count == 1 else "s")


def dotted(name: str) -> Markup:
    """Return a name that may be broken behind its dots rather than anywhere."""
    from markupsafe import Markup, escape

    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=\.)", clean(name)))


def by_severity(host: Assessment) -> list[tuple[str, int]]:
    """Return the severities found on a host with their numbers, worst first."""
    counts = [(str(s), sum(f.severity is s for f in host.findings)) for s in Severity]
    return [(name, count) for name, count in counts if count]


def fixes_for(entry: Entry, host: Assessment) -> list[tuple[str, Any]]:
    """Return (platform, steps) that fit a host: its own if known, every one otherwise."""
    platform = next((f.platform for f in host.findings), None)
    if platform in entry.fixes:
        return [(str(platform), entry.fixes[platform])]
    return [] if platform is not None else [(str(p), steps) for p, steps in entry.fixes.items()]


@cache
def _style() -> str:
    folder = files("nethood.exposure.report") / "templates"
    return (folder / "report.css").read_text(encoding="utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nethood.exposure.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    environment.filters["dotted"] = dotted
    environment.filters["time"] = iso_time
    environment.globals.update(
        by_severity=by_severity,
        exchanges=exchanges,
        facts_of=facts_of,
        fixes_for=fixes_for,
        host_name=host_name,
        software_name=software_name,
    )
    return environment.get_template("report.html")


def _visible(value: object) -> object:
    """Make every text that is put into the page visible and bounded; markup passes."""
    if type(value) is not str:
        return value
    return "\n".join(clean(line, _TEXT_LIMIT) for line in value[: 4 * _TEXT_LIMIT].split("\n"))
