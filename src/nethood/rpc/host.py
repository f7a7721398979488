"""What the RPC interfaces need to know of the server they speak for: plain facts, read only.

The file server implements `Host` once per caller, so that everything it returns is already what
this caller may see. Nothing here is asked for before a client calls the operation that needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from nethood.dtyp.sid import Sid

STYPE_DISKTREE = 0
STYPE_PRINTQ = 1
STYPE_DEVICE = 2
STYPE_IPC = 3
STYPE_SPECIAL = 0x80000000
"""Or-ed to the type of IPC$, ADMIN$ and C$ ([MS-SRVS] 2.2.2.4)."""
STYPE_TEMPORARY = 0x40000000
UNLIMITED_USERS = 0xFFFFFFFF

SV_TYPE_WORKSTATION = 0x00000001
SV_TYPE_SERVER = 0x00000002
SV_TYPE_NT = 0x00001000
SV_TYPE_SERVER_NT = 0x00008000
DEFAULT_SERVER_TYPE = SV_TYPE_WORKSTATION | SV_TYPE_SERVER | SV_TYPE_NT | SV_TYPE_SERVER_NT
DEFAULT_VERSION = (6, 1)
"""What clients have met for longest from servers that are not Windows."""


class SidNameUse(IntEnum):
    """SID_NAME_USE, [MS-LSAT] 2.2.13."""

    USER = 1
    GROUP = 2
    DOMAIN = 3
    ALIAS = 4
    WELL_KNOWN_GROUP = 5
    DELETED_ACCOUNT = 6
    INVALID = 7
    UNKNOWN = 8
    COMPUTER = 9
    LABEL = 10


@dataclass(frozen=True, slots=True)
class Caller:
    """Who opened the pipe. An anonymous caller has an empty *user*."""

    user: str
    domain: str
    sid: Sid
    is_admin: bool = False
    client: str = ""
    """The client's address or name: associations are joined only from the same client."""

    @property
    def is_anonymous(self) -> bool:
        """Tell whether nobody logged on."""
        return not self.user


@dataclass(frozen=True, slots=True)
class Account:
    """One of the server's own users, groups or aliases."""

    name: str
    sid: Sid
    use: SidNameUse = SidNameUse.USER
    domain: str = ""
    """The name of the domain its SID is in, empty for the machine's own."""


@dataclass(frozen=True, slots=True)
class ShareFacts:
    """One share ([MS-SRVS] 2.2.4.27)."""

    name: str
    type: int = STYPE_DISKTREE
    comment: str = ""
    path: str = ""
    """As a client's tools show it, ``C:\\srv\\public``; only administrators see it."""
    max_users: int = UNLIMITED_USERS
    current_users: int = 0
    hidden: bool = False
    """Left out of enumerations; NetrShareGetInfo still answers by name."""
    flags: int = 0
    """SHI1005_FLAGS_*, [MS-SRVS] 2.2.4.29: the CSC state and what the share enforces."""
    security_descriptor: bytes | None = None
    """Self-relative; only administrators see it."""


@dataclass(frozen=True, slots=True)
class SessionFacts:
    """One session ([MS-SRVS] 2.2.4.15)."""

    client: str
    user: str
    opens: int = 0
    seconds_active: int = 0
    seconds_idle: int = 0
    is_guest: bool = False
    client_type: str = ""
    transport: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionFacts:
    """One tree connect ([MS-SRVS] 2.2.4.2)."""

    id: int
    share: str
    user: str
    client: str
    type: int = STYPE_DISKTREE
    opens: int = 0
    users: int = 1
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class OpenFacts:
    """One open file, directory or pipe ([MS-SRVS] 2.2.4.7)."""

    id: int
    path: str
    user: str
    permissions: int = 1
    """PERM_FILE_READ 1, PERM_FILE_WRITE 2, PERM_FILE_CREATE 4."""
    locks: int = 0


class Host(Protocol):
    """The server, as one caller may know it."""

    @property
    def caller(self) -> Caller:
        """Who asks."""
        ...

    @property
    def server_name(self) -> str:
        """The machine's NetBIOS name, which is also the name of its account domain."""
        ...

    @property
    def domain(self) -> str:
        """The workgroup."""
        ...

    @property
    def comment(self) -> str:
        """What people read beside the name."""
        ...

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor, `DEFAULT_VERSION` unless there is a reason."""
        ...

    @property
    def server_type(self) -> int:
        """SV_TYPE_* flags, [MS-SRVS] 2.2.2.7."""
        ...

    @property
    def machine_sid(self) -> Sid:
        """The account domain's SID, ``S-1-5-21-x-y-z``."""
        ...

    def now_unix_ns(self) -> int:
        """Return the time, in nanoseconds since 1970 UTC."""
        ...

    def utc_offset_s(self) -> int:
        """Return how many seconds local time is ahead of UTC."""
        ...

    def uptime_ms(self) -> int:
        """Return the milliseconds since the server started."""
        ...

    def shares(self) -> Sequence[ShareFacts]:
        """Return the shares this caller may know of, IPC$ included, in a stable order."""
        ...

    def sessions(self) -> Sequence[SessionFacts]:
        """Return the sessions this caller may see, in a stable order."""
        ...

    def connections(self) -> Sequence[ConnectionFacts]:
        """Return the tree connects this caller may see, in a stable order."""
        ...

    def opens(self) -> Sequence[OpenFacts]:
        """Return the opens this caller may see, in a stable order."""
        ...

    def account_by_name(self, name: str) -> Account | None:
        """Return the account of that name in the machine's own domain, ignoring case."""
        ...

    def account_by_sid(self, sid: Sid) -> Account | None:
        """Return the account with that SID."""
        ...
