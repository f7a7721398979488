"""The name cache of an end node: who was found where, and for how long that holds.

RFC 1001 15.1.3.4 lets a node remember answers; entries end with their TTL, and the oldest goes
when there are too many. Entries without an end are those preloaded from LMHOSTS.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import NamedTuple

from nethood.nbt.name import NetbiosName

DEFAULT_TTL_S = 600.0
"""How long an answer without a TTL of its own is believed."""
MAX_ENTRIES = 1024


class CacheEntry(NamedTuple):
    """A remembered answer; *expires* is None for one that never ends."""

    addresses: tuple[IPv4Address, ...]
    is_group: bool
    expires: float | None


class NameCache:
    """Names and their addresses, as found not too long ago."""

    def __init__(self, max_ttl_s: float = DEFAULT_TTL_S, max_entries: int = MAX_ENTRIES) -> None:
        self._max_ttl_s = max_ttl_s
        self._max_entries = max_entries
        self._entries: dict[NetbiosName, CacheEntry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def preload(self, name: NetbiosName, addresses: tuple[IPv4Address, ...]) -> None:
        """Remember *name* for good; only `forget` ends it."""
        self._entries[name] = CacheEntry(addresses, False, None)

    def add(
        self,
        name: NetbiosName,
        addresses: tuple[IPv4Address, ...],
        now: float,
        *,
        ttl_s: float = 0,
        is_group: bool = False,
    ) -> None:
        """Remember an answer for its TTL, at most for the cache's own; a TTL of 0 has no limit.

        A preloaded entry stays as it is.
        """
        old = self._entries.pop(name, None)
        if old is not None and old.expires is None:
            self._entries[name] = old
            return
        held_s = min(ttl_s or self._max_ttl_s, self._max_ttl_s)
        self._entries[name] = CacheEntry(addresses, is_group, now + held_s)
        if len(self._entries) > self._max_entries:
            self._drop_one(now)

    def get(self, name: NetbiosName, now: float) -> CacheEntry | None:
        """Return what is known of *name* and has not expired."""
        entry = self._entries.get(name)
        if entry is not None and entry.expires is not None and entry.expires <= now:
            del self._entries[name]
            return None
        return entry

    def forget(self, name: NetbiosName) -> None:
        """Forget *name*: it was released, or two nodes say they own it. Preloaded ones stay."""
        entry = self._entries.get(name)
        if entry is not None and entry.expires is not None:
            del self._entries[name]

    def _drop_one(self, now: float) -> None:
        """Make room: what has expired first, then what was added longest ago."""
        aging = {n: e.expires for n, e in self._entries.items() if e.expires is not None}
        stale = next((n for n, expires in aging.items() if expires <= now), None)
        victim = stale or next(iter(aging), None)
        if victim is not None:
            del self._entries[victim]
