"""The real nftables: closed to strangers, open to friends, undone to the byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.harden_lab import ALLOWED, Lab, goes_on, laboratory
from tests.interop.lan import need_programs

NETBIOS = ("137/udp", "138/udp", "139/tcp", "445/tcp")
FOLDERS = ["/etc/nethood", "/etc/systemd", "/etc/nftables.conf", "/etc/iptables"]


@pytest.fixture
def lab(make_namespace: Callable[[], str], tmp_path: Path) -> Iterator[Lab]:
    need_programs("nft", "iptables", "unshare", "nsenter")
    with laboratory(make_namespace, tmp_path) as made:
        yield made


def test_closed_to_a_stranger_open_to_a_friend_and_undone_to_the_byte(lab: Lab) -> None:
    lab.run("nft", "-f", "-", stdin="table inet mine { chain c { tcp dport 22 counter accept; }; }")
    files, rules = lab.tree("/etc"), lab.rules()
    everything_open = lab.from_stranger()
    assert set(everything_open.values()) == {"open"}
    with lab.session() as session:
        report = lab.harden("apply", platform="nftables", allow=ALLOWED)
        assert report["changed"] == ["nftables-table", "nftables-lasting"]
        seen = lab.from_stranger()
        assert {seen[f"{port} IPv{v}"] for port in NETBIOS for v in (4, 6)} == {"filtered"}
        assert seen["22/tcp IPv4"] == seen["22/tcp IPv6"] == "open"
        assert set(lab.from_friend().values()) == {"open"}
        assert goes_on(session)
        assert lab.harden("apply", platform="nftables", allow=ALLOWED)["changed"] == []
        found = lab.harden("verify")
        assert found["verified"], found
        lab.harden("undo")
        assert goes_on(session)
    assert lab.rules() == rules
    assert lab.tree("/etc") == files
    assert lab.from_stranger() == everything_open


def test_killed_at_any_moment_it_recovers(lab: Lab) -> None:
    report = lab.harden("cuts", platform="nftables", allow=ALLOWED, folders=FOLDERS)
    assert report["died"] > 20
