"""Which addresses are private, and which this machine has."""

from __future__ import annotations

import pytest

from nethood.net.interfaces import host_name, is_private, primary_address, private_addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.0", False),
        ("192.168.255.255", True),
        ("192.169.0.0", False),
        ("169.254.1.1", True),
        ("100.64.0.1", False),
        ("8.8.8.8", False),
        ("0.0.0.0", False),
        ("::1", True),
        ("::", False),
        ("fd00::1", True),
        ("fe80::1%eth0", True),
        ("2001:db8::1", False),
        ("::ffff:192.168.0.1", True),
        ("::ffff:8.8.8.8", False),
    ],
)
def test_private(address: str, expected: bool) -> None:
    assert is_private(address) is expected


def test_what_is_no_address_is_an_error() -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        is_private("example")


def test_own_addresses_are_private_and_start_with_loopback() -> None:
    found = private_addresses()
    assert found[0] == "127.0.0.1"
    assert len(found) == len(set(found))
    assert all(is_private(address) for address in found)
    assert not any(address.startswith("fe80") for address in found)


def test_the_primary_address_is_an_address_or_nothing() -> None:
    found = primary_address()
    assert found is None or found.count(".") == 3


def test_the_host_name_has_no_domain() -> None:
    assert host_name()
    assert "." not in host_name()
