"""The lists a browser keeps: servers of its group, and the groups there are, [MS-BRWS] 3.3.1.

Entries leave when nothing was heard of them for three of their own periods. They are held as
NetServerEnum2 hands them out ([MS-RAP] 2.5.5.2): ordered by name, found by ServerType, resumable.
"""

from __future__ import annotations

from dataclasses import dataclass

from nethood.browse.server_type import (
    SV_TYPE_ALL,
    SV_TYPE_BACKUP_BROWSER,
    SV_TYPE_LOCAL_LIST_ONLY,
)

MAX_SERVERS = 4096
MAX_GROUPS = 1024
EXPIRES_AFTER_PERIODS = 3
_LEAST_PERIOD_S = 60
_MOST_PERIOD_S = 3600  # else one forged announcement would stay for months


@dataclass(frozen=True, slots=True)
class ServerEntry:
    """One row of NetServerEnum2 at level 1, and where it was heard from.

    For a group the name is the group's and the comment names its local master.
    """

    name: str
    server_type: int
    comment: str = ""
    version_major: int = 0
    version_minor: int = 0
    address: str = ""


@dataclass(slots=True)
class _Held:
    entry: ServerEntry
    expires: float
    announcements: int


class BrowseList:
    """Entries by name, each with its own time to expire; *now* is in seconds."""

    def __init__(self, max_entries: int = MAX_SERVERS) -> None:
        self._held: dict[str, _Held] = {}
        self._max_entries = max_entries
        self.refused = 0
        """How many announcements found no room."""

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, name: str) -> bool:
        return name.upper() in self._held

    def get(self, name: str) -> ServerEntry | None:
        """Return the entry called *name*, whatever its case."""
        held = self._held.get(name.upper())
        return held.entry if held else None

    def announcements(self, name: str) -> int:
        """Return how often *name* was announced: its HostAnnouncementCount."""
        held = self._held.get(name.upper())
        return held.announcements if held else 0

    def update(self, entry: ServerEntry, periodicity_ms: int, now: float) -> bool:
        """Take *entry* in or renew it; tell whether there was room for it."""
        key = entry.name.upper()
        held = self._held.get(key)
        if held is None and len(self._held) >= self._max_entries:
            self.refused += 1
            return False
        period_s = min(max(periodicity_ms / 1000, _LEAST_PERIOD_S), _MOST_PERIOD_S)
        count = held.announcements + 1 if held else 1
        self._held[key] = _Held(entry, now + EXPIRES_AFTER_PERIODS * period_s, count)
        return True

    def remove(self, name: str) -> None:
        """Drop *name* at once, as when it says that it is shutting down."""
        self._held.pop(name.upper(), None)

    def clear(self) -> None:
        """Drop everything."""
        self._held.clear()

    def expire(self, now: float) -> list[ServerEntry]:
        """Drop and return the entries whose time is over."""
        over = [key for key, held in self._held.items() if held.expires <= now]
        return [self._held.pop(key).entry for key in over]

    def next_expiry(self) -> float | None:
        """Return when the next entry leaves, None for an empty list."""
        return min((held.expires for held in self._held.values()), default=None)

    def entries(self, server_type: int = SV_TYPE_ALL, first: str = "") -> list[ServerEntry]:
        """Return entries with one of *server_type*'s bits, by name, from *first* on.

        The arguments are those of NetServerEnum3 ([MS-BRWS] 3.3.5.6). All entries are local, so
        SV_TYPE_LOCAL_LIST_ONLY narrows nothing.
        """
        wanted = server_type & ~SV_TYPE_LOCAL_LIST_ONLY
        everything = server_type == SV_TYPE_ALL or not wanted
        return [
            self._held[key].entry
            for key in sorted(self._held)
            if key >= first.upper() and (everything or self._held[key].entry.server_type & wanted)
        ]

    def backup_browsers(self) -> list[ServerEntry]:
        """Return the Backup Browser List: the servers that say they are one."""
        return self.entries(SV_TYPE_BACKUP_BROWSER)


def wanted_backups(servers: int) -> int:
    """Return how many backup browsers a group of *servers* wants, [MS-BRWS] note 51."""
    if servers < 2:
        return 0
    return min(servers // 32 + 1, 3)
