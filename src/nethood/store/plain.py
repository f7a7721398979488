"""A local folder by plain paths, for systems that can't open names relative to a directory.

Windows is one. What a path leads to is checked before it is used: a link that leads out of the
share is refused, but somebody who changes the folder at that very moment from this machine could
outwit the check, which local.py does not allow. Folders are read at every look-up, and DOS
attributes and set creation times last as long as the store.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from nethood import erref
from nethood.errors import StatusError
from nethood.filetime import to_unix_ns
from nethood.store import dos_attributes, names
from nethood.store.base import (
    Capabilities,
    Entry,
    Info,
    Node,
    Store,
    Volume,
    check_times,
    join,
    split,
)
from nethood.store.dos_attributes import Record, RecordKeeper
from nethood.store.errno_status import error_of
from nethood.store.portable import INO, MODE, PortableSystem, Stat, stat_of
from nethood.text import upcase

_BINARY: int = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_LETS_GO = os.name == "nt"
"""Whether a file must be closed before it can be renamed or removed."""
_S = 1_000_000_000
_ZEROS = bytes(1 << 16)
_MAX_OFFSET = (1 << 63) - 1


class _NoXattrs(PortableSystem):
    """Stands in for a system whose file systems keep no attributes of ours."""

    has_xattr = False

    def __init__(self) -> None:
        pass

    def get_xattr(self, fd: int) -> bytes:
        raise OSError(errno.EOPNOTSUPP, "no extended attributes here")


class PlainNode(Node):
    """One opened file or directory, by its path; a file's descriptor is opened when needed."""

    __slots__ = ("_change_time", "_closed", "_fd", "_lock", "_opened_stat", "_store", "_writable")

    def __init__(self, store: PlainStore, path: str, stat: Stat, *, writable: bool) -> None:
        self._store = store
        self.path = path
        self.is_directory = stat_module.S_ISDIR(stat[MODE])
        self.file_id = stat[INO] or zlib.crc32(path.encode("utf-8", "surrogatepass")) or 1
        self._opened_stat = stat
        self._writable = writable and not self.is_directory
        self._fd = -1
        self._closed = False
        self._change_time = 0
        self._lock = threading.Lock()
        if not self.is_directory:
            self._descriptor()

    def _descriptor(self) -> int:
        """Return the open file's descriptor. Raises OSError."""
        if self._closed:
            raise StatusError(erref.STATUS_FILE_CLOSED)
        if self._fd < 0:
            flags = os.O_RDWR if self._writable else os.O_RDONLY
            self._fd = os.open(self._store.real(self.path), flags | _BINARY)
        return self._fd

    def _for_writing(self) -> int:
        if not self._writable and not self._closed:
            raise StatusError(erref.STATUS_ACCESS_DENIED)
        return self._descriptor()

    def let_go(self) -> None:
        """Close the descriptor where the system would not rename or remove the file else."""
        if _LETS_GO and self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def stat(self) -> Stat:
        """Return what the system knows. Raises OSError."""
        if self._closed:
            raise StatusError(erref.STATUS_FILE_CLOSED)
        if self._fd >= 0:
            return stat_of(os.fstat(self._fd))
        return stat_of(os.stat(self._store.real(self.path)))

    def info(self) -> Info:
        """Return what is true now."""
        try:
            stat = self.stat()
        except OSError as error:
            raise error_of(error) from None
        info = self._store.info_of(stat, split(self.path)[1], self.file_id)
        info.change_time = self._change_time or info.change_time
        return info

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill *buffer* from *offset*; return the bytes read, fewer only at the end of file."""
        _check_offset(offset)
        done = 0
        try:
            with self._lock:
                fd = self._descriptor()
                os.lseek(fd, offset, os.SEEK_SET)
                while done < len(buffer):
                    piece = os.read(fd, len(buffer) - done)
                    if not piece:
                        break
                    buffer[done : done + len(piece)] = piece
                    done += len(piece)
        except OSError as error:
            raise error_of(error) from None
        return done

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> int:
        """Write all of *data* at *offset*, growing the file."""
        _check_offset(offset)
        try:
            with self._lock:
                fd = self._for_writing()
                os.lseek(fd, offset, os.SEEK_SET)
                done = 0
                while done < len(data):
                    done += os.write(fd, memoryview(data)[done:])
        except OSError as error:
            raise error_of(error) from None
        return len(data)

    def truncate(self, size: int) -> None:
        """Set the end of file; what is gained reads as zeros."""
        try:
            os.ftruncate(self._for_writing(), size)
        except OSError as error:
            raise error_of(error) from None
        except OverflowError:
            raise StatusError(erref.STATUS_FILE_TOO_LARGE) from None

    def allocate(self, size: int) -> None:
        """Say whether there is room for *size* bytes; nothing is reserved."""
        self._for_writing()
        if size - self.info().allocation_size > self._store.volume().available:
            raise StatusError(erref.STATUS_DISK_FULL)

    def zero(self, offset: int, length: int) -> None:
        """Write zeros over a range inside the file."""
        self._for_writing()
        length = min(length, self.info().size - offset)
        while length > 0:
            step = self.write(_ZEROS[: min(length, len(_ZEROS))], offset)
            offset += step
            length -= step

    def allocated_ranges(self, offset: int, length: int) -> list[tuple[int, int]]:
        """Return the given range as far as it lies inside the file."""
        end = min(offset + length, self.info().size)
        return [(offset, end - offset)] if offset < end else []

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set those times that are given; creation and change time last as long as the store."""
        self._store.refuse_if_read_only()
        check_times(creation_time, last_access_time, last_write_time, change_time)
        try:
            now = os.stat(self._store.real(self.path))
            access = now.st_atime_ns if last_access_time is None else to_unix_ns(last_access_time)
            write = now.st_mtime_ns if last_write_time is None else to_unix_ns(last_write_time)
            os.utime(self._store.real(self.path), ns=(access, write))
            stat = self.stat()
        except OSError as error:
            raise error_of(error) from None
        record = self._store.record_of(stat)
        if creation_time is not None:
            record.creation_time = creation_time
        self._change_time = change_time or self._change_time
        self._keep(record, stat)

    def set_attributes(self, attributes: int) -> None:
        """Keep READONLY, HIDDEN, SYSTEM, ARCHIVE, SPARSE and their kin; the rest is ignored."""
        self._store.refuse_if_read_only()
        try:
            stat = self.stat()
        except OSError as error:
            raise error_of(error) from None
        record = self._store.record_of(stat)
        record.attributes = attributes & dos_attributes.KEPT or dos_attributes.NORMAL
        self._keep(record, stat)

    def _keep(self, record: Record, stat: Stat) -> None:
        record.change_time = self._change_time
        record.change_guard_ns = dos_attributes.changed_ns(stat)
        self._store.records.write(-1, stat, record)

    def flush(self) -> None:
        """Return when a file's bytes have reached the device."""
        try:
            if not self.is_directory:
                os.fsync(self._descriptor())
        except OSError as error:
            if error.errno != errno.EBADF:  # Windows syncs only what is open for writing
                raise error_of(error) from None

    def entries(self) -> Iterator[Entry]:
        """Walk a directory lazily, in the order its names were in at the first step."""
        if not self.is_directory:
            raise StatusError(erref.STATUS_INVALID_PARAMETER)
        return self._walk()

    def _walk(self) -> Iterator[Entry]:
        for name in self._store.names_in(self.path):
            path = join((self.path, name))
            try:
                stat = self._store.stat_inside(path)
            except (OSError, StatusError):
                continue
            if stat_module.S_ISREG(stat[MODE]) or stat_module.S_ISDIR(stat[MODE]):
                yield Entry(name, self._store.info_of(stat, name, stat[INO] or 1))

    def is_empty(self) -> bool:
        """Tell whether a directory holds nothing."""
        return not self._store.names_in(self.path)

    def close(self) -> None:
        """Release the node; the file stays."""
        self._closed = True
        if self._fd >= 0:
            if self._change_time:
                stat = stat_of(os.fstat(self._fd))
                self._keep(self._store.record_of(stat), stat)
            os.close(self._fd)
            self._fd = -1


class PlainStore(Store):
    """The files below one folder, by plain paths."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        follow_symlinks: Literal["inside", "never"] = "inside",
        read_only: bool = False,
    ) -> None:
        """Serve the folder *path*. Raises OSError where it is none."""
        self.root = os.path.realpath(path)
        os.listdir(self.root)
        self.follow = follow_symlinks == "inside"
        self.read_only = read_only
        self.records = RecordKeeper(_NoXattrs())
        self._lock = threading.RLock()
        self.capabilities = Capabilities(
            hard_links=hasattr(os, "link"),
            read_only=read_only,
            blocking=frozenset({"flush", "read_into", "copy_range", "zero"}),
        )

    def refuse_if_read_only(self) -> None:
        """Raise StatusError(MEDIA_WRITE_PROTECTED) where the store may not be changed."""
        if self.read_only:
            raise StatusError(erref.STATUS_MEDIA_WRITE_PROTECTED)

    def real(self, path: str) -> str:
        """Return the system's path for one relative to the root, links in it unresolved."""
        disk = os.fsdecode(names.to_disk(path))
        if os.name == "nt" and any(c in disk for c in '\\:*?"<>|'):
            raise StatusError(erref.STATUS_OBJECT_NAME_INVALID)
        return os.path.join(self.root, *disk.split("/")) if path else self.root

    def stat_inside(self, path: str) -> Stat:
        """Return what *path* means, links followed inside the share only. Raises OSError."""
        real = self.real(path)
        target = os.path.realpath(real)
        inside = target == self.root or target.startswith(self.root.rstrip(os.sep) + os.sep)
        if not inside or (not self.follow and target != real):
            raise StatusError(erref.STATUS_ACCESS_DENIED, "a link that leads out")
        return stat_of(os.stat(real))

    def record_of(self, stat: Stat) -> Record:
        """Return what is kept of a file beside what the system knows."""
        return dos_attributes.decode(self.records.read(-1, stat))

    def info_of(self, stat: Stat, name: str, file_id: int) -> Info:
        """Return the Info of a file called *name*."""
        kept = self.records.read(-1, stat)
        return dos_attributes.info_of(stat, kept, name.startswith("."), file_id)

    def names_in(self, path: str) -> list[str]:
        """Return the names in a directory, as shown. Raises StatusError."""
        try:
            stored = os.listdir(self.real(path))
        except OSError as error:
            raise error_of(error) from None
        return names.shown_names(stored)[0]

    def _stored(self, path: str) -> str:
        """Return *path* with the names that are stored; those not found stay as they are."""
        names.to_disk(path)
        done: list[str] = []
        for name in path.split("/") if path else ():
            try:
                there = self.names_in(join(done))
            except StatusError:
                there = []
            same = sorted(n for n in there if upcase(n) == upcase(name))
            done.append(name if name in same or not same else same[0])
        return join(done)

    def _parent(self, path: str) -> tuple[str, str]:
        """Return the stored path of an existing parent directory, and the last name."""
        names.to_disk(path)
        parent, name = split(path)
        parent = self._stored(parent)
        try:
            is_folder = stat_module.S_ISDIR(self.stat_inside(parent)[MODE])
        except OSError:
            is_folder = False
        if not is_folder:
            raise StatusError(erref.STATUS_OBJECT_PATH_NOT_FOUND)
        return parent, name

    def _existing(self, path: str) -> str | None:
        """Return the stored path of what any case of *path* means, None if there is nothing."""
        stored = self._stored(path)
        return stored if os.path.lexists(self.real(stored)) else None

    def open(self, path: str, *, write: bool = False) -> Node:
        """Open what exists, for reading and metadata, and for writing bytes if *write*."""
        if write:
            self.refuse_if_read_only()
        if path:
            self._parent(path)
        stored = self._existing(path)
        if stored is None:
            raise StatusError(erref.STATUS_OBJECT_NAME_NOT_FOUND)
        try:
            stat = self.stat_inside(stored)
            if not (stat_module.S_ISREG(stat[MODE]) or stat_module.S_ISDIR(stat[MODE])):
                raise StatusError(erref.STATUS_ACCESS_DENIED)
            return PlainNode(self, stored, stat, writable=write)
        except OSError as error:
            raise error_of(error) from None

    def create(self, path: str, *, directory: bool, attributes: int = 0) -> Node:
        """Make a new file (open for writing) or directory; the name is kept as given."""
        self.refuse_if_read_only()
        if not path:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        with self._lock:
            parent, name = self._parent(path)
            stored = join((parent, name))
            if self._existing(stored) is not None:
                raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
            try:
                if directory:
                    os.mkdir(self.real(stored))
                else:
                    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY
                    os.close(os.open(self.real(stored), flags, 0o666))
                node = PlainNode(self, stored, self.stat_inside(stored), writable=True)
            except OSError as error:
                raise error_of(error) from None
        made_up = dos_attributes.made_up_attributes(node.stat()[MODE], name.startswith("."))
        if attributes & dos_attributes.KEPT & ~made_up:
            node.set_attributes(attributes | made_up)
        return node

    def rename(self, node: Node, path: str, *, replace: bool) -> str:
        """Move *node* to *path*, its new name kept as given; return the path as stored."""
        self.refuse_if_read_only()
        if not path or not node.path:
            raise StatusError(erref.STATUS_ACCESS_DENIED)
        with self._lock:
            self._parent(node.path)
            parent, name = self._parent(path)
            target = join((parent, name))
            self._check_own_name(node)
            there = self._existing(target)
            if there is not None and there != node.path:
                self._check_replaceable(node, there, replace)
            try:
                self._move(node, target, there)
            except OSError as error:
                raise error_of(error) from None
        return target

    def _move(self, node: Node, target: str, there: str | None) -> None:
        _plain(node).let_go()
        if there is not None and there != node.path and self._is_node(node, there):
            os.unlink(self.real(node.path))  # two names of one file: the old one goes
        else:
            os.replace(self.real(node.path), self.real(there or target))
        if there is not None and there != target:
            os.replace(self.real(there), self.real(target))

    def _is_node(self, node: Node, path: str) -> bool:
        return _same(os.lstat(self.real(path)), _plain(node).stat())

    def _check_own_name(self, node: Node) -> None:
        """Raise StatusError(OBJECT_NAME_NOT_FOUND) where the name means another file now."""
        try:
            same = _same(os.stat(self.real(node.path)), _plain(node).stat())
        except OSError:
            same = False
        if not same or self._stored(node.path) != node.path:
            raise StatusError(erref.STATUS_OBJECT_NAME_NOT_FOUND)

    def _check_replaceable(self, node: Node, there: str, replace: bool) -> None:
        if not replace:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        if node.is_directory or os.path.isdir(self.real(there)):
            raise StatusError(erref.STATUS_ACCESS_DENIED, "a directory can't be replaced")

    def link(self, node: Node, path: str, *, replace: bool) -> None:
        """Give a file one more name."""
        self.refuse_if_read_only()
        if not path:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        if node.is_directory:
            raise StatusError(erref.STATUS_FILE_IS_A_DIRECTORY)
        with self._lock:
            self._parent(node.path)
            target = join(self._parent(path))
            self._check_own_name(node)
            there = self._existing(target)
            try:
                if there is not None:
                    self._check_replaceable(node, there, replace)
                    if self._is_node(node, there):
                        return
                    os.unlink(self.real(there))
                os.link(self.real(node.path), self.real(target))
            except OSError as error:
                raise error_of(error) from None

    def remove(self, node: Node) -> None:
        """Take away the name *node* was opened by."""
        self.refuse_if_read_only()
        if not node.path:
            raise StatusError(erref.STATUS_CANNOT_DELETE)
        with self._lock:
            self._parent(node.path)
            self._check_own_name(node)
            real = self.real(node.path)
            _plain(node).let_go()
            try:
                if node.is_directory and not os.path.islink(real):
                    os.rmdir(real)
                else:
                    os.unlink(real)
            except OSError as error:
                raise error_of(error) from None

    def volume(self) -> Volume:
        """Return size and identity of what the folder lies on."""
        import shutil

        try:
            usage = shutil.disk_usage(self.root)
        except OSError as error:
            raise error_of(error) from None
        return Volume(
            total=usage.total,
            available=usage.free,
            allocation_unit=4096,
            serial=zlib.crc32(b"%x" % os.stat(self.root).st_dev) or 1,
            label=Path(self.root).name or "root",
            file_system="NTFS",
        )


def _plain(node: Node) -> PlainNode:
    if not isinstance(node, PlainNode):
        raise TypeError("a node of another store")
    return node


def _same(one: os.stat_result, other: Stat) -> bool:
    return stat_of(one)[INO] == other[INO]


def _check_offset(offset: int) -> None:
    if not 0 <= offset <= _MAX_OFFSET:
        raise StatusError(erref.STATUS_INVALID_PARAMETER)
