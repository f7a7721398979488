"""What LocalStore asks of the operating system, with nothing but Python's os module.

Paths are walked one component at a time from the share's root, each opened relative to the last
and none through a symbolic link, so that no rename or link made meanwhile leads out. Links are
read and resolved here, inside the root only. linux.py does the same with fewer calls.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
from collections import deque

Stat = tuple[int, ...]
"""What is known of a file, indexed by the names below; the time of birth is 0 where unknown."""
MASK, LINKS, UID, MODE, INO, SIZE, BLOCKS = range(7)
ATIME_S, ATIME_NS, BIRTH_S, BIRTH_NS, CTIME_S, CTIME_NS, MTIME_S, MTIME_NS = range(7, 15)
DEV_MAJOR, DEV_MINOR = 15, 16

O_CLOEXEC: int = getattr(os, "O_CLOEXEC", 0)
O_DIRECTORY: int = getattr(os, "O_DIRECTORY", 0)
O_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
O_PATH: int = getattr(os, "O_PATH", 0)
OPEN_DIRECTORY = O_PATH | O_DIRECTORY | O_CLOEXEC
"""For a directory that is only passed through."""

XATTR = "user.nethood.dos"
MAX_LINKS = 40
MAX_LINKED_DEPTH = 256
"""How deep a path through symbolic links may lie; each step of it is walked anew."""
_S = 1_000_000_000


TICK_NS = 20_000_000
"""Longer than any kernel's clock tick: what changed within one may show no new time."""


class PortableSystem:
    """System calls below one root directory."""

    has_xattr = hasattr(os, "getxattr")
    can_reserve = False

    def __init__(self, root: str, *, follow: bool) -> None:
        """Open *root*; with *follow*, symbolic links are followed inside it. Raises OSError."""
        self.root_path = os.fsencode(os.path.realpath(root))
        self.root_fd = os.open(self.root_path, OPEN_DIRECTORY)
        self.follow = follow

    def close(self) -> None:
        """Release the root."""
        os.close(self.root_fd)
        self.root_fd = -1

    def open_beneath(self, path: bytes, flags: int) -> int:
        """Open what exists at *path* below the root; return the descriptor, or minus the errno.

        EXDEV and ELOOP say that a link leads out or may not be followed. It costs no exception
        where nothing is found, as that is common.
        """
        for _ in range(3):
            fd = self._walk(path, flags)
            if fd != -errno.ELOOP or not self.follow:
                return fd
            try:
                path = self.resolve_links(path)
            except OSError as error:
                return -(error.errno or errno.EIO)
        return -errno.ELOOP

    def _walk(self, path: bytes, flags: int) -> int:
        """Open without following any link; -ELOOP where one is in the way."""
        *folders, last = path.split(b"/")
        current = self.root_fd
        try:
            for name in folders:
                fd = _open_plain(name, OPEN_DIRECTORY, current)
                if current != self.root_fd:
                    os.close(current)
                    current = self.root_fd
                if fd < 0:
                    return fd
                current = fd
            return _open_plain(last, flags, current)
        finally:
            if current != self.root_fd:
                os.close(current)

    def resolve_links(self, path: bytes) -> bytes:
        """Return *path* with its symbolic links resolved, all of them inside the root.

        Raises OSError: EXDEV where one leads out, ELOOP where there are too many. The answer may
        be outdated when it is used, so it is opened without following links.
        """
        pending = deque(path.split(b"/"))
        done: list[bytes] = []
        links = 0
        while pending:
            name = pending.popleft()
            if name in (b"", b"."):
                continue
            if name == b"..":
                if not done:
                    raise OSError(errno.EXDEV, "a link leads out of the share")
                done.pop()
                continue
            target = self._link_target(done, name)
            if target is None:
                done.append(name)
                continue
            links += 1
            if links > MAX_LINKS or len(done) > MAX_LINKED_DEPTH:
                raise OSError(errno.ELOOP, "too many symbolic links")
            if target.startswith(b"/"):
                target = self._inside(target)
                done.clear()
            pending.extendleft(reversed(target.split(b"/")))
        return b"/".join(done) or b"."

    def _link_target(self, folders: list[bytes], name: bytes) -> bytes | None:
        fd = self._open_plain_path(b"/".join(folders) or b".", OPEN_DIRECTORY)
        if fd < 0:
            raise OSError(-fd, "could not walk to a link")
        try:
            return os.readlink(name, dir_fd=fd)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise
        finally:
            os.close(fd)

    def _open_plain_path(self, path: bytes, flags: int) -> int:
        return self._walk(path, flags)

    def _inside(self, target: bytes) -> bytes:
        """Return an absolute link target relative to the root."""
        root = self.root_path.rstrip(b"/")
        if target != root and not target.startswith(root + b"/"):
            raise OSError(errno.EXDEV, "a link leads out of the share")
        return target[len(root) :]

    def stat_fd(self, fd: int) -> Stat:
        """Return what is known of an open file. Raises OSError."""
        return stat_of(os.fstat(fd))

    def stat_at(self, directory_fd: int, name: bytes) -> Stat:
        """Return what is known of an entry, of a link itself. Raises OSError."""
        return stat_of(os.stat(name, dir_fd=directory_fd, follow_symlinks=False))

    def get_xattr(self, fd: int) -> bytes:
        """Return our attribute of an open file, b"" where it has none.

        Raises OSError(EOPNOTSUPP) where the file system keeps none.
        """
        return _quiet_xattr(fd)

    def get_xattr_path(self, path: str) -> bytes:
        """Return our attribute of what *path* from `handle_path` means, as `get_xattr` does."""
        return _quiet_xattr(path)

    def get_xattr_at(self, directory_fd: int, name: bytes) -> bytes:
        """Return our attribute of an entry, as `get_xattr` does; a link is not followed."""
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NONBLOCK | O_NOFOLLOW, dir_fd=directory_fd)
        except OSError:
            return b""
        try:
            return _quiet_xattr(fd)
        finally:
            os.close(fd)

    def set_xattr(self, target: int | str, value: bytes) -> None:
        """Write our attribute, or take it away where *value* is empty. Raises OSError."""
        if not self.has_xattr:
            raise OSError(errno.EOPNOTSUPP, "no extended attributes here")
        if value:
            os.setxattr(target, XATTR, value)
            return
        try:
            os.removexattr(target, XATTR)
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise

    def set_times(self, target: int | str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the times given, in nanoseconds; the other one stays. Raises OSError."""
        now = os.stat(target)
        atime = now.st_atime_ns if atime_ns is None else atime_ns
        mtime = now.st_mtime_ns if mtime_ns is None else mtime_ns
        os.utime(target, ns=(atime, mtime))

    def rename_new(self, source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
        """Rename where the target does not exist. Raises OSError(EEXIST) where it does.

        Between the look and the rename a new file could slip in and be replaced; linux.py has a
        call without that gap.
        """
        try:
            os.stat(target, dir_fd=target_fd, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)
            return
        raise FileExistsError(errno.EEXIST, "the new name exists")

    def link_fd(self, fd: int, source: tuple[int, bytes], target_fd: int, target: bytes) -> None:
        """Give the file at *source* (directory and name), open as *fd*, a second name.

        Raises OSError; ESTALE where the name no longer belongs to the open file.
        """
        os.link(
            source[1],
            target,
            src_dir_fd=source[0],
            dst_dir_fd=target_fd,
            follow_symlinks=False,
        )
        made = os.stat(target, dir_fd=target_fd, follow_symlinks=False)
        if not os.path.samestat(made, os.fstat(fd)):
            os.unlink(target, dir_fd=target_fd)
            raise OSError(errno.ESTALE, "the file was renamed meanwhile")

    def reserve(self, fd: int, size: int) -> None:
        """Reserve room for *size* bytes, end of file untouched. Raises OSError(EOPNOTSUPP)."""
        raise OSError(errno.EOPNOTSUPP, "no way to reserve room")

    def punch_hole(self, fd: int, offset: int, length: int) -> None:
        """Free a range of an open file. Raises OSError(EOPNOTSUPP)."""
        raise OSError(errno.EOPNOTSUPP, "no way to free a range")

    def handle_path(self, fd: int) -> str | None:
        """Return a path that means an open descriptor, None where there is no such thing."""
        return f"/proc/self/fd/{fd}" if O_PATH else None


def _open_plain(name: bytes, flags: int, directory_fd: int) -> int:
    """Open one component, never a link; return the descriptor or minus the errno."""
    try:
        fd = os.open(name, flags | O_NOFOLLOW, dir_fd=directory_fd)
    except OSError as error:
        number = error.errno or errno.EIO
        if number in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            return -errno.ELOOP if _is_link(name, directory_fd) else -number
        return -number
    if flags & O_PATH and not flags & O_DIRECTORY and stat_module.S_ISLNK(os.fstat(fd).st_mode):
        os.close(fd)
        return -errno.ELOOP
    return fd


def _is_link(name: bytes, directory_fd: int) -> bool:
    try:
        mode = os.stat(name, dir_fd=directory_fd, follow_symlinks=False).st_mode
    except OSError:
        return False
    return stat_module.S_ISLNK(mode)


def _quiet_xattr(target: int | str) -> bytes:
    if not PortableSystem.has_xattr:
        raise OSError(errno.EOPNOTSUPP, "no extended attributes here")
    try:
        return os.getxattr(target, XATTR)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:
            raise
        return b""


def stat_of(result: os.stat_result) -> Stat:
    """Return what Python's os.stat says in our form."""
    # on Windows what POSIX calls the time of change is the time of birth
    birth_ns = getattr(result, "st_birthtime_ns", 0) or int(getattr(result, "st_birthtime", 0) * _S)
    if os.name == "nt":
        birth_ns = birth_ns or result.st_ctime_ns
    changed_ns = result.st_mtime_ns if os.name == "nt" else result.st_ctime_ns
    return (
        int(birth_ns != 0),
        result.st_nlink,
        result.st_uid,
        result.st_mode,
        result.st_ino,
        result.st_size,
        getattr(result, "st_blocks", -(-result.st_size // 512)),
        *divmod(result.st_atime_ns, _S),
        *divmod(birth_ns, _S),
        *divmod(changed_ns, _S),
        *divmod(result.st_mtime_ns, _S),
        *_device(result.st_dev),
    )


def _device(number: int) -> tuple[int, int]:
    if hasattr(os, "major"):
        return os.major(number), os.minor(number)
    return number >> 32, number & 0xFFFFFFFF
