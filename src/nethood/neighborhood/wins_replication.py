"""Two name servers telling each other their records: [MS-WINSRA] over TCP port 42.

Each configured partner is pulled from at the start, at intervals, and when it says that something
changed; what changes here is announced to every partner a moment later. Only partners are
answered. Associations last for one pull or one announcement.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from ipaddress import IPv4Address

from nethood.errors import ConnectError, ConnectionLost, Error, Malformed, TimedOut
from nethood.nbt import winsra
from nethood.nbt.wins import Outgoing
from nethood.nbt.wins_replica import Replication
from nethood.nbt.winsra import Notification, RecordsRequest, Start

ANSWER_S = 30.0
PULL_S = 30 * 60.0
PUSH_DELAY_S = 1.0
MAX_ASSOCIATIONS = 64

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class ReplicationConfig:
    """With whom to replicate. *own* is this server's address as its partners know it.

    *pull_from* says how often each partner's records are fetched, in seconds, and those not in it
    are not fetched from; *push_to* are those told of changes. None stands for all partners, every
    *pull_s*.
    """

    own: IPv4Address
    partners: tuple[IPv4Address, ...]
    port: int = winsra.REPLICATION_PORT
    pull_s: float = PULL_S
    push_delay_s: float = PUSH_DELAY_S
    pull_from: Mapping[IPv4Address, float] | None = None
    push_to: tuple[IPv4Address, ...] | None = None

    def intervals_s(self) -> Mapping[IPv4Address, float]:
        """Return whom to fetch records from, and how often."""
        if self.pull_from is None:
            return dict.fromkeys(self.partners, self.pull_s)
        return self.pull_from


class Association:
    """One association on one connection: start, messages, stop ([MS-WINSRA] 3.1.5.1)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._handle = secrets.randbits(32)
        self.peer_handle = 0

    @classmethod
    async def connect(cls, host: str, port: int, own: str) -> Association:
        """Set up an association with a partner. Raises TransportError or Malformed."""
        try:
            opening = asyncio.open_connection(host, port, local_addr=(own, 0))
            reader, writer = await asyncio.wait_for(opening, ANSWER_S)
        except TimeoutError:
            raise TimedOut(f"{host} did not answer on TCP port {port}") from None
        except OSError as error:
            why = error.strerror or error
            raise ConnectError(f"can't reach {host} on TCP port {port}: {why}") from error
        association = cls(reader, writer)
        try:
            await association.send(
                winsra.encode_start(winsra.START_REQUEST, 0, Start(association._handle))
            )
            await association._started(winsra.START_RESPONSE)
        except BaseException:
            await association.close()
            raise
        return association

    async def accept(self) -> None:
        """Let a partner set the association up. Raises TransportError or Malformed."""
        await self._started(winsra.START_REQUEST)
        await self._confirm()

    async def _confirm(self) -> None:
        start = Start(self._handle)
        await self.send(winsra.encode_start(winsra.START_RESPONSE, self.peer_handle, start))

    async def _started(self, message_type: int) -> None:
        header, body = await self._receive()
        if header.message_type != message_type:
            raise Malformed("WINS association", f"starts with a message of type {header[1]}")
        self._take_start(body)

    def _take_start(self, body: memoryview) -> None:
        start = winsra.decode_start(body)
        if start.major_version != winsra.MAJOR_VERSION:
            raise Malformed("WINS association", f"is of version {start.major_version}")
        self.peer_handle = start.sender_association

    async def send(self, message: bytes) -> None:
        """Send a message. Raises ConnectionLost, TimedOut."""
        try:
            self._writer.write(message)
            await asyncio.wait_for(self._writer.drain(), ANSWER_S)
        except TimeoutError:
            raise TimedOut("the partner takes nothing") from None
        except OSError as error:
            raise ConnectionLost("the partner went away") from error

    async def next_message(self) -> tuple[int, memoryview] | None:
        """Return RplOpCode and the rest of a message; None at the end of the association.

        A start while it lasts is answered again, with the same handle.
        Raises TransportError or Malformed.
        """
        header, body = await self._receive()
        while header.message_type == winsra.START_REQUEST:
            self._take_start(body)
            await self._confirm()
            header, body = await self._receive()
        if header.message_type == winsra.STOP_REQUEST:
            return None
        if header.message_type != winsra.REPLICATION:
            raise Malformed("WINS association", f"has a message of type {header.message_type}")
        return winsra.decode_opcode(body)

    async def answer(self, opcode: int) -> memoryview:
        """Return the rest of the message, which must have *opcode*."""
        message = await self.next_message()
        if message is None or message[0] != opcode:
            raise Malformed("WINS association", "has another answer than was asked for")
        return message[1]

    async def stop(self, reason: int = winsra.STOP_NORMAL) -> None:
        """End the association properly. Raises ConnectionLost, TimedOut."""
        await self.send(winsra.encode_stop(self.peer_handle, reason))

    async def close(self) -> None:
        """Close the connection, whatever state it is in."""
        self._writer.close()
        try:
            await asyncio.wait_for(self._writer.wait_closed(), ANSWER_S)
        except (OSError, TimeoutError):
            return

    async def _receive(self) -> tuple[winsra.Header, memoryview]:
        try:
            async with asyncio.timeout(ANSWER_S):
                length = int.from_bytes(await self._reader.readexactly(4), "big")
                if length > winsra.MAX_MESSAGE:
                    raise Malformed("WINS replication message", f"is {length} bytes long")
                return winsra.decode_header(await self._reader.readexactly(length))
        except TimeoutError:
            raise TimedOut("the partner says nothing") from None
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ConnectionLost("the partner went away") from error


class Replicator:
    """Pulls from partners, answers their pulls, and tells them of changes.

    *stored* is called after replicas were taken over, with challenges to send.
    """

    def __init__(
        self,
        config: ReplicationConfig,
        replication: Replication,
        stored: Callable[[list[Outgoing]], None],
        clock: Clock,
        problem: Callable[[str], None],
    ) -> None:
        self._config = config
        self._replication = replication
        self._stored = stored
        self._clock = clock
        self._problem = problem
        self._tasks: set[asyncio.Task[None]] = set()
        self._pulling: dict[IPv4Address, asyncio.Lock] = {}
        self._waiting: set[IPv4Address] = set()
        self._told_version = replication.server.version
        self._push_timer: asyncio.TimerHandle | None = None
        self._pull_timers: dict[IPv4Address, asyncio.TimerHandle] = {}
        self._pull_from = config.intervals_s()
        self._push_to = config.partners if config.push_to is None else config.push_to
        self._listener: asyncio.Server | None = None
        self._is_closed = False

    async def start(self) -> None:
        """Listen, and pull from every partner. Raises ConnectError."""
        own, port = str(self._config.own), self._config.port
        try:
            self._listener = await asyncio.start_server(self._accepted, own, port)
        except OSError as error:
            why = error.strerror or error
            raise ConnectError(f"can't listen on {own} TCP port {port}: {why}") from error
        for partner in self._pull_from:
            self._pull_regularly(partner)

    async def close(self) -> None:
        """Stop listening and end what is going on."""
        self._is_closed = True
        timers = list(self._pull_timers.values())
        for timer in (*timers, *([self._push_timer] if self._push_timer else [])):
            timer.cancel()
        if self._listener:
            self._listener.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def changed(self) -> None:
        """Tell the partners soon, if there is something others must hear of."""
        version = self._replication.server.version
        if version != self._told_version and self._push_timer is None and not self._is_closed:
            loop = asyncio.get_running_loop()
            self._push_timer = loop.call_later(self._config.push_delay_s, self._push_all)

    def _push_all(self) -> None:
        self._push_timer = None
        self._told_version = self._replication.server.version
        for partner in self._push_to:
            self._spawn(partner, partial(self.push, partner))

    def _pull_regularly(self, partner: IPv4Address) -> None:
        loop = asyncio.get_running_loop()
        self._pull_timers[partner] = loop.call_later(
            self._pull_from[partner], self._pull_regularly, partner
        )
        self._spawn(partner, partial(self.pull, partner))

    async def push(self, partner: IPv4Address) -> None:
        """Send an Update Notification. Raises TransportError or Malformed."""
        own = self._config.own
        association = await Association.connect(str(partner), self._config.port, str(own))
        try:
            owners = tuple(self._replication.owner_versions())
            notification = Notification(winsra.UPDATE_NOTIFICATION, owners, own)
            peer = association.peer_handle
            await association.send(winsra.encode_notification(peer, notification))
            await association.stop()
        finally:
            await association.close()

    async def pull(self, partner: IPv4Address) -> None:
        """Ask a partner for what it has and we don't. Raises TransportError or Malformed."""
        if partner in self._waiting:
            return  # One is about to begin, and will see what this one would.
        self._waiting.add(partner)
        async with self._pulling.setdefault(partner, asyncio.Lock()):
            self._waiting.discard(partner)
            port, own = self._config.port, str(self._config.own)
            association = await Association.connect(str(partner), port, own)
            try:
                await self._pull_through(association)
                await association.stop()
            finally:
                await association.close()

    async def _pull_through(self, association: Association) -> None:
        peer = association.peer_handle
        await association.send(winsra.encode_map_request(peer))
        owners = winsra.decode_map(await association.answer(winsra.MAP_RESPONSE))
        for request, is_all in self._replication.requests(owners, self._clock()):
            await association.send(winsra.encode_records_request(peer, request))
            body = await association.answer(winsra.RECORDS_RESPONSE)
            self._take(request, body, is_all)

    def _take(self, request: RecordsRequest, body: memoryview, is_all: bool) -> None:
        records = winsra.decode_records(body, request.owner)
        self._stored(self._replication.take(request, records, is_all, self._clock()))

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host = writer.get_extra_info("peername")[0]
        partner = IPv4Address(host)
        if partner not in self._config.partners or len(self._tasks) >= MAX_ASSOCIATIONS:
            writer.close()
            return
        self._spawn(partner, partial(self._serve, Association(reader, writer), partner))

    async def _serve(self, association: Association, partner: IPv4Address) -> None:
        try:
            await association.accept()
            while (message := await association.next_message()) is not None:
                await self._answer(association, partner, *message)
        except ConnectionLost:
            return  # A partner may just close the connection.
        finally:
            await association.close()

    async def _answer(
        self, association: Association, partner: IPv4Address, opcode: int, body: memoryview
    ) -> None:
        peer, own = association.peer_handle, self._config.own
        if opcode == winsra.MAP_REQUEST:
            owners = self._replication.owner_versions()
            await association.send(winsra.encode_map_response(peer, owners))
        elif opcode == winsra.RECORDS_REQUEST:
            records = self._replication.records_for(winsra.decode_records_request(body))
            await association.send(winsra.encode_records_response(peer, records, own))
        elif opcode in winsra.UPDATE_NOTIFICATIONS:
            winsra.decode_notification(opcode, body)
            if partner in self._pull_from:
                self._spawn(partner, partial(self.pull, partner))
        else:
            raise Malformed("WINS association", f"has a message of operation {opcode}")

    def _spawn(self, partner: IPv4Address, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.create_task(self._guarded(partner, work), name=f"wins partner {partner}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, partner: IPv4Address, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Error as error:
            self._problem(f"replication with {partner}: {error}")
