"""The NetBIOS datagram service of a node: RFC 1002 5.3 on UDP port 138.

A datagram to a unique name goes to where the name is found; one to a group and one to everybody
are broadcast. What comes is delivered to whoever listens for its destination name, if that name is
this node's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from ipaddress import IPv4Address
from typing import NamedTuple

from nethood.errors import ConnectError, LocalError, Malformed
from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    BROADCAST_NAME,
    DESTINATION_NAME_NOT_PRESENT,
    DIRECT_GROUP_DATAGRAM,
    DIRECT_UNIQUE_DATAGRAM,
    SNT_B,
    SNT_M,
    SNT_NBDD,
    SNT_P,
    Datagram,
    DatagramError,
    DatagramHeader,
    DatagramQuery,
    Fragment,
    Reassembler,
    datagram_error,
    decode_datagram,
    decode_header,
    name_error_code,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Endpoint, Interface
from nethood.nbt.node_tables import NodeType
from nethood.nbt.source_limit import SourceLimit
from nethood.neighborhood import node
from nethood.neighborhood.node import NameNode
from nethood.net.udp import UdpEndpoint

DATAGRAM_SERVICE_PORT = 138
MAX_USER_DATA = 512
"""What every NetBIOS datagram may hold (RFC 1001 17.1.1); more is a matter between friends."""

_SNT = {NodeType.B: SNT_B, NodeType.P: SNT_P, NodeType.M: SNT_M, NodeType.H: SNT_NBDD}


class Received(NamedTuple):
    """A datagram that came for a name of this node."""

    source_name: NetbiosName
    destination_name: NetbiosName
    source: Endpoint
    interface: IPv4Address
    user_data: bytes


Deliver = Callable[[Received], None]


class DatagramNode:
    """Sends and receives the datagrams of the names of *names*.

    *deliver* is called for every datagram to a name this node holds, and for every broadcast one.
    """

    def __init__(
        self, names: NameNode, deliver: Deliver, *, port: int = DATAGRAM_SERVICE_PORT
    ) -> None:
        self.names = names
        self.port = port
        self.errors = 0
        self.malformed = 0
        self._deliver = deliver
        self._snt = _SNT[names.options.node_type]
        self._reassembler = Reassembler()
        self._next_id = secrets.randbelow(0x10000)
        self._endpoints: dict[Interface, UdpEndpoint] = {}
        self._broadcasts: list[UdpEndpoint] = []
        self._limits = {
            interface: SourceLimit(
                [interface.network], names.options.answers_per_s, names.options.answers_burst
            )
            for interface in names.options.interfaces
        }

    def open(self) -> None:
        """Bind the sockets and begin to receive. Raises ConnectError, with nothing bound."""
        loop = asyncio.get_running_loop()
        try:
            if node.HAS_BROADCAST_SOCKETS:
                for interface in self.names.options.interfaces:
                    self._bind(loop, interface)
            else:
                self._bind_everywhere(loop)
        except ConnectError:
            self.close()
            raise

    def close(self) -> None:
        """Free the sockets."""
        for endpoint in (*self._endpoints.values(), *self._broadcasts):
            endpoint.close()
        self._endpoints.clear()
        self._broadcasts.clear()

    async def send(
        self, source: NetbiosName, destination: NetbiosName, data: bytes, *, group: bool = False
    ) -> None:
        """Send a datagram from a name of ours to *destination*.

        A group is reached by broadcast, whatever the node type; a P node, which does not
        broadcast, reaches the members its name server tells. Raises LocalError for a source name
        that is not ours, NameNotKnown, TimedOut.
        """
        self._check_source(source)
        destination = self.names.node.scoped(destination)
        if group and self.names.options.node_type is not NodeType.P:
            self._broadcast(DIRECT_GROUP_DATAGRAM, source, destination, data)
            return
        found = await self.names.find(destination)
        is_group = group or found.entries[0].is_group
        kind = DIRECT_GROUP_DATAGRAM if is_group else DIRECT_UNIQUE_DATAGRAM
        for address in found.addresses if is_group else found.addresses[:1]:
            self.send_to((str(address), self.port), kind, source, destination, data)

    def broadcast(self, source: NetbiosName, data: bytes) -> None:
        """Send a datagram to every node of every interface's network."""
        self._check_source(source)
        self._broadcast(BROADCAST_DATAGRAM, source, BROADCAST_NAME, data)

    def send_to(
        self,
        to: Endpoint,
        msg_type: int,
        source: NetbiosName,
        destination: NetbiosName,
        data: bytes,
    ) -> None:
        """Send a datagram to one address, without looking a name up. Raises LocalError."""
        interface = self.names.interface_towards(IPv4Address(to[0]))
        packet = self._encode(msg_type, source, destination, data, interface)
        self._endpoints[interface].send(packet, to)

    def _broadcast(
        self, msg_type: int, source: NetbiosName, destination: NetbiosName, data: bytes
    ) -> None:
        for interface, endpoint in self._endpoints.items():
            packet = self._encode(msg_type, source, destination, data, interface)
            endpoint.send(packet, (str(interface.broadcast), self.port))

    def _encode(
        self,
        msg_type: int,
        source: NetbiosName,
        destination: NetbiosName,
        data: bytes,
        interface: Interface,
    ) -> bytes:
        self._next_id = (self._next_id + 1) & 0xFFFF
        header = DatagramHeader(msg_type, self._next_id, interface.address, self.port, self._snt)
        scoped = self.names.node.scoped
        # In one packet: the network fragments what is too long, and peers reassemble only that.
        return Datagram(header, scoped(source), scoped(destination), data).encode()

    def _check_source(self, source: NetbiosName) -> None:
        local = self.names.local_name(source)
        if local is None or not local.is_held or local.conflicts:
            raise LocalError(f"{source} is not a name of this node to send from")
        if not self._endpoints:
            raise LocalError("the datagram service of this NetBIOS node is not open")

    def _bind(self, loop: asyncio.AbstractEventLoop, interface: Interface) -> None:
        def direct(data: bytes, source: Endpoint) -> None:
            self._take(data, source, interface, broadcast=False)

        def by_broadcast(data: bytes, source: Endpoint) -> None:
            self._take(data, source, interface, broadcast=True)

        self._endpoints[interface] = UdpEndpoint.open(
            loop, str(interface.address), self.port, direct, broadcast=True
        )
        if interface.network.prefixlen < 31:
            shared = UdpEndpoint.open(
                loop, str(interface.broadcast), self.port, by_broadcast, broadcast=True, reuse=True
            )
            self._broadcasts.append(shared)

    def _bind_everywhere(self, loop: asyncio.AbstractEventLoop) -> None:
        def take(data: bytes, source: Endpoint) -> None:
            interface = self.names.interface_towards(IPv4Address(source[0]))
            unicast = data[:1] == bytes([DIRECT_UNIQUE_DATAGRAM])
            self._take(data, source, interface, broadcast=not unicast)

        endpoint = UdpEndpoint.open(loop, "0.0.0.0", self.port, take, broadcast=True)
        for interface in self.names.options.interfaces:
            self._endpoints[interface] = endpoint

    def _take(
        self, data: bytes, source: Endpoint, interface: Interface, *, broadcast: bool
    ) -> None:
        if source == (str(interface.address), self.port):
            return  # our own broadcast
        try:
            packet = decode_datagram(data)
            if isinstance(packet, Fragment):
                whole = self._reassembler.add(packet, source, asyncio.get_running_loop().time())
                if whole is None:
                    return
                packet = whole
        except Malformed:
            self.malformed += 1
            code = None if broadcast else name_error_code(data)
            if code is not None:
                self._complain(decode_header(data), code, source, interface)
            return
        if isinstance(packet, DatagramError):
            self.errors += 1
        elif isinstance(packet, Datagram):
            self._take_datagram(packet, source, interface, broadcast=broadcast)
        elif isinstance(packet, DatagramQuery):
            return  # for datagram distribution servers, which this node is not

    def _take_datagram(
        self, datagram: Datagram, source: Endpoint, interface: Interface, *, broadcast: bool
    ) -> None:
        destination = datagram.destination_name
        if datagram.header.msg_type == BROADCAST_DATAGRAM:
            wanted = destination.scope == self.names.options.scope
        else:
            local = self.names.local_name(destination) if self._in_scope(destination) else None
            wanted = local is not None and local.answers_on(interface.address)
        if wanted:
            self._deliver(
                Received(
                    datagram.source_name,
                    destination,
                    source,
                    interface.address,
                    datagram.user_data,
                )
            )
        elif datagram.header.msg_type == DIRECT_UNIQUE_DATAGRAM and not broadcast:
            self._complain(datagram.header, DESTINATION_NAME_NOT_PRESENT, source, interface)

    def _in_scope(self, name: NetbiosName) -> bool:
        return name.scope == self.names.options.scope

    def _complain(
        self, header: DatagramHeader, code: int, source: Endpoint, interface: Interface
    ) -> None:
        """Tell the sender (RFC 1002 5.3.3); only neighbours, and each only so often."""
        now = asyncio.get_running_loop().time()
        if self._limits[interface].allows(IPv4Address(source[0]), now):
            error = datagram_error(header, code, interface.address, self._snt)
            self._endpoints[interface].send(error.encode(), source)
