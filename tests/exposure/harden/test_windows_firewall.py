"""The texts for Windows Firewall: who is let in, what is blocked outwards, what is put back."""

from __future__ import annotations

import ipaddress

import pytest

from nethood.exposure.harden.model import Kind, Step
from nethood.exposure.harden.platforms.windows_firewall import (
    NOT_PUBLIC,
    public_ranges,
    steps,
)
from tests.exposure.harden.golden import request


def text_of(step: Step, kind: Kind, *, undo: bool = False) -> str:
    commands = step.undo if undo else step.commands
    return "".join(command.text for command in commands if command.kind is kind)


def inside(address: str, ranges: list[str]) -> bool:
    ip = ipaddress.ip_address(address)
    for text in ranges:
        first, last = (ipaddress.ip_address(end) for end in text.split("-"))
        if first.version == ip.version and int(first) <= int(ip) <= int(last):
            return True
    return False


def test_the_public_addresses_and_the_others_are_all_there_are() -> None:
    ranges = [text.split("-") for text in public_ranges(request()) if ":" not in text]
    four = [(int(ipaddress.ip_address(a)), int(ipaddress.ip_address(b))) for a, b in ranges]
    others = [ipaddress.IPv4Network(text) for text in NOT_PUBLIC]
    assert sum(b - a + 1 for a, b in four) + sum(n.num_addresses for n in others) == 2**32
    assert four == sorted(four)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("172.15.255.255", True),
        ("172.16.0.0", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("223.255.255.255", True),
        ("224.0.0.1", False),
        ("2001:db8::1", True),
        ("3fff::1", True),
        ("fe80::1", False),
        ("fd00::1", False),
    ],
)
def test_what_is_public(address: str, public: bool) -> None:
    assert inside(address, public_ranges(request())) is public


def test_what_is_allowed_is_cut_out_of_the_block_because_a_block_wins() -> None:
    ranges = public_ranges(request("203.0.113.0/24", "2001:db8::/32", "10.0.0.0/8", "fd00::/8"))
    assert not inside("203.0.113.7", ranges)
    assert not inside("2001:db8:1::1", ranges)
    assert inside("203.0.112.255", ranges)
    assert inside("203.0.114.0", ranges)
    assert inside("2001:db7:ffff::1", ranges)
    assert inside("2001:db9::", ranges)


def test_everybody_allowed_leaves_nothing_to_block() -> None:
    assert public_ranges(request("0.0.0.0/0", "::/0")) == []
    assert [step.id for step in steps(request("0.0.0.0/0", "::/0"))] == ["windows-firewall-in"]


def test_inwards_there_is_no_block_rule() -> None:
    inwards = steps(request("10.0.0.0/8"))[0]
    script = text_of(inwards, Kind.POWERSHELL)
    assert "'Block'" not in script
    assert "Disable-NetFirewallRule" in script
    assert "$allow = @('10.0.0.0/8')" in script
    assert "action=block" not in text_of(inwards, Kind.CMD)


def test_without_anybody_allowed_no_rule_lets_anybody_in() -> None:
    inwards = steps(request())[0]
    assert "New-NetFirewallRule" not in text_of(inwards, Kind.POWERSHELL)
    assert "add rule" not in text_of(inwards, Kind.CMD)


def test_what_was_there_is_written_before_anything_changes_and_read_by_the_undo() -> None:
    inwards = steps(request("10.0.0.0/8"))[0]
    script = text_of(inwards, Kind.POWERSHELL)
    kept = script.index("Set-Content")
    for change in ("Disable-NetFirewallRule", "New-NetFirewallRule @", "Remove-NetFirewallRule"):
        assert script.index(change) > kept
    undo = text_of(inwards, Kind.POWERSHELL, undo=True)
    assert "firewall-in.json" in script
    assert "firewall-in.json" in undo
    assert "Enable-NetFirewallRule -Name $off" in undo
    cmd = text_of(inwards, Kind.CMD)
    assert cmd.index("export") < cmd.index("set rule")
    assert "import" in text_of(inwards, Kind.CMD, undo=True)
