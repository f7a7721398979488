"""The NetBIOS name server as a service: the decisions of nbt/wins.py, a socket, a store, a clock.

Nobody is told that a name is registered before the record has reached the disk. Changes that come
while one transaction is written make up the next, so the loop never waits and a burst costs few
flushes. No answer is longer than a datagram may be (25 addresses), so TCP port 137 is not used.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from pathlib import Path
from types import TracebackType
from typing import Self

from nethood.errors import ConnectError, LocalError
from nethood.nbt.name import NetbiosName
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins import NAME_SERVICE_PORT, Change, NameServer, Outgoing, WinsOptions
from nethood.nbt.wins_records import Record
from nethood.nbt.wins_replica import Replication
from nethood.neighborhood.wins_replication import ReplicationConfig, Replicator
from nethood.neighborhood.wins_store import MemoryWinsStore, SqliteWinsStore, WinsStore
from nethood.net.links import links
from nethood.net.udp import UdpEndpoint

SCAVENGE_S = 60.0
STORE_RETRY_S = 5.0
MAX_HELD = 4096
"""Answers that wait for the disk; what comes on top is dropped, and its sender asks again."""

Send = Callable[[bytes, tuple[str, int]], object]
Problem = Callable[[str], None]
Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class WinsConfig:
    """What a name server is to do.

    *store* is the SQLite file, None to forget everything at the end. *networks* are those whose
    hosts it serves, None for those of this machine's interfaces. *static* records are the only
    static ones: others in the store are deleted. *rate_per_s* and *burst* are for each source
    address; a rate of 0 means no limit. *replication* is None for a server on its own.
    """

    store: Path | None = None
    networks: tuple[IPv4Network, ...] | None = None
    static: tuple[Record, ...] = ()
    rate_per_s: float = 50.0
    burst: int = 200
    options: WinsOptions = field(default_factory=WinsOptions)
    replication: ReplicationConfig | None = None


class Journal:
    """Writes changes in a thread, and lets the answers that depend on them out afterwards."""

    def __init__(self, store: WinsStore, send: Callable[[Outgoing], None], problem: Problem):
        self._store = store
        self._send = send
        self._problem = problem
        self._changes: dict[NetbiosName, Record | None] = {}
        self._held: list[Outgoing] = []
        self._wake = asyncio.Event()
        self._is_closing = False
        self._task = asyncio.create_task(self._run(), name="wins journal")
        self.dropped = 0

    def add(self, changes: Iterable[Change], outgoing: Sequence[Outgoing]) -> None:
        """Write *changes* soon; send *outgoing* once they are on the disk."""
        self._changes.update(changes)
        room = MAX_HELD - len(self._held)
        self._held += outgoing[:room]
        self.dropped += max(0, len(outgoing) - room)
        self._wake.set()

    async def close(self) -> None:
        """Write what is left and close the store."""
        self._is_closing = True
        self._wake.set()
        try:
            await self._task
        finally:
            self._store.close()

    async def _run(self) -> None:
        while self._changes or not self._is_closing:
            await self._wake.wait()
            self._wake.clear()
            is_last = self._is_closing
            if self._changes and not await self._write() and is_last:
                return

    async def _write(self) -> bool:
        changes, held = self._changes, self._held
        self._changes, self._held = {}, []
        try:
            await asyncio.to_thread(self._store.apply, list(changes.items()))
        except LocalError as error:
            # Nothing is lost here: the records stay in memory, and are tried again.
            self._changes = {**changes, **self._changes}
            self.dropped += len(held)
            self._problem(str(error))
            asyncio.get_running_loop().call_later(STORE_RETRY_S, self._wake.set)
            return False
        for outgoing in held:
            self._send(outgoing)
        return True


class WinsService:
    """A name server that is handed datagrams and hands its own to *send*.

    Make it with ``open``; it belongs to the running event loop.
    """

    def __init__(
        self, server: NameServer, store: WinsStore, send: Send, problem: Problem, clock: Clock
    ) -> None:
        self.server = server
        self._send_bytes = send
        self._clock = clock
        self._is_closed = False
        self._journal = Journal(store, self._send, problem)
        self._loop = asyncio.get_running_loop()
        self._challenge_timer: asyncio.TimerHandle | None = None
        self._scavenge_timer = self._loop.call_later(SCAVENGE_S, self._scavenge)
        self._problem = problem
        self._replicator: Replicator | None = None
        self._journal.add(server.take_changes(), ())

    @classmethod
    async def open(
        cls, config: WinsConfig, send: Send, problem: Problem = lambda sentence: None
    ) -> Self:
        """Load the records and begin. *problem* is told in a sentence what goes wrong later.

        Raises LocalError if the store can't be used, ConnectError if the partners' port can't be.
        """
        path = config.store
        store: WinsStore = (
            await asyncio.to_thread(SqliteWinsStore, path) if path else MemoryWinsStore()
        )
        networks = own_networks() if config.networks is None else config.networks
        limit = SourceLimit(networks, config.rate_per_s, config.burst)
        server = NameServer(limit, lambda: secrets.randbelow(0x10000), config.options)
        clock = steady_clock()
        try:
            server.load(await asyncio.to_thread(store.load), clock())
        except LocalError:
            store.close()
            raise
        set_static(server, config.static)
        service = cls(server, store, send, problem, clock)
        if config.replication:
            await service.replicate(config.replication)
        return service

    async def replicate(self, config: ReplicationConfig) -> None:
        """Begin to replicate with partners. Raises ConnectError, and the service is closed."""
        replication = Replication(self.server, config.own)
        replicator = Replicator(config, replication, self._act, self._clock, self._problem)
        try:
            await replicator.start()
        except ConnectError:
            await self.close()
            raise
        self._replicator = replicator

    @property
    def records(self) -> list[Record]:
        """Every record there is, by name."""
        records = self.server.records.values()
        return sorted(records, key=lambda r: (r.name.name, r.name.suffix, r.name.scope))

    def receive(self, data: bytes, source: tuple[str, int]) -> bool:
        """Take a datagram; False if it is not a name server's affair. Raises Malformed."""
        if self._is_closed:
            return True
        outgoing = self.server.receive(data, source, self._clock())
        if outgoing is None:
            return False
        self._act(outgoing)
        return True

    def take(self, data: bytes, source: tuple[str, int]) -> None:
        """Take a datagram on a socket nobody shares. Raises Malformed."""
        self.receive(data, source)

    async def close(self) -> None:
        """Stop, and write what is left."""
        self._is_closed = True
        self._scavenge_timer.cancel()
        if self._challenge_timer:
            self._challenge_timer.cancel()
        if self._replicator:
            await self._replicator.close()
        await self._journal.close()

    def _act(self, outgoing: Sequence[Outgoing]) -> None:
        changes = self.server.take_changes()
        if changes and self._replicator:
            self._replicator.changed()
        if changes:
            self._journal.add(changes, outgoing)
        else:
            for each in outgoing:
                self._send(each)
        self._set_challenge_timer()

    def _send(self, outgoing: Outgoing) -> None:
        self._send_bytes(outgoing.packet.encode(), outgoing.destination)

    def _set_challenge_timer(self) -> None:
        due_s = self.server.next_due_s()
        if self._challenge_timer is None and due_s is not None:
            delay_s = max(0.0, due_s - self._clock())
            self._challenge_timer = self._loop.call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._challenge_timer = None
        self._act(self.server.tick(self._clock()))

    def _scavenge(self) -> None:
        self.server.scavenge(self._clock())
        self._act(())
        self._scavenge_timer = self._loop.call_later(SCAVENGE_S, self._scavenge)


class WinsDaemon:
    """A name server on a socket of its own; an asynchronous context manager."""

    def __init__(self, endpoint: UdpEndpoint, service: WinsService) -> None:
        self.endpoint = endpoint
        self.service = service

    @classmethod
    async def open(
        cls,
        config: WinsConfig,
        address: str = "0.0.0.0",
        port: int = NAME_SERVICE_PORT,
        problem: Problem = lambda sentence: None,
    ) -> Self:
        """Bind and begin. Raises LocalError for the store, ConnectError for the port."""
        endpoint: UdpEndpoint

        def send(data: bytes, destination: tuple[str, int]) -> None:
            endpoint.send(data, destination)

        # The store first: once the port answers, the records are there.
        service = await WinsService.open(config, send, problem)
        try:
            endpoint = UdpEndpoint.open(asyncio.get_running_loop(), address, port, service.take)
        except ConnectError:
            await service.close()
            raise
        return cls(endpoint, service)

    async def close(self) -> None:
        """Write what is left, then free the port."""
        await self.service.close()
        self.endpoint.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def steady_clock() -> Clock:
    """Return a clock of seconds since the epoch that never jumps: set once, then counted on."""
    start_s = time.time() - time.monotonic()
    return lambda: start_s + time.monotonic()


def own_networks() -> tuple[IPv4Network, ...]:
    """Return the IPv4 networks of this machine's interfaces, loopback's included."""
    return tuple(address.network for link in links() for address in link.ipv4)


def set_static(server: NameServer, static: Sequence[Record]) -> None:
    """Make *static* the only static records; members that registered themselves stay."""
    names = {record.name for record in static}
    for stored in list(server.records.values()):
        if stored.is_static and stored.name not in names:
            server.delete(stored.name)
    for record in static:
        known = server.records.get(record.name)
        if known is None or known.kind is not record.kind:
            server.put(record)
            continue
        joined = tuple(
            member
            for member in known.members
            if member.due_s is not None and known.is_active and record.kind.is_group
        )
        server.put(replace(record, members=(*record.members, *joined)))
