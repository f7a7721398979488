"""From samples to the one table: smbd, nethood, ratio, with the noise of smbd against itself."""

import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks import procfs
from benchmarks.clients import Sample
from benchmarks.rows import Row

_REFERENCE, _TWIN, _OURS = "smbd", "smbd-again", "nethood"


@dataclass(frozen=True)
class Figure:
    """Wall and CPU seconds per unit of work."""

    wall: float
    cpu: float


@dataclass
class Line:
    """One row's figures by server name."""

    row: Row
    figures: dict[str, Figure]


@dataclass
class Result:
    """A whole run."""

    versions: dict[str, str]
    negotiated: dict[str, dict[str, str]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    sections: list[str] = field(default_factory=list)
    """Finished sections that follow, each with its heading."""


def line(row: Row, samples: Mapping[str, Sequence[Sample]]) -> Line:
    """Reduce rounds to figures: the best for bulk rows, the median for operation rows."""
    reduce = min if row.best else statistics.median
    figures = {}
    for name, rounds in samples.items():
        scale = row.work_per_unit / rounds[0].work
        figures[name] = Figure(
            reduce(s.seconds for s in rounds) * scale,
            reduce(s.cpu_seconds for s in rounds) * scale,
        )
    return Line(row, figures)


def progress(found: Line) -> str:
    """Return one short line for the terminal while the run goes on."""
    parts = [f"{n} {f.wall:.3f} s cpu {f.cpu:.3f} s" for n, f in found.figures.items()]
    ratios = [_ratio(found, kind) for kind in ("wall", "cpu")]
    return f"{found.row.key:20} {' | '.join(parts)} | ratio {' '.join(ratios)}"


def render(result: Result) -> str:
    """Return the Markdown of RESULTS.md."""
    parts = [_heading(result), _negotiated(result), _table(result.lines), _noise(result.lines)]
    if result.extras:
        parts.append("## Beside the table\n\n" + "\n".join(f"* {text}" for text in result.extras))
    return "\n\n".join(part for part in (*parts, *result.sections) if part) + "\n"


def with_section(text: str, section: str) -> str:
    """Return the Markdown with *section* in the place of the one of its heading, or at the end."""
    heading = section.partition("\n")[0]
    before, found, rest = text.partition(f"{heading}\n")
    _, following, after = rest.partition("\n## ") if found else ("", "", "")
    return before.rstrip("\n") + f"\n\n{section}\n" + (f"{following}{after}" if following else "")


def _heading(result: Result) -> str:
    versions = ", ".join(f"{n} {v}" for n, v in result.versions.items() if n != _TWIN)
    return f"""# Speed beside smbd

{datetime.now(UTC):%Y-%m-%d}; {procfs.cpu_model()}, {os.cpu_count()} processors,
{platform.system()} {platform.release()}, Python {platform.python_version()}; {versions}.
Written by `make bench` (`python -m benchmarks`).

Both servers serve the same folder in tmpfs, over loopback, to the same clients by turns, the order
alternating, after a discarded warm-up. smbclient moves one file of 1 GiB (best round counts);
libsmbclient does small operations (median counts). CPU is what the server's own processes
spent, user and system, log-in excluded. Ratio is smbd's time over nethood's: above 1 nethood
is faster."""


def _negotiated(result: Result) -> str:
    lines = ["Negotiated, read off the wire:", ""]
    for name, kinds in result.negotiated.items():
        if name != _TWIN:
            lines += [f"* {name}, {kind}: {what}" for kind, what in kinds.items()]
    return "\n".join(lines)


def _table(lines: Sequence[Line]) -> str:
    out = [
        "| row | per | smbd wall | nethood wall | ratio | smbd CPU | nethood CPU | ratio |",
        "|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    for found in lines:
        cells = [found.row.label, found.row.unit]
        for kind in ("wall", "cpu"):
            cells += [_cell(found, _REFERENCE, kind), _cell(found, _OURS, kind)]
            cells.append(_ratio(found, kind))
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


def _noise(lines: Sequence[Line]) -> str:
    """Say how far two smbd instances are apart on the same rows."""
    apart = {kind: [] for kind in ("wall", "cpu")}  # type: dict[str, list[float]]
    for found in lines:
        if _REFERENCE in found.figures and _TWIN in found.figures:
            for kind, values in apart.items():
                one, two = _value(found, _REFERENCE, kind), _value(found, _TWIN, kind)
                values.append(max(one, two) / min(one, two) - 1)
    if not apart["wall"]:
        return ""
    said = " and ".join(
        f"{kind} {statistics.median(v):.0%} (median of the rows), {max(v):.0%} (worst)"
        for kind, v in apart.items()
    )
    return f"Noise, a second smbd instance against the first on every row: {said}."


def _value(found: Line, server: str, kind: str) -> float:
    figure = found.figures[server]
    return figure.wall if kind == "wall" else figure.cpu


def _cell(found: Line, server: str, kind: str) -> str:
    return f"{_value(found, server, kind):.3f} s" if server in found.figures else "-"


def _ratio(found: Line, kind: str) -> str:
    if _REFERENCE not in found.figures or _OURS not in found.figures:
        return "-"
    return f"{_value(found, _REFERENCE, kind) / max(_value(found, _OURS, kind), 1e-9):.2f}x"
