"""Discovery as a whole, with recorded ways of being found: where, when, and never a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path
from typing import Any

import pytest

from nethood.errors import ConnectError
from nethood.neighborhood import discovery
from nethood.neighborhood.discovery import Discovery, endpoint_of
from nethood.neighborhood.mdns import MdnsAnnouncer
from nethood.net.links import Link
from nethood.wsd.target import Identity

ETH = Link(
    "eth0",
    2,
    (IPv4Interface("192.0.2.2/24"),),
    (IPv6Interface("fe80::2/64"), IPv6Interface("2001:db8::2/64")),
)
WLAN = Link("wlan0", 3, (IPv4Interface("198.51.100.2/24"),))


class Ways:
    """Stands for WS-Discovery and mDNS: what was started on which links, and what is running."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.running: list[str] = []
        self.fault: Exception | None = None

    def way(self, name: str) -> Callable[..., Way]:
        return lambda *arguments: Way(self, name, *arguments)


class Way:
    """One way of being found."""

    name = "CELLAR"

    def __init__(self, ways: Ways, kind: str, *arguments: Any) -> None:
        self.ways = ways
        links: Sequence[Link] = next(
            a for a in arguments if isinstance(a, list) and a and isinstance(a[0], Link)
        )
        self.told = f"{kind} {' '.join(link.name for link in links)}"
        if kind == "mdns":
            self.told += f" {arguments[1]} {','.join(arguments[3])}"
        else:
            assert isinstance(arguments[0], Identity)
        self.urls = [link.name for link in links]

    async def start(self) -> None:
        if self.ways.fault:
            raise self.ways.fault
        self.ways.log.append(self.told)
        self.ways.running.append(self.told)

    async def stop(self) -> None:
        if self.told in self.ways.running:
            self.ways.running.remove(self.told)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    ways = Ways()
    monkeypatch.setattr(discovery, "WsdHost", ways.way("wsd"))
    monkeypatch.setattr(discovery, "MdnsAnnouncer", ways.way("mdns"))
    monkeypatch.setattr(discovery, "default_route_names", lambda found: set())
    return ways


class Told:
    """Keeps events, and waits for one."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, Any]]] = []
        self._news = asyncio.Event()

    def __call__(self, kind: str, sentence: str, fields: dict[str, Any]) -> None:
        self.events.append((kind, sentence, fields))
        self._news.set()

    async def until(self, count: int) -> list[str]:
        """Return the first sentences, once there are *count*."""
        async with asyncio.timeout(10):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return [sentence for _, sentence, _ in self.events]


def host(told: Told, found: Sequence[Link] = (ETH,), **options: Any) -> Discovery:
    chosen: dict[str, Any] = {"port": 445, "shares": ["files"], "find_links": lambda: list(found)}
    return Discovery(host_name="CELLAR", workgroup="HOUSE", on_event=told, **{**chosen, **options})


async def test_announces_in_both_ways_and_ends(ways: Ways) -> None:
    told = Told()
    ours = host(told, [ETH, WLAN])
    await ours.start()
    await told.until(2)
    assert sorted(ways.running) == [
        "mdns eth0 wlan0 445 192.0.2.2,fe80::2,2001:db8::2,198.51.100.2",
        "wsd eth0 wlan0",
    ]
    assert {fields["method"] for _, _, fields in told.events} == {"ws-discovery", "mdns"}
    assert {kind for kind, _, _ in told.events} == {"discovery"}
    await ours.stop()
    await ours.stop()
    assert ways.running == []


async def test_only_addresses_served_are_announced(ways: Ways) -> None:
    told = Told()
    ours = host(told, [ETH, WLAN], listening=["127.0.0.1", "192.0.2.2"])
    await ours.start()
    await told.until(2)
    await ours.stop()
    assert sorted(ways.log) == ["mdns eth0 445 192.0.2.2", "wsd eth0"]


async def test_explorer_is_not_led_to_a_port_it_can_not_open(ways: Ways) -> None:
    told = Told()
    ours = host(told, port=4450)
    await ours.start()
    sentences = await told.until(2)
    await ours.stop()
    assert any("port 445 only" in sentence for sentence in sentences)
    assert ways.log == ["mdns eth0 4450 192.0.2.2,fe80::2,2001:db8::2"]


async def test_without_shares_nothing_is_announced(ways: Ways) -> None:
    told = Told()
    ours = host(told, shares=[])
    await ours.start()
    await ours.stop()
    assert (ways.log, told.events) == ([], [])


async def test_a_network_that_is_not_there_is_a_warning(ways: Ways) -> None:
    told = Told()
    ours = host(told, [ETH], interfaces=["eth9"])
    await ours.start()
    sentences = await told.until(2)
    await ours.stop()
    assert {kind for kind, _, _ in told.events} == {"warning"}
    assert sentences[0].startswith("not found on eth9: ")
    assert ways.log == []


@pytest.mark.parametrize("fault", [ConnectError("port taken"), OSError("no such device")])
async def test_what_can_not_start_is_a_warning(ways: Ways, fault: Exception) -> None:
    told, ways.fault = Told(), fault
    ours = host(told)
    await ours.start()
    sentences = await told.until(2)
    await ours.stop()
    assert [kind for kind, _, _ in told.events] == ["warning", "warning"]
    assert all(str(fault) in sentence for sentence in sentences)


async def test_a_change_of_network_is_followed(ways: Ways) -> None:
    told, found = Told(), [ETH]
    ours = host(told, find_links=lambda: list(found), look_again_s=0.0)
    await ours.start()
    await told.until(2)
    found[:] = [WLAN]
    await told.until(4)
    assert sorted(ways.running) == ["mdns wlan0 445 198.51.100.2", "wsd wlan0"]
    found.clear()
    sentences = await told.until(5)
    assert "no network interface" in sentences[4]
    assert ways.running == []
    await ours.stop()
    assert len(told.events) == 5


def test_an_endpoint_stays_and_hides_the_machine(tmp_path: Path) -> None:
    identity = tmp_path / "machine-id"
    identity.write_text("0123456789abcdef0123456789abcdef\n")
    first = endpoint_of("Cellar", identity)
    assert first == endpoint_of("CELLAR", identity)
    assert first.startswith("urn:uuid:")
    assert "0123456789abcdef" not in first.replace("-", "")
    identity.write_text("ffffffffffffffffffffffffffffffff\n")
    assert endpoint_of("CELLAR", identity) != first
    assert endpoint_of("CELLAR", tmp_path / "missing") == endpoint_of("cellar", tmp_path / "none")


@pytest.mark.parametrize("name", ["", "a.b", "x" * 64, "\u00e4" * 32])
async def test_a_name_mdns_can_not_carry_is_a_warning(name: str) -> None:
    told = Told()
    ours = Discovery(
        host_name=name,
        workgroup="HOUSE",
        port=4450,
        shares=["files"],
        on_event=told,
        find_links=lambda: [ETH],
        interfaces=["eth0"],
    )
    await ours.start()
    sentences = await told.until(2)
    await ours.stop()
    assert any("can't be announced by mDNS" in sentence for sentence in sentences)


async def test_mdns_never_begun_can_be_stopped() -> None:
    announcer = MdnsAnnouncer("CELLAR", 445, [ETH], ["192.0.2.2"])
    await announcer.stop()
    assert announcer.name == "CELLAR"
