"""`nethood findings`."""

from __future__ import annotations

import json

import pytest

from nethood.cli import run
from nethood.exposure.findings import CATALOGUE


def test_the_list_has_every_finding_worst_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["findings"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert {line.split()[1] for line in lines} == set(CATALOGUE)
    assert lines[0].startswith("critical")
    assert lines[-1].startswith("info")


def test_one_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["findings", "Signing-Not-Required"]) == 0
    out = capsys.readouterr().out
    assert "Signing is not required (signing-not-required)" in out
    assert "Severity: medium, because" in out
    assert "      server signing = mandatory\n" in out
    assert "What breaks:" in out
    assert "https://learn.microsoft.com/" in out


@pytest.mark.parametrize("finding_id", CATALOGUE)
def test_each_can_be_explained(finding_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["findings", finding_id]) == 0
    assert CATALOGUE[finding_id].title in capsys.readouterr().out


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["findings", "--json"]) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(entries) == len(CATALOGUE)
    assert run(["findings", "smb1-enabled", "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)
    assert entry["severity"] == "high"
    assert entry["fixes"]["Samba"] == [{"how": "smb.conf", "text": "server min protocol = SMB2_02"}]


def test_an_unknown_one_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["findings", "smb1-enabld"]) == 2
    err = capsys.readouterr().err
    assert err == "nethood: 'smb1-enabld' is no finding; did you mean 'smb1-enabled'?\n"
