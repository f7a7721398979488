"""`nethood findings`: what the scanner can find, and what each finding means."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nethood.exposure.findings import Entry, Step

WIDTH = 88


@click.command(short_help="Explain what the scanner finds, and how to fix it.")
@click.argument("finding_id", metavar="[ID]", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a finding.")
def findings(finding_id: str | None, as_json: bool) -> None:
    """List every finding, or explain the one called ID.

    The explanation says what it means, why it has its severity, how to fix it on Windows, on
    Samba and on appliances, and what stops working then.
    """
    from nethood.cli import unknown
    from nethood.exposure.findings import CATALOGUE, find_entry

    if finding_id is None:
        _show_all(list(CATALOGUE.values()), as_json=as_json)
        return
    entry = find_entry(finding_id.strip().lower())
    if entry is None:
        raise click.ClickException(unknown(finding_id, "finding", list(CATALOGUE)))
    if as_json:
        _show_json(entry)
    else:
        click.echo("\n".join(explanation(entry)))


def _show_all(entries: list[Entry], *, as_json: bool) -> None:
    from nethood.cli import nbt_print

    ordered = sorted(entries, key=lambda entry: entry.severity.rank)
    if as_json:
        for entry in ordered:
            _show_json(entry)
        return
    rows = [(str(entry.severity), entry.id, entry.title) for entry in ordered]
    nbt_print.show_table(("Severity", "ID", "What it is"), rows)


def _show_json(entry: Entry) -> None:
    from nethood.exposure.report.json_lines import plain

    click.echo(json.dumps(plain(entry)))


def explanation(entry: Entry) -> Iterator[str]:
    """Yield the lines that explain a finding."""
    yield f"{entry.title} ({entry.id})"
    yield ""
    yield from _wrapped(entry.meaning)
    yield ""
    yield from _wrapped(f"Severity: {entry.severity}, because {entry.severity_reason}.")
    for platform, steps in entry.fixes.items():
        yield ""
        yield f"Fix on {platform}:"
        for step in steps:
            yield from step_lines(step)
    yield ""
    yield from _wrapped(f"What breaks: {entry.breaks}")
    yield ""
    yield "Read more:"
    for reference in entry.references:
        yield f"  {reference.title}"
        yield f"    {reference.url}"


def step_lines(step: Step, indent: str = "  ") -> Iterator[str]:
    """Yield a step of a fix: words wrapped, what is to be typed as it stands."""
    if not step.is_code:
        how = "" if step.how == "In words" else f"{step.how}: "
        yield from _wrapped(how + step.text, indent)
        return
    yield f"{indent}{step.how}:"
    for line in step.text.splitlines():
        yield f"{indent}    {line}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
