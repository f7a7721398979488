"""docs/findings.md: the catalogue as a document.

`python -m nethood.exposure.findings.document` prints it; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterator

from nethood.exposure.findings.catalogue import CATALOGUE
from nethood.exposure.findings.model import Entry, Step

_HEAD = """# Findings

Everything `nethood scan` and `nethood check` can find. `nethood findings ID` prints the same in
the terminal. This document is made from the catalogue; a test fails when the two differ.

What could not be known never makes a finding: it is listed as unknown, with its reason.

## Grades

| grade | what was found |
|---|---|
| A | nothing worse than info |
| B | low at worst |
| C | medium at worst |
| D | one or two of high severity |
| E | three or more of high severity |
| F | anything critical |

"At best" before a grade means that something which could make it worse is not known. A host that
did not answer has no grade.

## All of them
"""
_LANGUAGES = {"PowerShell": "powershell", "Shell": "sh", "smb.conf": "ini", "nethood.toml": "toml"}


def render() -> str:
    """Return the text of docs/findings.md."""
    entries = sorted(CATALOGUE.values(), key=lambda entry: entry.severity.rank)
    rows = [f"| {e.severity} | [{e.id}](#{e.id}) | {e.title} |" for e in entries]
    table = "\n".join(["| severity | id | what it is |", "|---|---|---|", *rows])
    return "\n".join([_HEAD, table, "", *("\n".join(_section(entry)) for entry in entries)])


def _section(entry: Entry) -> Iterator[str]:
    yield f"## {entry.id}\n"
    yield f"**{entry.title}.** {entry.meaning}\n"
    yield f"Severity: **{entry.severity}**, because {entry.severity_reason}.\n"
    for platform, steps in entry.fixes.items():
        yield f"### Fix on {platform}: {entry.id}\n"
        for step in steps:
            yield from _step(step)
    yield f"What breaks: {entry.breaks}\n"
    links = [
        f"[{ref.title.replace('[', '').replace(']', '')}]({ref.url})" for ref in entry.references
    ]
    yield f"Read more: {', '.join(links)}.\n"


def _step(step: Step) -> Iterator[str]:
    if not step.is_code:
        yield f"{'' if step.how == 'In words' else f'{step.how}: '}{step.text}\n"
        return
    yield f"{step.how}:\n"
    yield f"```{_LANGUAGES.get(step.how, 'text')}\n{step.text}\n```\n"


if __name__ == "__main__":
    print(render(), end="")
