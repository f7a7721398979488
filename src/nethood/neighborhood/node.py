"""A NetBIOS end node on the network: the node of nbt/node.py with sockets and a clock.

Each interface has a socket on its own address, which also sends, and one on its broadcast address,
so that the node knows what came by broadcast (RFC 1002 5.1.2.5 has P nodes ignore it). Systems
other than Linux have one socket for all interfaces, and what came how stands in the packet.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from typing import TypeVar

from nethood.errors import (
    ConnectError,
    Error,
    LocalError,
    Malformed,
    TimedOut,
    TransportError,
)
from nethood.nbt.lmhosts import Lmhosts
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import addresses_of, name_query_request
from nethood.nbt.node import Node
from nethood.nbt.node_model import (
    Endpoint,
    Interface,
    LocalName,
    NameAdded,
    NameConflict,
    NameFound,
    NameNotFound,
    NameRefused,
    NameReleased,
    NodeOptions,
    Output,
    Send,
    StatusFound,
)
from nethood.nbt.node_status import WILDCARD, NodeStatus
from nethood.nbt.node_tables import NodeType
from nethood.nbt.packet import OPCODE_QUERY, TYPE_NB, Packet
from nethood.net.name_tcp import ask_by_tcp
from nethood.net.udp import UdpEndpoint

Intercept = Callable[[bytes, Endpoint], bool]
"""Takes a unicast datagram before the node does; True when it was its affair (a WINS server)."""
Told = Callable[[NameConflict | NameReleased], None]
"""Is told that a name is in conflict, or was taken away by the name server."""

_T = TypeVar("_T")
_MAX_KNOWN = 1024
_WHOLE_ANSWER_S = 3.0
_BROADCAST_BIT = 0x10  # NM_FLAGS_B, where it lies in the fourth byte of a packet
HAS_BROADCAST_SOCKETS = sys.platform == "linux"
"""Whether a socket bound to a broadcast address hears broadcasts; elsewhere it can't be bound."""


LIMITED_BROADCAST = "255.255.255.255"


class NameTaken(Error):
    """A name can't be had: somebody objected to the claim, or no name server answered it."""

    def __init__(self, refused: NameRefused) -> None:
        who = f"{refused.owner} has it" if refused.owner else "no name server answers"
        super().__init__(f"can't have the NetBIOS name {refused.name}: {who}")
        self.name = refused.name
        self.owner = refused.owner
        self.rcode = refused.rcode


class NameNotKnown(Error):
    """Nobody answers to a NetBIOS name, or to a node status request."""


class NameNode:
    """The name service of one host: claim and release names, find others, answer questions.

    *intercept* sees unicast datagrams first. *told* hears what happens to names unasked.
    """

    def __init__(
        self,
        options: NodeOptions,
        *,
        lmhosts: Lmhosts | None = None,
        intercept: Intercept | None = None,
        told: Told | None = None,
    ) -> None:
        self.options = options
        self.node = Node(options, _new_trn_id, lmhosts)
        self._intercept = intercept
        self._told = told
        self._endpoints: dict[IPv4Address, UdpEndpoint] = {}
        self._broadcasts: list[UdpEndpoint] = []
        self._verdicts: dict[NetbiosName, asyncio.Future[None]] = {}
        self._releases: dict[NetbiosName, asyncio.Future[None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None
        self._known: dict[tuple[IPv4Address, bool, bytes], bytes] = {}
        self._known_version = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """Bind the sockets and begin to answer. Raises ConnectError, and leaves nothing bound."""
        self._loop = asyncio.get_running_loop()
        try:
            if HAS_BROADCAST_SOCKETS:
                for interface in self.options.interfaces:
                    self._bind(self._loop, interface)
                self._bind_limited(self._loop)
            else:
                self._bind_everywhere(self._loop)
        except ConnectError:
            self._unbind()
            raise

    async def close(self) -> None:
        """Release every name, wait until that is done, and free the sockets."""
        if self._loop is None:
            return
        names = [local.name for local in self.node.names]
        try:
            await asyncio.gather(*(self.remove_name(name) for name in names))
        finally:
            if self._timer is not None:
                self._timer.cancel()
            self._unbind()
            self._loop = None

    def local_name(self, name: NetbiosName) -> LocalName | None:
        """Return the entry of the local name table for *name*, if there is one."""
        return self.node.local_name(name)

    def interface_towards(self, address: IPv4Address) -> Interface:
        """Return the interface in whose network *address* is, or the first."""
        interfaces = self.options.interfaces
        return next((i for i in interfaces if address in i.network), interfaces[0])

    async def add_name(self, name: NetbiosName, *, group: bool = False) -> None:
        """Claim *name* and wait until it is ours.

        Raises NameTaken; LocalError where the name is in the table already. Cancelling gives the
        name up again.
        """
        name = self.node.scoped(name)
        outputs = self.node.claim(name, self._now(), group=group)
        verdict = self._verdicts[name] = self._future()
        self._do(outputs)
        try:
            await verdict
        except asyncio.CancelledError:
            if self.local_name(name) is not None:
                self._do(self.node.release(name, self._now()))
            raise
        finally:
            self._verdicts.pop(name, None)

    async def remove_name(self, name: NetbiosName) -> None:
        """Give *name* up and wait until that is done. Raises LocalError for a name not ours."""
        name = self.node.scoped(name)
        released = self._releases.get(name)
        if released is None:
            outputs = self.node.release(name, self._now())
            released = self._releases[name] = self._future()
            self._do(outputs)
        try:
            await asyncio.shield(released)
        finally:
            self._releases.pop(name, None)

    async def find(
        self,
        name: NetbiosName,
        *,
        via: NodeType | None = None,
        to: Endpoint | None = None,
        timeout_s: float = 15.0,
    ) -> NameFound:
        """Look *name* up as this node does, as a node of type *via* would, or at one address.

        Raises NameNotKnown; TimedOut when there is no end to it in *timeout_s*.
        """
        event = await self._ask(
            lambda tag: self.node.find(name, self._now(), tag=tag, via=via, to=to),
            timeout_s,
            f"nobody says where {name} is",
        )
        if isinstance(event, NameFound):
            is_cut = event.is_truncated and event.source in self.options.name_servers
            return await self._find_whole(event, timeout_s) if is_cut else event
        raise NameNotKnown(f"nobody answers to the NetBIOS name {name}")

    async def status(
        self, to: Endpoint, *, name: NetbiosName = WILDCARD, timeout_s: float = 15.0
    ) -> NodeStatus:
        """Ask the node at *to* for its status. Raises NameNotKnown, TimedOut."""
        event = await self._ask(
            lambda tag: self.node.status(to, self._now(), tag=tag, name=name),
            timeout_s,
            f"{to[0]} does not tell its node status",
        )
        if isinstance(event, StatusFound):
            return event.status
        raise NameNotKnown(f"{to[0]} does not tell its NetBIOS node status")

    def send_raw(self, data: bytes, destination: Endpoint) -> None:
        """Send from the node's own socket, as a name server does that shares it."""
        interface = self.interface_towards(IPv4Address(destination[0]))
        self._endpoints[interface.address].send(data, destination)

    async def _find_whole(self, cut: NameFound, timeout_s: float) -> NameFound:
        """Ask the name server by TCP for what a datagram did not hold (RFC 1002 4.2.1.1).

        Where it does not tell, what it told is the answer: few name servers listen on TCP 137.
        """
        request = name_query_request(_new_trn_id(), cut.name)
        where = (str(cut.source), self.options.port)
        try:
            limit_s = min(timeout_s, _WHOLE_ANSWER_S)
            answer = Packet.decode(await ask_by_tcp(where, request.encode(), timeout_s=limit_s))
            entries = tuple(addresses_of(answer))
        except (TransportError, Malformed):
            return cut
        is_ours = answer.is_response and answer.name_trn_id == request.name_trn_id
        if not is_ours or not answer.answers or not entries:
            return cut
        whole = tuple(entry.address for entry in entries)
        is_group = entries[0].is_group
        ttl_s = answer.answers[0].ttl_s
        self.node.cache.add(cut.name, whole, self._now(), ttl_s=ttl_s, is_group=is_group)
        return cut._replace(entries=entries, is_truncated=False)

    async def _ask(
        self, start: Callable[[object], list[Output]], timeout_s: float, sentence: str
    ) -> Output:
        answer: asyncio.Future[Output] = self._future()
        try:
            async with asyncio.timeout(timeout_s):
                self._do(start(answer))
                return await answer
        except TimeoutError:
            self.node.cancel(answer)
            raise TimedOut(f"{sentence}: no answer in {timeout_s:g} s") from None
        except asyncio.CancelledError:
            self.node.cancel(answer)
            raise

    def _bind(self, loop: asyncio.AbstractEventLoop, interface: Interface) -> None:
        def direct(data: bytes, source: Endpoint) -> None:
            if self._intercept is None or not self._intercept(data, source):
                self._take(data, source, interface, broadcast=False)

        def by_broadcast(data: bytes, source: Endpoint) -> None:
            self._take(data, source, interface, broadcast=True)

        port = self.options.port
        self._endpoints[interface.address] = UdpEndpoint.open(
            loop, str(interface.address), port, direct, broadcast=True
        )
        if interface.network.prefixlen < 31:  # else there is no broadcast address
            shared = UdpEndpoint.open(
                loop, str(interface.broadcast), port, by_broadcast, broadcast=True, reuse=True
            )
            self._broadcasts.append(shared)

    def _bind_limited(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear the limited broadcast too, where senders say nothing of the network."""

        def by_broadcast(data: bytes, source: Endpoint) -> None:
            address = IPv4Address(source[0])
            for interface in self.options.interfaces:
                if address in interface.network:
                    self._take(data, source, interface, broadcast=True)
                    return

        self._broadcasts.append(
            UdpEndpoint.open(
                loop, LIMITED_BROADCAST, self.options.port, by_broadcast, broadcast=True, reuse=True
            )
        )

    def _bind_everywhere(self, loop: asyncio.AbstractEventLoop) -> None:
        """Bind one socket for all, and believe the sender who says that he broadcast."""

        def take(data: bytes, source: Endpoint) -> None:
            broadcast = len(data) > 3 and bool(data[3] & _BROADCAST_BIT)
            if broadcast or self._intercept is None or not self._intercept(data, source):
                interface = self.interface_towards(IPv4Address(source[0]))
                self._take(data, source, interface, broadcast=broadcast)

        endpoint = UdpEndpoint.open(loop, "0.0.0.0", self.options.port, take, broadcast=True)
        for interface in self.options.interfaces:
            self._endpoints[interface.address] = endpoint

    def _unbind(self) -> None:
        for endpoint in (*self._endpoints.values(), *self._broadcasts):
            endpoint.close()
        self._endpoints.clear()
        self._broadcasts.clear()

    def _take(
        self, data: bytes, source: Endpoint, interface: Interface, *, broadcast: bool
    ) -> None:
        now = self._now()
        question = (interface.address, broadcast, data[2:])
        if self._known_version == self.node.version:
            known = self._known.get(question)
            if known is not None:
                if self.node.may_answer(source, now, interface):
                    self.node.counters.received(now)
                    self.node.counters.good_sends += 1
                    self._endpoints[interface.address].send(data[:2] + known, source)
                return
        packet = Packet.decode(data)
        outputs = self.node.feed(packet, source, now, interface=interface, broadcast=broadcast)
        if _is_answer(packet, outputs):
            self._remember(question, outputs[0])
        self._do(outputs)

    def _remember(self, question: tuple[IPv4Address, bool, bytes], answer: Output) -> None:
        """Keep the answer to a question for as long as nothing changes, whoever asks again.

        The row smbtorture nbt.bench.namequery of the benchmarks is what this is for.
        """
        assert isinstance(answer, Send)
        if self._known_version != self.node.version or len(self._known) >= _MAX_KNOWN:
            self._known.clear()
            self._known_version = self.node.version
        self._known[question] = answer.packet.encode()[2:]

    def _do(self, outputs: Iterable[Output]) -> None:
        """Send what is to be sent, tell what is to be told, and set the timer."""
        for output in outputs:
            if isinstance(output, Send):
                endpoint = self._endpoints.get(output.interface)
                if endpoint is not None and not endpoint.send(
                    output.packet.encode(), output.destination
                ):
                    self.node.counters.send_aborts += 1
            else:
                self._tell(output)
        self._arm()

    def _tell(self, event: Output) -> None:
        if isinstance(event, NameAdded):
            _resolve(self._verdicts.get(event.name), None)
        elif isinstance(event, NameRefused):
            _reject(self._verdicts.get(event.name), NameTaken(event))
        elif isinstance(event, NameFound | NameNotFound | StatusFound):
            if isinstance(event.tag, asyncio.Future):
                _resolve(event.tag, event)
        elif isinstance(event, NameReleased):
            lost = LocalError(f"{event.name} was given up while it was claimed")
            _reject(self._verdicts.get(event.name), lost)
            _resolve(self._releases.get(event.name), None)
            if event.demanded and self._told is not None:
                self._told(event)
        elif isinstance(event, NameConflict) and self._told is not None:
            self._told(event)

    def _arm(self) -> None:
        due = self.node.next_timeout()
        if due == self._due and (due is None or self._timer is not None):
            return
        self._due = due
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None and self._loop is not None:
            self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        # The loop may call a little early; what is due then is due now.
        due = self.node.next_timeout()
        self._do(self.node.tick(max(self._now(), due or 0.0)))

    def _now(self) -> float:
        if self._loop is None:
            raise LocalError("this NetBIOS node is not open")
        return self._loop.time()

    def _future(self) -> asyncio.Future[_T]:
        self._now()
        return asyncio.get_running_loop().create_future()


def _is_answer(packet: Packet, outputs: list[Output]) -> bool:
    """Whether *outputs* is the answer to a name query, and nothing else."""
    if packet.is_response or packet.opcode != OPCODE_QUERY or len(outputs) != 1:
        return False
    return packet.questions[0].question_type == TYPE_NB


def _new_trn_id() -> int:
    return secrets.randbelow(0x10000)


def _resolve(future: asyncio.Future[_T] | None, value: _T) -> None:
    if future is not None and not future.done():
        future.set_result(value)


def _reject(future: asyncio.Future[None] | None, error: Error) -> None:
    if future is not None and not future.done():
        future.set_exception(error)
