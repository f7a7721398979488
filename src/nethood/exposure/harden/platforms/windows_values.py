"""Registry values as PowerShell and as the text of a .reg file, with the undo of both."""

from __future__ import annotations

from dataclasses import dataclass

from nethood.exposure.harden.model import Command, Kind, typed
from nethood.exposure.harden.platforms.powershell import (
    READ_RECORD,
    RECORDS,
    WRITE_RECORD,
    array,
    block,
    quote,
    record,
)

HIVE = "HKEY_LOCAL_MACHINE"
REG_HEADER = "Windows Registry Editor Version 5.00"


@dataclass(frozen=True, slots=True)
class Value:
    """A value below HKEY_LOCAL_MACHINE: a number is a REG_DWORD, a tuple a REG_MULTI_SZ."""

    key: str
    name: str
    data: int | tuple[str, ...]

    @property
    def kind(self) -> str:
        """The type as PowerShell names it."""
        return "DWord" if isinstance(self.data, int) else "MultiString"

    @property
    def powershell_data(self) -> str:
        """The data as PowerShell writes it."""
        return str(self.data) if isinstance(self.data, int) else array(self.data)

    @property
    def reg_data(self) -> str:
        """The data as a .reg file writes it: a REG_MULTI_SZ is UTF-16LE with two ends."""
        if isinstance(self.data, int):
            return f"dword:{self.data:08x}"
        raw = "".join(f"{text}\0" for text in (*self.data, "")).encode("utf-16-le")
        return "hex(7):" + ",".join(f"{byte:02x}" for byte in raw)


@dataclass(frozen=True, slots=True)
class Live:
    """A switch of Get- and Set-SmbServerConfiguration or SmbClientConfiguration.

    It acts at once, where the registry would be read at the next start only.
    """

    cmdlet: str
    name: str
    value: bool


def commands(name: str, values: tuple[Value, ...], live: Live | None = None) -> list[Command]:
    """Return the ways to set *values*: PowerShell, then a .reg file after an export."""
    return [
        typed(Kind.POWERSHELL, _set_script(name, values, live)),
        *registry_commands(name, values),
    ]


def undo(name: str, values: tuple[Value, ...], live: Live | None = None) -> list[Command]:
    """Return how each of the ways is taken back."""
    return [
        typed(Kind.POWERSHELL, _undo_script(name, live)),
        *registry_undo(name, values),
    ]


def registry_commands(name: str, values: tuple[Value, ...]) -> list[Command]:
    """Return the export of the keys and the .reg text that sets *values*."""
    exports = [f'if not exist "{RECORDS}" mkdir "{RECORDS}"']
    exports += [
        f'if not exist "{file}" reg export "HKLM\\{key}" "{file}"'
        for key, file in _files(name, values)
    ]
    return [
        typed(Kind.CMD, _lines("rem Before the .reg file: keep what is there.", *exports)),
        typed(Kind.REGISTRY, reg_text(values)),
    ]


def registry_undo(name: str, values: tuple[Value, ...]) -> list[Command]:
    """Return the .reg text that takes *values* out, and the import of what was there."""
    imports = [f'if exist "{file}" reg import "{file}"' for _, file in _files(name, values)]
    deletes = [f'if exist "{file}" del "{file}"' for _, file in _files(name, values)]
    return [
        typed(Kind.REGISTRY, reg_text(values, remove=True)),
        typed(Kind.CMD, _lines("rem After it: put back what was there.", *imports, *deletes)),
    ]


def reg_text(values: tuple[Value, ...], *, remove: bool = False) -> str:
    """Return the .reg text that sets *values*, or takes them out."""
    lines = [REG_HEADER]
    for key in _keys(values):
        lines += ["", f"[{HIVE}\\{key}]"]
        lines += [
            f'"{value.name}"={"-" if remove else value.reg_data}'
            for value in values
            if value.key == key
        ]
    return _lines(*lines)


def _keys(values: tuple[Value, ...]) -> list[str]:
    return list(dict.fromkeys(value.key for value in values))


def _files(name: str, values: tuple[Value, ...]) -> list[tuple[str, str]]:
    keys = _keys(values)
    numbers = [""] if len(keys) == 1 else [f"-{number}" for number in range(1, len(keys) + 1)]
    return [
        (key, rf"{RECORDS}\{name}{number}.reg") for key, number in zip(keys, numbers, strict=True)
    ]


def _lines(*lines: str) -> str:
    return "\n".join([*lines, ""])


def _set_script(name: str, values: tuple[Value, ...], live: Live | None) -> str:
    wanted = [
        f"    @{{ Path = {quote(f'HKLM:{chr(92)}{v.key}')}; Name = {quote(v.name)}; "
        f"Kind = '{v.kind}'; Value = {v.powershell_data} }}"
        for v in values
    ]
    return block(
        record(name)
        + "$wanted = @(\n"
        + "\n".join(wanted)
        + "\n)\n"
        + _remember(live)
        + (_switch(live, f"${str(live.value).lower()}") if live else "")
        + _WRITE_VALUES
    )


def _switch(live: Live, value: str) -> str:
    return f"$switch = @{{ {live.name} = {value} }}\nSet-{live.cmdlet} @switch -Force\n"


def _remember(live: Live | None) -> str:
    lines = ["if (-not (Test-Path -LiteralPath $record)) {", *_LOOK.splitlines()]
    if live:
        lines += [f"    $before.Live = (Get-{live.cmdlet}).{live.name}"]
    lines += [f"    {line}" for line in WRITE_RECORD.splitlines()]
    return _lines(*lines, "}")


_LOOK = """\
    $before = @{ Values = @() }
    foreach ($entry in $wanted) {
        $key = Get-Item -LiteralPath $entry.Path -ErrorAction SilentlyContinue
        $was = @{ Path = $entry.Path; Name = $entry.Name; There = $false }
        if ($null -ne $key -and $key.GetValueNames() -contains $entry.Name) {
            $was.There = $true
            $was.Kind = "$($key.GetValueKind($entry.Name))"
            $was.Value = $key.GetValue($entry.Name)
        }
        $before.Values += $was
    }
"""

_WRITE_VALUES = """\
foreach ($entry in $wanted) {
    if (-not (Test-Path -LiteralPath $entry.Path)) {
        New-Item -Path $entry.Path -Force | Out-Null
    }
    $value = @{
        LiteralPath = $entry.Path
        Name = $entry.Name
        PropertyType = $entry.Kind
        Value = $entry.Value
    }
    New-ItemProperty @value -Force | Out-Null
}
"""

_RESTORE_VALUES = """\
foreach ($was in @($before.Values)) {
    if ($was.There) {
        $value = @{ LiteralPath = $was.Path; Name = $was.Name; PropertyType = $was.Kind }
        $value.Value = $was.Value
        if ($was.Kind -eq 'MultiString') { $value.Value = [string[]] @($was.Value) }
        New-ItemProperty @value -Force | Out-Null
    }
    elseif (Test-Path -LiteralPath $was.Path) {
        Remove-ItemProperty -LiteralPath $was.Path -Name $was.Name -ErrorAction SilentlyContinue
    }
}
Remove-Item -LiteralPath $record
"""


def _undo_script(name: str, live: Live | None) -> str:
    again = _switch(live, "[bool] $before.Live") if live else ""
    return block(record(name) + READ_RECORD + again + _RESTORE_VALUES)
