"""What a file server is told before it starts: shares, behaviour and limits."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from nethood.errors import ConfigError
from nethood.net.interfaces import host_name
from nethood.store.base import Store

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(slots=True)
class Share:
    """One shared folder. *users* is None where every user of the server may use it."""

    name: str
    store: Store
    comment: str = ""
    users: frozenset[str] | None = None
    read_only: bool = False
    encrypt: bool = False
    hidden: bool = False

    def allows(self, user: str) -> bool:
        """Tell whether *user* may connect; user names compare without case."""
        return self.users is None or user.casefold() in {u.casefold() for u in self.users}


@dataclass(slots=True)
class Limits:
    """Bounds on what peers can make the server hold; docs/limits.md says why each is what it is."""

    unauthenticated_frame: int = 64 * 1024
    """Bytes of one frame before a user is authenticated."""
    authentication_timeout_s: float = 45.0
    login_failure_delay_s: float = 2.0
    login_failures_per_connection: int = 10
    """Failed logons after which a connection is dropped: none may try many at once."""
    login_failures_remembered: int = 10_000
    """How many addresses the failure counter knows at once."""
    stalled_timeout_s: float = 60.0
    """How long a peer may leave answers unread, or a frame half sent."""
    connections: int = 4096
    connections_per_address: int = 256
    sessions_per_connection: int = 64
    trees_per_session: int = 256
    opens_per_session: int = 16_384
    credits: int = 8192
    async_per_connection: int = 512
    max_transact: int = 8 * 1024 * 1024
    """MaxTransactSize, MaxReadSize and MaxWriteSize of dialects with multi-credit requests."""
    locks_per_open: int = 16_384
    unread_bytes: int = 16 * 1024 * 1024
    """Answers queued for one peer before reading from it pauses."""


@dataclass(slots=True)
class Options:
    """How a server behaves. The defaults are the safe ones."""

    server_name: str = ""
    """NetBIOS-style name, at most 15 characters; the host's name where empty."""
    workgroup: str = "WORKGROUP"
    comment: str = "nethood"
    signing_required: bool = True
    encrypt: bool = False
    """Refuse everything that is not encrypted."""
    min_dialect: int = 0x0202
    max_dialect: int = 0x0311
    allow_public: bool = False
    """Accept peers outside private and loopback ranges."""
    allow: tuple[Network, ...] = ()
    """More networks that peers may come from."""
    session_lifetime_s: float | None = None
    """After how long a session must authenticate again; None is never."""
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.server_name:
            self.server_name = host_name()[:15].upper() or "NETHOOD"
        if self.min_dialect > self.max_dialect:
            raise ConfigError("min_dialect is above max_dialect: no client could connect")


def as_shares(shares: Mapping[str, Store | Share]) -> dict[str, Share]:
    """Return *shares* keyed by upper-case name, every store wrapped in a Share.

    Raises ConfigError for a name that can't be a share's.
    """
    made: dict[str, Share] = {}
    for name, what in shares.items():
        check_share_name(name)
        share = what if isinstance(what, Share) else Share(name=name, store=what)
        if name.upper() in made:
            raise ConfigError(f"share {name!r}: another share has this name; names ignore case")
        made[name.upper()] = share
    return made


def check_share_name(name: str) -> None:
    """Raise ConfigError unless *name* can be a share's ([MS-FSCC] 2.1.6)."""
    if not name or len(name) > 80:
        raise ConfigError(f"share {name!r}: a share name has 1 to 80 characters")
    bad = sorted({c for c in name if c in '"\\/[]:|<>+=;,*?' or ord(c) < 32})
    if bad:
        raise ConfigError(f"share {name!r}: a share name can't hold {' '.join(bad)!r}")
    if name.upper() in ("IPC$", "GLOBAL", "PIPE", "MAILSLOT"):
        raise ConfigError(f"share {name!r}: this name is reserved; choose another")
