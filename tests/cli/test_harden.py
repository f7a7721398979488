"""`nethood harden`: what it prints, what it refuses, and that it asks before it changes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from nethood.cli import run
from nethood.cli.harden_plan import PLATFORMS
from nethood.exposure.harden import facts
from nethood.exposure.harden.journal import Journal, Waiting
from nethood.exposure.harden.model import (
    Client,
    FirewallFacts,
    LocalFacts,
    Plan,
    Platform,
    parse_network,
    plan_from_json,
)
from nethood.exposure.harden.plan import make_plan
from nethood.exposure.harden.runner import Machine

NFT = FirewallFacts(installed=True, active=True, version="1.0.6")
HERE = LocalFacts(
    host="box",
    is_root=True,
    systemd=True,
    firewalls={Platform.NFTABLES: NFT},
    clients=[
        Client("10.1.2.3", 445, "a connection right now"),
        Client("198.51.100.7", 139, "a connection right now"),
    ],
)


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nftables and two clients, on which we are not root."""

    def gathered(*_args: object, **_options: object) -> LocalFacts:
        return HERE

    monkeypatch.setattr(facts, "gather_facts", gathered)
    monkeypatch.setattr(Machine, "is_root", property(lambda _self: False))


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Machine, "is_root", property(lambda _self: True))


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command may be run in these tests, and no file outside the test's folder changed."""

    def refuse(*args: object, **_options: object) -> None:
        raise AssertionError(f"this would have been done: {args}")

    monkeypatch.setattr(Machine, "run", refuse)
    monkeypatch.setattr(Machine, "put", refuse)


Said = pytest.CaptureFixture[str]


def test_a_plan_in_words(capsys: Said) -> None:
    assert run(["harden", "plan", "--allow", "10.0.0.0/8"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Plan for box: nftables\n"
        "Closes 139/tcp, 445/tcp, 137/udp, 138/udp to everybody but 10.0.0.0/8.\n"
    )
    for wanted in (
        "10.1.2.3, port 445 (a connection right now): stays let in",
        "198.51.100.7, port 139 (a connection right now): is shut out",
        "\nStep 1 of 2: ",
        "  Why: ",
        "\n  Do:\n",
        "    nft -f -    with this as its input:\n",
        "\n  Undo:\n    nft delete table inet nethood\n",
        "Nothing is changed yet: nethood harden apply does it, as root.\n",
    ):
        assert wanted in out
    assert "\x1b" not in out
    assert all(line.isprintable() for line in out.splitlines())


@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_platform_is_printed_and_read_back(platform: str, capsys: Said) -> None:
    assert run(["harden", "plan", "--platform", platform, "--allow", "10.0.0.0/8"]) == 0
    words = capsys.readouterr().out
    assert run(["harden", "plan", "--platform", platform, "--allow", "10.0.0.0/8", "--json"]) == 0
    plan = plan_from_json(capsys.readouterr().out)
    assert plan.platforms == [platform]
    assert plan.steps
    assert all(step.title in words for step in plan.steps)


def test_the_names_of_the_platforms_are_the_models() -> None:
    assert sorted(PLATFORMS) == sorted(Platform)


def test_windows_gives_its_ways_side_by_side(capsys: Said) -> None:
    assert run(["harden", "plan", "--platform", "windows"]) == 0
    out = capsys.readouterr().out
    assert "  Do, in one of these ways:\n    In PowerShell, started as administrator:\n" in out
    assert "    As a .reg file:\n        Windows Registry Editor Version 5.00\n" in out
    assert "    Group policy:\n      Computer Configuration > " in out
    assert "Nothing is changed: this is to be typed where it is meant for.\n" in out
    assert "Closes" not in out


def test_a_plan_in_a_file(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "plan.json"
    assert run(["harden", "plan", "--out", str(path)]) == 0
    assert capsys.readouterr().out == (f"The plan is in {path}: 2 steps; nothing is changed yet.\n")
    made = plan_from_json(path.read_text(encoding="utf-8"))
    assert made.steps == make_plan(HERE).steps


def test_clients_of_the_servers_own_record(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gathered(_machine: Machine, seen: list[Client], _platforms: object) -> LocalFacts:
        return replace(HERE, clients=seen)

    monkeypatch.setattr(facts, "gather_facts", gathered)
    record = tmp_path / "events"
    lines: list[dict[str, object]] = [
        {"time": "2026-11-21T01:00:00.000+00:00", "event": "listening", "port": 4450},
        {"time": "2026-11-21T01:02:00.000+00:00", "event": "connected", "address": "10.9.9.9"},
        {"time": "2026-11-21T01:03:00.000+00:00", "event": "connected", "address": "127.0.0.1"},
        {"time": "2026-11-21T01:04:00.000+00:00", "event": "connected", "address": "10.9.9.9"},
        {"time": "long ago", "event": "connected", "address": "\x1b[31m"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    record.write_text(text + "half a li", encoding="utf-8")
    assert run(["harden", "plan", "--seen", str(record)]) == 0
    out = capsys.readouterr().out
    assert "  - 10.9.9.9, port 4450 (nethood serve, last 2026-11-21 01:04): is shut out\n" in out
    assert "127.0.0.1" not in out
    assert "\x1b" not in out


def test_without_root_it_prints_and_says_so(tmp_path: Path, capsys: Said) -> None:
    assert run(["harden", "apply", "--state", str(tmp_path / "state"), "--yes"]) == 2
    said = capsys.readouterr()
    assert "\nStep 2 of 2: " in said.out
    assert said.err == (
        "nethood: nothing was changed: that needs root, this is what it would be (try sudo)\n"
    )
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("as_root")
def test_a_plan_for_another_system_is_printed_only(tmp_path: Path, capsys: Said) -> None:
    options = ["--platform", "pf", "--yes", "--state", str(tmp_path / "state")]
    assert run(["harden", "apply", *options]) == 2
    said = capsys.readouterr()
    assert "pfctl" in said.out
    assert said.err == "nethood: pf is not changed from here: type this there\n"
    assert not (tmp_path / "state").exists()


@pytest.mark.usefixtures("as_root")
def test_it_asks_and_does_nothing_unasked(tmp_path: Path, capsys: Said) -> None:
    assert run(["harden", "apply", "--state", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("nethood: say --yes: nobody is here to be asked")


@pytest.mark.usefixtures("as_root")
def test_a_changed_plan_is_not_run(tmp_path: Path, capsys: Said) -> None:
    path = tmp_path / "plan.json"
    run(["harden", "plan", "--out", str(path)])
    path.write_text(path.read_text().replace("hook input", "hook output"), encoding="utf-8")
    capsys.readouterr()
    assert run(["harden", "apply", str(path), "--yes", "--state", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"nethood: {path} is not the plan for this machine as it is now: "
        "make it again with nethood harden plan --out\n"
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["plan", "--allow", "10.0.0.1/8"],
            "--allow 10.0.0.1/8 is an address in a network; did you mean 10.0.0.0/8?",
        ),
        (["plan", "--allow", "nas"], "--allow nas: 'nas' does not appear to be an IPv4 or IPv6"),
        (["plan", "--platform", "xp"], "Invalid value for '--platform': 'xp' is not one of"),
        (["plan", "--out", "/no/where"], "/no/where can't be written: No such file"),
        (["plan", "--seen", "/no"], "/no can't be read: No such file"),
        (["plan", "--seen", __file__], f"{__file__} holds no events: it wants what 'nethood"),
        (["apply", "/no.json"], "the plan /no.json can't be read: No such file"),
        (["apply", __file__], f"{__file__} is not a plan: "),
        (["apply", "x", "--allow", "10.0.0.0/8"], "PLAN says who is allowed and where"),
        (["apply", "--confirm-within", "1"], "Invalid value for '--confirm-within'"),
        (["apply", "--platform", "pf", "--confirm-within", "60"], "--confirm-within is for what"),
        (["pln"], "'pln' is no command; did you mean 'plan'?"),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], sentence: str, capsys: Said) -> None:
    assert run(["harden", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith(f"nethood: {sentence}")


def begun(folder: Path, *, waiting: bool = False, done: bool = False) -> Plan:
    """Write the journal of a plan that is applied, waits, or was cut short."""
    plan = make_plan(HERE, [parse_network("10.0.0.0/8")])
    journal = Journal(folder)
    with journal.locked():
        journal.begin(plan, 1_700_000_000.0)
        if waiting:
            journal.wait(Waiting("token", 1.0, "boot"))
        if done:
            for step in plan.steps:
                journal.did(step.id, {}, "")
            journal.applied()
    return plan


@pytest.mark.parametrize(
    ("how", "phase", "last"),
    [
        ({}, "cut short", "It was cut short: run 'nethood harden apply' again"),
        ({"waiting": True}, "waiting", "It waits for 'nethood harden confirm'"),
        ({"done": True}, "applied", "It is applied."),
    ],
)
def test_the_status(
    how: dict[str, bool], phase: str, last: str, tmp_path: Path, capsys: Said
) -> None:
    plan = begun(tmp_path, **how)
    assert run(["harden", "status", "--state", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("nftables, since 2023-11-1")
    assert lines[0].endswith(", allowed: 10.0.0.0/8")
    assert lines[-1].startswith(last)
    assert run(["harden", "status", "--json", "--state", str(tmp_path)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["phase"] == phase
    assert said["steps"] == {step.id: how.get("done", False) for step in plan.steps}


@pytest.mark.parametrize(
    ("command", "status", "sentence"),
    [("status", 0, "Nothing is applied here.\n"), ("verify", 1, "Nothing is applied here.\n")],
)
def test_where_nothing_is_applied(
    command: str, status: int, sentence: str, tmp_path: Path, capsys: Said
) -> None:
    assert run(["harden", command, "--state", str(tmp_path)]) == status
    assert capsys.readouterr().out == sentence
    assert run(["harden", command, "--json", "--state", str(tmp_path)]) == status
    assert json.loads(capsys.readouterr().out)["applied"] is False


@pytest.mark.parametrize("command", ["undo", "confirm"])
def test_without_root_nothing_is_taken_back_or_kept(
    command: str, tmp_path: Path, capsys: Said
) -> None:
    begun(tmp_path, done=True)
    assert run(["harden", command, "--state", str(tmp_path)]) == 2
    assert "needs root" in capsys.readouterr().err


def test_a_plan_is_made_without_what_only_linux_has() -> None:
    code = (
        "import sys; from nethood.cli import run;"
        "run(['harden', 'plan', '--platform', 'windows', '--platform', 'samba']);"
        "print('nethood.exposure.harden.journal' in sys.modules)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "False", "the journal needs fcntl"


def test_a_journal_of_roots_is_read_with_sudo(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_path: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr("os.access", lambda *_args, **_named: False)
    monkeypatch.setattr(Path, "read_bytes", refused)
    assert run(["harden", "status", "--state", str(tmp_path)]) == 2
    assert "can't be read: run this as root" in capsys.readouterr().err


@pytest.mark.usefixtures("machine", "as_root")
def test_interrupted_while_it_looks_it_says_that_it_is_applied(
    tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def done(*_given: object, **_named: object) -> None:
        """Stand in for applying: everything went well."""

    def interrupted(*_given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("nethood.exposure.harden.apply.apply", done)
    monkeypatch.setattr("nethood.exposure.harden.verify.verify", interrupted)
    words = ["harden", "apply", "--yes", "--platform", "nftables", "--state", str(tmp_path / "s")]
    assert run(words) == 1
    assert "it is applied, and not looked at to the end" in capsys.readouterr().err


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0"])
def test_everybody_is_nobody_to_allow(everybody: str, capsys: Said) -> None:
    assert run(["harden", "plan", "--platform", "nftables", "--allow", everybody]) == 2
    assert f"--allow {everybody} is everybody" in capsys.readouterr().err
