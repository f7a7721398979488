"""PowerShell as text: quoting, and one block that runs whole or stops at its first error.

A text is wrapped in `& { }` so that it can be pasted into a console: line by line, what follows
a `throw` would still run. What was there before is kept under *RECORDS*, where only
administrators may write, and only by the first run: a second one would record its own work.
"""

from __future__ import annotations

from collections.abc import Iterable

RECORDS = r"%ProgramFiles%\nethood\harden"
"""The folder of the records, as cmd.exe writes it."""


_FIRST = (
    "$ErrorActionPreference = 'Stop'",
    "$me = [Security.Principal.WindowsPrincipal] "
    "[Security.Principal.WindowsIdentity]::GetCurrent()",
    "if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) {",
    "    throw 'This needs a PowerShell that was started as administrator.'",
    "}",
)


def quote(text: str) -> str:
    """Return *text* as a PowerShell string that nothing is expanded in."""
    return "'" + text.replace("'", "''") + "'"


def array(items: Iterable[str]) -> str:
    """Return *items* as a PowerShell array of strings."""
    return "@(" + ", ".join(quote(item) for item in items) + ")"


def block(body: str) -> str:
    """Return *body* as one block that stops at its first error."""
    lines = [*_FIRST, *body.strip("\n").splitlines()]
    return "\n".join(["& {", *(f"    {line}" if line else "" for line in lines), "}", ""])


def record(name: str) -> str:
    """Return the lines that name the file of a step's record."""
    return (
        "$folder = Join-Path $env:ProgramFiles 'nethood\\harden'\n"
        f"$record = Join-Path $folder {quote(name + '.json')}\n"
    )


READ_RECORD = """\
if (-not (Test-Path -LiteralPath $record)) {
    throw "There is nothing to undo: $record does not exist."
}
$before = Get-Content -LiteralPath $record -Raw | ConvertFrom-Json
"""

WRITE_RECORD = """\
New-Item -ItemType Directory -Path $folder -Force | Out-Null
ConvertTo-Json -InputObject $before -Depth 6 | Set-Content -LiteralPath $record -Encoding UTF8
"""
