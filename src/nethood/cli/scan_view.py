"""What a scan shows while it runs: a row for each host, and on a terminal a bar below them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Protocol

import click

from nethood.cli.events import printable
from nethood.cli.scan_options import SEVERITIES

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from nethood.exposure.findings import Assessment
    from nethood.exposure.model import HostReport
    from nethood.exposure.scan import Scan

REFRESH_S = 0.2
HEADINGS = ("Address", "Name", "What answers", "SMB", "Signing", "SMB1", "Grade", "Findings")
WIDTHS = (21, 16, 28, 11, 8, 4, 5, 0)
_COLOURS = {"A": "green", "B": "green", "C": "yellow", "D": "red", "E": "red", "F": "bold red"}


class Tally:
    """The counts a scan ends with."""

    def __init__(self) -> None:
        self.findings: Counter[str] = Counter()
        self._scan: Scan | None = None
        self._began = time.monotonic()

    def watch(self, scan: Scan) -> None:
        """Take the counts of targets from *scan*."""
        self._scan = scan

    def add(self, report: HostReport) -> Assessment:
        """Judge a host and count it."""
        from nethood.exposure.findings import assess

        judged = assess(report)
        self.findings.update(finding.severity.value for finding in judged.findings)
        return judged

    def has(self, severity: str) -> bool:
        """Whether there is a finding as bad as *severity*, or worse."""
        worse = SEVERITIES[: SEVERITIES.index(severity) + 1]
        return any(self.findings[name] for name in worse)

    @property
    def reached_nobody(self) -> bool:
        """Whether this machine has no way to any of the targets."""
        return bool(self._scan and self._scan.ledger.counts["unreached"] == self._scan.total)

    def _why(self) -> str:
        """Return why targets are out of reach; an earlier run took its reason with it."""
        why = self._scan.why_unreached if self._scan else ""
        return why or "this machine has no way there"

    def show(self, *, ended: bool) -> None:
        """Print the summary on standard error."""
        click.echo(self.sentence(), err=True)
        if not ended:
            click.echo("Interrupted; --resume goes on where this stopped.", err=True)

    def sentence(self) -> str:
        """Return what was found, in a line."""
        parts = []
        if self._scan:
            counts, over = self._scan.ledger.counts, self._scan.ledger.over
            hosts = "host" if counts["found"] == 1 else "hosts"
            addresses = "address" if over == 1 else "addresses"
            parts.append(f"{counts['found']:,} {hosts} found, {over:,} {addresses} asked")
            if counts["unreached"]:
                parts.append(f"{counts['unreached']:,} of them out of reach: {self._why()}")
            if counts["refusing"]:
                parts.append(f"{counts['refusing']:,} more answered with nothing open")
        bad = [f"{self.findings[name]} {name}" for name in SEVERITIES[:-1] if self.findings[name]]
        parts.append("findings: " + ", ".join(bad) if bad else "no findings")
        return f"{'; '.join(parts)}; {time.monotonic() - self._began:.1f} s."


class View(Protocol):
    """Where rows go."""

    def host(self, judged: Assessment) -> None:
        """Show a host."""

    def watching(self, scan: Scan) -> contextlib.AbstractAsyncContextManager[None]:
        """Show how far *scan* is, for as long as the block lasts."""


class PlainView:
    """A line for each host."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._has_heading = False

    def host(self, judged: Assessment) -> None:
        """Print a host's row, below the headings if it is the first."""
        if self._quiet:
            return
        if not self._has_heading:
            self._has_heading = True
            self.line(columns(HEADINGS), "")
        self.line(columns(row(judged)), judged.grade)

    def line(self, text: str, grade: str) -> None:
        """Print a line; *grade* is that of the host it is about."""
        click.echo(text)

    @contextlib.asynccontextmanager
    async def watching(self, scan: Scan) -> AsyncIterator[None]:
        """Show nothing of it."""
        yield


class LiveView(PlainView):
    """Rows that scroll by above a bar."""

    def __init__(self, progress: Progress, *, quiet: bool) -> None:
        super().__init__(quiet=quiet)
        self._progress = progress

    def line(self, text: str, grade: str) -> None:
        """Print a line in the colour of the grade."""
        from rich.text import Text

        style = _COLOURS.get(grade, "") if grade else "bold"
        self._progress.console.print(Text(text, style), soft_wrap=True)

    @contextlib.asynccontextmanager
    async def watching(self, scan: Scan) -> AsyncIterator[None]:
        """Move the bar while the scan runs."""
        bar = self._progress.add_task("", total=scan.total, found="")
        mover = asyncio.create_task(self._move(scan, bar))
        try:
            yield
        finally:
            mover.cancel()
            self._update(scan, bar)

    async def _move(self, scan: Scan, bar: TaskID) -> None:
        while True:
            self._update(scan, bar)
            await asyncio.sleep(REFRESH_S)

    def _update(self, scan: Scan, bar: TaskID) -> None:
        counts = scan.ledger.counts
        found = f"{counts['found']:,} found, {scan.examining} being examined"
        self._progress.update(bar, completed=scan.ledger.over, found=found)


@contextlib.contextmanager
def view(*, plain: bool, quiet: bool) -> Iterator[View]:
    """Give the view that fits: a bar where a person sits before it, plain lines otherwise."""
    stream = sys.stderr if quiet else sys.stdout
    if plain or not stream.isatty():
        yield PlainView(quiet=quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        BarColumn(),
        TextColumn("{task.percentage:3.0f} % of {task.total:,.0f} addresses, {task.fields[found]}"),
        TimeRemainingColumn(),
        console=Console(file=stream, highlight=False),
        transient=True,
    ) as progress:
        yield LiveView(progress, quiet=quiet)


def columns(cells: tuple[str, ...]) -> str:
    """Return cells as one line."""
    padded = [
        cell if not width else _fit(cell, width) for cell, width in zip(cells, WIDTHS, strict=True)
    ]
    return "  ".join(padded).rstrip()


def _fit(cell: str, width: int) -> str:
    return cell.ljust(width) if len(cell) <= width else cell[: width - 1] + "…"


def row(judged: Assessment) -> tuple[str, ...]:
    """Return a host's cells; every text of the host is made printable."""
    report = judged.report
    software = report.software.value
    what = f"{software.name} {software.version}".strip() if software else "-"
    signing = str(report.server.value.signing) if report.server.value else "-"
    smb1 = "-"
    if report.smb1.value:
        smb1 = "on" if report.smb1.value.enabled else "off"
    return (
        str(report.target),
        printable(_name(report)) or "-",
        printable(what),
        _dialects(report),
        signing,
        smb1,
        f"{judged.grade}{'?' if judged.at_best else ''}",
        _findings(judged),
    )


def _name(report: HostReport) -> str:
    if report.netbios.value and report.netbios.value.computer:
        return report.netbios.value.computer
    if report.ntlm.value:
        return report.ntlm.value.netbios_computer or report.ntlm.value.dns_computer
    return report.target.name


def _dialects(report: HostReport) -> str:
    names = [facts.name for facts in report.dialects.value or () if facts.supported]
    if not names:
        return "-"
    return names[0] if len(names) == 1 else f"{names[0]}-{names[-1]}"


def _findings(judged: Assessment) -> str:
    counts = Counter(finding.severity.value for finding in judged.findings)
    return ", ".join(f"{counts[name]} {name}" for name in SEVERITIES[:-1] if counts[name]) or "none"
