"""CSV for spreadsheets: a row for each finding of each host, one row for a host without any.

That way a filter or a pivot table answers "which hosts have X" and "what has host Y" alike. A
cell that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from typing import TextIO

from nethood.exposure.findings import Assessment
from nethood.exposure.findings.words import clean
from nethood.exposure.report.facts import host_name, iso_time, software_name
from nethood.exposure.report.summary import dialects_of, signing_of

COLUMNS = (
    "address",
    "port",
    "name",
    "software",
    "grade",
    "grade is at best",
    "SMB dialects",
    "signing",
    "severity",
    "finding",
    "title",
    "evidence",
    "fix",
    "scanned (UTC)",
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_CELL_LIMIT = 2000


def write_csv(hosts: Iterable[Assessment], file: TextIO) -> None:
    """Write the table with its head, every cell in quotes."""
    writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for host in hosts:
        for row in rows(host):
            writer.writerow([cell(text) for text in row])


def rows(host: Assessment) -> Iterator[tuple[str, ...]]:
    """Yield the rows of one host."""
    report = host.report
    start = (
        report.target.address,
        str(report.target.port),
        host_name(report),
        software_name(report),
        "none" if host.grade == "-" else host.grade,
        "yes" if host.at_best else "no",
        " ".join(dialects_of(report)),
        signing_of(report),
    )
    when = iso_time(report.started_unix)
    if not host.findings:
        yield (*start, "", "", "", "", "", when)
    for finding in host.findings:
        evidence, fix = " | ".join(finding.evidence), " | ".join(finding.fix)
        yield (*start, str(finding.severity), finding.id, finding.title, evidence, fix, when)


def cell(text: str) -> str:
    """Return *text* fit for a cell: visible, bounded, and no formula."""
    shown = clean(text, _CELL_LIMIT)
    return f"'{shown}" if shown.lstrip().startswith(_FORMULA) else shown
