"""UDP port 138 of one interface, its one owner: what comes is handed to all who asked for it.

A node's datagram service, a browser, a distribution server and who only listens share a port. Only
hosts on the interface's own network are listened to, unless other networks are named; those are
limited in how often they are heard. What can't be read is counted.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple, ParamSpec

from nethood.errors import ConnectError, Malformed
from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    DIRECT_GROUP_DATAGRAM,
    DIRECT_UNIQUE_DATAGRAM,
    SNT_B,
    Datagram,
    DatagramHeader,
    DatagramPacket,
    Fragment,
    Reassembler,
    decode_datagram,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Endpoint, Interface, NodeCounters
from nethood.nbt.source_limit import SourceLimit
from nethood.neighborhood import node
from nethood.net.udp import UdpEndpoint

_P = ParamSpec("_P")

DATAGRAM_PORT = 138
FOREIGN_PER_S = 50.0
FOREIGN_BURST = 200
"""How often each host of another network is heard, where such are heard at all."""


class Incoming(NamedTuple):
    """A packet of the datagram service: the bytes, what they are, and how they came."""

    data: bytes
    packet: DatagramPacket | None
    """None for what can't be read."""
    whole: Datagram | None
    """The datagram it is, or the one it completes."""
    source: Endpoint
    is_broadcast: bool
    is_own: bool
    """Whether this host sent it: its own broadcast, come back."""


DatagramTaker = Callable[[Datagram, str], None]
"""Called with a datagram and the address it came from; Malformed out of it is counted."""
PacketTaker = Callable[[Incoming], None]
"""Called with every packet, whatever it is; Malformed out of it is counted."""


class DatagramPort:
    """The datagram service of one interface. Who takes packets is called in order.

    *networks* are heard beside the interface's own. *snt* is what the headers say of the kind of
    this node. What passes is counted in *counters*, too, if there are some.
    """

    def __init__(
        self,
        interface: Interface,
        port: int = DATAGRAM_PORT,
        *,
        networks: Sequence[IPv4Network] = (),
        snt: int = SNT_B,
        counters: NodeCounters | None = None,
    ) -> None:
        self.interface = interface
        self.port = port
        self.snt = snt
        self.foreign = 0
        """How many packets came from other networks, and were dropped."""
        self.malformed = 0
        """How many packets could not be read."""
        self._counters = counters or NodeCounters()
        self._limit = SourceLimit(networks, FOREIGN_PER_S, FOREIGN_BURST)
        self._subscribers: list[DatagramTaker] = []
        self._watchers: list[PacketTaker] = []
        self._reassembler = Reassembler()
        self._dgm_id = secrets.randbelow(0x10000)
        self._endpoints: list[UdpEndpoint] = []

    def open(self) -> None:
        """Begin to receive. Raises ConnectError where the port can't be had."""
        open_ports([self])

    def close(self) -> None:
        """Free the port; closing twice does no harm."""
        for endpoint in self._endpoints:
            endpoint.close()
        self._endpoints.clear()

    @property
    def is_open(self) -> bool:
        return bool(self._endpoints)

    def next_id(self) -> int:
        """Return a DGM_ID for the next datagram of this host."""
        self._dgm_id = (self._dgm_id + 1) & 0xFFFF
        return self._dgm_id

    def subscribe(self, taker: DatagramTaker) -> None:
        """Hand all whole datagrams to *taker* from now on."""
        self._subscribers.append(taker)

    def unsubscribe(self, taker: DatagramTaker) -> None:
        """Hand *taker* no more datagrams."""
        if taker in self._subscribers:
            self._subscribers.remove(taker)

    def watch(self, taker: PacketTaker) -> None:
        """Hand every packet to *taker* from now on: errors, queries and fragments, too."""
        self._watchers.append(taker)

    def unwatch(self, taker: PacketTaker) -> None:
        """Hand *taker* no more packets."""
        if taker in self._watchers:
            self._watchers.remove(taker)

    def send(
        self, source: NetbiosName, destination: NetbiosName, data: bytes, address: str | None
    ) -> None:
        """Send *data* to the host at *address*, or to everybody on the network for None.

        What goes to one host is a direct unique datagram, what goes to all a direct group one:
        the form peers expect of announcements even to a master's unique name.
        """
        kind = DIRECT_GROUP_DATAGRAM if address is None else DIRECT_UNIQUE_DATAGRAM
        self.send_datagram(kind, source, destination, data, address)

    def send_datagram(
        self,
        msg_type: int,
        source: NetbiosName,
        destination: NetbiosName,
        data: bytes,
        address: str | None,
    ) -> int:
        """Send a datagram of that kind to *address*, None for all; return its DGM_ID.

        In one packet: the network fragments what is too long, and peers reassemble only that.
        Raises LocalError for names or data that do not fit.
        """
        dgm_id = self.next_id()
        header = DatagramHeader(msg_type, dgm_id, self.interface.address, self.port, self.snt)
        packet = Datagram(header, source, destination, data).encode()
        self.send_packet(packet, (address or str(self.interface.broadcast), self.port))
        return dgm_id

    def send_packet(self, packet: bytes, to: Endpoint) -> None:
        """Send a packet as it is; nothing happens once the port is closed."""
        if not self._endpoints:
            return
        if self._endpoints[0].send(packet, to):
            self._counters.good_sends += 1
        else:
            self._counters.send_aborts += 1

    def take(self, data: bytes, source: Endpoint, *, is_broadcast: bool) -> None:
        """Take a packet that came on this interface, and hand it on."""
        now = asyncio.get_running_loop().time()
        address = IPv4Address(source[0])
        if address not in self.interface.network and not self._limit.allows(address, now):
            self.foreign += 1
            return
        incoming = self._read(data, source, now, is_broadcast=is_broadcast)
        for watcher in list(self._watchers):
            self._hand(watcher, incoming)
        if incoming.whole is not None:
            for taker in list(self._subscribers):
                self._hand(taker, incoming.whole, source[0])

    def _hand(self, taker: Callable[_P, None], *what: _P.args, **more: _P.kwargs) -> None:
        """What one of those who share the port can't read may be for the next."""
        try:
            taker(*what, **more)
        except Malformed:
            self.malformed += 1

    def _read(self, data: bytes, source: Endpoint, now: float, *, is_broadcast: bool) -> Incoming:
        packet, whole = None, None
        try:
            packet = decode_datagram(data)
            if isinstance(packet, Fragment):
                whole = self._reassembler.add(packet, source, now)
            elif isinstance(packet, Datagram):
                whole = packet
            self._counters.received(now)
        except Malformed:
            self.malformed += 1
        is_own = source == (str(self.interface.address), self.port)
        return Incoming(data, packet, whole, source, is_broadcast, is_own)

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        def direct(data: bytes, source: Endpoint) -> None:
            self.take(data, source, is_broadcast=False)

        def by_broadcast(data: bytes, source: Endpoint) -> None:
            self.take(data, source, is_broadcast=True)

        address, broadcast = str(self.interface.address), str(self.interface.broadcast)
        self._endpoints.append(UdpEndpoint.open(loop, address, self.port, direct, broadcast=True))
        if self.interface.network.prefixlen < 31:  # else there is no broadcast address
            self._endpoints.append(
                UdpEndpoint.open(loop, broadcast, self.port, by_broadcast, reuse=True)
            )

    def _use(self, endpoint: UdpEndpoint) -> None:
        self._endpoints.append(endpoint)


def open_ports(ports: Sequence[DatagramPort]) -> None:
    """Open the ports of one host's interfaces, all or none. Raises ConnectError.

    Linux alone hands broadcasts to a socket bound to their address; elsewhere there is one socket
    for all, and by what way a packet came is taken from what it says it is.
    """
    loop = asyncio.get_running_loop()
    try:
        if node.HAS_BROADCAST_SOCKETS:
            for port in ports:
                port._bind(loop)
        elif ports:
            _bind_everywhere(loop, ports)
    except ConnectError:
        for port in ports:
            port.close()
        raise


def _bind_everywhere(loop: asyncio.AbstractEventLoop, ports: Sequence[DatagramPort]) -> None:
    def take(data: bytes, source: Endpoint) -> None:
        address = IPv4Address(source[0])
        port = next((p for p in ports if address in p.interface.network), ports[0])
        for_many = data[:1] in (bytes([DIRECT_GROUP_DATAGRAM]), bytes([BROADCAST_DATAGRAM]))
        port.take(data, source, is_broadcast=for_many)

    endpoint = UdpEndpoint.open(loop, "0.0.0.0", ports[0].port, take, broadcast=True)
    for port in ports:
        port._use(endpoint)
