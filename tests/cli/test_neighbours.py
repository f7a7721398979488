"""When `nethood serve` makes itself known, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nethood.cli.neighbours import Neighbours, smb_port
from nethood.config import ServerSettings, Settings, ShareSettings
from nethood.neighborhood import discovery
from nethood.server import Event

LAN = [("127.0.0.1", 445), ("192.168.7.5", 139), ("192.168.7.5", 445), ("192.168.7.5", 4450)]


def settings(**server: Any) -> Settings:
    shares = {
        "files": ShareSettings(path=Path("/tmp")),
        "secret": ShareSettings(path=Path("/tmp"), hidden=True),
    }
    return Settings(server=ServerSettings(name="attic", **server), shares=shares)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each Discovery was made with."""
    found: list[dict[str, Any]] = []

    def note(**given: Any) -> None:
        found.append(given)

    monkeypatch.setattr(discovery, "Discovery", note)
    return found


def test_what_is_announced(made: list[dict[str, Any]]) -> None:
    events: list[Event] = []
    Neighbours.of(settings(workgroup="house"), LAN, events.append)
    [given] = made
    given.pop("on_event")("discovery", "found", {"a": 1})
    assert events == [Event("discovery", "found", {"a": 1})]
    assert given == {
        "host_name": "ATTIC",
        "workgroup": "HOUSE",
        "port": 445,
        "shares": ["files"],
        "interfaces": None,
        "listening": ["192.168.7.5"],
    }


def test_interfaces_can_be_named(made: list[dict[str, Any]]) -> None:
    Neighbours.of(settings(discovery_interfaces=("eth7",)), LAN, lambda _: None)
    assert made[0]["interfaces"] == ("eth7",)


@pytest.mark.parametrize(
    ("chosen", "addresses"),
    [
        (settings(discovery=False), LAN),
        (settings(), [("127.0.0.1", 445), ("::1", 445)]),
        (settings(), [("192.168.7.5", 139)]),
        (Settings(), LAN),
    ],
)
async def test_when_there_is_nothing_to_announce(
    made: list[dict[str, Any]], chosen: Settings, addresses: list[tuple[str, int]]
) -> None:
    neighbours = Neighbours.of(chosen, addresses, lambda _: None)
    await neighbours.start()
    await neighbours.stop()
    assert (made, neighbours.discovery) == ([], None)


@pytest.mark.parametrize(
    ("addresses", "port"),
    [(LAN, 445), (LAN[3:], 4450), (LAN[1:2], None), ([], None), ([("fe80::1%2", 4451)], 4451)],
)
def test_the_port_that_is_announced(addresses: list[tuple[str, int]], port: int | None) -> None:
    assert smb_port(addresses) == port
