"""Where to listen, and what is said when it is not where one would expect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nethood.cli import listen
from nethood.cli.listen import best_host, choose, text
from nethood.errors import ConfigError

WhyNot = Callable[[str, int], str | None]


@pytest.fixture(autouse=True)
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "private_addresses", lambda: ["127.0.0.1", "192.168.1.5"])
    monkeypatch.setattr(listen, "primary_address", lambda: "192.168.1.5")


def refusing(*ports: int, reason: str = "smbd (process 7) has it") -> WhyNot:
    return lambda _address, port: reason if port in ports else None


def test_everything_may_be_bound() -> None:
    places = choose([], refusing())
    assert places.texts() == [
        "127.0.0.1:445",
        "192.168.1.5:445",
        "127.0.0.1:139",
        "192.168.1.5:139",
    ]
    assert places.notes == []


def test_445_is_taken() -> None:
    places = choose([], refusing(445, 139))
    assert places.texts() == ["127.0.0.1:4450", "192.168.1.5:4450"]
    assert places.notes == ["Port 445 can't be used: smbd (process 7) has it; using 4450 instead."]


def test_only_139_is_taken() -> None:
    places = choose([], refusing(139))
    assert places.texts() == ["127.0.0.1:445", "192.168.1.5:445"]
    assert places.notes == ["Port 139, for old clients only, is left out: smbd (process 7) has it."]


def test_4450_is_taken_too() -> None:
    places = choose([], refusing(445, 4450, 4451))
    assert places.texts() == ["127.0.0.1:4452", "192.168.1.5:4452"]


def test_nothing_is_free() -> None:
    with pytest.raises(ConfigError, match="name a free one with --listen :PORT"):
        choose([], refusing(445, *range(4450, 4460)))


def test_one_address_blocks_a_port_for_all() -> None:
    places = choose([], lambda address, port: "no" if (address, port) == ("::1", 445) else None)
    assert places.texts()[0] == "127.0.0.1:445"
    taken = choose([], lambda a, port: "no" if (a, port) == ("192.168.1.5", 445) else None)
    assert taken.texts() == ["127.0.0.1:4450", "192.168.1.5:4450"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["127.0.0.1:0"], ["127.0.0.1:0"]),
        (["[::1]:5000", "10.0.0.1:5001"], ["[::1]:5000", "10.0.0.1:5001"]),
        ([":5000"], ["127.0.0.1:5000", "192.168.1.5:5000"]),
        (["10.0.0.1"], ["10.0.0.1:445", "10.0.0.1:139"]),
        (["localhost:5000"], ["127.0.0.1:5000"]),
        (["fd00::1"], ["[fd00::1]:445", "[fd00::1]:139"]),
    ],
)
def test_named_places(wanted: list[str], expected: list[str]) -> None:
    assert choose(wanted, refusing()).texts() == expected


def test_a_named_place_that_is_taken_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on 10\.0\.0\.1:445: smbd \(process 7\)"):
        choose(["10.0.0.1:445"], refusing(445))


def test_public_addresses_are_only_listened_on_when_named_and_said() -> None:
    places = choose(["198.51.100.7:445"], refusing())
    assert places.texts() == ["198.51.100.7:445"]
    assert "198.51.100.7, which is public" in places.notes[0]


@pytest.mark.parametrize(
    ("addresses", "best"),
    [
        ([("127.0.0.1", 445), ("192.168.1.5", 445), ("10.1.1.1", 445)], ("192.168.1.5", 445)),
        ([("127.0.0.1", 445), ("10.1.1.1", 445), ("fd00::1", 445)], ("10.1.1.1", 445)),
        ([("::1", 445), ("127.0.0.1", 445)], ("127.0.0.1", 445)),
        ([("192.168.1.5", 139), ("127.0.0.1", 445)], ("127.0.0.1", 445)),
        ([("0.0.0.0", 4450)], ("192.168.1.5", 4450)),
    ],
)
def test_the_address_to_tell(addresses: list[tuple[str, int]], best: tuple[str, int]) -> None:
    assert best_host(addresses) == best


def test_endpoints_as_text() -> None:
    assert text("::1", 445) == "[::1]:445"
