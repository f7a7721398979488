"""The texts for other systems are what was read and found good; anew by `python -m ...golden`."""

from __future__ import annotations

import pytest

from nethood.exposure.harden.model import Kind, Step
from tests.exposure.harden.golden import FOLDER, TEXTS, render
from tests.exposure.harden.powershell_parser import commands, faults

# What is called, with every parameter it may be given, as Microsoft's documentation has them.
CMDLETS = {
    "ConvertFrom-Json": set(),
    "ConvertTo-Json": {"InputObject", "Depth"},
    "Disable-LocalUser": {"SID"},
    "Disable-NetFirewallRule": {"Name"},
    "Disable-WindowsOptionalFeature": set(),
    "Enable-LocalUser": {"SID"},
    "Enable-NetFirewallRule": {"Name", "ErrorAction"},
    "Enable-WindowsOptionalFeature": set(),
    "Expand-Port": set(),
    "Find-Opener": set(),
    "ForEach-Object": set(),
    "Get-ChildItem": {"LiteralPath"},
    "Get-CimInstance": {"Filter"},
    "Get-Content": {"LiteralPath", "Raw"},
    "Get-Item": {"LiteralPath", "ErrorAction"},
    "Get-LocalUser": set(),
    "Get-NetFirewallApplicationFilter": set(),
    "Get-NetFirewallPortFilter": {"PolicyStore"},
    "Get-NetFirewallProfile": {"PolicyStore"},
    "Get-NetFirewallRule": {"Group", "ErrorAction"},
    "Get-SmbClientConfiguration": set(),
    "Get-SmbServerConfiguration": set(),
    "Get-WindowsOptionalFeature": {"Online"},
    "Invoke-CimMethod": set(),
    "Join-Path": set(),
    "New-Item": {"ItemType", "Path", "Force"},
    "New-ItemProperty": {"Force"},
    "New-NetFirewallRule": set(),
    "Out-Null": set(),
    "Remove-Item": {"LiteralPath"},
    "Remove-ItemProperty": {"LiteralPath", "Name", "ErrorAction"},
    "Remove-NetFirewallRule": {"Name", "ErrorAction"},
    "Select-Object": {"Unique"},
    "Set-Content": {"LiteralPath", "Encoding"},
    "Set-ItemProperty": {"LiteralPath", "Name", "Type", "Value"},
    "Set-Netbios": set(),
    "Set-SmbClientConfiguration": {"Force"},
    "Set-SmbServerConfiguration": {"Force"},
    "Test-Path": {"LiteralPath"},
    "Where-Object": set(),
    "Write-Warning": set(),
}


def scripts() -> list[tuple[str, str]]:
    return [
        (f"{name} {step.id}", command.text)
        for name in ("windows-firewall", "windows-firewall-nobody", "windows")
        for step in TEXTS[name]()
        for command in (*step.commands, *step.undo)
        if command.kind is Kind.POWERSHELL
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_the_text_is_what_was_read_and_found_good(name: str) -> None:
    kept = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert render(TEXTS[name]()) == kept, "run python -m tests.exposure.harden.golden and look"


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(TEXTS)


@pytest.mark.parametrize(("name", "script"), scripts())
def test_every_script_is_powershell(name: str, script: str) -> None:
    assert faults(script) == [], name
    assert script.startswith("& {\n    $ErrorActionPreference = 'Stop'\n")
    assert script.endswith("}\n")


@pytest.mark.parametrize(("name", "script"), scripts())
def test_every_command_and_parameter_exists(name: str, script: str) -> None:
    called = list(commands(script))
    assert called, name
    for command, parameters in called:
        assert set(parameters) <= CMDLETS[command], f"{name}: {command} {parameters}"


def test_the_parser_does_find_faults() -> None:
    assert faults("& {\n    if ($true) { 'a' \n}\n")
    assert faults("Get-Item -Path\n") == []
    assert list(commands("Get-Item -Path x | Out-Null\n")) == [
        ("Get-Item", ["Path"]),
        ("Out-Null", []),
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_every_step_says_what_it_is_how_it_is_undone_and_how_it_is_seen(name: str) -> None:
    steps = TEXTS[name]()
    assert len({step.id for step in steps}) == len(steps)
    for step in steps:
        check_words(step)


def check_words(step: Step) -> None:
    assert step.title[0].isupper()
    assert step.title[-1] != "."
    assert step.why.endswith(".")
    assert all(text.endswith((".", ",", ":")) for text in (*step.breaks, *step.notes)), step.id
    assert step.commands, step.id
    assert step.undo, step.id
    assert step.verify, step.id
    kinds = {command.kind for command in step.commands} & {Kind.POWERSHELL, Kind.CMD}
    assert kinds <= {command.kind for command in step.undo}, step.id
