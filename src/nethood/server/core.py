"""What all connections of a server share: options, shares, users, sessions, open files, events.

Everything here runs in the event loop's thread. Time, random bytes and threads come in through
the constructor, so that a test can hold them in its hand.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from nethood.auth.acceptor import Acceptor
from nethood.auth.base import LogonRefused, TargetNames
from nethood.auth.users import UserSource
from nethood.dtyp.sid import Sid
from nethood.erref import STATUS_INTERNAL_ERROR
from nethood.errors import StatusError
from nethood.net.buffers import BufferPool
from nethood.rpc.association import Associations
from nethood.server.deferred import Deferred
from nethood.server.events import Event, dialect_name
from nethood.server.files import Files
from nethood.server.opens import FileOpen
from nethood.server.options import Options, Share
from nethood.server.results import Result
from nethood.server.session_service import SessionService
from nethood.smb2.server import HEADROOM
from nethood.smb2.session import Session, TreeConnect

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection


class Clock:
    """Where a server's time, delays, threads and random bytes come from."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float],
        filetime: Callable[[], int],
        call_later: Callable[[float, Callable[[], None]], Any],
        run_blocking: Callable[[Callable[[], Result], Callable[[Result], None]], None],
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.monotonic = monotonic
        self.filetime = filetime
        self.call_later = call_later
        self.run_blocking = run_blocking
        self.random = random


class ServerCore:
    """The shared state of one server ([MS-SMB2] 3.3.1.5)."""

    def __init__(
        self,
        shares: Mapping[str, Share],
        users: UserSource,
        options: Options,
        clock: Clock,
        on_event: Callable[[Event], None],
    ) -> None:
        self.shares = dict(shares)
        self.users = users
        self.options = options
        self.clock = clock
        self.loop_time = clock.monotonic
        self.filetime = clock.filetime
        self.random = clock.random
        self.call_later = clock.call_later
        self.on_event = on_event
        self.server_guid = clock.random(16)
        self.pool = BufferPool(slack=HEADROOM + 16 + 4096)
        self.connections: set[ClientConnection] = set()
        self.sessions: dict[int, tuple[ClientConnection, Session]] = {}
        self.files = Files(self)
        self.session_service = SessionService(options.server_name)
        self.failures: OrderedDict[str, int] = OrderedDict()
        self.started_at = clock.monotonic()
        self.associations = Associations()
        self.listening: list[tuple[str, int]] = []
        self.machine_sid = _machine_sid(users, clock.random)
        self._target = TargetNames(
            computer=options.server_name,
            domain=options.server_name,
            dns_computer=options.server_name.lower(),
            dns_domain="",
        )

    # Names and numbers

    def new_acceptor(self) -> Acceptor:
        """Return what takes one authentication from its first token to its last."""
        return Acceptor(self.users, self._target, random=self.random, now=self.filetime)

    def new_session_id(self) -> int:
        """Return an unused SessionId of 32 bits; ids can't be guessed from one another.

        Some clients keep no more of it than that.
        """
        while True:
            session_id = int.from_bytes(self.random(4), "little") | 1
            if session_id not in self.sessions and session_id != 0xFFFFFFFF:
                return session_id

    def new_tree_id(self, session: Session) -> int:
        """Return an unused TreeId of *session*, never 0."""
        tree_id = len(session.tree_connect_table) + 1
        while tree_id in session.tree_connect_table:
            tree_id += 1
        return tree_id

    def user_name_of(self, sid: Sid) -> str | None:
        """Return the name of the server's user with that SID."""
        accounts = getattr(self.users, "accounts", None)
        if accounts is None or sid != self.machine_sid.child(sid.rid):
            return None
        return next((a.name for a in accounts() if a.rid == sid.rid), None)

    def run_on(self, work: Callable[[], Result], *opens: FileOpen) -> Deferred:
        """Run *work* in a thread; the nodes of *opens* stay open meanwhile."""
        for opened in opens:
            opened.in_threads += 1
        deferred = Deferred(interim=False)

        def done(result: Result) -> None:
            for opened in opens:
                opened.in_threads -= 1
                if opened.closed and not opened.in_threads:
                    opened.node.close()
            deferred.complete(result)

        self.clock.run_blocking(work, done)
        return deferred

    def busy(self) -> bool:
        """Whether requests are still being worked on or answers still being sent."""
        return any(
            c.transport.backlog_bytes or any(not d.interim for _, d in c.async_table.values())
            for c in self.connections
        )

    # Sessions

    def logged_in(self, connection: ClientConnection, session: Session, acceptor: Acceptor) -> None:
        """Note a new session, and let its connection send what an authenticated one may."""
        self.sessions[session.session_id] = (connection, session)
        connection.authenticated = True
        connection.frame_limit = connection.core.max_transact + 64 * 1024
        self.failures.pop(connection.peer[0], None)
        user = session.account.name if session.account else ""
        client = acceptor.client
        dialect = dialect_name(connection.core.dialect)
        self.emit(
            "login",
            f"{user} logged in from {connection.peer[0]} with SMB {dialect}, {session.mechanism}",
            connection,
            user=user,
            workstation=client.workstation,
            dialect=dialect,
            mechanism=session.mechanism,
            signed=session.signing_required,
            encrypted=session.encrypt_data,
        )

    def login_refused(self, connection: ClientConnection, refused: LogonRefused) -> float:
        """Note a failed logon; return the seconds its answer has to wait.

        Clients ask without a user name before they ask with one, and scanners do nothing else:
        that guesses no password, so it neither counts against the address nor waits.
        """
        address = connection.peer[0]
        count = self._count_failure(address) if refused.is_guess else self.failures.get(address, 0)
        connection.failed_logins += 1
        who = f"{refused.domain}\\{refused.user}" if refused.domain else refused.user
        self.emit(
            "login_refused",
            f"refused login of {who or 'nobody'} from {address}"
            f" (SMB {dialect_name(connection.core.dialect)}, {refused.mechanism}):"
            f" {refused.reason}; {refused.remedy}",
            connection,
            user=refused.user,
            domain=refused.domain,
            workstation=refused.workstation,
            mechanism=refused.mechanism,
            reason=refused.reason,
            remedy=refused.remedy,
            failures=count,
        )
        if connection.failed_logins >= self.options.limits.login_failures_per_connection:
            connection.drop(f"{connection.failed_logins} logins failed on one connection")
        return self.options.limits.login_failure_delay_s if refused.is_guess else 0.0

    def _count_failure(self, address: str) -> int:
        """Return how many times that address failed since somebody last got in from there."""
        count = self.failures.pop(address, 0) + 1
        self.failures[address] = count
        if len(self.failures) > self.options.limits.login_failures_remembered:
            self.failures.popitem(last=False)
        return count

    def close_session(self, connection: ClientConnection, session: Session) -> None:
        """End a session: its opens, its trees, its place in the tables."""
        for tree in list(session.tree_connect_table.values()):
            self.close_tree(connection, session, tree)
        self.sessions.pop(session.session_id, None)
        connection.core.session_table.pop(session.session_id, None)

    def close_previous_session(self, previous_session_id: int, session: Session) -> None:
        """End the session a reconnecting client says it lost, if it is the same user's."""
        found = self.sessions.get(previous_session_id)
        if found is None:
            return
        connection, previous = found
        if previous is not session and previous.account == session.account:
            self.close_session(connection, previous)

    def close_tree(self, connection: ClientConnection, session: Session, tree: TreeConnect) -> None:
        """Close everything opened through *tree*, then the tree."""
        for opened in [o for o in session.open_table.values() if o.tree is tree]:
            self.files.close(opened)
        session.tree_connect_table.pop(tree.tree_id, None)

    # Connections

    def connection_closed(self, connection: ClientConnection, reason: str) -> None:
        """Give back what a lost connection held."""
        self.connections.discard(connection)
        for session in list(connection.core.session_table.values()):
            self.close_session(connection, session)
        self.emit(
            "closed", f"{connection.peer[0]} disconnected: {reason}", connection, reason=reason
        )

    # Events

    def emit(
        self, kind: str, sentence: str, connection: ClientConnection | None = None, **fields: Any
    ) -> None:
        """Tell whoever listens."""
        if connection is not None:
            fields = {"address": connection.peer[0], "port": connection.peer[1], **fields}
        self.on_event(Event(kind, sentence, fields))

    def refused(self, connection: ClientConnection, why: str) -> None:
        """Say that a connection was refused, and why."""
        self.emit("refused", f"refused {connection.peer[0]}: {why}", connection, reason=why)

    def tree_refused(
        self, connection: ClientConnection, session: Session, share: Share, why: str
    ) -> None:
        """Say that a user may not connect to a share."""
        user = session.account.name if session.account else ""
        self.emit(
            "tree_refused",
            f"refused {user} at {connection.peer[0]} the share {share.name}: {why}",
            connection,
            user=user,
            share=share.name,
            reason=why,
        )

    def tree_connected(self, connection: ClientConnection, session: Session, share: Share) -> None:
        """Say that a user connected to a share."""
        user = session.account.name if session.account else ""
        self.emit(
            "tree",
            f"{user} at {connection.peer[0]} connected to {share.name}",
            connection,
            user=user,
            share=share.name,
        )


def thread_runner(
    executor: Executor, call_soon_threadsafe: Callable[..., Any]
) -> Callable[[Callable[[], Result], Callable[[Result], None]], None]:
    """Return a `Clock.run_blocking` that runs work in *executor* and answers in the loop."""

    def run(work: Callable[[], Result], done: Callable[[Result], None]) -> None:
        def in_thread() -> None:
            try:
                result = work()
            except StatusError as error:
                result = (error.status, b"")
            except Exception:
                # A fault of ours, which `_log_fault` tells; the client must not wait for ever.
                call_soon_threadsafe(done, (STATUS_INTERNAL_ERROR, b""))
                raise
            call_soon_threadsafe(done, result)

        executor.submit(in_thread).add_done_callback(_log_fault)

    return run


def _log_fault(future: Future[None]) -> None:
    """Raise what was raised in a thread: the executor logs what its callbacks raise."""
    if not future.cancelled():
        future.result()


def _machine_sid(users: UserSource, random: Callable[[int], bytes]) -> Sid:
    """Return the SID of the user database, or a new one where it has none."""
    text = getattr(users, "machine_sid", "")
    if text:
        return Sid.parse(str(text))
    parts = [int.from_bytes(random(4), "little") for _ in range(3)]
    return Sid.parse("S-1-5-21-" + "-".join(map(str, parts)))
