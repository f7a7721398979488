"""Samba's file: how it is read, what is put at its end, when it is left alone."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError
from nethood.exposure.harden.model import Kind, LocalFacts, PlanRequest, Step
from nethood.exposure.harden.platforms import samba, smb_conf
from nethood.exposure.harden.runner import FileState, Machine, Ran
from tests.exposure.harden.golden import SMB_CONF, request, with_samba
from tests.interop import peers

CONF = "/etc/samba/smb.conf"


def only(text: str, *allow: str) -> Step:
    (step,) = samba.steps(request(*allow, files={CONF: text}))
    return step


def block(step: Step) -> str:
    (command,) = [command for command in step.commands if command.kind is Kind.FILE]
    (text,) = command.inserted
    assert command.content.endswith(text)
    return text


def settings(step: Step) -> dict[str, str]:
    return {s.name: s.value for s in smb_conf.parse(block(step)) if s.section == "global"}


def test_names_are_compared_as_samba_does() -> None:
    text = "[Global]\n Server MIN  protocol=NT1\n;guest ok = yes\n[ Pub ]\nPUBLIC = Yes\n# x = y\n"
    assert list(smb_conf.parse(text)) == [
        smb_conf.Setting("global", "serverminprotocol", "NT1"),
        smb_conf.Setting("pub", "guestok", "Yes"),
    ]


def test_a_line_goes_on_after_a_backslash() -> None:
    text = "[global]\nhosts allow = 10. \\\n   192.168.\ninclude = a\\\n"
    assert [s.value for s in smb_conf.parse(text)] == ["10. 192.168.", "a"]


def test_what_is_included_but_for_what_cannot_be_known() -> None:
    text = "include = /a\n[x]\ninclude = /%m.conf\ninclude = registry\ninclude = \nINCLUDE=/b\n"
    assert smb_conf.includes(text) == ["/a", "/b"]


def test_the_shares_that_let_guests_in() -> None:
    text = "[a]\nguest ok=yes\n[b]\npublic=no\n[c]\nguest ok=yes\nguest ok=no\n[d]\n path=/x\n"
    assert smb_conf.guest_shares([text]) == ["a"]
    assert smb_conf.guest_shares([text + "[global]\nguest ok = true\n"]) == ["a", "d"]
    assert smb_conf.guest_shares(["[m]\npublic=1\n", text]) == ["m", "a"]


@given(st.text(), st.lists(st.sampled_from(["a", "b c"]), max_size=2))
def test_our_block_comes_out_as_it_went_in(text: str, shares: list[str]) -> None:
    text = smb_conf.without_block(text)
    added = text + smb_conf.tail(text, {"x": "1"}, shares)
    back = smb_conf.without_block(added)
    assert back in (text, text + "\n")
    assert back == text or not text.endswith("\n")
    assert smb_conf.effective(smb_conf.parse(added), "x") == "1"


def test_every_byte_of_the_file_stays_before_the_block() -> None:
    (step,) = samba.steps(with_samba())
    (command,) = [command for command in step.commands if command.kind is Kind.FILE]
    assert command.content == SMB_CONF + block(step)
    assert step.commands[0].argv[0] == "testparm"
    assert step.commands[0].argv[-1] == "/dev/stdin"
    assert step.commands[0].stdin == command.content


def test_planned_again_it_is_the_same() -> None:
    first = only(SMB_CONF, "10.0.0.0/8")
    again = only(SMB_CONF + block(first), "10.0.0.0/8")
    assert again == first


def test_what_is_set() -> None:
    assert settings(only(SMB_CONF, "10.0.0.0/8", "fd00::/8")) == {
        "serverminprotocol": "SMB2_02",
        "serversigning": "mandatory",
        "smbencrypt": "desired",
        "maptoguest": "Never",
        "restrictanonymous": "2",
        "usershareallowguests": "no",
        "disablenetbios": "yes",
        "smbports": "445",
        "hostsallow": "127.0.0.1 ::1 10.0.0.0/8 fd00::/8",
    }


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("min protocol = SMB3_00", "serverminprotocol", "SMB3_00"),
        ("server min protocol = LANMAN1", "serverminprotocol", "SMB2_02"),
        ("server min protocol = CORE", "serverminprotocol", "SMB2_02"),
        ("smb encrypt = required", "smbencrypt", "required"),
        ("server smb encrypt = required", "smbencrypt", "required"),
        ("smb encrypt = off", "smbencrypt", "desired"),
        ("smb ports = 139", "smbports", "445"),
        ("smb ports = 1445, 139", "smbports", "1445"),
    ],
)
def test_what_is_stricter_already_stays_so(line: str, name: str, value: str) -> None:
    assert settings(only(f"[global]\n{line}\n"))[name] == value


def test_without_allowed_networks_hosts_allow_is_left_alone() -> None:
    step = only("[global]\nhosts allow = 10.\n")
    assert "hostsallow" not in settings(step)
    assert not any("hosts allow" in note for note in step.notes)
    replaced = only("[global]\nallow hosts = 10.\n", "10.0.0.0/8")
    assert "hosts allow was 10.: the allowed networks take its place." in replaced.notes


def test_guests_of_included_shares_are_shut_out_too() -> None:
    (step,) = samba.steps(with_samba())
    assert "[more]\n   guest ok = no\n[pub]\n   guest ok = no\n" in block(step)
    assert any("/etc/samba/more.conf" in note for note in step.notes)


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("config backend = registry", "net conf setparm"),
        ("server role = active directory domain controller", "domain controller"),
    ],
)
def test_what_is_left_alone(line: str, word: str) -> None:
    step = only(f"[global]\n  {line}\n")
    assert step.commands == []
    assert any(word in note for note in step.notes)


def test_without_systemd_samba_is_told_to_read_its_file() -> None:
    given_ = with_samba()
    facts = replace(given_.facts, systemd=False)
    (step,) = samba.steps(PlanRequest(facts, given_.allow))
    assert step.commands[-1].argv[:2] == ("sh", "-c")
    assert "smbd reload-config" in step.commands[-1].argv[2]
    assert step.commands[-1].argv[3] == f"--configfile={CONF}"
    assert any("139 stays open" in note for note in step.notes)


class FakeMachine(Machine):
    """A machine on which nmbd runs, or does not."""

    def __init__(self, *, nmbd_runs: bool) -> None:
        super().__init__()
        self.nmbd_runs = nmbd_runs

    def look(self, path: str) -> FileState:
        assert path == CONF
        return FileState("file", b"[global]\n", 0o640, 1, 2)

    def run(self, argv: Sequence[str], stdin: str = "") -> Ran:
        assert tuple(argv) == ("systemctl", "is-active", "--quiet", "nmbd.service")
        return Ran(0 if self.nmbd_runs else 3, "")


@pytest.mark.parametrize("runs", [True, False])
def test_the_undo_starts_nmbd_again_only_where_it_ran(runs: bool) -> None:
    (step,) = samba.steps(with_samba())
    (undo,) = samba.capture(step, FakeMachine(nmbd_runs=runs))
    assert [saved.state for saved in undo.files] == [FileState("file", b"[global]\n", 0o640, 1, 2)]
    assert [command.argv for command in undo.commands] == [
        ("systemctl", "try-restart", "smbd.service"),
        *([("systemctl", "start", "nmbd.service")] if runs else []),
    ]


def test_without_a_file_there_is_text_to_type_and_nothing_to_apply() -> None:
    (step,) = samba.steps(request())
    assert "server min protocol = SMB2_02" in step.commands[0].text
    with pytest.raises(LocalError, match=r"no smb\.conf here"):
        samba.capture(step, Machine())


def test_what_a_plan_looks_at(tmp_path: Path) -> None:
    (tmp_path / "etc/samba").mkdir(parents=True)
    (tmp_path / "etc/samba/smb.conf").write_text(SMB_CONF, encoding="utf-8")
    (tmp_path / "lib/systemd/system").mkdir(parents=True)
    (tmp_path / "lib/systemd/system/smbd.service").touch()
    assert samba.look(Machine(tmp_path)) == {
        CONF: SMB_CONF,
        "/etc/samba/more.conf": None,
        "/lib/systemd/system/smbd.service": "",
    }
    assert samba.look(Machine(tmp_path / "nothing")) == {}
    assert samba.steps(PlanRequest(LocalFacts()))[0].id == "samba-settings"


def test_testparm_takes_it_and_finds_it_in_force(tmp_path: Path) -> None:
    if shutil.which("testparm") is None:
        peers.missing("testparm is not installed")
    more = tmp_path / "more.conf"
    more.write_text("[more]\n  path = /tmp\n  public = yes\n[global]\n  map to guest = Bad User\n")
    conf = tmp_path / "smb.conf"
    text = SMB_CONF.replace("/etc/samba/more.conf", str(more))
    (step,) = samba.steps(request(files={str(conf): text, str(more): more.read_text()}))
    conf.write_text(text + block(step), encoding="utf-8")
    check = step.verify[1]
    said = subprocess.run(check.argv, capture_output=True, text=True, timeout=20, check=True)
    assert [wanted for wanted in check.contains if wanted not in said.stdout] == []
    assert "server signing = required" in said.stdout
    assert "guest ok = Yes" not in said.stdout
