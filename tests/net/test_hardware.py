"""The hardware address of an interface, and what stands for none."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from nethood.net import hardware
from nethood.net.hardware import NO_HARDWARE_ADDRESS, hardware_address, hardware_address_of
from nethood.net.links import Link


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as Linux has it, with the interface lan0."""
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "lan0").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("02:00:7f:09:00:0a\n", "02007f09000a"),
        ("00:00:00:00\n", "000000000000"),  # a tunnel's
        ("nonsense\n", "000000000000"),
    ],
)
def test_what_linux_tells(system: Path, text: str, expected: str) -> None:
    (system / "lan0" / "address").write_text(text)
    assert hardware_address("lan0", system).hex() == expected


def test_an_interface_that_is_not_there(system: Path) -> None:
    assert hardware_address("lan0", system) == NO_HARDWARE_ADDRESS


@pytest.mark.parametrize(
    ("node", "expected"), [(0x02007F09000A, "02007f09000a"), (0x03007F09000A, "000000000000")]
)
def test_other_systems_tell_one(node: int, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("uuid.getnode", lambda: node)
    assert hardware_address("lan0").hex() == expected


def test_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "hardware_address", lambda name: name.encode().ljust(6, b"\0"))
    found = [
        Link("lan0", 2, (IPv4Interface("10.0.0.5/24"), IPv4Interface("10.0.0.6/24"))),
        Link("lan1", 3, (IPv4Interface("10.0.1.5/24"),)),
    ]
    assert hardware_address_of(found, IPv4Address("10.0.0.6")) == b"lan0\0\0"
    assert hardware_address_of(found, IPv4Address("10.0.1.5")) == b"lan1\0\0"
    assert hardware_address_of(found, IPv4Address("10.0.1.6")) == NO_HARDWARE_ADDRESS
