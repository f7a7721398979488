"""`nethood harden` as it is typed, on a machine of its own: planned, applied, seen, taken back."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.harden_lab import ALLOWED, Lab, laboratory
from tests.interop.lan import need_programs

ALLOW = [word for network in ALLOWED for word in ("--allow", network)]
CLOSED = "filtered"


@pytest.fixture
def lab(make_namespace: Callable[[], str], tmp_path: Path) -> Iterator[Lab]:
    need_programs("nft", "unshare", "nsenter")
    with laboratory(make_namespace, tmp_path) as made:
        yield made


def harden(lab: Lab, *words: str, status: int = 0) -> str:
    return lab.run(sys.executable, "-m", "nethood", "harden", *words, status=status)


def test_from_the_plan_to_the_undo(lab: Lab, tmp_path: Path) -> None:
    files, rules, plan = lab.tree("/etc"), lab.rules(), str(tmp_path / "plan.json")
    said = harden(lab, "plan", "--platform", "nftables", *ALLOW, "--out", plan)
    assert said == f"The plan is in {plan}: 2 steps; nothing is changed yet.\n"
    assert lab.tree("/etc") == files

    assert "say --yes: nobody is here to be asked" in harden(lab, "apply", plan, status=2)
    assert lab.rules() == rules
    said = harden(lab, "apply", plan, "--yes")
    assert "Verified: closed from outside, and the rules are as they were left.\n" in said
    assert lab.from_stranger()["445/tcp IPv4"] == CLOSED
    assert lab.from_friend()["445/tcp IPv4"] == "open"

    said = harden(lab, "apply", plan, "--yes")
    assert said.startswith("Nothing had to be changed: it is applied already.\n")
    seen = json.loads(harden(lab, "verify", "--json"))
    assert seen["verified"]
    assert seen["outside"]["139/tcp IPv6"] == CLOSED
    assert "It is applied.\n" in harden(lab, "status")

    assert harden(lab, "undo").endswith("It is as it was before.\n")
    assert lab.rules() == rules
    assert lab.tree("/etc") == files
    assert harden(lab, "undo") == "Nothing is applied here.\n"
    assert harden(lab, "verify", status=1) == "Nothing is applied here.\n"


def test_what_was_taken_out_by_hand_is_noticed_and_put_back(lab: Lab) -> None:
    harden(lab, "apply", "--platform", "nftables", *ALLOW, "--yes")
    lab.run("nft", "delete", "table", "inet", "nethood")
    said = harden(lab, "verify", status=1)
    assert "Not verified: nftables-table" in said
    done = json.loads(harden(lab, "apply", "--platform", "nftables", *ALLOW, "--yes", "--json"))
    assert done["changed"] == ["nftables-table"]
    assert done["verified"]
    harden(lab, "undo", "--json")


def test_it_waits_to_be_confirmed(lab: Lab) -> None:
    options = ["--platform", "nftables", "--yes", "--confirm-within", "60"]
    said = harden(lab, "apply", *options)
    assert "unless you say 'nethood harden confirm' within 60 s" in said
    assert json.loads(harden(lab, "status", "--json"))["phase"] == "waiting"
    assert harden(lab, "confirm").endswith("It stays, over a restart too.\n")
    assert json.loads(harden(lab, "status", "--json"))["phase"] == "applied"
    assert lab.from_stranger()["445/tcp IPv4"] == CLOSED
    harden(lab, "undo")


def test_a_plan_that_somebody_changed_is_not_run(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    harden(lab, "plan", "--platform", "nftables", "--out", str(path))
    plan = json.loads(path.read_text(encoding="utf-8"))
    plan["steps"][0]["commands"].append(
        {"kind": "argv", "argv": ["touch", "/etc/owned"], "stdin": "", "text": "", "path": ""}
    )
    path.write_text(json.dumps(plan), encoding="utf-8")
    said = harden(lab, "apply", str(path), "--yes", status=2)
    assert "is not the plan for this machine as it is now" in said
    assert "/etc/owned" not in lab.tree("/etc")
    assert "nethood" not in lab.rules()


SMB_CONF = """\
# Kept as it is.
[global]
   server min protocol = NT1
   map to guest = Bad User

[pub]
   path = /srv
   public = yes
"""


def test_samba_that_does_not_run_is_set_and_put_back(lab: Lab) -> None:
    need_programs("testparm", "smbcontrol")
    lab.run("rmdir", "/run/systemd/system")
    lab.run("mkdir", "/var/lib/samba", "/run/samba", "/var/log/samba")
    conf = lab.files / "etc/samba/smb.conf"
    conf.parent.mkdir(exist_ok=True)
    conf.write_text(SMB_CONF, encoding="utf-8")
    conf.chmod(0o604)
    files = lab.tree("/etc")

    plan = harden(lab, "plan", "--platform", "samba", "--platform", "nftables")
    assert "Plan for" in plan
    assert "Put into /etc/samba/smb.conf:" in plan
    said = harden(lab, "apply", "--platform", "samba", "--yes", status=1)
    assert "Verified: the settings are as they were left.\n" in said
    assert "Not so at 127.0.0.1 port 445: SMB1 is not known" in said, "the lab's port is no smbd"
    assert conf.read_text(encoding="utf-8").startswith(SMB_CONF)
    assert "[pub]\n   guest ok = no\n" in conf.read_text(encoding="utf-8")

    conf.write_text(SMB_CONF, encoding="utf-8")
    assert "samba-settings" in harden(lab, "verify", status=1)
    assert "samba-settings" in json.loads(harden(lab, "verify", "--json", status=1))["problems"]
    harden(lab, "apply", "--platform", "samba", "--yes", status=1)
    harden(lab, "undo")
    assert lab.tree("/etc") == files
