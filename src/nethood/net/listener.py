"""Listening TCP sockets: bind all of them or none, accept, hand each connection on."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from nethood.errors import ConnectError, LocalError

Accepted = Callable[[socket.socket, tuple[str, int], int], None]
"""Called with a connected non-blocking socket, the peer's address, and the listener's port."""

_BACKLOG = 128
_ACCEPT_BATCH = 64
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_RETRY_S = 0.5
_KEEPALIVE_S = 60


def bind(addresses: list[tuple[str, int]]) -> list[socket.socket]:
    """Return one listening socket per address; port 0 takes a free one.

    Raises ConnectError, and leaves nothing bound, where any of them can't be had.
    """
    bound: list[socket.socket] = []
    try:
        for host, port in addresses:
            bound.append(_bind_one(host, port))
    except OSError as error:
        for sock in bound:
            sock.close()
        raise ConnectError(_bind_problem(host, port, error)) from error
    return bound


def _bind_one(host: str, port: int) -> socket.socket:
    info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    sock = socket.socket(info[0], socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if info[0] == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(info[4])
        sock.listen(_BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _bind_problem(host: str, port: int, error: OSError) -> str:
    where = f"{host} port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"can't listen on {where}: another program holds it; stop it or choose another port"
    if error.errno == errno.EACCES:
        return (
            f"can't listen on {where}: ports below 1024 need privileges; choose another, e.g. 4450"
        )
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"can't listen on {where}: this machine has no such address"
    return f"can't listen on {where}: {error.strerror or error}"


class Listeners:
    """The listening sockets of one server."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sockets: list[socket.socket], accepted: Accepted
    ) -> None:
        self._loop = loop
        self._sockets = sockets
        self._accepted = accepted
        self.addresses: list[tuple[str, int]] = [s.getsockname()[:2] for s in sockets]

    def start(self) -> None:
        """Begin to accept. Raises LocalError where the event loop can't watch sockets."""
        for sock in self._sockets:
            try:
                self._loop.add_reader(sock.fileno(), self._accept, sock)
            except NotImplementedError:
                raise LocalError(
                    "this event loop can't watch sockets; on Windows run the server in an"
                    " asyncio.SelectorEventLoop"
                ) from None

    def close(self) -> None:
        """Stop accepting and free the ports."""
        for sock in self._sockets:
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock.fileno())
                sock.close()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_ACCEPT_BATCH):
            try:
                sock, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_FILES:
                    self._pause(listener)
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if hasattr(socket, "TCP_KEEPIDLE"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
            self._accepted(sock, address[:2], listener.getsockname()[1])

    def _pause(self, listener: socket.socket) -> None:
        """Leave a listener alone for a moment: the system has no more sockets to give."""
        self._loop.remove_reader(listener.fileno())
        self._loop.call_later(_RETRY_S, self._resume, listener)

    def _resume(self, listener: socket.socket) -> None:
        if listener.fileno() >= 0:
            self._loop.add_reader(listener.fileno(), self._accept, listener)
