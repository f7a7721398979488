"""`nethood check-config`: what it accepts, and the name server's part of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nethood.cli import run

STATIC = '[[wins.static]]\nname = "CORP#1C"\nkind = "special-group"\n'


def check(folder: Path, text: str) -> int:
    (folder / "nethood.toml").write_text(text, encoding="utf-8")
    return run(["check-config", str(folder / "nethood.toml")])


@pytest.mark.parametrize("table", ["netbios", "wins"])
def test_a_file_for_the_netbios_daemon_alone(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, f"[{table}]\nenabled = true\n") == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/nethood.toml: nothing is wrong; it shares nothing, as `nethood nbt serve`"
        " does.\n"
    )


def test_a_file_that_does_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path, "[server]\n") == 2
    assert "there is no share; add [shares.NAME]" in capsys.readouterr().err


def test_what_is_wrong_with_the_name_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "public").mkdir()
    text = '[shares.public]\npath = "public"\n'
    assert check(tmp_path, text) == 0
    assert capsys.readouterr().out.endswith("nothing is wrong; it shares public.\n")
    assert check(tmp_path, text + STATIC) == 2
    assert capsys.readouterr().err == (
        f"nethood: {tmp_path}/nethood.toml: line 3: [[wins.static]] CORP#1C of kind"
        ' "special-group" has 1 to 25 addresses, not 0\n'
    )
