"""One opened file or directory of a local folder."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nethood import erref
from nethood.errors import StatusError
from nethood.filetime import to_unix_ns
from nethood.store import dos_attributes, listing
from nethood.store.base import Entry, Info, Node, check_times
from nethood.store.dos_attributes import Record
from nethood.store.errno_status import error_of
from nethood.store.portable import (
    BLOCKS,
    INO,
    MODE,
    SIZE,
    Stat,
)

if TYPE_CHECKING:
    from nethood.store.local import LocalStore

_RWF_NOWAIT: int = getattr(os, "RWF_NOWAIT", 0)
_NO_NOWAIT = frozenset({errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL})
_MAX_RANGES = 65_536
_ZEROS = bytes(1 << 16)
_ATTEMPTS = 3
_MAX_SIZE = (1 << 63) - 1


class LocalNode(Node):
    """An open descriptor, and what was known of it when it was opened."""

    __slots__ = (
        "_change_time",
        "_looked_at",
        "_opened_xattr",
        "_store",
        "fd",
        "opened_stat",
    )

    def __init__(
        self, store: LocalStore, path: str, fd: int, stat: Stat, xattr: bytes, looked_at: bool
    ) -> None:
        """Take over *fd*; *looked_at* says that it can be asked about but not read."""
        self._store = store
        self.path = path
        self.fd = fd
        self.opened_stat = stat
        self._opened_xattr = xattr
        self._looked_at = looked_at
        self._change_time = 0
        self.is_directory = stat[MODE] & 0o170000 == 0o040000
        root = store.root_stat
        same = stat[15] == root[15] and stat[16] == root[16]
        self.file_id = (stat[INO] or 1) if same else dos_attributes.file_id_of(stat, root)

    def _hidden(self) -> bool:
        """Tell whether the name makes the file hidden."""
        path = self.path
        return path.startswith(".", path.rfind("/") + 1)

    def info(self) -> Info:
        """Return what is true now."""
        store = self._store
        try:
            stat = store.system.stat_fd(self.fd)
        except OSError as error:
            raise self.failure(error) from None
        xattr = self._xattr(stat) if self._looked_at else store.records.read(self.fd, stat)
        path = self.path
        hidden = path.startswith(".", path.rfind("/") + 1)
        info = dos_attributes.info_of(stat, xattr, hidden, self.file_id)
        if self._change_time:
            info.change_time = self._change_time
        return info

    def info_at_open(self) -> Info:
        """Return what was true when the node was opened or created."""
        path = self.path
        hidden = path.startswith(".", path.rfind("/") + 1)
        return dos_attributes.info_of(self.opened_stat, self._opened_xattr, hidden, self.file_id)

    def _xattr(self, stat: Stat) -> bytes:
        if self._looked_at:
            return self._store.records.read_path(self._store.system.handle_path(self.fd), stat)
        return self._store.records.read(self.fd, stat)

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill *buffer* from *offset*; return the bytes read, fewer only at the end of file."""
        try:
            count = os.preadv(self.fd, (buffer,), offset)
            while 0 < count < len(buffer):
                more = os.preadv(self.fd, (buffer[count:],), offset + count)
                if not more:
                    break
                count += more
        except OSError as error:
            raise self.failure(error) from None
        except OverflowError:
            raise StatusError(erref.STATUS_INVALID_PARAMETER) from None
        return count

    def read_into_nowait(self, buffer: memoryview, offset: int) -> int | None:
        """Read from the page cache as `read_into` does; None where that is not enough."""
        if not self._store.reads_nowait:
            return self.read_into(buffer, offset) if self._store.in_memory else None
        try:
            count = os.preadv(self.fd, (buffer,), offset, _RWF_NOWAIT)
            while 0 < count < len(buffer):
                more = os.preadv(self.fd, (buffer[count:],), offset + count, _RWF_NOWAIT)
                if not more:
                    break
                count += more
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in _NO_NOWAIT:
                raise self.failure(error) from None
            return self.read_into(buffer, offset) if self._store.in_memory else None
        except OverflowError:
            raise StatusError(erref.STATUS_INVALID_PARAMETER) from None
        return count

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> int:
        """Write all of *data* at *offset*, growing the file."""
        size = len(data)
        try:
            done = os.pwrite(self.fd, data, offset)
            while done < size:
                done += os.pwrite(self.fd, memoryview(data)[done:], offset + done)
        except OSError as error:
            raise self.failure(error) from None
        except OverflowError:
            raise StatusError(erref.STATUS_INVALID_PARAMETER) from None
        return size

    def truncate(self, size: int) -> None:
        """Set the end of file; what is gained reads as zeros."""
        try:
            os.ftruncate(self.fd, size)
        except OSError as error:
            if error.errno == errno.EINVAL:  # what Linux says to a descriptor for reading
                raise StatusError(erref.STATUS_ACCESS_DENIED) from None
            raise self.failure(error) from None
        except OverflowError:
            raise StatusError(erref.STATUS_FILE_TOO_LARGE) from None

    def allocate(self, size: int) -> None:
        """Reserve room for *size* bytes without moving the end of file."""
        try:
            allocated = self._store.system.stat_fd(self.fd)[BLOCKS] * 512
            if size <= allocated:
                return
            self._reserve(min(size, _MAX_SIZE), size - allocated)
        except OSError as error:
            raise self.failure(error) from None

    def _reserve(self, size: int, missing: int) -> None:
        try:
            self._store.system.reserve(self.fd, size)
        except OSError as error:
            if error.errno not in _NO_NOWAIT:
                raise
            os.pwrite(self.fd, b"", 0)  # says whether this descriptor may write at all
            if missing > self._store.volume().available:
                raise OSError(errno.ENOSPC, "not enough room") from None

    def zero(self, offset: int, length: int) -> None:
        """Make a range inside the file read as zeros, freeing it where that can be done."""
        try:
            size = self._store.system.stat_fd(self.fd)[SIZE]
            length = min(length, size - offset)
            if length <= 0:
                return
            try:
                self._store.system.punch_hole(self.fd, offset, length)
            except OSError as error:
                if error.errno not in _NO_NOWAIT:
                    raise
                self._write_zeros(offset, length)
        except OSError as error:
            raise self.failure(error) from None

    def _write_zeros(self, offset: int, length: int) -> None:
        while length > 0:
            step = os.pwrite(self.fd, _ZEROS[: min(length, len(_ZEROS))], offset)
            offset += step
            length -= step

    def allocated_ranges(self, offset: int, length: int) -> list[tuple[int, int]]:
        """Return the (offset, length) pairs inside the given range that hold data."""
        try:
            size = self._store.system.stat_fd(self.fd)[SIZE]
            end = min(offset + length, size)
            if offset >= end:
                return []
            if not hasattr(os, "SEEK_DATA"):
                return [(offset, end - offset)]
            return self._data_ranges(offset, end)
        except OSError as error:
            raise self.failure(error) from None

    def _data_ranges(self, offset: int, end: int) -> list[tuple[int, int]]:
        ranges: list[tuple[int, int]] = []
        while offset < end and len(ranges) < _MAX_RANGES:
            try:
                start = os.lseek(self.fd, offset, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole from here on
                    break
                raise
            if start >= end:
                break
            offset = min(os.lseek(self.fd, start, os.SEEK_HOLE), end)
            ranges.append((start, offset - start))
        return ranges

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set those times that are given, and keep them.

        A ChangeTime set through a node stays what it is for all that is done through that node
        ([MS-FSA] 2.1.5.15.2, UserSetChangeTime).
        """
        self._store.refuse_if_read_only()
        check_times(creation_time, last_access_time, last_write_time, change_time)
        try:
            target = self._target()
            if last_access_time is not None or last_write_time is not None:
                self._store.system.set_times(target, _ns(last_access_time), _ns(last_write_time))
            if change_time is not None:
                self._change_time = change_time
            stat = self._store.system.stat_fd(self.fd)
            record = dos_attributes.decode(self._xattr(stat))
            if creation_time is not None:
                made_up = dos_attributes.birth_time(stat)
                record.creation_time = 0 if creation_time == made_up else creation_time
            elif not self._change_time:
                return
            self._keep(record, stat)
        except OSError as error:
            raise self.failure(error) from None

    def set_attributes(self, attributes: int) -> None:
        """Keep READONLY, HIDDEN, SYSTEM, ARCHIVE, SPARSE and their kin; the rest is ignored.

        Taking READONLY away gives a file's owner the permission to write back; setting it leaves
        the permissions alone.
        """
        self._store.refuse_if_read_only()
        try:
            stat = self._store.system.stat_fd(self.fd)
            kept = attributes & dos_attributes.KEPT
            if not (kept & dos_attributes.READONLY or stat[MODE] & 0o200 or self.is_directory):
                stat = self._allow_writing(stat)
            made_up = dos_attributes.made_up_attributes(stat[MODE], self._hidden())
            record = dos_attributes.decode(self._xattr(stat))
            wanted = 0 if kept == made_up else kept or dos_attributes.NORMAL
            if wanted == record.attributes and not self._change_time:
                return
            record.attributes = wanted
            self._keep(record, stat)
        except OSError as error:
            raise self.failure(error) from None

    def start_with(self, attributes: int) -> None:
        """Give a new file its attributes, beside those that are made up for it."""
        made_up = dos_attributes.made_up_attributes(self.opened_stat[MODE], self._hidden())
        if not attributes & dos_attributes.KEPT & ~made_up:
            return
        self.set_attributes(attributes & dos_attributes.KEPT | made_up)
        self.opened_stat = self._store.system.stat_fd(self.fd)
        self._opened_xattr = self._xattr(self.opened_stat)

    def _allow_writing(self, stat: Stat) -> Stat:
        try:
            os.chmod(self._target(), stat[MODE] & 0o7777 | 0o200)
        except PermissionError:
            return stat
        return self._store.system.stat_fd(self.fd)

    def _keep(self, record: Record, stat: Stat) -> None:
        """Write *record*, and the ChangeTime set through this node such that it holds."""
        record.change_time = self._change_time
        record.change_guard_ns = 0
        if not self._change_time:
            self._store.records.write(self._target(), stat, record)
            return
        ahead = 0  # by how much the file system's clock is ahead of ours
        for _ in range(_ATTEMPTS):
            record.change_guard_ns = time.time_ns() + ahead
            self._store.records.write(self._target(), stat, record)
            stat = self._store.system.stat_fd(self.fd)
            if dos_attributes.change_time_holds(record, stat):
                return
            ahead += dos_attributes.changed_ns(stat) - record.change_guard_ns

    def _target(self) -> int | str:
        """Return what names this file to calls that change its metadata."""
        return (self._looked_at and self._store.system.handle_path(self.fd)) or self.fd

    def flush(self) -> None:
        """Return when the node's bytes and metadata have reached the device."""
        try:
            if not self._looked_at:
                _sync(self.fd)
        except OSError as error:
            raise self.failure(error) from None

    def entries(self) -> Iterator[Entry]:
        """Walk a directory lazily, in the order its names were in at the first step."""
        if not self.is_directory:
            raise StatusError(erref.STATUS_INVALID_PARAMETER)
        return listing.entries(self._store, self)

    def is_empty(self) -> bool:
        """Tell whether a directory holds nothing, hidden things that are no files included."""
        try:
            with os.scandir(self.fd) as names:
                return next(names, None) is None
        except OSError as error:
            raise self.failure(error) from None

    def close(self) -> None:
        """Release the node; the file stays."""
        fd = self.fd
        if fd < 0:
            return
        try:
            if self._change_time:
                self._keep_change_time()
        finally:
            self.fd = -1
            os.close(fd)

    def _keep_change_time(self) -> None:
        """Write the ChangeTime again where something done through this node has moved it."""
        try:
            stat = self._store.system.stat_fd(self.fd)
            record = dos_attributes.decode(self._xattr(stat))
            if not dos_attributes.change_time_holds(record, stat):
                self._keep(record, stat)
        except OSError:
            return  # the file may not be ours to touch any more; its time is all that is lost

    def failure(self, error: OSError) -> StatusError:
        """Return what a failed call on this node's descriptor means."""
        if error.errno == errno.EBADF:
            closed = self.fd < 0
            return StatusError(erref.STATUS_FILE_CLOSED if closed else erref.STATUS_ACCESS_DENIED)
        return error_of(error)


def _ns(filetime: int | None) -> int | None:
    return None if filetime is None else to_unix_ns(filetime)


def _sync(fd: int) -> None:
    try:
        import fcntl

        # on macOS fsync alone stops at the drive's own cache
        full: int | None = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:
            fcntl.fcntl(fd, full)
            return
    except (ImportError, OSError):
        pass
    os.fsync(fd)
