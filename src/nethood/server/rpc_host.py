"""The server as the RPC interfaces see it, once per opened pipe: what this caller may know."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_APPEND_DATA, FILE_WRITE_DATA
from nethood.dtyp.sid import ANONYMOUS, Sid
from nethood.filetime import UNIX_EPOCH
from nethood.rpc.host import (
    DEFAULT_SERVER_TYPE,
    DEFAULT_VERSION,
    STYPE_IPC,
    STYPE_SPECIAL,
    Account,
    Caller,
    ConnectionFacts,
    OpenFacts,
    SessionFacts,
    ShareFacts,
)
from nethood.server.opens import FileOpen
from nethood.server.options import Share

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.server.core import ServerCore
    from nethood.smb2.session import Session

_PERM_READ, _PERM_WRITE = 1, 2


class RpcHost:
    """What `nethood.rpc.host.Host` asks for; a caller sees its own shares and sessions."""

    def __init__(self, core: ServerCore, connection: ClientConnection, session: Session) -> None:
        self._core = core
        self._session = session
        account = session.account
        self.caller = Caller(
            user=account.name if account else "",
            domain=core.options.server_name,
            sid=core.machine_sid.child(account.rid) if account else ANONYMOUS,
            client=connection.peer[0],
        )
        self.server_name = core.options.server_name
        self.domain = core.options.workgroup
        self.comment = core.options.comment
        self.version = DEFAULT_VERSION
        self.server_type = DEFAULT_SERVER_TYPE
        self.machine_sid = core.machine_sid

    def now_unix_ns(self) -> int:
        """Return the time, in nanoseconds since 1970 UTC."""
        return (self._core.filetime() - UNIX_EPOCH) * 100

    def utc_offset_s(self) -> int:
        """Return how many seconds local time is ahead of UTC."""
        return time.localtime(self.now_unix_ns() // 1_000_000_000).tm_gmtoff

    def uptime_ms(self) -> int:
        """Return the milliseconds since the server started."""
        return int((self._core.loop_time() - self._core.started_at) * 1000)

    def shares(self) -> Sequence[ShareFacts]:
        """Return the shares the caller may connect to, and IPC$."""
        facts = [self._share(share) for share in self._core.shares.values() if self._may(share)]
        ipc = ShareFacts("IPC$", STYPE_IPC | STYPE_SPECIAL, "Remote IPC")
        return [*sorted(facts, key=lambda s: s.name.upper()), ipc]

    def _may(self, share: Share) -> bool:
        return share.allows(self.caller.user)

    def _share(self, share: Share) -> ShareFacts:
        users = sum(
            t.share is share for s in self._sessions() for t in s.tree_connect_table.values()
        )
        path = "C:\\" + share.name
        return ShareFacts(
            share.name, 0, share.comment, path, current_users=users, hidden=share.hidden
        )

    def _sessions(self) -> Iterator[Session]:
        return (session for _, session in self._core.sessions.values())

    def _own_sessions(self) -> Iterator[tuple[ClientConnection, Session]]:
        mine = self._session.account
        return (pair for pair in self._core.sessions.values() if pair[1].account == mine)

    def sessions(self) -> Sequence[SessionFacts]:
        """Return the caller's own sessions."""
        now = self._core.loop_time()
        return [
            SessionFacts(
                client=connection.peer[0],
                user=self.caller.user,
                opens=len(session.open_table),
                seconds_active=int(now - session.created_at),
            )
            for connection, session in self._own_sessions()
        ]

    def connections(self) -> Sequence[ConnectionFacts]:
        """Return the caller's own tree connects."""
        now = self._core.loop_time()
        return [
            ConnectionFacts(
                id=tree.tree_id,
                share=tree.share.name,
                user=self.caller.user,
                client=connection.peer[0],
                opens=sum(o.tree is tree for o in session.open_table.values()),
                seconds=int(now - session.created_at),
            )
            for connection, session in self._own_sessions()
            for tree in session.tree_connect_table.values()
        ]

    def opens(self) -> Sequence[OpenFacts]:
        """Return what the caller itself has open."""
        return [
            OpenFacts(
                id=opened.volatile & 0xFFFFFFFF,
                path=f"C:\\{opened.share.name}\\" + opened.node.path.replace("/", "\\"),
                user=self.caller.user,
                permissions=_permissions(opened),
            )
            for _, session in self._own_sessions()
            for opened in session.open_table.values()
            if isinstance(opened, FileOpen)
        ]

    def account_by_name(self, name: str) -> Account | None:
        """Return the server's user of that name."""
        found = self._core.users.lookup(name)
        if found is None:
            return None
        return Account(found.name, self.machine_sid.child(found.rid))

    def account_by_sid(self, sid: Sid) -> Account | None:
        """Return the server's user with that SID."""
        name = self._core.user_name_of(sid)
        return None if name is None else Account(name, sid)


def _permissions(opened: FileOpen) -> int:
    writes = opened.granted_access & (FILE_WRITE_DATA | FILE_APPEND_DATA)
    return _PERM_READ | (_PERM_WRITE if writes else 0)
