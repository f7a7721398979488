"""The file server an application runs: listeners, housekeeping, start and stop."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from nethood.auth.users import MemoryUsers, UserSource
from nethood.errors import ConfigError, LocalError
from nethood.filetime import from_unix_ns
from nethood.net.interfaces import is_private
from nethood.net.listener import Listeners, bind
from nethood.net.tcp import FramedTcp
from nethood.server.connection import ClientConnection
from nethood.server.core import Clock, ServerCore, thread_runner
from nethood.server.events import ClientRow, Event, dialect_name
from nethood.server.options import Options, Share, as_shares
from nethood.store.base import Store

if TYPE_CHECKING:
    import socket

NETBIOS_PORT = 139
_HOUSEKEEPING_S = 1.0
_DRAIN_POLL_S = 0.02


class Server:
    """An SMB2/3 file server.

    *shares* maps share names to stores, or to Share objects for more than the defaults; *users*
    maps names to passwords, or is a user database. *listen* is one or more of ``address``,
    ``address:port`` and ``[ipv6]:port``; port 0 takes a free one, see `port`. *on_event* is called
    in the event loop with every Event. Raises ConfigError for what can't work.
    """

    def __init__(
        self,
        shares: Mapping[str, Store | Share],
        users: Mapping[str, str] | UserSource,
        listen: str | Sequence[str] = "127.0.0.1:0",
        *,
        options: Options | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> None:
        self.options = options or Options()
        self._shares = as_shares(shares)
        self._users = MemoryUsers(users) if isinstance(users, Mapping) else users
        self._listen = [parse_listen(a) for a in ([listen] if isinstance(listen, str) else listen)]
        self._on_event = on_event or (lambda event: None)
        self._listeners: Listeners | None = None
        self._core: ServerCore | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._housekeeping: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where the server listens. Raises LocalError before `start`."""
        if self._listeners is None:
            raise LocalError("the server has not been started: await start() first")
        return self._listeners.addresses

    @property
    def port(self) -> int:
        """The port of the first listener."""
        return self.addresses[0][1]

    async def start(self) -> None:
        """Bind every address, or none, and begin to serve. Raises ConnectError, LocalError."""
        if self._listeners is not None:
            raise LocalError("the server is already running")
        loop = asyncio.get_running_loop()
        sockets = bind(self._listen)
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="nethood-disk")
        clock = Clock(
            monotonic=loop.time,
            filetime=lambda: from_unix_ns(time.time_ns()),
            call_later=loop.call_later,
            run_blocking=thread_runner(self._threads, loop.call_soon_threadsafe),
        )
        self._core = ServerCore(self._shares, self._users, self.options, clock, self._on_event)
        self._listeners = Listeners(loop, sockets, self._accepted)
        self._core.listening = self._listeners.addresses
        self._listeners.start()
        self._housekeeping = loop.call_later(_HOUSEKEEPING_S, self._housekeep)
        for address, port in self._listeners.addresses:
            sentence = f"listening on {address} port {port}"
            self._on_event(Event("listening", sentence, {"address": address, "port": port}))

    async def stop(self, drain_s: float = 5.0) -> None:
        """Stop: no new connection, what is being written finishes, then everything closes.

        Returns after at most *drain_s* seconds.
        """
        core, listeners = self._core, self._listeners
        if core is None or listeners is None:
            return
        listeners.close()
        for connection in core.connections:
            connection.transport.stop_reading()
        deadline = core.loop_time() + drain_s
        # Polled: what is awaited lies in sockets and threads, and stopping is rare.
        while core.loop_time() < deadline and core.busy():  # noqa: ASYNC110
            await asyncio.sleep(_DRAIN_POLL_S)
        for connection in list(core.connections):
            connection.transport.abort("the server is stopping")
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._core = self._listeners = self._threads = None

    @property
    def session_count(self) -> int:
        """How many sessions its clients have now."""
        connections = self._core.connections if self._core is not None else ()
        return sum(len(connection.core.session_table) for connection in connections)

    def snapshot(self) -> list[ClientRow]:
        """Return every connection as it stands now."""
        if self._core is None:
            return []
        now = self._core.loop_time()
        return [_row(connection, now) for connection in self._core.connections]

    def _accepted(self, sock: socket.socket, peer: tuple[str, int], port: int) -> None:
        core = self._core
        if core is None:
            sock.close()
            return
        netbios = port == NETBIOS_PORT
        connection = ClientConnection(core, peer, netbios=netbios)
        refusal = self._refusal(core, peer[0])
        if refusal:
            core.refused(connection, refusal)
            sock.close()
            return
        loop = asyncio.get_running_loop()
        connection.transport = FramedTcp(
            loop,
            sock,
            connection,
            core.pool,
            peer=peer,
            netbios=netbios,
            high_water=self.options.limits.unread_bytes,
        )
        core.connections.add(connection)
        core.emit("connected", f"{peer[0]} connected", connection)
        connection.transport.start()

    def _refusal(self, core: ServerCore, address: str) -> str:
        limits = self.options.limits
        if not self._is_allowed(address):
            return (
                "its address is public; name its network in `allow`, or set allow_public,"
                " if it is to be served"
            )
        if len(core.connections) >= limits.connections:
            return f"{limits.connections} clients are connected, the most allowed"
        same = sum(c.peer[0] == address for c in core.connections)
        if same >= limits.connections_per_address:
            return f"it has {same} connections, the most allowed for one address"
        return ""

    def _is_allowed(self, address: str) -> bool:
        if self.options.allow_public:
            return True
        if is_private(address):
            return True
        ip = ipaddress.ip_address(address.partition("%")[0])
        return any(ip in network for network in self.options.allow)

    def _housekeep(self) -> None:
        """Drop those who take too long: to log in, to read, to finish what they began to send."""
        core = self._core
        if core is None:
            return
        limits, now = self.options.limits, core.loop_time()
        for connection in list(core.connections):
            transport = connection.transport
            stalled = now - transport.progress_at > limits.stalled_timeout_s
            if not connection.authenticated:
                if now - connection.connected_at > limits.authentication_timeout_s:
                    connection.drop("it did not log in in time")
            elif stalled and transport.backlog_bytes:
                connection.drop("it does not read its answers")
            elif stalled and transport.pending_bytes:
                connection.drop("it stopped in the middle of a message")
        self._housekeeping = asyncio.get_running_loop().call_later(_HOUSEKEEPING_S, self._housekeep)


def parse_listen(text: str) -> tuple[str, int]:
    """Return address and port of ``address``, ``address:port`` or ``[ipv6]:port``; default 445.

    Raises ConfigError.
    """
    host, port = text, "445"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else port
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not port.isdigit() or int(port) > 65535 or not host:
        raise ConfigError(
            f"listen address {text!r}: write ADDRESS, ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535"
        )
    return host, int(port)


def _row(connection: ClientConnection, now: float) -> ClientRow:
    core, transport = connection.core, connection.transport
    sessions = list(core.session_table.values())
    users = sorted({s.account.name for s in sessions if s.account is not None})
    return ClientRow(
        address=connection.peer[0],
        port=connection.peer[1],
        user=", ".join(users),
        dialect=dialect_name(core.dialect),
        signed=any(s.signing_required for s in sessions),
        encrypted=any(s.encrypt_data or s.encryption_used for s in sessions),
        bytes_read=transport.bytes_out,
        bytes_written=transport.bytes_in,
        opens=sum(len(s.open_table) for s in sessions),
        connected_s=now - connection.connected_at,
        shares=tuple(
            sorted({t.share.name for s in sessions for t in s.tree_connect_table.values()})
        ),
    )


__all__ = ["Server", "parse_listen"]
