"""A server without sockets, clock or threads, and clients that talk to it in the same process."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, cast

from nethood.auth.users import MemoryUsers
from nethood.errors import StatusError
from nethood.server.connection import ClientConnection
from nethood.server.core import Clock, ServerCore
from nethood.server.events import Event
from nethood.server.options import Options, Share, as_shares
from nethood.server.results import Result
from nethood.store import MemoryStore, Store
from tests.server.files import Client

if TYPE_CHECKING:
    from nethood.net.tcp import FramedTcp

FILETIME = 133_000_000_000_000_000
USERS = {"alice": "secret", "bob": "hunter2"}


class Timer:
    """What `call_later` returns."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.is_cancelled = False

    def cancel(self) -> None:
        """Never call back."""
        self.is_cancelled = True


class FakeClock(Clock):
    """Time that passes when a test says so; threads that run at once, or when a test says so."""

    def __init__(self, seed: int = 1) -> None:
        super().__init__(
            monotonic=lambda: self.now,
            filetime=lambda: FILETIME + int(self.now * 10_000_000),
            call_later=self._call_later,
            run_blocking=self._run_blocking,
            random=Random(seed).randbytes,
        )
        self.now = 1000.0
        self.threads_are_busy = False
        self.in_threads: deque[tuple[Callable[[], Result], Callable[[Result], None]]] = deque()
        self.timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()

    def _call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(callback)
        heapq.heappush(self.timers, (self.now + delay, next(self._numbers), timer))
        return timer

    def _run_blocking(self, work: Callable[[], Result], done: Callable[[Result], None]) -> None:
        self.in_threads.append((work, done))
        if not self.threads_are_busy:
            self.run_threads()

    def run_threads(self) -> int:
        """Do what waits for threads; return how much that was."""
        ran = 0
        while self.in_threads:
            work, done = self.in_threads.popleft()
            try:
                result = work()
            except StatusError as error:
                result = (error.status, b"")
            done(result)
            ran += 1
        return ran

    def advance(self, seconds: float) -> None:
        """Let time pass, and do what is due."""
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            self.now, _, timer = heapq.heappop(self.timers)
            if not timer.is_cancelled:
                timer.callback()
        self.now = end


class FakeTransport:
    """What a connection writes to. Frames are spoiled once taken: the real one reuses them."""

    def __init__(self) -> None:
        self.connection: ClientConnection | None = None
        self.sent: deque[bytes] = deque()
        self.is_closed = False
        self.reason = ""
        self.backlog_bytes = self.pending_bytes = 0
        self.bytes_in = self.bytes_out = 0
        self.progress_at = 0.0
        self.length_mask = 0xFFFFFF

    def write(self, data: bytes | bytearray | memoryview, reuse: bytearray | None = None) -> None:
        """Take what goes to the client."""
        if not self.is_closed:
            self.sent.append(bytes(data))
        if reuse is not None:
            reuse[:] = b"\xee" * len(reuse)

    def close(self, reason: str) -> None:
        """End the connection."""
        self.abort(reason)

    def abort(self, reason: str) -> None:
        """End the connection."""
        if self.is_closed:
            return
        self.is_closed, self.reason = True, reason
        assert self.connection is not None
        self.connection.connection_lost(reason)

    def deliver(self, frame: bytes) -> None:
        """Hand on a frame, prefix included, and then spoil its memory."""
        if self.is_closed:
            return
        assert self.connection is not None
        kind, buffer = frame[0], bytearray(frame[4:])
        if kind:
            self.connection.packet_received(kind, bytes(buffer))
            return
        self.connection.frame_received(memoryview(buffer))
        buffer[:] = b"\xee" * len(buffer)


class MemoryLink:
    """A client's end of a FakeTransport."""

    def __init__(self, transport: FakeTransport) -> None:
        self.transport = transport

    def send(self, frame: bytes) -> None:
        """Deliver a frame."""
        self.transport.deliver(frame)

    def receive(self) -> bytes | None:
        """Return the next frame the server wrote."""
        return self.transport.sent.popleft() if self.transport.sent else None


class Harness:
    """A server's core with a fake clock."""

    def __init__(
        self,
        shares: Mapping[str, Store | Share] | None = None,
        users: Mapping[str, str] | None = None,
        options: Options | None = None,
    ) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.events: list[Event] = []
        self.options = options or Options(server_name="SRV")
        self.core = ServerCore(
            as_shares(shares if shares is not None else {"public": self.store}),
            MemoryUsers(users or USERS),
            self.options,
            self.clock,
            self.events.append,
        )

    def connect(self, address: str = "127.0.0.1", *, netbios: bool = False) -> Client:
        """Return a connected client that has not said anything."""
        connection = ClientConnection(self.core, (address, 50_000), netbios=netbios)
        transport = FakeTransport()
        transport.connection = connection
        connection.transport = cast("FramedTcp", transport)
        self.core.connections.add(connection)
        return Client(MemoryLink(transport))

    def login(
        self,
        *dialects: int,
        user: str = "alice",
        share: str = "public",
        **how: Any,
    ) -> Client:
        """Return a client that is logged in and connected to *share*, if one is named."""
        client = self.connect(**how)
        client.negotiate(*dialects)
        client.login(user, USERS[user])
        if share:
            client.tree_connect(share)
        return client

    def sentences(self, kind: str) -> list[str]:
        """Return what was said in events of *kind*."""
        return [event.sentence for event in self.events if event.kind == kind]


def transport_of(client: Client) -> FakeTransport:
    """Return the server's end of a client's connection."""
    link = client.link
    assert isinstance(link, MemoryLink)
    return link.transport


def connection_of(client: Client) -> ClientConnection:
    """Return the server's side of a client's connection."""
    connection = transport_of(client).connection
    assert connection is not None
    return connection


def is_dropped(client: Client) -> bool:
    """Whether the server has ended the connection."""
    return transport_of(client).is_closed
