"""`nethood check`: what it prints of a host, how it ends, and a real server asked."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from nethood.cli import run
from nethood.cli.check_host import exit_status
from nethood.cli.host_text import lines
from nethood.exposure.findings import assess
from nethood.exposure.model import HostReport, Target, unknown
from tests.exposure import hosts


def text(report: HostReport, *, all_fixes: bool = False) -> str:
    return click.unstyle("\n".join(lines(assess(report), all_fixes=all_fixes)))


def test_it_begins_with_who_it_is_and_its_grade() -> None:
    first = text(hosts.domain_controller()).splitlines()[0]
    assert first == "10.0.0.5, dc1.example.com, Windows Server 2019 10.0.17763: grade B"


def test_findings_come_with_evidence_and_the_fix_for_the_platform() -> None:
    shown = text(hosts.samba())
    assert "medium   Signing is not required (signing-not-required)" in shown
    assert "3.0.2, 3.1.1: signing is enabled, not required." in shown
    assert "        server signing = mandatory" in shown
    assert "RequireSecuritySignature" not in shown


def test_all_fixes_are_printed_when_asked_for() -> None:
    assert "RequireSecuritySignature" in text(hosts.samba(), all_fixes=True)


def test_a_fix_is_printed_once() -> None:
    shown = text(hosts.windows_xp())
    assert shown.count("TcpipNetbiosOptions") == 1
    assert "The fix is that of netbios-name-service." in shown


def test_what_is_unknown_is_said_with_its_reason() -> None:
    shown = text(hosts.windows_10()).partition("Not known")[2]
    assert "unknown: not asked; --guest asks once" in shown
    assert "unknown: SMB1 is off" in shown


def test_nothing_a_host_says_moves_the_cursor() -> None:
    for line in text(hosts.hostile(), all_fixes=True).splitlines():
        assert line.isprintable()
        assert len(line) < 400


def test_a_silent_host_has_no_grade() -> None:
    assert text(hosts.silence()).splitlines()[0] == "192.168.1.99: no grade, it did not answer"


@pytest.mark.parametrize(
    ("report", "fail_on", "status"),
    [
        (hosts.samba(), None, 0),
        (hosts.samba(), "high", 0),
        (hosts.samba(), "medium", 1),
        (hosts.windows_xp(), "critical", 1),
        (hosts.nethood(), "info", 1),
        (hosts.silence(), None, 1),
    ],
)
def test_the_exit_status(report: HostReport, fail_on: str | None, status: int) -> None:
    assert exit_status(assess(report), fail_on) == status


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["10.0.0.0/24"], "'10.0.0.0/24' is more than one host; 'nethood scan' takes networks"),
        (["@hosts"], "'@hosts' is a list of hosts; 'nethood scan' takes lists"),
        (["8.8.8.8"], "8.8.8.8 is public"),
        (["127.0.0.1:99999"], "99999"),
        (["127.0.0.1:1", "--html", "/nowhere/x"], "there is no folder /nowhere"),
        (["127.0.0.1:1", "--html", "-"], "--html wants the name of a file"),
        (["127.0.0.1:1", "--fail-on", "bad"], "'bad' is not one of"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", *arguments]) == 2
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run `nethood serve` at its defaults on a free port; give the port."""
    folder = tmp_path_factory.mktemp("served")
    process = subprocess.Popen(
        [
            *(sys.executable, "-u", "-m", "nethood", "serve", str(folder), "--json"),
            *("--listen", "127.0.0.1:0", "--no-discovery"),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(folder)},
    )
    assert isinstance(process.stdout, io.TextIOBase)
    try:
        while (event := json.loads(process.stdout.readline()))["event"] != "listening":
            pass
        yield event["port"]
    finally:
        process.kill()
        process.communicate()


def test_our_own_server_at_its_defaults_is_an_a(
    served: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    arguments = ["check", f"127.0.0.1:{served}", "--json", "--fail-on", "low", "--html", str(page)]
    assert run(arguments) == 0
    host, summary = map(json.loads, capsys.readouterr().out.splitlines())
    assert host["grade"] == "A"
    assert host["port"] == served
    assert {finding["severity"] for finding in host["findings"]} == {"info"}
    assert summary["signing"]["required"] == 1
    assert f"127.0.0.1:{served}" in page.read_text(encoding="utf-8")


def test_our_own_server_in_words(served: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", f"127.0.0.1:{served}"]) == 0
    out = capsys.readouterr().out
    assert "grade A" in out.splitlines()[0]
    assert "2.0.2, 2.1, 3.0, 3.0.2, 3.1.1" in out


def test_a_closed_port_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        assert run(["check", f"127.0.0.1:{port}"]) == 0
    out = capsys.readouterr().out
    assert f"tcp/{port} closed" in out


def test_a_reason_is_not_repeated_from_line_to_line() -> None:
    report = HostReport(Target("10.0.0.9"))
    report.server = unknown("port 445 is filtered")
    report.ntlm = unknown("port 445 is filtered")
    report.smb1 = unknown("the connection broke")
    shown = [" ".join(line.split()) for line in text(report).splitlines()]
    assert "SMB2 negotiation unknown: port 445 is filtered" in shown
    assert "NTLM target information unknown: the same" in shown
    assert "SMB1 unknown: the connection broke" in shown


def test_what_was_found_is_shown_where_the_report_can_not_be_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["check", "127.0.0.9:9", "--html", "/dev/full", "--timeout", "0.2"]) == 2
    shown = capsys.readouterr()
    assert shown.out.startswith("127.0.0.9:9")
    assert "can't write /dev/full" in shown.err
