"""The real firewalls: closed to strangers, open to friends, kept, undone to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.harden_cases import CASES, Case
from tests.interop.harden_lab import ALLOWED, Lab, goes_on, laboratory
from tests.interop.lan import need_programs

NETBIOS = ("137/udp", "138/udp", "139/tcp", "445/tcp")
OURS = {f"{port} IPv{version}" for port in NETBIOS for version in (4, 6)}
FOLDERS = [
    "/etc/nethood",
    "/etc/systemd",
    "/etc/nftables.conf",
    "/etc/iptables",
    "/etc/ufw",
    "/etc/firewalld",
]


@pytest.fixture
def lab(make_namespace: Callable[[], str], tmp_path: Path) -> Iterator[Lab]:
    need_programs("nft", "iptables", "unshare", "nsenter")
    with laboratory(make_namespace, tmp_path) as made:
        yield made


def shut_out(lab: Lab) -> None:
    """Assert that a stranger reaches ssh and nothing of ours, and a friend all."""
    seen = lab.from_stranger()
    assert {seen[port] for port in OURS} == {"filtered"}, seen
    assert seen["22/tcp IPv4"] == seen["22/tcp IPv6"] == "open"
    friendly = lab.from_friend()
    assert set(friendly.values()) == {"open"}, friendly


@pytest.mark.parametrize("case", CASES, ids=str)
def test_closed_to_strangers_open_to_friends_and_undone_to_the_byte(case: Case, lab: Lab) -> None:
    need_programs(*case.programs)
    with case.setup(lab):
        rules, files = lab.rules(), lab.tree("/etc")
        assert set(lab.from_stranger().values()) == {"open"}
        with lab.session() as session:
            report = lab.harden("apply", platform=case.platform, allow=ALLOWED)
            assert report["changed"]
            shut_out(lab)
            assert goes_on(session)
            applied = lab.tree("/etc")
            again = lab.harden("apply", platform=case.platform, allow=ALLOWED)
            assert again["changed"] == []
            assert lab.tree("/etc") == applied
            found = lab.harden("verify")
            assert found["verified"], found
        assert lab.harden("undo")["undone"]
        assert lab.rules() == rules
        assert lab.tree("/etc") == files
        assert set(lab.from_stranger().values()) == {"open"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_kept_over_a_restart_and_undone_after_it(case: Case, lab: Lab) -> None:
    need_programs(*case.programs)
    with case.setup(lab):
        files = lab.tree("/etc")
        lab.harden("apply", platform=case.platform, allow=ALLOWED)
        case.restart(lab)
        shut_out(lab)
        found = lab.harden("verify")
        assert found["verified"], found
        lab.harden("undo")
        assert lab.tree("/etc") == files
        assert set(lab.from_stranger().values()) == {"open"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_killed_at_any_moment_it_recovers(case: Case, lab: Lab) -> None:
    need_programs(*case.programs)
    with case.setup(lab):
        report = lab.harden(
            "cuts",
            platform=case.platform,
            allow=ALLOWED[:1],
            folders=FOLDERS,
            stride=case.stride,
        )
        assert report["died"] * case.stride >= 20


@pytest.mark.parametrize("case", [CASES[1], CASES[4]], ids=str)
def test_killed_while_it_is_undone_the_next_undo_ends_it(case: Case, lab: Lab) -> None:
    need_programs(*case.programs)
    with case.setup(lab):
        report = lab.harden(
            "cuts",
            platform=case.platform,
            allow=ALLOWED[:1],
            folders=FOLDERS,
            stride=max(3, case.stride // 2),
            in_undo=True,
        )
        assert report["died"] >= 3
