"""The settings of Windows: their order, their registry texts, what is kept for the undo."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from nethood.exposure.harden.model import Kind, Platform, Step
from nethood.exposure.harden.platforms.windows_settings import steps
from nethood.exposure.harden.platforms.windows_values import Value, commands, reg_text, undo
from tests.exposure.harden.golden import request
from tests.exposure.harden.powershell_parser import faults

KEY = re.compile(r"\[HKEY_LOCAL_MACHINE(\\[^\\\[\]]+)+\]")
VALUE = re.compile(r'"[^"\\]+"=(-|dword:[0-9a-f]{8}|hex\(7\):[0-9a-f]{2}(,[0-9a-f]{2})*)')


def reg_files() -> Iterator[tuple[str, str]]:
    for step in steps(request()):
        for command in (*step.commands, *step.undo):
            if command.kind is Kind.REGISTRY:
                yield step.id, command.text


def decoded(text: str) -> list[str]:
    raw = bytes(int(byte, 16) for byte in text.removeprefix("hex(7):").split(","))
    return raw.decode("utf-16-le").split("\0")


def by_id(name: str) -> Step:
    return next(step for step in steps(request()) if step.id == name)


def test_the_order_guests_before_signing_smb1_before_signing_the_optional_last() -> None:
    assert [step.id for step in steps(request())] == [
        "windows-guest-logons",
        "windows-guest-account",
        "windows-null-sessions",
        "windows-llmnr",
        "windows-netbt",
        "windows-smb1-server",
        "windows-smb1-client",
        "windows-signing-server",
        "windows-signing-client",
        "windows-mdns",
    ]


def test_every_setting_can_be_made_by_powershell_and_by_policy() -> None:
    for step in steps(request()):
        assert step.platform is Platform.WINDOWS
        kinds = [command.kind for command in step.commands]
        assert kinds[0] is Kind.POWERSHELL
        assert kinds[-1] is Kind.TEXT
        assert "Computer Configuration > " in step.commands[-1].text


@pytest.mark.parametrize(("name", "text"), list(reg_files()))
def test_every_reg_file_is_one(name: str, text: str) -> None:
    lines = text.rstrip("\n").split("\n")
    assert lines[:2] == ["Windows Registry Editor Version 5.00", ""], name
    assert KEY.fullmatch(lines[2])
    for line in lines[2:]:
        assert line == "" or KEY.fullmatch(line) or VALUE.fullmatch(line), line
    assert any(VALUE.fullmatch(line) for line in lines)


def test_a_multi_string_is_utf_16_with_an_end_after_each_and_after_all() -> None:
    value = Value("A", "DependOnService", ("Bowser", "MRxSmb20", "NSI"))
    assert decoded(value.reg_data) == ["Bowser", "MRxSmb20", "NSI", "", ""]
    assert value.powershell_data == "@('Bowser', 'MRxSmb20', 'NSI')"


def test_the_undo_of_a_reg_file_takes_out_exactly_what_it_set() -> None:
    values = (Value("A\\B", "One", 1), Value("A\\C", "Two", 2), Value("A\\B", "Three", 3))
    assert reg_text(values).splitlines() == [
        "Windows Registry Editor Version 5.00",
        "",
        "[HKEY_LOCAL_MACHINE\\A\\B]",
        '"One"=dword:00000001',
        '"Three"=dword:00000003',
        "",
        "[HKEY_LOCAL_MACHINE\\A\\C]",
        '"Two"=dword:00000002',
    ]
    assert re.sub("=dword.*", "=-", reg_text(values)) == reg_text(values, remove=True)


def test_what_was_there_is_exported_before_the_reg_file_and_imported_after_its_undo() -> None:
    values = (Value("A\\B", "One", 1), Value("A\\C", "Two", 2))
    kinds = [command.kind for command in commands("x", values)]
    assert kinds == [Kind.POWERSHELL, Kind.CMD, Kind.REGISTRY]
    assert [command.kind for command in undo("x", values)] == [
        Kind.POWERSHELL,
        Kind.REGISTRY,
        Kind.CMD,
    ]
    export, back = commands("x", values)[1].text, undo("x", values)[2].text
    for number, key in ((1, "A\\B"), (2, "A\\C")):
        assert (
            f'reg export "HKLM\\{key}" "%ProgramFiles%\\nethood\\harden\\x-{number}.reg"' in export
        )
        assert f'reg import "%ProgramFiles%\\nethood\\harden\\x-{number}.reg"' in back


@pytest.mark.parametrize("name", ["it's", "a'b'c"])
def test_a_quote_in_a_name_stays_text(name: str) -> None:
    script = commands("x", (Value("A", name, 1),))[0].text
    assert faults(script) == []
    assert f"Name = '{name.replace(chr(39), chr(39) * 2)}'" in script


def test_the_record_is_written_once_and_before_the_change() -> None:
    for step in steps(request()):
        script = step.commands[0].text
        assert f"'{step.id}.json'" in script
        assert f"'{step.id}.json'" in step.undo[0].text
        kept = script.index("Set-Content -LiteralPath $record")
        for change in ("New-ItemProperty", "Set-Smb", "Disable-", "Set-ItemProperty"):
            assert all(place > kept for place in places(script, change)), (step.id, change)


def places(text: str, wanted: str) -> list[int]:
    return [match.start() for match in re.finditer(re.escape(wanted), text)]


def test_smb1_server_and_signing_act_at_once() -> None:
    smb1 = by_id("windows-smb1-server").commands[0].text
    assert "$switch = @{ EnableSMB1Protocol = $false }" in smb1
    assert "Set-SmbServerConfiguration @switch -Force" in smb1
    for side in ("Server", "Client"):
        script = by_id(f"windows-signing-{side.lower()}").commands[0].text
        assert "$switch = @{ RequireSecuritySignature = $true }" in script
        assert f"Set-Smb{side}Configuration @switch -Force" in script


def test_netbt_is_turned_off_on_adapters_and_on_those_without_an_address() -> None:
    script = by_id("windows-netbt").commands[0].text
    assert "SetTcpipNetbios" in script
    assert "-Name NetbiosOptions -Type DWord -Value 2" in script
    assert "Remove-ItemProperty" in by_id("windows-netbt").undo[0].text


def test_24h2_and_2025_are_named_where_they_differ() -> None:
    notes = " ".join(by_id("windows-signing-client").notes)
    assert "24H2" in notes
    assert "2025" in notes
