"""A local socket on which a daemon tells other programs of this machine what it knows.

Each connection gets one line and is closed; nothing is read from it. The socket lies in a folder
of the system's or the user's, never in one that others may write to. Systems without sockets in
the file system (Windows) have none of it: nothing is offered and nothing is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from nethood.errors import ConnectError, Malformed, TimedOut

MAX_ANSWER = 8 * 1024 * 1024
"""The longest line, in bytes, that is read."""
ANSWER_S = 5.0
MAX_ASKERS = 16
"""Who are answered at the same time; more are turned away."""

_BACKLOG = 16
_SYSTEM = Path("/run/nethood")
_CHUNK = 65536


def own_folder() -> Path | None:
    """Return where a daemon of this user puts its sockets; None where there is no such place.

    That is systemd's RUNTIME_DIRECTORY, /run/nethood for root, or $XDG_RUNTIME_DIR/nethood.
    """
    if sys.platform == "win32":
        return None
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    if os.path.isabs(given):
        return Path(given)
    if os.geteuid() == 0:
        return _SYSTEM
    mine = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(mine) / "nethood" if os.path.isabs(mine) else None


def find(name: str) -> Path | None:
    """Return the socket called *name* that a daemon of this user or of the system offers.

    Where RUNTIME_DIRECTORY says where sockets are, they are nowhere else.
    """
    own = own_folder()
    folders = [] if own is None else [own]
    if sys.platform != "win32" and "RUNTIME_DIRECTORY" not in os.environ:
        folders.append(_SYSTEM)
    found = (folder / name for folder in folders if is_socket(folder / name))
    return next(found, None)


def is_socket(path: Path) -> bool:
    """Tell whether there is a socket at *path*."""
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except OSError:
        return False


def network_id() -> int:
    """Return which network this process is on: its network namespace, 0 where there are none.

    Namespaces share folders: a socket in one may be that of a daemon on another network.
    """
    try:
        return os.stat("/proc/self/ns/net").st_ino
    except OSError:
        return 0


class ControlSocket:
    """A socket at *path* that says *answer* (one line, without its end) to everybody who asks.

    Root's may be asked by every user of the machine, another user's only by that one.
    """

    def __init__(self, path: Path, answer: Callable[[], bytes]) -> None:
        self.path = path
        self._answer = answer
        self._sock: socket.socket | None = None
        self._inode = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def open(self) -> None:
        """Begin to answer; what a daemon that is gone left behind is replaced.

        Raises ConnectError where a living one has the socket, or the folder can't be used.
        """
        if sys.platform == "win32":
            raise ConnectError("this system has no local sockets to offer anything on")
        try:
            self.path.parent.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, exist_ok=True)
            with _only_one(self.path.parent):
                self._sock = self._bind()
        except OSError as error:
            why = error.strerror or error
            raise ConnectError(f"can't offer anything on {self.path}: {why}") from error
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def close(self) -> None:
        """Stop answering and take the socket away, unless it is another's by now."""
        sock, self._sock = self._sock, None
        if sock is None:
            return
        self._loop.remove_reader(sock.fileno())
        sock.close()
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(OSError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()

    def _bind(self) -> socket.socket:
        if is_socket(self.path):
            if _is_answered(self.path):
                raise ConnectError(f"another daemon offers {self.path} already; stop that one")
            self.path.unlink()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(str(self.path))
            self.path.chmod(0o666 if os.geteuid() == 0 else 0o600)
            sock.listen(_BACKLOG)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        self._inode = self.path.stat().st_ino
        return sock

    def _accept(self) -> None:
        assert self._sock is not None
        try:
            asker, _ = self._sock.accept()
        except OSError:
            return  # gone again, or no room for another socket just now
        if len(self._tasks) >= MAX_ASKERS:
            asker.close()
            return
        asker.setblocking(False)
        task = self._loop.create_task(self._say(asker), name="control-answer")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say(self, asker: socket.socket) -> None:
        with asker, contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                await self._loop.sock_sendall(asker, self._answer() + b"\n")


def ask(path: Path, timeout_s: float = ANSWER_S) -> bytes | None:
    """Return the line offered at *path*, without its end; None where nobody answers there.

    Raises TimedOut, ConnectError where asking is not allowed, Malformed for no or too long a line.
    """
    if sys.platform == "win32":
        return None
    deadline = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        try:
            sock.connect(str(path))
            return _read_line(sock, deadline)
        except TimeoutError:
            raise TimedOut(f"the daemon at {path} does not answer") from None
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            why = error.strerror or error
            raise ConnectError(f"can't ask the daemon at {path}: {why}") from error


def _read_line(sock: socket.socket, deadline: float) -> bytes:
    line = bytearray()
    while chunk := sock.recv(_CHUNK):
        line += chunk
        if len(line) > MAX_ANSWER:
            raise Malformed("Answer of the daemon", f"is longer than {MAX_ANSWER} bytes")
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        sock.settimeout(left_s)
    if not line.endswith(b"\n"):
        raise Malformed("Answer of the daemon", "is cut off", len(line))
    return bytes(line[:-1])


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one daemon at a time look for another's socket and put its own there."""
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_answered(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(1)
        try:
            sock.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True  # it is somebody's, and slow
    return True
