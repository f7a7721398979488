"""NetBIOS for applications: names, sessions and datagrams of one host, asynchronously.

    async with netbios.Node() as node:
        await node.add_name("APP", suffix=0x41)
        listener = await node.listen("APP", suffix=0x41)
        async for stream in listener: ...

It does what NetBIOS control blocks did; docs/netbios-api.md has the table of commands and methods.
Names are written in upper case, as every caller of NetBIOS has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path
from types import TracebackType
from typing import Self

from nethood.errors import ConnectError, LocalError, TimedOut
from nethood.nbt.lmhosts import Lmhosts, read_lmhosts
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import (
    Endpoint,
    Interface,
    NameConflict,
    NameFound,
    NameReleased,
    NodeOptions,
)
from nethood.nbt.node_status import NodeStatus
from nethood.nbt.node_tables import NodeType
from nethood.nbt.session import (
    CALLED_NAME_NOT_PRESENT,
    INSUFFICIENT_RESOURCES,
    NOT_LISTENING_FOR_CALLING_NAME,
    NOT_LISTENING_ON_CALLED_NAME,
    NegativeSessionResponse,
    RetargetSessionResponse,
    SessionRequest,
)
from nethood.nbt.suffix import FILE_SERVER
from nethood.neighborhood.datagram_port import DatagramPort, open_ports
from nethood.neighborhood.datagrams import SNT, DatagramNode, DatagramRefused, Received
from nethood.neighborhood.host import NetbiosHost
from nethood.neighborhood.node import NameNode, NameNotKnown, NameTaken
from nethood.net.hardware import hardware_address, hardware_address_of
from nethood.net.links import choose_links, default_route_names, links
from nethood.net.sessions import (
    MAX_PENDING,
    SSN_RETRY_COUNT,
    Answer,
    CallRefused,
    MessageStream,
    SessionListener,
    call,
    retarget,
)

__all__ = [
    "CallRefused",
    "DatagramRefused",
    "Listener",
    "MessageStream",
    "NameFound",
    "NameNotKnown",
    "NameTaken",
    "NetbiosName",
    "Node",
    "NodeStatus",
    "NodeType",
    "Received",
]

_BACKLOG = 64
_MAX_WAITING = 256
_MAX_LMHOSTS_BYTES = 1 << 20
_NO_LIMIT = 0xFFFF
"""What node status says of sessions: it has 16 bits, and there is no fixed table."""

Told = Callable[[NameConflict | NameReleased | DatagramRefused], None]


class Listener:
    """Calls to one name, in the order they came; an asynchronous iterator of streams."""

    def __init__(self, name: NetbiosName, calling: NetbiosName | None) -> None:
        self.name = name
        self.calling = calling
        """The one name it listens for, None for any."""
        self._waiting: asyncio.Queue[MessageStream | None] = asyncio.Queue()
        self.is_closed = False

    async def accept(self) -> MessageStream:
        """Wait for the next call. Raises LocalError once the listener is closed."""
        stream = await self._waiting.get()
        if stream is None:
            self._waiting.put_nowait(None)
            raise LocalError(f"nobody listens for {self.name} any more")
        return stream

    async def close(self) -> None:
        """Listen no more; calls nobody has accepted are ended."""
        if self.is_closed:
            return
        self.is_closed = True
        while not self._waiting.empty():
            stream = self._waiting.get_nowait()
            if stream is not None:
                await stream.abort()
        self._waiting.put_nowait(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> MessageStream:
        try:
            return await self.accept()
        except LocalError:
            raise StopAsyncIteration from None

    @property
    def is_full(self) -> bool:
        """Whether too many calls wait to be accepted."""
        return self._waiting.qsize() >= _BACKLOG

    def wants(self, calling: NetbiosName) -> bool:
        """Whether it listens for calls from *calling*."""
        return self.calling is None or self.calling == calling

    def take(self, stream: MessageStream) -> None:
        """Queue a call."""
        self._waiting.put_nowait(stream)


class Node:
    """One host of a NetBIOS network; an asynchronous context manager.

    *interfaces* are addresses with their network, ``10.0.0.5/24``; None takes those that have a
    default route. With *wins* the node is an H node, otherwise a B node, unless *node_type* says
    something else ([MS-NBTE] 3.1.3). *lmhosts* is a file to ask last. *told* hears of conflicts,
    and of datagrams a host did not take. *distributor* is a server that relays datagrams to groups
    and everybody (RFC 1001 17.3); a B node broadcasts those and uses none.

    Datagrams are taken from the interfaces' own networks, the name servers and the distributor;
    *datagram_networks* are further networks to take them from, each host 50 times a second.

    Ports other than the three of NetBIOS are for tests, and for hosts where those are taken; a
    claim is broadcast three times, *broadcast_interval_s* apart (RFC 1002 6).
    """

    def __init__(
        self,
        *,
        interfaces: Sequence[str | IPv4Interface] | None = None,
        node_type: NodeType | None = None,
        wins: Sequence[str] = (),
        scope: str = "",
        lmhosts: Path | None = None,
        told: Told | None = None,
        distributor: str | None = None,
        datagram_networks: Sequence[str | IPv4Network] = (),
        name_port: int = 137,
        datagram_port: int = 138,
        session_port: int = 139,
        broadcast_interval_s: float = 0.25,
    ) -> None:
        chosen = _interfaces(interfaces)
        servers = tuple(_address(text) for text in wins)
        options = NodeOptions(
            interfaces=chosen,
            node_type=node_type if node_type is not None else NodeType.H if wins else NodeType.B,
            name_servers=servers,
            scope=scope.upper(),
            port=name_port,
            broadcast_interval_s=broadcast_interval_s,
        )
        hosts = _read_lmhosts(lmhosts) if lmhosts is not None else None
        names = NameNode(options, lmhosts=hosts, told=told)
        relay = _distributor(distributor, options.node_type)
        heard = [*_networks(datagram_networks), *_hosts(servers), *_hosts([relay] if relay else [])]
        ports = [
            DatagramPort(
                interface,
                datagram_port,
                networks=heard,
                snt=SNT[options.node_type],
                counters=names.node.counters,
            )
            for interface in chosen
        ]
        self._join(names, DatagramNode(names, ports, distributor=relay), session_port, told)
        self._host: NetbiosHost | None = None

    @classmethod
    def on(cls, host: NetbiosHost, *, told: Told | None = None, session_port: int = 139) -> Self:
        """Return a node that shares the address, the ports and the name table of a running *host*.

        The names it adds are its own, and go with it. Where the host serves files on port 139, a
        node that takes calls needs a *session_port* of its own.
        """
        node = cls.__new__(cls)
        node._join(host.node, host.datagrams, session_port, told)
        node._host = host
        return node

    def _join(
        self, names: NameNode, datagrams: DatagramNode, session_port: int, told: Told | None
    ) -> None:
        self.names = names
        self.datagrams = datagrams
        self._told = told
        self._added: set[NetbiosName] = set()
        self._session_port = session_port
        self._sessions = SessionListener(self._decide, self._accept)
        self._calls: set[MessageStream] = set()
        self._is_listening = False
        self._listeners: list[Listener] = []
        self._retargets: dict[NetbiosName, RetargetSessionResponse] = {}
        self._inboxes: dict[NetbiosName, asyncio.Queue[Received]] = {}
        self._broadcasts: asyncio.Queue[Received] = asyncio.Queue(_MAX_WAITING)
        self.dropped_datagrams = 0

    async def __aenter__(self) -> Self:
        counters = self.names.node.counters
        if self._host is None:
            self.names.open()
            try:
                open_ports(self.datagrams.ports)
            except ConnectError:
                await self.names.close()
                raise
            self.datagrams.open()
            counters.count_sessions = self._count_sessions
            counters.max_pending_sessions = MAX_PENDING
            counters.max_sessions = counters.session_packet_size = _NO_LIMIT
        elif self._told is not None:
            self._host.listeners.append(self._told)
        self.datagrams.subscribe(self._deliver, self._told)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        await self._sessions.close()
        self.datagrams.unsubscribe(self._deliver, self._told)
        if self._host is None:
            await self.names.close()
            self.datagrams.close()
            for port in self.datagrams.ports:
                port.close()
            return
        if self._told is not None:
            self._host.listeners.remove(self._told)
        held = [name for name in self._added if self.names.local_name(name) is not None]
        await asyncio.gather(*(self.names.remove_name(name) for name in held))

    # Names.

    async def add_name(self, name: str, suffix: int = 0, *, group: bool = False) -> NetbiosName:
        """Claim a unique or group name and wait until it is ours.

        Raises NameTaken when somebody objects, LocalError for a name that does not fit or that
        this node has already.
        """
        wanted = _name(name, suffix)
        await self.names.add_name(wanted, group=group)
        scoped = self.names.node.scoped(wanted)
        self._added.add(scoped)
        return scoped

    async def delete_name(self, name: str, suffix: int = 0) -> None:
        """Give a name up and wait until that is done. Raises LocalError for one not ours."""
        wanted = _name(name, suffix)
        await self.names.remove_name(wanted)
        self._added.discard(self.names.node.scoped(wanted))
        self._inboxes.pop(self.names.node.scoped(wanted), None)

    async def find(
        self,
        name: str,
        suffix: int = 0,
        *,
        via: NodeType | None = None,
        to: str | None = None,
        timeout_s: float = 15.0,
    ) -> NameFound:
        """Find where a name is: `addresses` of what is returned.

        *via* asks as a node of another type would (B: by broadcast, P: the name server); *to* asks
        one host. Raises NameNotKnown, TimedOut.
        """
        where = (str(_address(to)), self.names.options.port) if to is not None else None
        return await self.names.find(_name(name, suffix), via=via, to=where, timeout_s=timeout_s)

    async def status(self, address: str, *, timeout_s: float = 15.0) -> NodeStatus:
        """Ask a host for its name table and statistics. Raises NameNotKnown, TimedOut."""
        where = (str(_address(address)), self.names.options.port)
        return await self.names.status(where, timeout_s=timeout_s)

    # Sessions.

    async def listen(
        self, name: str, suffix: int = 0, *, calling: tuple[str, int] | None = None
    ) -> Listener:
        """Listen for calls to a name of ours, or only for those *calling* makes.

        Several listeners may share a name; the first that wants the caller has the call. Raises
        LocalError for a name that is not ours, ConnectError for the port.
        """
        called = self.names.node.scoped(_name(name, suffix))
        self._require(called)
        caller = self.names.node.scoped(_name(*calling)) if calling is not None else None
        await self._open_sessions()
        listener = Listener(called, caller)
        self._listeners = [one for one in self._listeners if not one.is_closed]
        self._listeners.append(listener)
        return listener

    async def retarget(self, name: str, suffix: int, address: str, port: int = 139) -> None:
        """Send callers of a name of ours elsewhere, until it is listened for here.

        Raises LocalError, ConnectError.
        """
        called = self.names.node.scoped(_name(name, suffix))
        self._require(called)
        answer = retarget(address, port)
        await self._open_sessions()
        self._retargets[called] = answer

    async def call(
        self,
        name: str,
        suffix: int = FILE_SERVER,
        *,
        calling: tuple[str, int],
        to: str | None = None,
        timeout_s: float = 15.0,
    ) -> MessageStream:
        """Call a name, from *calling*, a name of ours; return the session.

        The name is looked up, unless *to* says at which address it is. Where nobody takes the call
        there, or the name is not there, the next address is called, and the name is looked up
        again, up to four times in all (RFC 1002 5.2.1.1). Raises NameNotKnown, CallRefused,
        ConnectError, TimedOut; LocalError for a calling name that is not ours.
        """
        called = self.names.node.scoped(_name(name, suffix))
        caller = self.names.node.scoped(_name(*calling))
        self._require(caller)
        if to is not None:
            return await self._call_at(_address(to), called, caller, timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._call_found(called, caller, timeout_s)
        except TimeoutError:
            raise TimedOut(f"{called} does not answer the call in {timeout_s:g} s") from None

    async def _call_found(
        self, called: NetbiosName, caller: NetbiosName, timeout_s: float
    ) -> MessageStream:
        tried: list[IPv4Address] = []
        why: ConnectError | None = None
        while True:
            found = await self.names.find(called, timeout_s=timeout_s)
            fresh = [address for address in found.addresses if address not in tried]
            if why is not None and (not fresh or len(tried) > SSN_RETRY_COUNT):
                raise why
            tried.append(fresh[0])
            try:
                return await self._call_at(fresh[0], called, caller, timeout_s)
            except CallRefused as refused:
                if refused.error_code != CALLED_NAME_NOT_PRESENT:
                    raise
                why = refused
            except ConnectError as error:
                why = error
            if len(fresh) == 1:
                # What was found is used up: it is wrong, or was in the cache for too long.
                self.names.node.cache.forget(called)

    async def _call_at(
        self, address: IPv4Address, called: NetbiosName, caller: NetbiosName, timeout_s: float
    ) -> MessageStream:
        where = (str(address), self._session_port)
        stream = await call(where, called=called, calling=caller, timeout_s=timeout_s)
        self._count(stream)
        return stream

    # Datagrams.

    async def send_datagram(
        self, source: tuple[str, int], name: str, suffix: int, data: bytes, *, group: bool = False
    ) -> None:
        """Send a datagram from a name of ours to a unique name, or to all of a *group*.

        Nobody tells whether it arrives; a host that does not take it may say so, which *told* of
        this node hears as a DatagramRefused. Raises LocalError, NameNotKnown, TimedOut.
        """
        await self.datagrams.send(_name(*source), _name(name, suffix), data, group=group)

    async def broadcast(self, source: tuple[str, int], data: bytes) -> None:
        """Send a datagram to every node of the networks this one is in.

        With a distribution server that relays to everybody, to whom that server reaches. Raises
        LocalError, also for a P node without such a server.
        """
        await self.datagrams.broadcast(_name(*source), data)

    async def receive_datagram(self, name: str, suffix: int = 0) -> Received:
        """Wait for a datagram to a name of ours; cancel to stop waiting.

        Datagrams are kept from the first call on, at most 256. Raises LocalError.
        """
        local = self.names.node.scoped(_name(name, suffix))
        self._require(local)
        inbox = self._inboxes.setdefault(local, asyncio.Queue(_MAX_WAITING))
        return await inbox.get()

    async def receive_broadcast(self) -> Received:
        """Wait for a broadcast datagram."""
        return await self._broadcasts.get()

    # What comes.

    def _deliver(self, received: Received) -> None:
        local = self.names.local_name(received.destination_name)
        inbox = self._broadcasts if local is None else self._inboxes.get(local.name)
        if inbox is None:
            return
        if inbox.full():
            self.dropped_datagrams += 1
            self.names.node.counters.no_resource += 1
            inbox.get_nowait()
        inbox.put_nowait(received)

    def _decide(self, request: SessionRequest, peer: Endpoint) -> Answer:
        """Answer a session request (RFC 1002 5.2.1.2)."""
        local = self.names.local_name(request.called)
        in_scope = request.called.scope == self.names.options.scope
        if not in_scope or local is None or not local.is_held or local.conflicts:
            return NegativeSessionResponse(CALLED_NAME_NOT_PRESENT)
        listening = [one for one in self._open_listeners() if one.name == request.called]
        if not listening:
            elsewhere = self._retargets.get(request.called)
            return elsewhere or NegativeSessionResponse(NOT_LISTENING_ON_CALLED_NAME)
        wanting = [one for one in listening if one.wants(request.calling)]
        if not wanting:
            return NegativeSessionResponse(NOT_LISTENING_FOR_CALLING_NAME)
        if all(one.is_full for one in wanting):
            self.names.node.counters.no_resource += 1
            return NegativeSessionResponse(INSUFFICIENT_RESOURCES)
        return None

    def _accept(self, stream: MessageStream) -> bool:
        for listener in self._open_listeners():
            wanted = listener.name == stream.called and listener.wants(stream.calling)
            if wanted and not listener.is_full:
                listener.take(stream)
                self._count(stream)
                return True
        return False

    def _count(self, stream: MessageStream) -> None:
        self._calls = {one for one in self._calls if not one.is_closed} | {stream}

    def _count_sessions(self) -> int:
        """Count the sessions of this node, and the calls that are being answered."""
        self._calls = {one for one in self._calls if not one.is_closed}
        return len(self._calls) + self._sessions.pending

    def _open_listeners(self) -> list[Listener]:
        return [listener for listener in self._listeners if not listener.is_closed]

    async def _open_sessions(self) -> None:
        if not self._is_listening:
            self._is_listening = True
            hosts = [str(interface.address) for interface in self.names.options.interfaces]
            try:
                await self._sessions.open([(host, self._session_port) for host in hosts])
            except ConnectError:
                self._is_listening = False
                raise

    def _require(self, name: NetbiosName) -> None:
        local = self.names.local_name(name)
        if local is None or not local.is_held:
            raise LocalError(f"{name} is not a name of this node: add it first")


def _name(name: str, suffix: int) -> NetbiosName:
    made = NetbiosName(name.upper(), suffix)
    if not 0 <= suffix <= 0xFF:
        raise LocalError(f"{suffix} is no suffix: it is one byte")
    made.to_bytes()
    return made


def _address(text: str) -> IPv4Address:
    try:
        return IPv4Address(text)
    except ValueError:
        raise LocalError(f"{text!r} is no IPv4 address, and NetBIOS knows no other") from None


def _interfaces(wanted: Sequence[str | IPv4Interface] | None) -> tuple[Interface, ...]:
    found = links()
    if wanted is None:
        chosen = choose_links(found, default_route_names(found))
        return tuple(
            Interface(address.ip, address.network, hardware_address(link.name))
            for link in chosen
            for address in link.ipv4
        )
    try:
        addresses = [IPv4Interface(text) for text in wanted]
    except ValueError as error:
        raise LocalError(f"{error}: an interface is written 10.0.0.5/24") from None
    return tuple(
        Interface(address.ip, address.network, hardware_address_of(found, address.ip))
        for address in addresses
    )


def _distributor(text: str | None, node_type: NodeType) -> IPv4Address | None:
    if text is not None and node_type is NodeType.B:
        raise LocalError("a B node broadcasts its datagrams: a distribution server is no use to it")
    return _address(text) if text is not None else None


def _networks(texts: Sequence[str | IPv4Network]) -> list[IPv4Network]:
    try:
        return [IPv4Network(text) for text in texts]
    except ValueError as error:
        raise LocalError(f"{error}: a network is written 10.0.0.0/24") from None


def _hosts(addresses: Sequence[IPv4Address]) -> list[IPv4Network]:
    return [IPv4Network((address, 32)) for address in addresses]


def _read_lmhosts(path: Path) -> Lmhosts:
    def read(name: str) -> str | None:
        try:
            with Path(name).open(encoding="latin-1") as file:
                return file.read(_MAX_LMHOSTS_BYTES)
        except OSError:
            return None

    return read_lmhosts(str(path), read)
