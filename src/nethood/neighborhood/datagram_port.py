"""UDP port 138 of one interface: whole datagrams in and out, shared by all who want them.

Only hosts on the interface's own network are listened to. What can't be read is counted and
forgotten; no error datagram is ever sent, so nobody can be hit by way of this host.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from ipaddress import IPv4Address

from nethood.errors import ConnectError
from nethood.nbt.datagram import (
    DIRECT_GROUP_DATAGRAM,
    DIRECT_UNIQUE_DATAGRAM,
    Datagram,
    DatagramHeader,
    Fragment,
    Reassembler,
    decode_datagram,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Interface
from nethood.net.udp import UdpEndpoint

DATAGRAM_PORT = 138

DatagramTaker = Callable[[Datagram, str], None]
"""Called with a datagram and the address it came from; Malformed out of it is counted."""


class DatagramPort:
    """The datagram service of one interface. Subscribers are called in order."""

    def __init__(self, interface: Interface, port: int = DATAGRAM_PORT) -> None:
        self.interface = interface
        self.port = port
        self.foreign = 0
        """How many packets came from other networks, and were dropped."""
        self._subscribers: list[DatagramTaker] = []
        self._reassembler = Reassembler()
        self._dgm_id = 0
        self._endpoints: list[UdpEndpoint] = []
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Begin to receive. Raises ConnectError where the port can't be had."""
        address = str(self.interface.address) if sys.platform == "linux" else "0.0.0.0"
        try:
            self._endpoints.append(
                UdpEndpoint.open(self._loop, address, self.port, self._take, broadcast=True)
            )
            # Linux alone hands broadcasts to a socket bound to their address, and not to one
            # bound to the interface's; elsewhere the one on all addresses takes both.
            if sys.platform == "linux" and self.interface.network.prefixlen < 31:
                broadcast = str(self.interface.broadcast)
                self._endpoints.append(
                    UdpEndpoint.open(self._loop, broadcast, self.port, self._take, reuse=True)
                )
        except ConnectError:
            self.close()
            raise

    def close(self) -> None:
        """Free the port; closing twice does no harm."""
        for endpoint in self._endpoints:
            endpoint.close()
        self._endpoints.clear()

    @property
    def malformed(self) -> int:
        """How many packets could not be read."""
        return sum(endpoint.malformed for endpoint in self._endpoints)

    def subscribe(self, taker: DatagramTaker) -> None:
        """Hand all datagrams to *taker* from now on."""
        self._subscribers.append(taker)

    def unsubscribe(self, taker: DatagramTaker) -> None:
        """Hand *taker* no more datagrams."""
        if taker in self._subscribers:
            self._subscribers.remove(taker)

    def send(
        self, source: NetbiosName, destination: NetbiosName, data: bytes, address: str | None
    ) -> None:
        """Send *data* to the host at *address*, or to everybody on the network for None.

        What goes to one host is a direct unique datagram, what goes to all a direct group one:
        the form peers expect of announcements even to a master's unique name.
        """
        if not self._endpoints:
            return
        self._dgm_id = (self._dgm_id + 1) & 0xFFFF
        kind = DIRECT_GROUP_DATAGRAM if address is None else DIRECT_UNIQUE_DATAGRAM
        header = DatagramHeader(kind, self._dgm_id, self.interface.address, self.port)
        packet = Datagram(header, source, destination, data).encode()
        self._endpoints[0].send(packet, (address or str(self.interface.broadcast), self.port))

    def _take(self, data: bytes, source: tuple[str, int]) -> None:
        if IPv4Address(source[0]) not in self.interface.network:
            self.foreign += 1
            return
        packet = decode_datagram(data)
        if isinstance(packet, Fragment):
            whole = self._reassembler.add(packet, source, self._loop.time())
            if whole is None:
                return
            packet = whole
        if isinstance(packet, Datagram):
            for taker in list(self._subscribers):
                taker(packet, source[0])
