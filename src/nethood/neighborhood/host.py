"""One host's NetBIOS as a daemon: its names, its browser, and a name server where asked for.

Joins the node, the datagram ports, the browsers and WINS, and tells in events what becomes of
them. All of it shares UDP 137 and 138 of the chosen interfaces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address
from typing import Any

from nethood.browse.settings import BrowserSettings
from nethood.errors import Error, LocalError
from nethood.nbt.distribution import (
    DATAGRAMS_BURST,
    DATAGRAMS_PER_S,
    Distributor,
    members_of,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import addresses_of, is_refresh, is_registration
from nethood.nbt.node_model import Interface, NameConflict, NameReleased, NodeOptions
from nethood.nbt.node_tables import NodeType
from nethood.nbt.packet import OPCODE_QUERY, Packet
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.suffix import FILE_SERVER, WORKSTATION
from nethood.neighborhood.browser import BrowserService, BrowseView, SharedNames
from nethood.neighborhood.datagram_port import DatagramPort, Incoming, open_ports
from nethood.neighborhood.datagrams import SNT, DatagramNode
from nethood.neighborhood.node import NameNode, NameTaken
from nethood.neighborhood.wins import WinsConfig, WinsService, own_networks
from nethood.net.hardware import hardware_address
from nethood.net.links import choose_links, default_route_names, links

MAX_SESSION_PACKET = 0xFFFF
Told = Callable[[NameConflict | NameReleased], None]
Tell = Callable[[str, str, dict[str, Any]], None]
"""Called with kind (``netbios`` or ``warning``), a sentence for a person, and plain fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """What a host is called and what it does.

    *wins* makes it a name server, and a datagram distribution server for the names registered
    there. *count_sessions* tells how many sessions its file server has, for its node status.
    """

    name: str
    machine_group: str
    comment: str = ""
    interfaces: tuple[Interface, ...]
    serves_files: bool = True
    node_type: NodeType = NodeType.B
    name_servers: tuple[IPv4Address, ...] = ()
    is_browser: bool = False
    is_preferred_master: bool = False
    wins: WinsConfig | None = None
    name_port: int = 137
    datagram_port: int = 138
    count_sessions: Callable[[], int] = lambda: 0


class NetbiosHost:
    """A host on the NetBIOS network, from `start` to `stop`."""

    def __init__(self, settings: HostSettings, tell: Tell) -> None:
        self.settings = settings
        self.wins: WinsService | None = None
        self.node = NameNode(
            NodeOptions(
                settings.interfaces,
                settings.node_type,
                settings.name_servers,
                port=settings.name_port,
            ),
            intercept=self._intercept,
            told=self._told,
        )
        self._tell = tell
        counters = self.node.node.counters
        counters.count_sessions = settings.count_sessions
        if settings.serves_files:
            counters.max_sessions = counters.session_packet_size = MAX_SESSION_PACKET
        self.ports = tuple(
            DatagramPort(
                interface,
                settings.datagram_port,
                networks=(settings.wins and settings.wins.networks) or (),
                snt=SNT[settings.node_type],
                counters=counters,
            )
            for interface in settings.interfaces
        )
        self.datagrams = DatagramNode(self.node, self.ports)
        """The datagram service, for others in this process to share."""
        self.distributor: Distributor | None = None
        self.listeners: list[Told] = []
        """Who else hears of conflicts and names taken away."""
        self._browsers: list[BrowserService] = []
        self._claiming: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take the ports, and return; the names are claimed in the background.

        Raises ConnectError where a port can't be had, LocalError for the name server's store.
        """
        try:
            self.node.open()
            open_ports(self.ports)
            self.datagrams.open()
            if self.settings.wins is not None:
                self.wins = await WinsService.open(
                    self.settings.wins, self.node.send_raw, self._warn
                )
                self._distribute(self.settings.wins, self.wins)
        except Error:
            await self.stop()
            raise
        self._claiming = asyncio.create_task(self._claim(), name="netbios-names")

    async def stop(self) -> None:
        """Say good-bye, release every name, and free the ports."""
        claiming, self._claiming = self._claiming, None
        if claiming is not None:
            claiming.cancel()
            await asyncio.gather(claiming, return_exceptions=True)
        await asyncio.gather(*(browser.stop() for browser in self._browsers))
        self._browsers.clear()
        await self.node.close()
        self.datagrams.close()
        for port in self.ports:
            port.close()
        wins, self.wins = self.wins, None
        if wins is not None:
            await wins.close()

    def views(self) -> list[BrowseView]:
        """Return what the browser of each interface knows."""
        return [browser.view() for browser in self._browsers]

    async def _claim(self) -> None:
        suffixes = [WORKSTATION, *([FILE_SERVER] if self.settings.serves_files else [])]
        names = [NetbiosName(self.settings.name.upper(), suffix) for suffix in suffixes]
        held = await asyncio.gather(*map(self._claim_one, names))
        if all(held):
            where = [str(interface.address) for interface in self.settings.interfaces]
            self._tell(
                "netbios",
                f"known to NetBIOS as {self.settings.name.upper()} on {', '.join(where)}",
                {"name": self.settings.name.upper(), "addresses": where},
            )
        self._browse()

    async def _claim_one(self, name: NetbiosName) -> bool:
        try:
            await self.node.add_name(name)
        except NameTaken as taken:
            self._warn(str(taken))
            return False
        return True

    def _browse(self) -> None:
        settings = BrowserSettings(
            host_name=self.settings.name,
            machine_group=self.settings.machine_group,
            comment=self.settings.comment,
            is_browser=self.settings.is_browser,
            is_preferred_master=self.settings.is_preferred_master,
            is_wins_client=bool(self.settings.name_servers),
        )
        # One name may be held for the browsers of several interfaces: it goes with the last.
        names = SharedNames(self.node)
        for port in self.ports:
            browser = BrowserService(settings, port, names)
            self._browsers.append(browser)
            browser.start()

    def _distribute(self, config: WinsConfig, wins: WinsService) -> None:
        """Relay datagrams to the names the name server knows, on the networks it serves."""
        networks = own_networks() if config.networks is None else config.networks
        self.distributor = Distributor(
            partial(members_of, wins.server.records),
            [interface.address for interface in self.settings.interfaces],
            SourceLimit(networks, DATAGRAMS_PER_S, DATAGRAMS_BURST),
            port=self.settings.datagram_port,
        )
        for port in self.ports:
            port.watch(partial(self._relay, self.distributor, port))

    def _relay(self, distributor: Distributor, port: DatagramPort, incoming: Incoming) -> None:
        """Relay what came to this host alone: a broadcast has reached its members already."""
        if incoming.packet is None or incoming.is_broadcast or incoming.is_own:
            return
        now = asyncio.get_running_loop().time()
        own = port.interface.address
        sent = distributor.receive(incoming.data, incoming.packet, incoming.source, own, now)
        for packet, to in sent:
            self._port_towards(to[0]).send_packet(packet, to)

    def _port_towards(self, address: str) -> DatagramPort:
        ip = IPv4Address(address)
        return next((p for p in self.ports if ip in p.interface.network), self.ports[0])

    def _intercept(self, data: bytes, source: tuple[str, int]) -> bool:
        """Let the name server have what is not about a name of this host itself."""
        if self.wins is None or self._asks_for_own(data):
            return False
        return self.wins.receive(data, source)

    def _asks_for_own(self, data: bytes) -> bool:
        """Tell whether *data* asks for a name of this host, or is another's claim to one."""
        packet = Packet.decode(data)
        if packet.is_response:
            return False
        held = [local for q in packet.questions if (local := self.node.local_name(q.name))]
        if packet.opcode == OPCODE_QUERY:
            return bool(held)
        if not (is_registration(packet) or is_refresh(packet)):
            return False
        own = {interface.address for interface in self.settings.interfaces}
        claimed = {entry.address for entry in addresses_of(packet)}
        return not claimed & own and any(not local.is_group for local in held)

    def _told(self, event: NameConflict | NameReleased) -> None:
        for listener in list(self.listeners):
            listener(event)
        if isinstance(event, NameConflict):
            self._warn(f"{event.source} says that the NetBIOS name {event.name} is its own too")
            for browser in self._browsers:
                browser.name_lost(event.name)
        else:
            self._warn(f"the name server took the NetBIOS name {event.name} from this host")

    def _warn(self, sentence: str) -> None:
        self._tell("warning", sentence, {})


def choose_interfaces(named: Sequence[str] | None = None) -> tuple[Interface, ...]:
    """Return the interfaces to run on: those *named*, or those with neighbours (`net.links`).

    Raises LocalError where there is none with an IPv4 address.
    """
    found = links()
    chosen = choose_links(found, default_route_names(found), named)
    missing = sorted(set(named or ()) - {link.name for link in chosen})
    if missing:
        raise LocalError(f"this machine has no interface {', '.join(missing)}, or it is down")
    interfaces = tuple(
        Interface(address.ip, address.network, hardware_address(link.name))
        for link in chosen
        for address in link.ipv4
    )
    if not interfaces:
        raise LocalError("there is no network interface with an IPv4 address for NetBIOS")
    return interfaces
