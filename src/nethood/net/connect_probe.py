"""The state of very many TCP ports, without privileges: connect, see what comes, hang up.

Connections are sockets without a task or a transport each. They wait in an epoll instance of
their own, which is itself watched by the event loop as one descriptor; their time-outs are a
queue in the order of time, for all wait equally long. Who is asked, and at what pace, is the
caller's affair. benchmarks/scan.py measures this module.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

State = Literal["open", "closed", "filtered"]
Key = TypeVar("Key", bound=Hashable)

NO_ANSWER = "no answer"
"""The reason of the outcome of a port that was silent to the end."""
RESERVED_FILES = 256
"""Descriptors left to everybody else in the process."""

_IN_PROGRESS = {errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", -1)}
_CLOSED = {errno.ECONNREFUSED, errno.ECONNRESET, getattr(errno, "WSAECONNREFUSED", -1)}
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL}
_REASONS = {
    errno.EHOSTUNREACH: "a router or this machine says the host can't be reached",
    errno.ENETUNREACH: "there is no route to that network",
    errno.EACCES: "a firewall forbids it",
    errno.EPERM: "this machine's firewall forbids it",
    errno.ENOPROTOOPT: "the host or a router says it doesn't speak that protocol",
    errno.ETIMEDOUT: NO_ANSWER,
    errno.EINVAL: "this machine has no way to that address",
    errno.EADDRNOTAVAIL: "this machine has no address to ask from",
    errno.EAFNOSUPPORT: "this machine does not speak that protocol",
}
NO_WAY = frozenset(
    _REASONS[number]
    for number in (
        errno.ENETUNREACH,
        errno.EPERM,
        errno.EINVAL,
        errno.EADDRNOTAVAIL,
        errno.EAFNOSUPPORT,
    )
)
"""The reasons of outcomes that say nothing of the host: it was never asked."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SYN_AGAIN_S = 1.0  # the kernel's first time-out of a SYN, RFC 6298 2.1
_TCP_SYNCNT = getattr(socket, "TCP_SYNCNT", None)
_TCP_INFO = getattr(socket, "TCP_INFO", None) if sys.platform == "linux" else None
_RTT_OFFSET = 68  # tcpi_rtt of struct tcp_info, linux/tcp.h, in microseconds
_EVENTS = 512
_EXPIRE_STEP_S = 0.005


class Outcome(NamedTuple):
    """What a port did; *connect_ms* where it is open, *reason* where it is filtered."""

    state: State
    connect_ms: float | None = None
    reason: str = ""


_SILENT = Outcome("filtered", reason=NO_ANSWER)


class _Attempt(Generic[Key]):
    """A connection under way; it is over when its socket is closed."""

    __slots__ = ("ends", "key", "sock", "started")

    def __init__(self, key: Key, sock: socket.socket, started: float, ends: float) -> None:
        self.key = key
        self.sock = sock
        self.started = started
        self.ends = ends


class _Watch(Protocol):
    """What tells which sockets are done."""

    def add(self, sock: socket.socket) -> None: ...

    def forget(self, sock: socket.socket) -> None: ...

    def close(self) -> None: ...


class _EpollWatch:
    """All sockets in an epoll instance, which is one reader of the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Callable[[int], None]) -> None:
        self._loop = loop
        self._ready = ready
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._poll)

    def add(self, sock: socket.socket) -> None:
        self._epoll.register(sock.fileno(), select.EPOLLOUT)

    def forget(self, sock: socket.socket) -> None:
        """Closing the socket takes it out."""

    def close(self) -> None:
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _poll(self) -> None:
        for descriptor, _ in self._epoll.poll(0, _EVENTS):
            self._ready(descriptor)


class _LoopWatch:
    """Each socket a writer of the event loop: where there is no epoll."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ready: Callable[[int], None]) -> None:
        self._loop = loop
        self._ready = ready

    def add(self, sock: socket.socket) -> None:
        self._loop.add_writer(sock.fileno(), self._ready, sock.fileno())

    def forget(self, sock: socket.socket) -> None:
        self._loop.remove_writer(sock.fileno())

    def close(self) -> None:
        """Nothing is held here."""


class ConnectProbe(Generic[Key]):
    """Connections to many ports at once, each given up after *wait_s*.

    A wait below one second sends one SYN and no second; a longer one lets the kernel send another
    after one second and none after that. To be used within a running event loop.
    """

    def __init__(
        self,
        on_outcome: Callable[[Key, Outcome], None],
        *,
        wait_s: float,
        limit: int | None = None,
        reserve: int = RESERVED_FILES,
        nested: bool = hasattr(select, "epoll"),
    ) -> None:
        """*on_outcome* gets the key given to `start`; it may be called by `start` itself.

        *limit* is how many may be in flight; by default what the system allows, less *reserve*.
        """
        self.on_outcome = on_outcome
        self.wait_s = wait_s
        self.limit = limit or max(16, raise_open_files() - reserve)
        self._loop = asyncio.get_running_loop()
        self._attempts: dict[int, _Attempt[Key]] = {}
        self._by_time: deque[_Attempt[Key]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        watch = _EpollWatch if nested else _LoopWatch
        self._watch: _Watch = watch(self._loop, self._ready)

    def __len__(self) -> int:
        """Return how many are in flight."""
        return len(self._attempts)

    def start(self, key: Key, address: str, port: int) -> bool:
        """Begin to connect; return False where the system or the limit has no room for it now.

        Raises nothing for an address that can't be reached: that is an outcome.
        """
        if len(self._attempts) >= self.limit:
            return False
        started = time.monotonic()
        try:
            destination = _destination(address, port)
            sock = _socket(address, self.wait_s)
            error = sock.connect_ex(destination)
        except OSError as problem:
            return self._not_begun(key, problem.errno or errno.EINVAL)
        if error in _IN_PROGRESS:
            self._await(_Attempt(key, sock, started, started + self.wait_s))
            return True
        if error in _NO_ROOM and not _is_sourceless(error, destination, sock.family):
            sock.close()
            return False
        self._finish(_Attempt(key, sock, started, started), error)
        return True

    def close(self) -> None:
        """Give up what is in flight, without outcomes."""
        if self._timer:
            self._timer.cancel()
        for attempt in self._attempts.values():
            self._watch.forget(attempt.sock)
            attempt.sock.close()
        self._attempts.clear()
        self._by_time.clear()
        self._watch.close()

    def _not_begun(self, key: Key, error: int) -> bool:
        if error in _NO_ROOM:
            return False
        self.on_outcome(key, outcome_of(error))
        return True

    def _await(self, attempt: _Attempt[Key]) -> None:
        self._attempts[attempt.sock.fileno()] = attempt
        self._by_time.append(attempt)
        self._watch.add(attempt.sock)
        if self._timer is None:
            self._timer = self._loop.call_later(self.wait_s, self._expire)

    def _ready(self, descriptor: int) -> None:
        attempt = self._attempts.pop(descriptor, None)
        if attempt is None:
            return
        self._watch.forget(attempt.sock)
        self._finish(attempt, attempt.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))

    def _finish(self, attempt: _Attempt[Key], error: int) -> None:
        outcome = outcome_of(error)
        if not error:
            elapsed_ms = (time.monotonic() - attempt.started) * 1000
            outcome = Outcome("open", _round_trip_ms(attempt.sock, elapsed_ms))
            # A reset leaves no TIME_WAIT behind: local ports do not run out.
            attempt.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        attempt.sock.close()
        self.on_outcome(attempt.key, outcome)

    def _expire(self) -> None:
        """End those whose time is over; come again for the next."""
        self._timer = None
        now = time.monotonic()
        waiting = self._by_time
        while waiting and (waiting[0].ends <= now or waiting[0].sock.fileno() < 0):
            attempt = waiting.popleft()
            descriptor = attempt.sock.fileno()
            if descriptor >= 0:
                del self._attempts[descriptor]
                self._watch.forget(attempt.sock)
                attempt.sock.close()
                self.on_outcome(attempt.key, _SILENT)
        if waiting and self._timer is None:
            delay_s = max(waiting[0].ends - now, _EXPIRE_STEP_S)
            self._timer = self._loop.call_later(delay_s, self._expire)


def outcome_of(error: int) -> Outcome:
    """Return what an errno of connect says of the port; 0 is open."""
    if not error:
        return Outcome("open")
    if error in _CLOSED:
        return Outcome("closed")
    return Outcome("filtered", reason=_REASONS.get(error) or os.strerror(error))


def raise_open_files() -> int:
    """Raise the limit of open files to what this process may have; return it."""
    try:
        import resource
    except ImportError:  # Windows has no such limit on sockets
        return 8192
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # An unlimited number is more than some systems take, and more than there are ports.
    wanted = 1 << 16 if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft


def _socket(address: str, wait_s: float) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    if wait_s >= _SYN_AGAIN_S and _TCP_SYNCNT is not None:
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_SYNCNT, 1)
    return sock


def _destination(address: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    plain, _, zone = address.partition("%")
    if not zone:
        return address, port
    return plain, port, 0, int(zone) if zone.isdigit() else socket.if_nametoindex(zone)


def _is_sourceless(error: int, destination: tuple[str | int, ...], family: int) -> bool:
    """Tell a machine without an address for *destination* from one whose ports are used up.

    Both are EADDRNOTAVAIL; a datagram socket has ports of its own, and connecting it sends nothing.
    """
    if error != errno.EADDRNOTAVAIL:
        return False
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        return sock.connect_ex(destination) == errno.EADDRNOTAVAIL


def _round_trip_ms(sock: socket.socket, elapsed_ms: float) -> float:
    """Return the kernel's measure of the handshake where it has one: we may have looked late."""
    if _TCP_INFO is not None:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _RTT_OFFSET + 4)
        if len(info) == _RTT_OFFSET + 4:
            rtt_ms = int.from_bytes(info[_RTT_OFFSET:], sys.byteorder) / 1000
            if 0 < rtt_ms < elapsed_ms:
                return rtt_ms
    return round(elapsed_ms, 3)
