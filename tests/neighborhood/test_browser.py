"""The browser's shell on the loopback network: mailslots out and in, names, the view."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from nethood.browse import election
from nethood.browse.actions import BrowseName
from nethood.browse.browser import Browser
from nethood.browse.frames import AnnouncementRequest, HostAnnouncement, RequestElection
from nethood.browse.roles import Role
from nethood.browse.settings import BrowserSettings
from nethood.errors import ConnectError, LocalError, Malformed
from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    DIRECT_GROUP_DATAGRAM,
    Datagram,
    DatagramHeader,
)
from nethood.nbt.mailslot import BROWSE, LANMAN, NETLOGON, MailslotWrite
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Interface, NameRefused
from nethood.neighborhood.browser import (
    BrowserService,
    SharedNames,
    ask_group,
    ask_master,
    browser_frame,
    listening,
)
from nethood.neighborhood.datagram_port import DatagramPort
from nethood.neighborhood.node import NameTaken
from tests.neighborhood.loopback import PATIENCE_S, free_udp_port

LOOPBACK = IPv4Network("127.0.0.0/8")
HERE, THERE = IPv4Address("127.0.0.1"), IPv4Address("127.0.0.2")
GROUP = NetbiosName("HOUSE", 0x1D)


def settings(name: str = "CELLAR", **roles: Any) -> BrowserSettings:
    return BrowserSettings(host_name=name, machine_group="House", comment="shelves", **roles)


@asynccontextmanager
async def two_ports(
    here: IPv4Address = HERE, network: IPv4Network = LOOPBACK
) -> AsyncIterator[tuple[DatagramPort, DatagramPort]]:
    """Open the datagram ports of two hosts on one network."""
    number = free_udp_port()
    one = DatagramPort(Interface(here, network), number)
    other = DatagramPort(Interface(THERE, LOOPBACK), number)
    try:
        one.open()
        other.open()
        yield one, other
    finally:
        one.close()
        other.close()


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not done():  # noqa: ASYNC110 (what is waited for is another socket's affair)
            await asyncio.sleep(0)


class Names:
    """A name service that remembers what it was asked, and refuses what it is told to."""

    def __init__(self, *refused: int) -> None:
        self.refused = refused
        self.held: list[str] = []
        self.log: list[str] = []

    async def add_name(self, name: NetbiosName, *, group: bool = False) -> None:
        await asyncio.sleep(0)
        if name.suffix in self.refused:
            raise NameTaken(NameRefused(name, IPv4Address("127.0.0.9"), 6))
        if str(name) in self.held:
            raise LocalError(f"{name} is there already")
        self.held.append(str(name))
        self.log.append(f"{'group' if group else 'unique'} {name}")

    async def remove_name(self, name: NetbiosName) -> None:
        if str(name) not in self.held:
            raise LocalError(f"{name} is not there")
        self.held.remove(str(name))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elections in a moment."""
    monkeypatch.setattr(election, "RESEND_DELAY_S", 0.001)
    monkeypatch.setattr(election, "_DELAYS_S", {role: (0.001, 0.001) for role in Role})


async def test_a_host_is_heard_when_it_starts_and_gone_when_it_stops() -> None:
    async with two_ports() as (one, other):
        with listening(other) as listener:
            service = BrowserService(settings(), one)
            service.start()
            await until(lambda: "HOUSE" in listener.groups)
            entry = listener.groups["HOUSE"].servers.get("CELLAR")
            assert entry is not None
            assert (entry.comment, entry.address) == ("shelves", "127.0.0.1")
            await service.stop()
            await until(lambda: "CELLAR" not in listener.groups["HOUSE"].servers)


async def test_a_host_does_not_list_itself_by_its_own_echo() -> None:
    async with two_ports() as (one, other):
        with listening(one) as echo:
            service = BrowserService(settings(), one)
            service.start()
            await until(lambda: "HOUSE" in echo.groups)
            assert service.view().servers == []
            await service.stop()
        assert other.malformed == 0


@pytest.mark.usefixtures("quick")
async def test_a_master_holds_its_names_until_it_stops() -> None:
    names = Names()
    async with two_ports() as (one, other):
        service = BrowserService(settings(is_preferred_master=True), one, names)
        with listening(other) as listener:
            service.start()
            await until(lambda: service.view().role is Role.LOCAL_MASTER)
            await until(lambda: listener.masters == {"HOUSE": "CELLAR"})
            await until(lambda: len(names.log) == 4)
            assert names.log == [
                "group HOUSE<00>",
                "group HOUSE<1E>",
                "unique HOUSE<1D>",
                "group \x01\x02__MSBROWSE__\x02<01>",
            ]
            view = service.view()
            assert [entry.name for entry in view.servers] == ["CELLAR"]
            assert [(e.name, e.comment) for e in view.machine_groups] == [("HOUSE", "CELLAR")]
            await service.stop()
            await service.stop()
        assert names.held == []


@pytest.mark.usefixtures("quick")
async def test_a_master_that_is_refused_its_name_steps_down() -> None:
    names = Names(0x1D)
    async with two_ports() as (one, _):
        service = BrowserService(settings(is_preferred_master=True), one, names)
        service.start()
        await until(lambda: "group \x01\x02__MSBROWSE__\x02<01>" in names.log)
        await until(lambda: service.view().role is Role.POTENTIAL)
        await service.stop()


@pytest.mark.usefixtures("quick")
async def test_two_browsers_agree_on_one_master() -> None:
    async with two_ports() as (one, other):
        weak = BrowserService(settings("ATTIC", is_browser=True), one)
        strong = BrowserService(settings("CELLAR", is_preferred_master=True), other)
        weak.start()
        strong.start()
        await until(lambda: strong.view().role is Role.LOCAL_MASTER)
        await until(lambda: weak.view().master_name == "CELLAR")
        assert weak.view().role is Role.POTENTIAL
        await strong.stop()
        await until(lambda: weak.view().role is Role.LOCAL_MASTER)
        await weak.stop()


async def test_a_name_two_browsers_want_is_held_until_neither_does() -> None:
    names = Names()
    shared = SharedNames(names)
    await asyncio.gather(shared.add_name(GROUP), shared.add_name(GROUP))
    assert names.held == ["HOUSE<1D>"]
    await shared.remove_name(GROUP)
    assert names.held == ["HOUSE<1D>"]
    await shared.remove_name(GROUP)
    assert names.held == []
    with pytest.raises(LocalError):
        await shared.remove_name(GROUP)


async def test_a_name_that_is_refused_is_wanted_by_nobody() -> None:
    names = Names(0x1D)
    shared = SharedNames(names)
    with pytest.raises(NameTaken):
        await shared.add_name(GROUP)
    names.refused = ()
    await shared.add_name(GROUP)
    assert names.held == ["HOUSE<1D>"]


@pytest.mark.usefixtures("quick")
async def test_a_conflict_makes_a_master_release_its_name_and_claim_it_again() -> None:
    names = Names()
    async with two_ports() as (one, _):
        service = BrowserService(settings(is_preferred_master=True), one, names)
        service.start()
        await until(lambda: "HOUSE<1D>" in names.held)
        service.name_lost(GROUP)
        assert service.view().role is Role.POTENTIAL
        await until(lambda: "HOUSE<1D>" not in names.held)
        await until(lambda: "HOUSE<1D>" in names.held)
        assert service.view().role is Role.LOCAL_MASTER
        await service.stop()


async def test_a_listener_can_ask_and_is_answered() -> None:
    async with two_ports() as (one, other):
        service = BrowserService(settings(), one, chance=lambda: 0.0)
        service.start()
        heard: list[Datagram] = []
        one.subscribe(lambda datagram, _: heard.append(datagram))
        ask_group(other, "house", "ASKER")
        ask_master(other, "house", "ASKER")
        await until(lambda: len([d for d in heard if d.source_name.name == "ASKER"]) == 2)
        asked = [str(d.destination_name) for d in heard if d.source_name.name == "ASKER"]
        assert asked == ["HOUSE<00>", "HOUSE<1D>"]
        request = AnnouncementRequest("ASKER").encode()
        assert {browser_frame(d) for d in heard if d.source_name.name == "ASKER"} == {request}
        with listening(other) as listener:
            await until(lambda: "HOUSE" in listener.groups)
        await service.stop()


async def test_other_networks_are_not_listened_to() -> None:
    # .2 is no neighbour of a host on 127.0.0.0/31, and its datagrams count for nothing.
    async with two_ports(HERE, IPv4Network("127.0.0.0/31")) as (one, other):
        heard: list[Datagram] = []
        one.subscribe(lambda datagram, _: heard.append(datagram))
        other.send(NetbiosName("X"), GROUP, b"", str(HERE))
        await until(lambda: one.foreign == 1)
        assert heard == []


async def test_what_cannot_be_read_is_counted() -> None:
    async with two_ports() as (one, other):
        service = BrowserService(settings(), one)
        service.start()
        broken = MailslotWrite(BROWSE, b"\x08\x01").encode()
        other.send(NetbiosName("X"), NetbiosName("HOUSE", 0x1E), broken, str(HERE))
        await until(lambda: one.malformed == 1)
        await service.stop()


async def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    async with two_ports() as (one, _):
        second = DatagramPort(one.interface, one.port)
        with pytest.raises(ConnectError):
            second.open()
        second.send(NetbiosName("X"), GROUP, b"", None)  # closed: nothing happens
        second.close()


async def test_a_closed_port_receives_nothing_and_closes_twice() -> None:
    async with two_ports() as (one, other):
        heard: list[Datagram] = []
        one.subscribe(lambda datagram, _: heard.append(datagram))
        one.close()
        one.close()
        other.send(NetbiosName("X"), GROUP, b"", None)
        assert heard == []


@pytest.mark.parametrize(
    ("user_data", "expected"),
    [
        (MailslotWrite(BROWSE, b"frame").encode(), b"frame"),
        (MailslotWrite(LANMAN.lower(), b"frame").encode(), b"frame"),
        (MailslotWrite(NETLOGON, b"frame").encode(), None),
        (b"something else", None),
    ],
    ids=["browse", "lanman", "netlogon", "other"],
)
def test_which_datagrams_hold_browser_frames(user_data: bytes, expected: bytes | None) -> None:
    header = DatagramHeader(BROADCAST_DATAGRAM, 1, HERE)
    datagram = Datagram(header, NetbiosName("X"), GROUP, user_data)
    assert browser_frame(datagram) == expected


def test_an_smb_that_is_no_mailslot_write_is_malformed() -> None:
    header = DatagramHeader(DIRECT_GROUP_DATAGRAM, 1, HERE)
    with pytest.raises(Malformed):
        browser_frame(Datagram(header, NetbiosName("X"), GROUP, b"\xffSMB" + bytes(60)))


def test_the_largest_backup_list_fits_a_mailslot() -> None:
    browser = Browser(settings(is_preferred_master=True), lambda: 0.0)
    browser.start(0.0)
    while not browser.role.is_master:
        at = browser.next_time()
        assert at is not None
        browser.tick(at)
    to = BrowseName("HOUSE", 0x1D)
    for number in range(300):
        frame = HostAnnouncement(
            server_name=f"BACKUPBROWSE{number:03}", periodicity_ms=60000, server_type=0x30003
        )
        browser.receive(frame.encode(), "X", "127.0.0.2", to, 10.0)
    [answer] = browser.receive(b"\x09\xff\0\0\0\0", "X", "127.0.0.2", to, 10.0)
    MailslotWrite(BROWSE, answer.data).encode()  # type: ignore[union-attr]
    weak = RequestElection(0, 0, "X").encode()
    assert browser.receive(weak, "X", "127.0.0.2", BrowseName("HOUSE", 0x1E), 10.0) == []
