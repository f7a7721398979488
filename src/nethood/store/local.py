"""A folder of this machine as a store.

Every path is looked up by the system below the folder's own descriptor (portable.py, linux.py):
names, links and renames made meanwhile can't lead out. What is looked up in vain is tried once
more without regard to case, by the names the folders on the way hold (names_cache.py).
"""

from __future__ import annotations

import errno
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from nethood import erref
from nethood.errors import StatusError
from nethood.store import dos_attributes, names
from nethood.store.base import Capabilities, Node, Store, Volume, split
from nethood.store.dos_attributes import RecordKeeper
from nethood.store.errno_status import error_of, status_of
from nethood.store.local_node import LocalNode
from nethood.store.names_cache import NamesCache
from nethood.store.portable import (
    DEV_MAJOR,
    DEV_MINOR,
    INO,
    MODE,
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_PATH,
    OPEN_DIRECTORY,
    PortableSystem,
    Stat,
)

_COMMON = O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_READ = os.O_RDONLY | _COMMON
_WRITE = os.O_RDWR | _COMMON
_WRITE_ONLY = os.O_WRONLY | _COMMON
_READ_FOLDER = os.O_RDONLY | O_DIRECTORY | _COMMON
_LOOK = O_PATH | O_CLOEXEC
_CREATE = _WRITE | os.O_CREAT | os.O_EXCL | O_NOFOLLOW
_TYPE, _FILE, _FOLDER, _LINK = 0o170000, 0o100000, 0o040000, 0o120000
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})
_LEADS_OUT = frozenset({errno.EXDEV, errno.ELOOP})
_NO_COPY = frozenset(
    {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ETXTBSY}
)
_MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})

_Folder = tuple[int, str, bytes]
"""A folder passed through: its descriptor, its path as shown, its path as stored."""


def pick_system(root: str, *, follow: bool) -> PortableSystem:
    """Return the fastest system calls this machine has for the folder *root*."""
    if os.name == "posix" and os.uname().sysname == "Linux":
        from nethood.store import linux

        if linux.is_available():
            return linux.LinuxSystem(root, follow=follow)
    return PortableSystem(root, follow=follow)


class LocalStore(Store):
    """The files below one folder."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        follow_symlinks: Literal["inside", "never"] = "inside",
        read_only: bool = False,
        system: type[PortableSystem] | None = None,
    ) -> None:
        """Serve the folder *path*, which is held open from now on.

        Symbolic links are followed as far as they lead to something inside the folder, or not at
        all. *system* forces a set of system calls, for tests. Raises OSError where the folder
        can't be opened.
        """
        root, follow = os.fspath(path), follow_symlinks == "inside"
        self.system = system(root, follow=follow) if system else pick_system(root, follow=follow)
        self.read_only = read_only
        self.root_stat = self.system.stat_fd(self.system.root_fd)
        self.records = RecordKeeper(self.system)
        self.names = NamesCache(self.system)
        self.label = Path(os.fsdecode(self.system.root_path)).name or "root"
        self.in_memory = _file_system_of(self.root_stat) in _MEMORY_FILE_SYSTEMS
        self.reads_nowait = hasattr(os, "RWF_NOWAIT") and not self.in_memory
        self._lock = threading.RLock()
        self.capabilities = Capabilities(
            sparse=hasattr(os, "SEEK_DATA"),
            hard_links=hasattr(os, "link"),
            read_only=read_only,
            blocking=frozenset() if self.in_memory else _BLOCKING,
        )

    def close(self) -> None:
        """Release the folder; nodes still open stay readable."""
        if self.system.root_fd >= 0:
            self.system.close()

    def refuse_if_read_only(self) -> None:
        """Raise StatusError(MEDIA_WRITE_PROTECTED) where the store may not be changed."""
        if self.read_only:
            raise StatusError(erref.STATUS_MEDIA_WRITE_PROTECTED)

    def open(self, path: str, *, write: bool = False) -> Node:
        """Open what exists, for reading and metadata, and for writing bytes if *write*."""
        flags = _READ
        if write:
            self.refuse_if_read_only()
            flags = _WRITE
        fd = self.system.open_beneath(names.to_disk(path), flags)
        if fd < 0:
            return self._open_slowly(path, flags, -fd)
        return self._node(fd, path)

    def _node(self, fd: int, path: str, looked_at: bool = False) -> LocalNode:
        """Return the node of a fresh descriptor; close it where it is no file or directory."""
        try:
            stat = self.system.stat_fd(fd)
            if looked_at:
                xattr = self.records.read_path(self.system.handle_path(fd), stat)
            else:
                xattr = self.records.read(fd, stat)
        except OSError as error:
            os.close(fd)
            raise error_of(error) from None
        kind = stat[MODE] & _TYPE
        if kind != _FILE and kind != _FOLDER:
            os.close(fd)
            raise StatusError(erref.STATUS_ACCESS_DENIED, "neither a file nor a directory")
        return LocalNode(self, path, fd, stat, xattr, looked_at)

    def _open_slowly(self, path: str, flags: int, number: int) -> LocalNode:
        """Open what the plain attempt failed for with errno *number*."""
        disk = names.to_disk(path)
        if number in _MISSING:
            path, disk = self._find(path)
            fd = self.system.open_beneath(disk, flags)
            if fd >= 0:
                return self._node(fd, path)
            number = -fd
            if number == errno.ENOENT and self._is_dangling(path):
                number = errno.ELOOP
        while (other := _other_flags(flags, number)) is not None:
            flags = other
            fd = self.system.open_beneath(disk, flags)
            if fd >= 0:
                return self._node(fd, path, flags == _LOOK)
            number = -fd
        raise _refusal(number)

    def _find(self, path: str) -> tuple[str, bytes]:
        """Return the shown and stored path of what *path* means without regard to case.

        Raises StatusError: OBJECT_NAME_NOT_FOUND, OBJECT_PATH_NOT_FOUND, ACCESS_DENIED.
        """
        parent, name = split(path)
        with self._lock:
            folder = self._pass_through(parent)
            try:
                found = self.names.find(folder[0], name)
            except OSError as error:
                raise error_of(error) from None
            finally:
                self._release(folder)
        if found is None:
            raise StatusError(erref.STATUS_OBJECT_NAME_NOT_FOUND)
        return _below(folder, *found)

    def _pass_through(self, path: str) -> _Folder:
        """Open a folder on the way to something else; the caller releases it."""
        if not path:
            return self.system.root_fd, "", b""
        disk = names.to_disk(path)
        fd = self.system.open_beneath(disk, OPEN_DIRECTORY)
        if fd >= 0:
            return fd, path, disk
        if fd != -errno.ENOENT:
            raise _refusal_on_the_way(-fd)
        return self._walk(path.split("/"))

    def _walk(self, components: list[str]) -> _Folder:
        """Pass through folders one by one, without regard to case."""
        folder: _Folder = self.system.root_fd, "", b""
        for name in components:
            try:
                found = self.names.find(folder[0], name)
            except OSError as error:
                raise error_of(error) from None
            finally:
                self._release(folder)
            if found is None:
                raise StatusError(erref.STATUS_OBJECT_PATH_NOT_FOUND)
            shown, disk = _below(folder, *found)
            fd = self.system.open_beneath(disk, OPEN_DIRECTORY)
            if fd < 0:
                raise _refusal_on_the_way(-fd)
            folder = fd, shown, disk
        return folder

    @contextmanager
    def _two_folders(self, one: str, other: str) -> Iterator[tuple[_Folder, _Folder]]:
        """Pass through two folders, twice the same one where they are; OSErrors become ours."""
        source = self._pass_through(one)
        try:
            target = source if one == other else self._pass_through(other)
            try:
                yield source, target
            finally:
                if target is not source:
                    self._release(target)
        except OSError as error:
            raise error_of(error) from None
        finally:
            self._release(source)

    def _release(self, folder: _Folder) -> None:
        if folder[0] != self.system.root_fd:
            os.close(folder[0])

    def _is_dangling(self, path: str) -> bool:
        """Tell whether *path* names a link that leads nowhere."""
        parent, name = split(path)
        with self._lock:
            folder = self._pass_through(parent)
            try:
                return self.system.stat_at(folder[0], names.to_disk(name))[MODE] & _TYPE == _LINK
            except OSError:
                return False
            finally:
                self._release(folder)

    def create(self, path: str, *, directory: bool, attributes: int = 0) -> Node:
        """Make a new file (open for writing) or directory; the name is kept as given."""
        self.refuse_if_read_only()
        if not path:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        disk = names.to_disk(path).rpartition(b"/")[2]
        parent, name = split(path)
        with self._lock:
            folder = self._pass_through(parent)
            try:
                if self.names.find(folder[0], name) is not None:
                    raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
                fd = _make(folder[0], disk, directory)
                self.names.changed(folder[0], added=name)
            except OSError as error:
                raise error_of(error) from None
            finally:
                self._release(folder)
        try:
            stat = self.system.stat_fd(fd)
        except OSError as error:
            os.close(fd)
            raise error_of(error) from None
        path = f"{folder[1]}/{name}" if folder[1] else name
        node = LocalNode(self, path, fd, stat, b"", False)
        if attributes & dos_attributes.KEPT:
            # the file is there: an attribute it can't keep is no reason to deny it
            with suppress(StatusError):
                node.start_with(attributes)
        return node

    def rename(self, node: Node, path: str, *, replace: bool) -> str:
        """Move *node* to *path*, its new name kept as given; return the path as stored."""
        self.refuse_if_read_only()
        if not path or not node.path:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "the root has no name to change")
        names.to_disk(path)
        parent, name = split(path)
        with self._lock, self._two_folders(split(node.path)[0], parent) as (source, target):
            self._move(node, source, target, name, replace)
        return f"{target[1]}/{name}" if target[1] else name

    def _move(self, node: Node, source: _Folder, target: _Folder, name: str, replace: bool) -> None:
        old = split(node.path)[1]
        old_disk = self._own_name(node, source[0], old)
        new_disk = names.to_disk(name)
        found = self.names.find(target[0], name)
        if found is not None and found[1] == old_disk and self._same_folder(source, target):
            found = None  # its own name, perhaps in another case
            if new_disk == old_disk:
                return
        if source is not target:
            self.names.is_current(source[0])
        if found is None:
            self.system.rename_new(source[0], old_disk, target[0], new_disk)
        else:
            self._move_onto(node, (source[0], old_disk), (target[0], found[1]), replace)
            if found[1] != new_disk:
                self.system.rename_new(target[0], found[1], target[0], new_disk)
                self.names.changed(target[0], removed=found[0])
        if source is target:
            self.names.changed(target[0], removed=old, added=name)
        else:
            self.names.changed(source[0], removed=old)
            self.names.changed(target[0], added=name)

    def _move_onto(
        self, node: Node, source: tuple[int, bytes], target: tuple[int, bytes], replace: bool
    ) -> None:
        """Replace a file by the node's name in one step."""
        if not replace:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        there = self.system.stat_at(*target)
        if node.is_directory or there[MODE] & _TYPE == _FOLDER:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "a directory can't be replaced")
        if _same(there, self.system.stat_at(*source)):
            os.unlink(source[1], dir_fd=source[0])  # rename would leave both names of one file
            return
        os.rename(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0])

    def _same_folder(self, one: _Folder, other: _Folder) -> bool:
        return one is other or _same(self.system.stat_fd(one[0]), self.system.stat_fd(other[0]))

    def _own_name(self, node: Node, folder_fd: int, name: str) -> bytes:
        """Return the stored name in *folder_fd* that *node* was opened by.

        Raises StatusError(OBJECT_NAME_NOT_FOUND) where it now means another file.
        """
        mine = _local(node).opened_stat
        candidates = [names.to_disk(name)]
        if names.has_stand_in(name):
            candidates.append(names.encode_name(name))
        for disk in candidates:
            try:
                stat = self.system.stat_at(folder_fd, disk)
            except FileNotFoundError:
                continue
            if _same(stat, mine) or (
                stat[MODE] & _TYPE == _LINK and self._leads_to(node.path, disk, mine)
            ):
                return disk
        raise StatusError(erref.STATUS_OBJECT_NAME_NOT_FOUND)

    def _leads_to(self, path: str, disk: bytes, mine: Stat) -> bool:
        """Tell whether the link *disk*, the last name of *path*, leads to the file of *mine*."""
        parent = split(path)[0]
        whole = names.to_disk(parent) + b"/" + disk if parent else disk
        fd = self.system.open_beneath(whole, _LOOK if O_PATH else _READ)
        if fd < 0:
            return False
        try:
            return _same(self.system.stat_fd(fd), mine)
        finally:
            os.close(fd)

    def link(self, node: Node, path: str, *, replace: bool) -> None:
        """Give a file one more name."""
        self.refuse_if_read_only()
        if not path:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        if node.is_directory:
            raise StatusError(erref.STATUS_FILE_IS_A_DIRECTORY)
        names.to_disk(path)
        parent, name = split(path)
        with self._lock, self._two_folders(split(node.path)[0], parent) as (source, target):
            self._link_into(node, source, target, name, replace)

    def _link_into(
        self, node: Node, source: _Folder, target: _Folder, name: str, replace: bool
    ) -> None:
        from_name = (source[0], self._own_name(node, source[0], split(node.path)[1]))
        fd, disk = _local(node).fd, names.to_disk(name)
        found = self.names.find(target[0], name)
        if found is None:
            self.system.link_fd(fd, from_name, target[0], disk)
            self.names.changed(target[0], added=name)
            return
        if not replace:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        there = self.system.stat_at(target[0], found[1])
        if there[MODE] & _TYPE == _FOLDER:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "a directory can't be replaced")
        if _same(there, self.system.stat_fd(fd)):
            return
        # made under a name of its own first: the old file gives way in one step
        passing = b".nethood-%x-%x" % (os.getpid(), fd)
        self.system.link_fd(fd, from_name, target[0], passing)
        try:
            os.rename(passing, found[1], src_dir_fd=target[0], dst_dir_fd=target[0])
        except OSError:
            os.unlink(passing, dir_fd=target[0])
            raise
        if found[1] != disk:
            self.system.rename_new(target[0], found[1], target[0], disk)
            self.names.changed(target[0], removed=found[0], added=name)

    def remove(self, node: Node) -> None:
        """Take away the name *node* was opened by; an open node stays readable."""
        self.refuse_if_read_only()
        parent, name = split(node.path)
        if not name:
            raise StatusError(erref.STATUS_CANNOT_DELETE, "the root of a share stays")
        with self._lock:
            folder = self._pass_through(parent)
            try:
                disk = self._own_name(node, folder[0], name)
                known = self.names.is_current(folder[0])
                self._unlink(node, folder[0], disk)
                if known:
                    self.names.changed(folder[0], removed=name)
            except OSError as error:
                raise error_of(error) from None
            finally:
                self._release(folder)

    def _unlink(self, node: Node, folder_fd: int, disk: bytes) -> None:
        if not node.is_directory:
            os.unlink(disk, dir_fd=folder_fd)
            return
        try:
            os.rmdir(disk, dir_fd=folder_fd)
        except NotADirectoryError:  # a link to a directory: the link goes, what it means stays
            os.unlink(disk, dir_fd=folder_fd)

    def volume(self) -> Volume:
        """Return size and identity of the file system the folder lies on.

        It is called NTFS: clients take other names for a reason to leave features unused.
        """
        try:
            result = os.fstatvfs(self.system.root_fd)
        except OSError as error:
            raise error_of(error) from None
        unit = result.f_frsize or result.f_bsize
        identity = b"%x:%x:%x" % (
            self.root_stat[DEV_MAJOR],
            self.root_stat[DEV_MINOR],
            getattr(result, "f_fsid", 0),
        )
        return Volume(
            total=result.f_blocks * unit,
            available=result.f_bavail * unit,
            allocation_unit=unit,
            serial=zlib.crc32(identity) or 1,
            label=self.label,
            file_system="NTFS",
            creation_time=dos_attributes.birth_time(self.root_stat),
        )

    def copy_range(
        self, source: Node, source_offset: int, target: Node, target_offset: int, length: int
    ) -> int:
        """Copy bytes between two open nodes, inside the kernel where it can."""
        if not hasattr(os, "copy_file_range"):
            return super().copy_range(source, source_offset, target, target_offset, length)
        done, ends = 0, (_local(source).fd, _local(target).fd)
        try:
            while done < length:
                count = os.copy_file_range(
                    *ends, length - done, source_offset + done, target_offset + done
                )
                if count == 0:
                    break
                done += count
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise error_of(error) from None
            return done + super().copy_range(
                source, source_offset + done, target, target_offset + done, length - done
            )
        except OverflowError:
            raise StatusError(erref.STATUS_INVALID_PARAMETER) from None
        return done


_BLOCKING = frozenset({"flush", "read_into", "copy_range", "zero", "allocate"})


def _local(node: Node) -> LocalNode:
    if not isinstance(node, LocalNode):
        raise TypeError("a node of another store")
    return node


def _same(one: Stat, other: Stat) -> bool:
    return (
        one[INO] == other[INO]
        and one[DEV_MINOR] == other[DEV_MINOR]
        and one[DEV_MAJOR] == other[DEV_MAJOR]
    )


def _below(folder: _Folder, shown: str, disk: bytes) -> tuple[str, bytes]:
    if not folder[1]:
        return shown, disk
    return f"{folder[1]}/{shown}", folder[2] + b"/" + disk


def _make(folder_fd: int, name: bytes, directory: bool) -> int:
    """Make a new file or directory and return its descriptor. Raises OSError."""
    if not directory:
        return os.open(name, _CREATE, 0o666, dir_fd=folder_fd)
    os.mkdir(name, 0o777, dir_fd=folder_fd)
    return os.open(name, _READ_FOLDER | O_NOFOLLOW, dir_fd=folder_fd)


def _other_flags(flags: int, number: int) -> int | None:
    """Return the flags worth one more attempt after errno *number*."""
    if number == errno.EISDIR and flags == _WRITE:
        return _READ_FOLDER
    if number == errno.EACCES and flags == _WRITE:
        return _WRITE_ONLY
    if number == errno.EACCES and O_PATH and flags in (_READ, _READ_FOLDER):
        return _LOOK
    return None


def _refusal(number: int) -> StatusError:
    if number in _LEADS_OUT:
        return StatusError(erref.STATUS_ACCESS_DENIED, "a link that leads out or nowhere")
    return StatusError(status_of(number), os.strerror(number))


def _refusal_on_the_way(number: int) -> StatusError:
    if number in _MISSING:
        return StatusError(erref.STATUS_OBJECT_PATH_NOT_FOUND)
    return _refusal(number)


def _file_system_of(root: Stat) -> str:
    """Return the type of the file system, "" where it can't be told."""
    device = f"{root[DEV_MAJOR]}:{root[DEV_MINOR]}"
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if len(fields) > 6 and fields[2] == device and "-" in fields[6:]:
            return fields[fields.index("-", 6) + 1]
    return ""
