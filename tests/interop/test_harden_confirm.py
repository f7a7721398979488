"""A plan that has to be confirmed: it goes by itself, whatever becomes of who applied it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.harden_cases import ENABLED, iptables_files, nftables_service, start_unit
from tests.interop.harden_lab import ALLOWED, Lab, laboratory
from tests.interop.lan import need_programs


@pytest.fixture
def lab(make_namespace: Callable[[], str], tmp_path: Path) -> Iterator[Lab]:
    need_programs("nft", "iptables", "ufw", "unshare", "nsenter")
    with laboratory(make_namespace, tmp_path) as made:
        yield made


def wait_until(so: Callable[[], bool], timeout_s: float = 30) -> None:
    ends = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < ends, "it did not come to be"
        time.sleep(0.05)


def is_applied(lab: Lab) -> bool:
    return (lab.state / "journal.jsonl").exists()


def test_unconfirmed_it_rolls_back_even_where_who_applied_it_was_killed(lab: Lab) -> None:
    rules, files = lab.rules(), lab.tree("/etc")
    lab.harden_dying("apply", platform="nftables", confirm_within_s=5.0)
    seen = lab.from_stranger()
    assert seen["445/tcp IPv4"] == seen["137/udp IPv6"] == "filtered"
    assert lab.tree("/etc") == files  # it would not outlive a power cut
    wait_until(lambda: not is_applied(lab))
    assert lab.rules() == rules
    assert lab.tree("/etc") == files
    assert set(lab.from_stranger().values()) == {"open"}
    wait_until(lambda: not list(lab.state.glob("armed-*")))


SYSTEMD_RUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
touch "$(dirname "$0")/asked"
setsid "$@" >/dev/null 2>&1 </dev/null &
"""


def test_where_systemd_runs_the_watch_is_its_service(lab: Lab, tmp_path: Path) -> None:
    rules = lab.rules()
    program = tmp_path / "bin/systemd-run"
    program.parent.mkdir()
    program.write_text(SYSTEMD_RUN)
    program.chmod(0o755)
    lab.env["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    lab.harden_dying("apply", platform="nftables", confirm_within_s=1.0)
    assert (program.parent / "asked").exists()
    wait_until(lambda: not is_applied(lab))
    assert lab.rules() == rules


def test_confirmed_it_stays_and_is_kept_over_a_restart(lab: Lab) -> None:
    lab.harden("apply", platform="nftables", allow=list(ALLOWED), confirm_within_s=60)
    assert not (lab.files / ENABLED / "nethood-harden.service").exists()
    assert lab.harden("verify")["verified"]
    assert lab.harden("confirm")["changed"] == ["nftables-lasting"]
    assert lab.harden("confirm")["changed"] == []
    start_unit(lab)
    assert lab.harden("verify")["verified"]
    wait_until(lambda: not list(lab.state.glob("armed-*")))  # the watch has ended
    assert is_applied(lab)
    lab.harden("undo")


def test_too_late_is_too_late(lab: Lab) -> None:
    rules = lab.rules()
    lab.harden("apply", platform="nftables", confirm_within_s=0.0)
    wait_until(lambda: not is_applied(lab))
    assert "nothing waits" in lab.harden("confirm", status=1)["error"]
    assert lab.rules() == rules


def test_what_somebody_changed_since_stays(lab: Lab) -> None:
    with nftables_service(lab):
        lab.harden("apply", platform="nftables")
        config = lab.files / "etc/nftables.conf"
        before, included = config.read_text().split("\n# nethood")
        before = before.replace("mine", "changed")
        config.write_text(f"{before}\n# nethood{included}# new\n")
        assert lab.harden("apply", platform="nftables")["changed"] == []
        said = lab.harden("undo")["said"]
        assert any("/etc/nftables.conf was changed since" in line for line in said)
        assert config.read_text() == f"{before}# new\n"


def test_rules_that_somebody_flushed_are_put_back_and_undone_all_the_same(lab: Lab) -> None:
    with iptables_files(lab):
        rules, files = lab.rules(), lab.tree("/etc")
        lab.harden("apply", platform="iptables", allow=list(ALLOWED))
        lab.run("iptables", "-D", "NETHOOD", "3")
        found = lab.harden("verify")
        assert "445/tcp IPv4" in found["let_in"]
        assert found["states"]["445/tcp IPv4"] == found["states"]["137/udp IPv4"] == "open"
        assert found["states"]["445/tcp IPv6"] == "filtered"
        assert lab.harden("apply", platform="iptables", allow=list(ALLOWED))["changed"]
        assert lab.harden("verify")["verified"]
        lab.harden("undo")
        assert lab.rules() == rules
        assert lab.tree("/etc") == files


def test_ufw_keeps_the_rules_somebody_added_since(lab: Lab) -> None:
    lab.run("ufw", "allow", "proto", "tcp", "to", "any", "port", "139,445")
    lab.run("ufw", "allow", "22/tcp")
    lab.run("ufw", "--force", "enable")
    lab.harden("apply", platform="ufw", allow=list(ALLOWED))
    lab.run("ufw", "allow", "8080/tcp")
    assert lab.harden("verify")["verified"]
    lab.harden("undo")
    added = lab.run("ufw", "show", "added")
    assert "8080" in added
    assert "nethood" not in added


def test_ufw_that_is_not_enabled_is_left_alone(lab: Lab) -> None:
    files = lab.tree("/etc")
    assert "ufw is not enabled" in lab.harden("apply", platform="ufw", status=1)["error"]
    assert lab.tree("/etc") == files
