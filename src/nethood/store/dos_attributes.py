"""What NT knows of a file and POSIX does not: DOS attributes, creation time, a set ChangeTime.

They live in one small extended attribute, written only where they differ from what is made up
from the file itself: files are ARCHIVE, and READONLY while their owner may not write them; names
with a leading dot are HIDDEN; the creation time is the time of birth, or else the oldest of the
other times. Where a file system keeps no extended attributes, they last as long as the store.

A ChangeTime that a client sets must be kept although POSIX sets its own at every change, that of
this very attribute included. So the attribute also holds the POSIX change time of the moment it
was written, as good as that can be known beforehand; while the file's own lies within a clock
tick of it, nothing else has changed and what was set is what is shown.
"""

from __future__ import annotations

import errno
import struct
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

from nethood.filetime import UNIX_EPOCH
from nethood.store.base import Info
from nethood.store.portable import (
    BIRTH_NS,
    BIRTH_S,
    CTIME_NS,
    CTIME_S,
    DEV_MAJOR,
    DEV_MINOR,
    INO,
    MODE,
    TICK_NS,
    PortableSystem,
    Stat,
)

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE, NORMAL = 0x01, 0x02, 0x04, 0x10, 0x20, 0x80
KEPT = 0x001A_3327
"""READONLY HIDDEN SYSTEM ARCHIVE TEMPORARY SPARSE OFFLINE NOT_CONTENT_INDEXED NO_SCRUB PINNED
UNPINNED ([MS-FSCC] 2.6)."""

TOLERANCE_NS = 20_000_000
MAX_REMEMBERED = 65_536
_NOT_SUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS})
_FORMAT = struct.Struct("<BxxxIQQQ")
_VERSION = 1
_MODE_LINK = 0o120000
_MODE_DIRECTORY = 0o040000
_MODE_TYPE = 0o170000
_MASK_64 = (1 << 64) - 1


@dataclass(slots=True)
class Record:
    """What the extended attribute says; 0 stands for "made up from the file"."""

    attributes: int = 0
    creation_time: int = 0
    change_time: int = 0
    change_guard_ns: int = 0
    """The POSIX change time that *change_time* stands in for."""

    def encode(self) -> bytes:
        """Return the attribute's bytes, b"" where there is nothing to say."""
        if not (self.attributes or self.creation_time or self.change_time):
            return b""
        return _FORMAT.pack(
            _VERSION, self.attributes, self.creation_time, self.change_time, self.change_guard_ns
        )


def decode(data: bytes) -> Record:
    """Return the record in *data*; an empty one where it is none of ours."""
    if len(data) != _FORMAT.size or data[0] != _VERSION:
        return Record()
    return Record(*_FORMAT.unpack(data)[1:])


def changed_ns(stat: Stat) -> int:
    """Return the POSIX change time."""
    return stat[CTIME_S] * 1_000_000_000 + stat[CTIME_NS]


def change_time_holds(record: Record, stat: Stat) -> bool:
    """Tell whether nothing has changed the file since its ChangeTime was set."""
    return (
        bool(record.change_time) and abs(changed_ns(stat) - record.change_guard_ns) <= TOLERANCE_NS
    )


def made_up_attributes(mode: int, hidden: bool) -> int:
    """Return the attributes of a file without a record; *hidden* says its name has the dot."""
    if mode & _MODE_TYPE == _MODE_DIRECTORY:
        return HIDDEN if hidden else 0
    return (HIDDEN | ARCHIVE if hidden else ARCHIVE) | (0 if mode & 0o200 else READONLY)


def file_id_of(stat: Stat, root: Stat) -> int:
    """Return the file id: the inode number, mixed with the device's below a mount point."""
    if stat[DEV_MAJOR] == root[DEV_MAJOR] and stat[DEV_MINOR] == root[DEV_MINOR]:
        return stat[INO] or 1
    device = (stat[DEV_MAJOR] << 32 | stat[DEV_MINOR]) * 0x9E37_79B9_7F4A_7C15
    return ((stat[INO] ^ device) & _MASK_64) or 1


def info_of(stat: Stat, xattr: bytes, hidden: bool, file_id: int) -> Info:
    """Return the Info of a file from what the system and its attribute say."""
    # spelled out: this runs for every entry of every listing
    (_, links, uid, mode, _, size, blocks, a, a_ns, b, b_ns, c, c_ns, m, m_ns, _, _) = stat
    accessed = a * 10_000_000 + a_ns // 100 + UNIX_EPOCH
    changed = c * 10_000_000 + c_ns // 100 + UNIX_EPOCH
    written = m * 10_000_000 + m_ns // 100 + UNIX_EPOCH
    created = b * 10_000_000 + b_ns // 100 + UNIX_EPOCH if b else min(accessed, changed, written)
    if mode & 0o170200 == 0o100200 and not hidden:  # a regular file its owner may write
        attributes = ARCHIVE
    else:
        attributes = made_up_attributes(mode, hidden)
    if xattr:
        record = decode(xattr)
        attributes = record.attributes & KEPT if record.attributes else attributes
        created = record.creation_time or created
        changed = record.change_time if change_time_holds(record, stat) else changed
    is_directory = mode & _MODE_TYPE == _MODE_DIRECTORY
    if is_directory:
        attributes |= DIRECTORY
        links = min(links, 1)
        size = blocks = 0
    return Info(
        file_id,
        is_directory,
        size,
        blocks * 512,
        created,
        accessed,
        written,
        changed,
        attributes or NORMAL,
        links,
        uid,
    )


def birth_time(stat: Stat) -> int:
    """Return the time of birth as a FILETIME, 0 where the file system has none."""
    if not stat[BIRTH_S]:
        return 0
    return stat[BIRTH_S] * 10_000_000 + stat[BIRTH_NS] // 100 + UNIX_EPOCH


class RecordKeeper:
    """Reads and writes records, in memory where the file system keeps none."""

    def __init__(self, system: PortableSystem) -> None:
        self._system = system
        self._without: set[tuple[int, int]] = set()
        """Devices whose file system keeps no extended attributes."""
        self._remembered: OrderedDict[Stat, bytes] = OrderedDict()
        self._seen: dict[tuple[int, int], tuple[int, int, bytes]] = {}
        """By inode and device: the ctime, and the attribute read then; changes move the ctime."""
        self._lock = threading.Lock()

    def read(self, fd: int, stat: Stat) -> bytes:
        """Return the attribute's bytes of an open file, b"" where it has none."""
        seen = self._seen.get((stat[INO], stat[DEV_MINOR]))
        if seen is not None and seen[0] == stat[CTIME_S] and seen[1] == stat[CTIME_NS]:
            return seen[2]
        if self._without and stat[DEV_MAJOR : DEV_MINOR + 1] in self._without:
            return self._remembered.get(_identity(stat), b"")
        try:
            xattr = self._system.get_xattr(fd)
        except OSError as error:
            self._failed(error, stat)
            return b""
        self._note(stat, xattr)
        return xattr

    def look_at(self, directory_fd: int, name: bytes) -> tuple[Stat, bytes]:
        """Return what is known of an entry, and its attribute's bytes. Raises OSError."""
        stat = self._system.stat_at(directory_fd, name)
        if stat[MODE] & _MODE_TYPE == _MODE_LINK:
            return stat, b""
        seen = self._seen.get((stat[INO], stat[DEV_MINOR]))
        if seen is not None and seen[0] == stat[CTIME_S] and seen[1] == stat[CTIME_NS]:
            return stat, seen[2]
        if self._without and stat[DEV_MAJOR : DEV_MINOR + 1] in self._without:
            return stat, self._remembered.get(_identity(stat), b"")
        try:
            xattr = self._system.get_xattr_at(directory_fd, name)
        except OSError as error:
            self._failed(error, stat)
            return stat, b""
        self._note(stat, xattr)
        return stat, xattr

    def _note(self, stat: Stat, xattr: bytes) -> None:
        """Remember an attribute just read, unless the file changed within the last clock tick:

        a change in the same tick might not show in its ctime.
        """
        if time.time_ns() - stat[CTIME_S] * 1_000_000_000 - stat[CTIME_NS] < TICK_NS:
            return
        if len(self._seen) >= MAX_REMEMBERED:
            self._seen.clear()
        self._seen[stat[INO], stat[DEV_MINOR]] = (stat[CTIME_S], stat[CTIME_NS], xattr)

    def read_path(self, path: str | None, stat: Stat) -> bytes:
        """Return the bytes for a file that could be looked at but not opened."""
        if stat[DEV_MAJOR : DEV_MINOR + 1] in self._without:
            return self._remembered.get(_identity(stat), b"")
        try:
            return self._system.get_xattr_path(path) if path else b""
        except OSError:
            return b""

    def write(self, target: int | str, stat: Stat, record: Record) -> None:
        """Keep *record* for the file that *target* (descriptor or path) means. Raises OSError."""
        data = record.encode()
        if stat[DEV_MAJOR : DEV_MINOR + 1] not in self._without:
            try:
                self._system.set_xattr(target, data)
            except OSError as error:
                if not self._failed(error, stat):
                    raise
            else:
                return
        self._remember(_identity(stat), data)

    def _remember(self, key: Stat, data: bytes) -> None:
        with self._lock:
            self._remembered.pop(key, None)
            if data:
                self._remembered[key] = data
            while len(self._remembered) > MAX_REMEMBERED:
                self._remembered.popitem(last=False)

    def _failed(self, error: OSError, stat: Stat) -> bool:
        if error.errno not in _NOT_SUPPORTED:
            return False
        self._without.add((stat[DEV_MAJOR], stat[DEV_MINOR]))
        return True


def _identity(stat: Stat) -> Stat:
    # the time of birth tells a file from the one that had its inode number before
    return (stat[DEV_MAJOR], stat[DEV_MINOR], stat[INO], stat[BIRTH_S], stat[BIRTH_NS])
