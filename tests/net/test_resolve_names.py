"""Names to addresses: all families, unknown ones empty, and never longer than allowed."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest

from nethood.net.interfaces import is_private_range
from nethood.net.resolve import resolve_names


def row(address: str) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))


def test_all_addresses_of_each_name_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"attic": ["10.0.0.1", "fd00::1", "10.0.0.1"]}

    def look_up(name: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [row(address) for address in known[name]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    names = ["attic", *(f"nobody-{number}" for number in range(40))]
    found = resolve_names(names, 5.0)
    assert found["attic"] == ["10.0.0.1", "fd00::1"]
    assert list(found) == names
    assert not any(found[name] for name in names[1:])


def test_a_resolver_that_hangs_costs_the_time_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def look_up(name: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        if name == "slow":
            over.wait(20)
        return [row("10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    began = time.monotonic()
    found = resolve_names(["slow", "quick"], 0.2)
    over.set()
    assert found == {"slow": [], "quick": ["10.0.0.1"]}
    assert time.monotonic() - began < 5


def test_a_name_that_is_none() -> None:
    assert resolve_names(["a" * 300], 5.0) == {"a" * 300: []}
    assert resolve_names([], 5.0) == {}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (0x0A000000, 0x0AFFFFFF, True),
        (0x0A000000, 0x0B000000, False),
        (0x09FFFFFF, 0x0A000000, False),
        (0x0A000000, 0xC0A80000, False),
        (0x08080808, 0x08080808, False),
    ],
)
def test_private_ranges(first: int, last: int, expected: bool) -> None:
    assert is_private_range(4, first, last) is expected
    mapped = 0xFFFF << 32
    assert is_private_range(6, mapped | first, mapped | last) is expected
    assert is_private_range(6, first, last) is False
