"""What names a folder holds, by their upper-case form, so that look-up can ignore case.

A folder's names are read once and kept while the folder's times stay the same. File systems stamp
times with a coarse clock: a change made within the same tick as the last one may leave no trace.
So what was read less than a tick after the folder's last change is read again at the next use.
Changes made through the store itself are entered here as they happen; while there are any, the
folder is read afresh once a second, so that filling it costs no quadratic work and nobody else's
change stays unseen for longer.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable

from nethood.store import names as stored_names
from nethood.store.portable import (
    CTIME_NS,
    CTIME_S,
    DEV_MAJOR,
    DEV_MINOR,
    INO,
    MTIME_NS,
    MTIME_S,
    TICK_NS,
    PortableSystem,
    Stat,
)
from nethood.text import upcase

TRUST_NS = 1_000_000_000
"""How long our own bookkeeping stands in for reading the folder again."""
_FOREVER = 1 << 63


class _Folder:
    __slots__ = ("by_key", "doubles", "odd", "ours", "stamp", "trusted_until")

    def __init__(self) -> None:
        self.by_key: dict[str, str] = {}
        self.doubles: dict[str, list[str]] = {}
        """Names that differ only by case, sorted, by their upper-case form."""
        self.odd: dict[str, bytes] = {}
        self.stamp: tuple[int, ...] = ()
        self.trusted_until = 0
        self.ours = False
        """Whether the last change was made through the store."""


class NamesCache:
    """Case-insensitive look-up in the folders last used. Its caller serialises the calls."""

    def __init__(
        self,
        system: PortableSystem,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        max_folders: int = 256,
        max_names: int = 500_000,
    ) -> None:
        self._system = system
        self._now_ns = now_ns
        self._max_folders = max_folders
        self._max_names = max_names
        self._folders: OrderedDict[tuple[int, int, int], _Folder] = OrderedDict()
        self._count = 0
        self.scans = 0
        """How often a folder was read."""

    def find(self, directory_fd: int, name: str) -> tuple[str, bytes] | None:
        """Return the shown and the stored form of the entry that *name* means, or None.

        An exact match wins, then the first in sorted order. Raises OSError.
        """
        folder = self._valid(directory_fd)
        key = upcase(name)
        shown = folder.by_key.get(key)
        if shown is None:
            return None
        if shown != name and key in folder.doubles and name in folder.doubles[key]:
            shown = name
        return shown, folder.odd.get(shown) or stored_names.to_disk(shown)

    def changed(
        self, directory_fd: int, *, removed: str | None = None, added: str | None = None
    ) -> None:
        """Note a change just made through the store, and the folder's new times with it.

        Before the change, `find` or `is_current` must have looked at the same folder.
        """
        key, stat = self._stat(directory_fd)
        folder = self._folders.get(key)
        if folder is None:
            return
        folder.stamp = _stamp(stat)
        folder.ours = True
        if folder.trusted_until == _FOREVER:
            folder.trusted_until = self._now_ns() + TRUST_NS
        if not (removed is None or self._strike(folder, removed)) or not (
            added is None or self._enter(folder, added)
        ):
            self._drop(key)

    def _strike(self, folder: _Folder, name: str) -> bool:
        """Take out a name; say whether the folder's names are still known after that."""
        key = upcase(name)
        if key in folder.doubles or name in folder.odd:
            return False
        if folder.by_key.pop(key, None) is not None:
            self._count -= 1
        return True

    def _enter(self, folder: _Folder, name: str) -> bool:
        """Put in a name; say whether the folder's names are still known after that."""
        key = upcase(name)
        before = folder.by_key.get(key)
        if before is None:
            folder.by_key[key] = name
            self._count += 1
        return before is None or before == name

    def is_current(self, directory_fd: int) -> bool:
        """Tell whether the folder is known and looks unchanged; forget it where it did change.

        Ask before a change, so that `changed` may take the folder's new times for our own.
        """
        key, stat = self._stat(directory_fd)
        folder = self._folders.get(key)
        if folder is None:
            return False
        if folder.stamp == _stamp(stat):
            return True
        self._drop(key)
        return False

    def _stat(self, directory_fd: int) -> tuple[tuple[int, int, int], Stat]:
        stat = self._system.stat_fd(directory_fd)
        return (stat[DEV_MAJOR], stat[DEV_MINOR], stat[INO]), stat

    def _valid(self, directory_fd: int) -> _Folder:
        key, stat = self._stat(directory_fd)
        folder = self._folders.get(key)
        if folder is not None:
            if self._is_valid(folder, stat):
                self._folders.move_to_end(key)
                return folder
            ours = folder.ours and folder.stamp == _stamp(stat)
            self._drop(key)
            return self._scan(directory_fd, key, ours)
        return self._scan(directory_fd, key, False)

    def _is_valid(self, folder: _Folder, stat: Stat) -> bool:
        return folder.stamp == _stamp(stat) and (
            folder.trusted_until == _FOREVER or self._now_ns() < folder.trusted_until
        )

    def _scan(self, directory_fd: int, key: tuple[int, int, int], ours: bool) -> _Folder:
        """Read a folder, *ours* where its last change was made through the store."""
        self.scans += 1
        folder = _Folder()
        started = self._now_ns()
        folder.stamp = stamp = _stamp(self._system.stat_fd(directory_fd))
        _fill(folder, _read(directory_fd))
        if started - (stamp[0] * 1_000_000_000 + stamp[1]) > TICK_NS:
            folder.trusted_until = _FOREVER
        elif ours:
            folder.ours = True
            folder.trusted_until = started + TRUST_NS
        self._folders[key] = folder
        self._count += len(folder.by_key)
        self._shrink()
        return folder

    def _shrink(self) -> None:
        while len(self._folders) > 1 and (
            len(self._folders) > self._max_folders or self._count > self._max_names
        ):
            self._drop(next(iter(self._folders)))

    def _drop(self, key: tuple[int, int, int]) -> None:
        self._count -= len(self._folders.pop(key).by_key)


def _stamp(stat: Stat) -> tuple[int, ...]:
    return stat[CTIME_S], stat[CTIME_NS], stat[MTIME_S], stat[MTIME_NS]


def _read(directory_fd: int) -> list[str]:
    """Return the names in a folder; none where it may be passed through but not read."""
    try:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory_fd)
    except PermissionError:
        return []
    try:
        return stored_names.list_names(fd)
    finally:
        os.close(fd)


def _fill(folder: _Folder, stored: list[str]) -> None:
    shown, folder.odd = stored_names.shown_names(stored)
    joined = "/".join(shown)
    keys = joined.upper().split("/") if joined.isascii() else [upcase(n) for n in shown]
    if not shown:
        return
    folder.by_key = dict(zip(keys, shown, strict=True))
    if len(folder.by_key) < len(shown):
        _sort_doubles(folder, keys, shown)


def _sort_doubles(folder: _Folder, keys: list[str], shown: list[str]) -> None:
    groups: dict[str, set[str]] = {}
    for key, name in zip(keys, shown, strict=True):
        groups.setdefault(key, set()).add(name)
    for key, group in groups.items():
        if len(group) > 1:
            folder.doubles[key] = sorted(group)
            folder.by_key[key] = folder.doubles[key][0]
