"""The browser of one interface: joins the pure browser to mailslots, datagrams and names.

The decisions are nethood.browse's; here are the clock, the chance and the order of things.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from nethood.browse.actions import (
    MAILSLOT_BROWSE,
    MAILSLOT_LANMAN,
    MASTER,
    Action,
    BrowseName,
    RegisterName,
    ReleaseName,
    Send,
)
from nethood.browse.browser import Browser
from nethood.browse.frames import AnnouncementRequest
from nethood.browse.listener import Listener
from nethood.browse.lists import ServerEntry
from nethood.browse.roles import Role
from nethood.browse.settings import BrowserSettings
from nethood.errors import LocalError
from nethood.nbt.datagram import Datagram
from nethood.nbt.mailslot import MailslotWrite
from nethood.nbt.name import NetbiosName
from nethood.neighborhood.datagram_port import DatagramPort
from nethood.neighborhood.node import NameTaken

_RELEASE_TIMEOUT_S = 5.0


class NameHolder(Protocol):
    """Who holds NetBIOS names on this interface: a NameNode."""

    async def add_name(self, name: NetbiosName, *, group: bool = False) -> None:
        """Claim *name*. Raises NameTaken, and LocalError where this host has it already."""

    async def remove_name(self, name: NetbiosName) -> None:
        """Give *name* up. Raises LocalError for a name this host has not."""


class SharedNames:
    """One node's names for the browsers of several interfaces: held while one of them wants it."""

    def __init__(self, names: NameHolder) -> None:
        self._names = names
        self._wanted: Counter[NetbiosName] = Counter()
        self._locks: dict[NetbiosName, asyncio.Lock] = {}

    async def add_name(self, name: NetbiosName, *, group: bool = False) -> None:
        """Claim *name* unless it is held for another. Raises what the node does."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            if not self._wanted[name]:
                await self._names.add_name(name, group=group)
            self._wanted[name] += 1

    async def remove_name(self, name: NetbiosName) -> None:
        """Give *name* up when nobody else wants it. Raises what the node does."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            self._wanted[name] = max(0, self._wanted[name] - 1)
            if not self._wanted[name]:
                await self._names.remove_name(name)


@dataclass(frozen=True, slots=True)
class BrowseView:
    """What the browser knows at this moment."""

    machine_group: str
    role: Role
    master_name: str
    servers: list[ServerEntry]
    machine_groups: list[ServerEntry]


class BrowserService:
    """One host's browser on one interface. The port is the caller's, to open and to close.

    Without *names* nothing is claimed, which does for a host that only announces itself.
    """

    def __init__(
        self,
        settings: BrowserSettings,
        port: DatagramPort,
        names: NameHolder | None = None,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.browser = Browser(settings, chance)
        self._port = port
        self._names = names
        self._source = NetbiosName(settings.host_name.upper(), 0)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._running = False
        self._name_tasks: set[asyncio.Task[None]] = set()
        self._name_locks: dict[BrowseName, asyncio.Lock] = {}

    def start(self) -> None:
        """Announce this host and, where it is a browser, look for a master or an election."""
        self._running = True
        self._port.subscribe(self._take)
        self._do(self.browser.start(self._loop.time()))

    async def stop(self) -> None:
        """Say good-bye and give the names up; when cancelled, some of them may be left."""
        if not self._running:
            return
        self._running = False
        self._port.unsubscribe(self._take)
        self._do(self.browser.stop(self._loop.time()))
        if self._name_tasks:
            _, late = await asyncio.wait(self._name_tasks, timeout=_RELEASE_TIMEOUT_S)
            for task in late:
                task.cancel()

    def name_lost(self, name: NetbiosName) -> None:
        """Take note that *name* is refused or in conflict: a master without its name steps down."""
        name_of = BrowseName(name.name, name.suffix)
        self._do(self.browser.name_refused(name_of, self._loop.time()))

    def view(self) -> BrowseView:
        """Return what is known now, by name, in the rows NetServerEnum2 hands out."""
        if self._running:
            self._tick()
        neighbours = self.browser.neighbours
        return BrowseView(
            self.browser.settings.machine_group.upper(),
            self.browser.role,
            self.browser.master_name,
            neighbours.servers.entries(),
            neighbours.machine_groups.entries(),
        )

    def _take(self, datagram: Datagram, address: str) -> None:
        data = browser_frame(datagram)
        if data is None:
            return
        source = datagram.source_name.name
        destination = BrowseName(datagram.destination_name.name, datagram.destination_name.suffix)
        now = self._loop.time()
        self._do(self.browser.receive(data, source, address, destination, now))

    def _do(self, actions: list[Action]) -> None:
        self._perform(actions)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at = self.browser.next_time() if self._running else None
        if at is not None:
            self._timer = self._loop.call_at(at, self._tick)

    def _tick(self) -> None:
        # The loop may call a clock's grain early: nothing is due then, and the timer is set again.
        self._do(self.browser.tick(self._loop.time()))

    def _perform(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self._send(action)
            elif self._names is not None:
                task = self._loop.create_task(self._change_name(self._names, action))
                self._name_tasks.add(task)
                task.add_done_callback(self._name_tasks.discard)

    def _send(self, send: Send) -> None:
        data = MailslotWrite(send.mailslot, send.data).encode()
        self._port.send(self._source, NetbiosName(*send.destination), data, send.address)

    async def _change_name(self, names: NameHolder, action: RegisterName | ReleaseName) -> None:
        """Claim or release a name; what was asked of it before is done before."""
        name = NetbiosName(*action.name)
        async with self._name_locks.setdefault(action.name, asyncio.Lock()):
            try:
                if isinstance(action, ReleaseName):
                    await names.remove_name(name)
                else:
                    await names.add_name(name, group=action.is_group)
            except NameTaken:
                self.name_lost(name)
            except LocalError:
                pass  # claimed or released by this host's other services: as it should be


@contextmanager
def listening(port: DatagramPort) -> Iterator[Listener]:
    """Collect announcements of all groups for as long as the context lasts."""
    loop = asyncio.get_running_loop()
    listener = Listener()

    def take(datagram: Datagram, address: str) -> None:
        data = browser_frame(datagram)
        if data is not None:
            to = datagram.destination_name
            listener.receive(data, address, BrowseName(to.name, to.suffix), loop.time())

    port.subscribe(take)
    try:
        yield listener
    finally:
        port.unsubscribe(take)


def ask_master(port: DatagramPort, machine_group: str, host_name: str) -> None:
    """Ask the master of *machine_group* to announce itself, which a listener then hears."""
    data = MailslotWrite(MAILSLOT_BROWSE, AnnouncementRequest(host_name.upper()).encode()).encode()
    source, master = NetbiosName(host_name.upper(), 0), NetbiosName(machine_group.upper(), MASTER)
    port.send(source, master, data, None)


def ask_group(port: DatagramPort, machine_group: str, host_name: str) -> None:
    """Ask all hosts of *machine_group* to announce themselves, which takes them up to 30 s."""
    data = MailslotWrite(MAILSLOT_BROWSE, AnnouncementRequest(host_name.upper()).encode()).encode()
    port.send(NetbiosName(host_name.upper(), 0), NetbiosName(machine_group.upper(), 0), data, None)


def browser_frame(datagram: Datagram) -> bytes | None:
    """Return the browser frame in *datagram*, None where it holds something else.

    Raises Malformed where it holds no mailslot write at all but claims to.
    """
    if not datagram.user_data.startswith(b"\xffSMB"):
        return None
    write = MailslotWrite.decode(datagram.user_data)
    is_browse = write.is_to(MAILSLOT_BROWSE) or write.is_to(MAILSLOT_LANMAN)
    return write.data if is_browse else None
