"""The system calls of Linux that Python has no name for, through ctypes.

openat2 keeps the whole look-up below the root in one call, statx knows the time of birth,
getxattrat reads an attribute without opening the file. The library handle keeps the interpreter
lock: these calls take one or two microseconds, less than letting go of it and taking it back.
Those that may wait for a device (fallocate) go through a handle that lets go.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Callable

from nethood.store.portable import O_CLOEXEC, O_PATH, XATTR, PortableSystem, Stat

_SYS_OPENAT2 = 437  # the same on every architecture from here on
_SYS_GETXATTRAT = 464
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_AT_FDCWD = -100
_AT_SYMLINK_NOFOLLOW = 0x100
_AT_SYMLINK_FOLLOW = 0x400
_AT_NO_AUTOMOUNT = 0x800
_AT_EMPTY_PATH = 0x1000
_STATX_BASIC_AND_BIRTH = 0xFFF
_STATX_BIRTH = 0x800
_RENAME_NOREPLACE = 1
_KEEP_SIZE = 1
_PUNCH_HOLE = 2
_UTIME_OMIT = (1 << 30) - 2
_ATTEMPTS = 32

_XATTR_BYTES = XATTR.encode()
_NO_XATTR = frozenset({errno.ENODATA, errno.EACCES, errno.EPERM, errno.ENOENT, errno.EBADF})
_OPEN_HOW = struct.Struct("=QQQ")
_XATTR_ARGS = struct.Struct("=QII")
_TIMES = struct.Struct("@llll")
# mask, nlink, uid, mode, ino, size, blocks, (seconds, nanoseconds) of access, birth, change,
# modification, then the device's two numbers: struct statx of the kernel's interface
_unpack_statx = struct.Struct("=I12xII4xH2xQQQ8xqI4xqI4xqI4xqI4x8xII").unpack_from
_XATTR_ROOM = 64
_AT_ENTRY = _AT_SYMLINK_NOFOLLOW | _AT_NO_AUTOMOUNT

_get_errno = ctypes.get_errno
_Slot = tuple[int, bytearray, int]


def is_available() -> bool:
    """Tell whether this kernel and C library have openat2 and statx."""
    try:
        libc = ctypes.PyDLL(None, use_errno=True)
        system_call = _openat2_of(libc)
        libc.statx  # noqa: B018 - asks whether the symbol is there
    except (OSError, AttributeError, TypeError):
        return False
    how = ctypes.create_string_buffer(_OPEN_HOW.pack(O_PATH | O_CLOEXEC, 0, _RESOLVE_BENEATH))
    fd: int = system_call(_SYS_OPENAT2, _AT_FDCWD, b".", ctypes.addressof(how), _OPEN_HOW.size)
    if fd < 0:
        return False
    os.close(fd)
    return True


def _openat2_of(libc: ctypes.PyDLL) -> Callable[..., int]:
    # a fresh function object, as each has but one signature
    function = libc["syscall"]
    function.argtypes = [
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ]
    function.restype = ctypes.c_long
    return function


class LinuxSystem(PortableSystem):
    """System calls below one root directory, by openat2 and statx."""

    can_reserve = True

    def __init__(self, root: str, *, follow: bool) -> None:
        super().__init__(root, follow=follow)
        libc = ctypes.PyDLL(None, use_errno=True)
        self._openat2 = _openat2_of(libc)
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS
        self._resolve = resolve if follow else resolve | _RESOLVE_NO_SYMLINKS
        self._hows: dict[int, int] = {}
        self._plain_hows: dict[int, int] = {}
        self._kept: list[object] = []
        self._statx = libc.statx
        self._statx.argtypes = [
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_void_p,
        ]
        self._fgetxattr = libc.fgetxattr
        self._fgetxattr.argtypes = [
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_void_p,
            ctypes.c_size_t,
        ]
        self._fgetxattr.restype = ctypes.c_ssize_t
        self._getxattrat = _getxattrat_of(libc)
        self._renameat2 = _renameat2_of(libc)
        self._linkat = libc.linkat
        self._linkat.argtypes = [
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_int,
        ]
        self._utimensat = libc.utimensat
        self._utimensat.argtypes = [
            ctypes.c_int,
            ctypes.c_char_p,
            ctypes.c_void_p,
            ctypes.c_int,
        ]
        self._futimens = libc.futimens
        self._futimens.argtypes = [ctypes.c_int, ctypes.c_void_p]
        self._fallocate = _fallocate()
        # each call takes a buffer of its own: the interpreter may switch threads before it is read
        self._stat_slots: list[_Slot] = []
        self._xattr_slots: list[_Slot] = []
        self._has_getxattrat = self._probe_getxattrat()

    def open_beneath(self, path: bytes, flags: int) -> int:
        """Open what exists at *path* below the root; return the descriptor, or minus the errno."""
        how = self._hows.get(flags) or self._new_how(self._hows, flags, self._resolve)
        fd = self._openat2(_SYS_OPENAT2, self.root_fd, path, how, 24)
        if fd >= 0:
            return fd
        number = _get_errno()
        if number == errno.EAGAIN:
            number = self._open_again(path, how)
            if number >= 0:
                return number
            number = -number
        if number == errno.EXDEV and self.follow:
            return self._open_absolute(path, flags)
        return -number

    def _open_again(self, path: bytes, how: int) -> int:
        """Repeat what raced with a rename; the kernel can't tell whether the path stayed inside."""
        for _ in range(_ATTEMPTS):
            fd = self._openat2(_SYS_OPENAT2, self.root_fd, path, how, 24)
            if fd >= 0:
                return fd
            number = _get_errno()
            if number != errno.EAGAIN:
                return -number
        return -errno.EAGAIN

    def _open_absolute(self, path: bytes, flags: int) -> int:
        """Open through an absolute link, which the kernel refuses even where it leads inside."""
        for _ in range(3):
            try:
                plain = self.resolve_links(path)
            except OSError as error:
                return -(error.errno or errno.EIO)
            fd = self._open_plain_path(plain, flags)
            if fd != -errno.ELOOP:
                return fd
        return -errno.ELOOP

    def _open_plain_path(self, path: bytes, flags: int) -> int:
        resolve = _RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS
        how = self._plain_hows.get(flags) or self._new_how(self._plain_hows, flags, resolve)
        fd = self._openat2(_SYS_OPENAT2, self.root_fd, path, how, 24)
        return fd if fd >= 0 else -_get_errno()

    def _new_how(self, hows: dict[int, int], flags: int, resolve: int) -> int:
        how = ctypes.create_string_buffer(_OPEN_HOW.pack(flags, 0, resolve), _OPEN_HOW.size)
        self._kept.append(how)
        address = hows[flags] = ctypes.addressof(how)
        return address

    def stat_fd(self, fd: int) -> Stat:
        """Return what is known of an open file. Raises OSError."""
        # As _stat() does, without its call: every CREATE and QUERY_INFO comes through here.
        slots = self._stat_slots
        try:
            slot = slots.pop()
        except IndexError:
            slot = _new_slot(256)
        if self._statx(fd, b"", _AT_EMPTY_PATH, _STATX_BASIC_AND_BIRTH, slot[0]):
            slots.append(slot)
            _fail()
        result = _unpack_statx(slot[1])
        slots.append(slot)
        return result

    def stat_at(self, directory_fd: int, name: bytes) -> Stat:
        """Return what is known of an entry, of a link itself. Raises OSError."""
        return self._stat(directory_fd, name, _AT_ENTRY)

    def _stat(self, fd: int, name: bytes, flags: int) -> Stat:
        try:
            slot = self._stat_slots.pop()
        except IndexError:
            slot = _new_slot(256)
        if self._statx(fd, name, flags, _STATX_BASIC_AND_BIRTH, slot[0]):
            number = _get_errno()
            self._stat_slots.append(slot)
            raise OSError(number, os.strerror(number))
        result = _unpack_statx(slot[1])
        self._stat_slots.append(slot)
        return result

    def get_xattr(self, fd: int) -> bytes:
        """Return our attribute of an open file, b"" where it has none."""
        try:
            slot = self._xattr_slots.pop()
        except IndexError:
            slot = _new_xattr_slot()
        size = self._fgetxattr(fd, _XATTR_BYTES, slot[0], _XATTR_ROOM)
        value = bytes(slot[1][:size]) if size > 0 else b""
        number = _get_errno() if size < 0 else 0
        self._xattr_slots.append(slot)
        return value if not number else _no_xattr(number)

    def get_xattr_at(self, directory_fd: int, name: bytes) -> bytes:
        """Return our attribute of an entry, as `get_xattr` does; a link is not followed."""
        if not self._has_getxattrat:
            return super().get_xattr_at(directory_fd, name)
        try:
            slot = self._xattr_slots.pop()
        except IndexError:
            slot = _new_xattr_slot()
        size = self._call_getxattrat(directory_fd, name, slot)
        value = bytes(slot[1][:size]) if size > 0 else b""
        number = _get_errno() if size < 0 else 0
        self._xattr_slots.append(slot)
        return value if not number else _no_xattr(number)

    def _call_getxattrat(self, directory_fd: int, name: bytes, slot: _Slot) -> int:
        return self._getxattrat(
            _SYS_GETXATTRAT,
            directory_fd,
            name,
            _AT_SYMLINK_NOFOLLOW,
            _XATTR_BYTES,
            slot[2],
            _XATTR_ARGS.size,
        )

    def _probe_getxattrat(self) -> bool:
        size = self._call_getxattrat(self.root_fd, b".", _new_xattr_slot())
        return size >= 0 or _get_errno() in (errno.ENODATA, errno.EOPNOTSUPP)

    def set_times(self, target: int | str, atime_ns: int | None, mtime_ns: int | None) -> None:
        """Set the times given, in nanoseconds; the other one stays. Raises OSError."""
        times = _TIMES.pack(*_timespec(atime_ns), *_timespec(mtime_ns))
        if isinstance(target, int):
            failed = self._futimens(target, times)
        else:
            failed = self._utimensat(_AT_FDCWD, os.fsencode(target), times, 0)
        if failed:
            _fail()

    def rename_new(self, source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
        """Rename where the target does not exist. Raises OSError(EEXIST) where it does."""
        if self._renameat2 is None:
            super().rename_new(source_fd, source, target_fd, target)
        elif self._renameat2(source_fd, source, target_fd, target, _RENAME_NOREPLACE):
            if _get_errno() not in (errno.EINVAL, errno.ENOSYS):
                _fail()
            super().rename_new(source_fd, source, target_fd, target)

    def link_fd(self, fd: int, source: tuple[int, bytes], target_fd: int, target: bytes) -> None:
        """Give the open file one more name, whatever happened to the name it was opened by."""
        path = f"/proc/self/fd/{fd}".encode()
        if self._linkat(_AT_FDCWD, path, target_fd, target, _AT_SYMLINK_FOLLOW):
            if _get_errno() != errno.ENOENT:
                _fail()
            super().link_fd(fd, source, target_fd, target)  # no /proc here

    def reserve(self, fd: int, size: int) -> None:
        """Reserve room for *size* bytes, end of file untouched. Raises OSError."""
        self._call_fallocate(fd, _KEEP_SIZE, 0, size)

    def punch_hole(self, fd: int, offset: int, length: int) -> None:
        """Free a range of an open file; what lies in it reads as zeros. Raises OSError."""
        self._call_fallocate(fd, _PUNCH_HOLE | _KEEP_SIZE, offset, length)

    def _call_fallocate(self, fd: int, mode: int, offset: int, length: int) -> None:
        for _ in range(_ATTEMPTS):
            if not self._fallocate(fd, mode, offset, length):
                return
            if _get_errno() != errno.EINTR:
                break
        _fail()


def _fail() -> None:
    number = _get_errno()
    raise OSError(number, os.strerror(number))


def _no_xattr(number: int) -> bytes:
    if number in _NO_XATTR or number == errno.ERANGE:
        return b""
    raise OSError(number, os.strerror(number))


def _timespec(nanoseconds: int | None) -> tuple[int, int]:
    return (0, _UTIME_OMIT) if nanoseconds is None else divmod(nanoseconds, 1_000_000_000)


def _new_slot(size: int) -> _Slot:
    buffer = bytearray(size)
    # the array made from the buffer pins it: its address is good as long as the slot
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer)), buffer, 0


def _new_xattr_slot() -> _Slot:
    address, buffer, _ = _new_slot(_XATTR_ROOM + _XATTR_ARGS.size)
    _XATTR_ARGS.pack_into(buffer, _XATTR_ROOM, address, _XATTR_ROOM, 0)
    return address, buffer, address + _XATTR_ROOM


def _getxattrat_of(libc: ctypes.PyDLL) -> Callable[..., int]:
    function = libc["syscall"]
    function.argtypes = [
        ctypes.c_long,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ]
    function.restype = ctypes.c_long
    return function


def _renameat2_of(libc: ctypes.PyDLL) -> Callable[..., int] | None:
    try:
        function = libc["renameat2"]
    except AttributeError:
        return None
    function.argtypes = [
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_uint,
    ]
    return function


def _fallocate() -> Callable[..., int]:
    libc = ctypes.CDLL(None, use_errno=True)
    function = libc["fallocate64"] if hasattr(libc, "fallocate64") else libc["fallocate"]
    function.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    return function
