"""The NetBIOS datagram service of a node: RFC 1002 5.3, on the ports of its interfaces.

A datagram to a unique name goes to where the name is found. One to a group and one to everybody are
relayed by a distribution server, where there is one and it will, and broadcast otherwise. What
comes is delivered to whoever asked, if its destination name is this node's.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import IPv4Address
from typing import NamedTuple

from nethood.errors import LocalError
from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    BROADCAST_NAME,
    DATAGRAM_QUERY_REQUEST,
    DESTINATION_NAME_NOT_PRESENT,
    DIRECT_GROUP_DATAGRAM,
    DIRECT_UNIQUE_DATAGRAM,
    ERROR_CODES,
    SNT_B,
    SNT_M,
    SNT_NBDD,
    SNT_P,
    Datagram,
    DatagramError,
    DatagramHeader,
    DatagramQuery,
    datagram_error,
    decode_header,
    name_error_code,
)
from nethood.nbt.distribution import Ask, RelayBook, Verdict
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Endpoint
from nethood.nbt.node_tables import NodeType
from nethood.nbt.source_limit import SourceLimit
from nethood.neighborhood import node
from nethood.neighborhood.datagram_port import DatagramPort, Incoming
from nethood.neighborhood.node import NameNode

MAX_USER_DATA = 512
"""What every NetBIOS datagram may hold (RFC 1001 17.1.1); more is a matter between friends."""
SNT = {NodeType.B: SNT_B, NodeType.P: SNT_P, NodeType.M: SNT_M, NodeType.H: SNT_NBDD}
"""What the headers of a node say of its type."""

_MAX_REMEMBERED = 256


class Received(NamedTuple):
    """A datagram that came for a name of this node."""

    source_name: NetbiosName
    destination_name: NetbiosName
    source: Endpoint
    interface: IPv4Address
    user_data: bytes


class DatagramRefused(NamedTuple):
    """The host at *address* says why it did not take a datagram to *name*, RFC 1002 4.4.3."""

    name: NetbiosName
    address: IPv4Address
    error_code: int

    def __str__(self) -> str:
        why = ERROR_CODES.get(self.error_code, f"error 0x{self.error_code:02X}")
        return f"{self.address} did not take a datagram to {self.name}: {why}"


Deliver = Callable[[Received], None]
Refused = Callable[[DatagramRefused], None]


class DatagramNode:
    """Sends and receives the datagrams of the names of *names* on *ports*, which are the caller's.

    Who subscribes is called for every datagram to a name this node holds, and for every broadcast
    one. *distributor* is the server that relays to groups and to everybody, if there is one.
    """

    def __init__(
        self,
        names: NameNode,
        ports: Sequence[DatagramPort],
        *,
        distributor: IPv4Address | None = None,
    ) -> None:
        self.names = names
        self.ports = tuple(ports)
        self.errors = 0
        """Datagram errors that came, matched with what was sent or not."""
        self._snt = SNT[names.options.node_type]
        self._distributor = distributor
        self._relays = RelayBook(
            self.ports[0].next_id,
            interval_s=names.options.unicast_interval_s,
            tries=names.options.tries,
        )
        self._relay_timer: asyncio.TimerHandle | None = None
        self._asking: dict[NetbiosName, asyncio.Future[bool]] = {}
        self._own = {(str(port.interface.address), port.port) for port in self.ports}
        self._delivers: list[Deliver] = []
        self._refuseds: list[Refused] = []
        self._sent: OrderedDict[tuple[int, str], NetbiosName] = OrderedDict()
        self._watchers = [(port, partial(self._take, port)) for port in self.ports]
        self._limits = {
            port: SourceLimit(
                [port.interface.network],
                names.options.answers_per_s,
                names.options.answers_burst,
            )
            for port in self.ports
        }

    def open(self) -> None:
        """Begin to receive; the ports are open already, or will be."""
        for port, watcher in self._watchers:
            port.watch(watcher)

    def close(self) -> None:
        """Receive no more; who waits for a distribution server's answer has a no."""
        for port, watcher in self._watchers:
            port.unwatch(watcher)
        if self._relay_timer is not None:
            self._relay_timer.cancel()
        for waiting in self._asking.values():
            if not waiting.done():
                waiting.set_result(False)
        self._asking.clear()

    def subscribe(self, deliver: Deliver, refused: Refused | None = None) -> None:
        """Hand datagrams to *deliver*, and what became of those sent to *refused*."""
        self._delivers.append(deliver)
        if refused is not None:
            self._refuseds.append(refused)

    def unsubscribe(self, deliver: Deliver, refused: Refused | None = None) -> None:
        """Undo `subscribe`."""
        self._delivers.remove(deliver)
        if refused is not None:
            self._refuseds.remove(refused)

    async def send(
        self, source: NetbiosName, destination: NetbiosName, data: bytes, *, group: bool = False
    ) -> None:
        """Send a datagram from a name of ours to *destination*; *group* says that it is one.

        Raises LocalError for a source name that is not ours, NameNotKnown, TimedOut.
        """
        self._check_source(source)
        destination = self.names.node.scoped(destination)
        if not group:
            found = await self.names.find(destination)
            if not found.entries[0].is_group:
                self._send_unique(found.addresses[0], source, destination, data)
                return
        await self._send_to_many(DIRECT_GROUP_DATAGRAM, source, destination, data)

    async def broadcast(self, source: NetbiosName, data: bytes) -> None:
        """Send a datagram to everybody: each node of the networks, or whom the server reaches.

        Raises LocalError for a source name that is not ours, and for a P node that has no server
        to relay it.
        """
        self._check_source(source)
        everybody = self.names.node.scoped(BROADCAST_NAME)
        await self._send_to_many(BROADCAST_DATAGRAM, source, everybody, data)

    def send_to(
        self,
        to: IPv4Address,
        msg_type: int,
        source: NetbiosName,
        destination: NetbiosName,
        data: bytes,
    ) -> int:
        """Send a datagram to one address, without looking a name up; return its DGM_ID.

        Raises LocalError.
        """
        port = self._port_towards(to)
        scoped = self.names.node.scoped
        return port.send_datagram(msg_type, scoped(source), scoped(destination), data, str(to))

    def _send_unique(
        self, to: IPv4Address, source: NetbiosName, destination: NetbiosName, data: bytes
    ) -> None:
        dgm_id = self.send_to(to, DIRECT_UNIQUE_DATAGRAM, source, destination, data)
        self._sent[dgm_id, str(to)] = destination
        if len(self._sent) > _MAX_REMEMBERED:
            self._sent.popitem(last=False)

    async def _send_to_many(
        self, msg_type: int, source: NetbiosName, destination: NetbiosName, data: bytes
    ) -> None:
        """Relay, broadcast, or send to each member: RFC 1002 5.3.1 and 5.3.2.

        Deviates: an M node without a distribution server broadcasts, as Windows H nodes do; the
        RFC has it send to each member, and normal groups have none at a name server.
        """
        if self._distributor is not None and await self._is_relayed(destination):
            self.send_to(self._distributor, msg_type, source, destination, data)
        elif self.names.options.node_type is not NodeType.P:
            for port in self.ports:
                port.send_datagram(
                    msg_type, self.names.node.scoped(source), destination, data, None
                )
        elif msg_type == BROADCAST_DATAGRAM:
            raise LocalError(
                "a P node does not broadcast: name a distribution server that relays to everybody"
            )
        else:
            found = await self.names.find(destination)
            for address in found.addresses:
                self.send_to(address, msg_type, source, destination, data)

    # What a distribution server says.

    async def _is_relayed(self, name: NetbiosName) -> bool:
        """Ask the distribution server, or remember its answer; its silence is a no."""
        loop = asyncio.get_running_loop()
        outputs = self._relays.ask(name, loop.time())
        for output in outputs:
            if isinstance(output, Verdict):
                return output.relays
        waiting = self._asking.get(name)
        if waiting is None:
            waiting = self._asking[name] = loop.create_future()
        self._do(outputs)
        return await asyncio.shield(waiting)

    def _do(self, outputs: Sequence[Ask | Verdict]) -> None:
        for output in outputs:
            if isinstance(output, Ask):
                self._query(output)
            else:
                waiting = self._asking.pop(output.name, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(output.relays)
        if self._relay_timer is not None:
            self._relay_timer.cancel()
            self._relay_timer = None
        due = self._relays.next_timeout()
        if due is not None:
            self._relay_timer = asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        # The loop may call a little early; what is due then is due now.
        due = self._relays.next_timeout() or 0.0
        self._do(self._relays.tick(max(asyncio.get_running_loop().time(), due)))

    def _query(self, ask: Ask) -> None:
        assert self._distributor is not None
        port = self._port_towards(self._distributor)
        address = port.interface.address
        header = DatagramHeader(DATAGRAM_QUERY_REQUEST, ask.dgm_id, address, port.port, self._snt)
        packet = DatagramQuery(header, ask.name).encode()
        port.send_packet(packet, (str(self._distributor), port.port))

    # What comes.

    def _take(self, port: DatagramPort, incoming: Incoming) -> None:
        packet, source = incoming.packet, incoming.source
        if source in self._own or (incoming.is_broadcast and self._is_deaf):
            return
        if incoming.whole is not None:
            self._take_datagram(port, incoming.whole, incoming)
        elif packet is None:
            code = None if incoming.is_broadcast else name_error_code(incoming.data)
            if code is not None:
                self._complain(port, decode_header(incoming.data), code, source)
        elif isinstance(packet, DatagramError):
            self._take_error(packet, source)
        elif isinstance(packet, DatagramQuery) and source[0] == str(self._distributor):
            self._do(self._relays.answered(packet, asyncio.get_running_loop().time()))

    @property
    def _is_deaf(self) -> bool:
        """A P node does not hear broadcasts (RFC 1002 5.3.3), where they can be told apart."""
        return node.HAS_BROADCAST_SOCKETS and self.names.options.node_type is NodeType.P

    def _take_datagram(self, port: DatagramPort, datagram: Datagram, incoming: Incoming) -> None:
        destination = datagram.destination_name
        address = port.interface.address
        if destination.scope != self.names.options.scope:
            return
        is_wanted = datagram.header.msg_type == BROADCAST_DATAGRAM
        if not is_wanted:
            local = self.names.local_name(destination)
            is_wanted = local is not None and local.answers_on(address)
        if is_wanted:
            received = Received(
                datagram.source_name, destination, incoming.source, address, datagram.user_data
            )
            for deliver in list(self._delivers):
                deliver(received)
        elif datagram.header.msg_type == DIRECT_UNIQUE_DATAGRAM and not incoming.is_broadcast:
            self._complain(port, datagram.header, DESTINATION_NAME_NOT_PRESENT, incoming.source)

    def _take_error(self, error: DatagramError, source: Endpoint) -> None:
        """Tell who sent the datagram, and forget where its name was said to be.

        Deviates from RFC 1002 5.3.3: no release is sent to the name server on the word of a packet
        anybody can forge.
        """
        self.errors += 1
        name = self._sent.pop((error.header.dgm_id, source[0]), None)
        if name is None:
            return
        self.names.node.cache.forget(name)
        refusal = DatagramRefused(name, IPv4Address(source[0]), error.error_code)
        for refused in list(self._refuseds):
            refused(refusal)

    def _complain(
        self, port: DatagramPort, header: DatagramHeader, code: int, source: Endpoint
    ) -> None:
        """Tell the sender (RFC 1002 5.3.3); only neighbours, and each only so often."""
        now = asyncio.get_running_loop().time()
        if self._limits[port].allows(IPv4Address(source[0]), now):
            error = datagram_error(header, code, port.interface.address, self._snt)
            port.send_packet(error.encode(), source)

    def _port_towards(self, address: IPv4Address) -> DatagramPort:
        return next((p for p in self.ports if address in p.interface.network), self.ports[0])

    def _check_source(self, source: NetbiosName) -> None:
        local = self.names.local_name(source)
        if local is None or not local.is_held or local.conflicts:
            raise LocalError(f"{source} is not a name of this node to send from")
        if not all(port.is_open for port in self.ports):
            raise LocalError("the datagram service of this NetBIOS node is not open")
