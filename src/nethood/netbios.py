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
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from types import TracebackType
from typing import Self

from nethood.errors import ConnectError, LocalError
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
from nethood.neighborhood.datagrams import DatagramNode, Received
from nethood.neighborhood.node import NameNode, NameNotKnown, NameTaken
from nethood.net.links import choose_links, default_route_names, links
from nethood.net.sessions import Answer, CallRefused, MessageStream, SessionListener, call, retarget

__all__ = [
    "CallRefused",
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
    something else ([MS-NBTE] 3.1.3). *lmhosts* is a file to ask last. *told* hears of conflicts.
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
        told: Callable[[NameConflict | NameReleased], None] | None = None,
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
        self.names = NameNode(options, lmhosts=hosts, told=told)
        self.datagrams = DatagramNode(self.names, self._deliver, port=datagram_port)
        self._session_port = session_port
        self._sessions = SessionListener(self._decide, self._accept)
        self._is_listening = False
        self._listeners: list[Listener] = []
        self._retargets: dict[NetbiosName, RetargetSessionResponse] = {}
        self._inboxes: dict[NetbiosName, asyncio.Queue[Received]] = {}
        self._broadcasts: asyncio.Queue[Received] = asyncio.Queue(_MAX_WAITING)
        self.dropped_datagrams = 0

    async def __aenter__(self) -> Self:
        self.names.open()
        try:
            self.datagrams.open()
        except ConnectError:
            await self.names.close()
            raise
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
        await self.names.close()
        self.datagrams.close()

    # Names.

    async def add_name(self, name: str, suffix: int = 0, *, group: bool = False) -> NetbiosName:
        """Claim a unique or group name and wait until it is ours.

        Raises NameTaken when somebody objects, LocalError for a name that does not fit or that
        this node has already.
        """
        wanted = _name(name, suffix)
        await self.names.add_name(wanted, group=group)
        return self.names.node.scoped(wanted)

    async def delete_name(self, name: str, suffix: int = 0) -> None:
        """Give a name up and wait until that is done. Raises LocalError for one not ours."""
        wanted = _name(name, suffix)
        await self.names.remove_name(wanted)
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

        The name is looked up, unless *to* says at which address it is. Raises NameNotKnown,
        CallRefused, ConnectError, TimedOut; LocalError for a calling name that is not ours.
        """
        called = self.names.node.scoped(_name(name, suffix))
        caller = self.names.node.scoped(_name(*calling))
        self._require(caller)
        if to is None:
            found = await self.names.find(called, timeout_s=timeout_s)
            to = str(found.addresses[0])
        return await call(
            (str(_address(to)), self._session_port),
            called=called,
            calling=caller,
            timeout_s=timeout_s,
        )

    # Datagrams.

    async def send_datagram(
        self, source: tuple[str, int], name: str, suffix: int, data: bytes, *, group: bool = False
    ) -> None:
        """Send a datagram from a name of ours to a unique name, or to all of a *group*.

        Nobody tells whether it arrives. Raises LocalError, NameNotKnown, TimedOut.
        """
        await self.datagrams.send(_name(*source), _name(name, suffix), data, group=group)

    async def broadcast(self, source: tuple[str, int], data: bytes) -> None:
        """Send a datagram to every node of the networks this one is in. Raises LocalError."""
        self.datagrams.broadcast(_name(*source), data)

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
            inbox.get_nowait()
        inbox.put_nowait(received)

    def _decide(self, request: SessionRequest, peer: Endpoint) -> Answer:
        """Answer a session request (RFC 1002 5.2.1.2)."""
        local = self.names.local_name(request.called)
        if local is None or not local.is_held or local.conflicts:
            return NegativeSessionResponse(CALLED_NAME_NOT_PRESENT)
        listening = [one for one in self._open_listeners() if one.name == request.called]
        if not listening:
            elsewhere = self._retargets.get(request.called)
            return elsewhere or NegativeSessionResponse(NOT_LISTENING_ON_CALLED_NAME)
        wanting = [one for one in listening if one.wants(request.calling)]
        if not wanting:
            return NegativeSessionResponse(NOT_LISTENING_FOR_CALLING_NAME)
        if all(one.is_full for one in wanting):
            return NegativeSessionResponse(INSUFFICIENT_RESOURCES)
        return None

    def _accept(self, stream: MessageStream) -> bool:
        for listener in self._open_listeners():
            wanted = listener.name == stream.called and listener.wants(stream.calling)
            if wanted and not listener.is_full:
                listener.take(stream)
                return True
        return False

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
    if wanted is None:
        found = links()
        chosen = choose_links(found, default_route_names(found))
        addresses = [address for link in chosen for address in link.ipv4]
    else:
        try:
            addresses = [IPv4Interface(text) for text in wanted]
        except ValueError as error:
            raise LocalError(f"{error}: an interface is written 10.0.0.5/24") from None
    return tuple(Interface(address.ip, address.network) for address in addresses)


def _read_lmhosts(path: Path) -> Lmhosts:
    def read(name: str) -> str | None:
        try:
            with Path(name).open(encoding="latin-1") as file:
                return file.read(_MAX_LMHOSTS_BYTES)
        except OSError:
            return None

    return read_lmhosts(str(path), read)
