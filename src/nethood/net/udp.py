"""UDP endpoints: one socket, its receiver, and counts of what could not be had or sent.

The socket is registered with the event loop directly: one callback takes a whole burst of
datagrams. UDP promises nothing, so nothing here raises once the endpoint is open: what can't be
sent is counted and dropped. What the datagrams hold is not known here.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

from nethood.errors import ConnectError, LocalError, Malformed

Receiver = Callable[[bytes, tuple[str, int]], None]
"""Called with a datagram and the address it came from; Malformed out of it is counted."""

_BATCH = 256
_LARGEST = 65535
_BUFFER_BYTES = 4 * 1024 * 1024


class UdpEndpoint:
    """One bound UDP socket.

    A receiver may raise Malformed: the datagram is counted in *malformed* and forgotten. Anything
    else it raises is its own fault: the event loop logs it and the endpoint goes on.
    """

    __slots__ = (
        "_loop",
        "_receiver",
        "_sock",
        "address",
        "malformed",
        "receive_errors",
        "received",
        "send_errors",
        "sent",
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, sock: socket.socket, receiver: Receiver
    ) -> None:
        self._loop = loop
        self._sock = sock
        self._receiver = receiver
        host, port = sock.getsockname()[:2]
        self.address: tuple[str, int] = (host, port)
        """Where it is bound; the port is the one the system chose where 0 was asked for."""
        self.received = 0
        self.malformed = 0
        self.receive_errors = 0
        self.sent = 0
        self.send_errors = 0

    @classmethod
    def open(
        cls,
        loop: asyncio.AbstractEventLoop,
        address: str,
        port: int,
        receiver: Receiver,
        *,
        broadcast: bool = False,
        reuse: bool = False,
        hops: int = 0,
    ) -> UdpEndpoint:
        """Bind to *address* and *port* (0: a free one) and begin to receive.

        *broadcast* lets it send to broadcast addresses; on Linux a socket receives broadcasts
        when bound to the broadcast address or to ``0.0.0.0``. *reuse* shares address and port
        with others that do so too (multicast). *hops* is the TTL of what it sends over IPv4,
        0 the system's own. Raises ConnectError where the address can't be
        had, LocalError where the event loop can't watch sockets.
        """
        sock = _bind(address, port, broadcast=broadcast, reuse=reuse)
        if hops and sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        endpoint = cls(loop, sock, receiver)
        try:
            loop.add_reader(sock.fileno(), endpoint._readable)
        except NotImplementedError:
            sock.close()
            raise LocalError(
                "this event loop can't watch sockets; on Windows use asyncio.SelectorEventLoop"
            ) from None
        return endpoint

    @property
    def is_closed(self) -> bool:
        """Whether the endpoint has been closed."""
        return self._sock.fileno() < 0

    def send(self, data: bytes, destination: tuple[str, int]) -> bool:
        """Send one datagram now; return whether the system took it. Never raises OSError."""
        try:
            self._sock.sendto(data, destination)
        except OSError:
            self.send_errors += 1
            return False
        self.sent += 1
        return True

    def join_group(self, group: str, interface_address: str) -> None:
        """Receive what is sent to the IPv4 multicast *group* on the interface of that address.

        What is sent to a group leaves by the interface joined last. Raises ConnectError.
        """
        local = socket.inet_aton(interface_address)
        membership = socket.inet_aton(group) + local
        try:
            self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
            self._sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, local)
        except OSError as error:
            raise ConnectError(
                f"can't join {group} on {interface_address}: {error.strerror or error}"
            ) from error

    def close(self) -> None:
        """Stop receiving and free the port; closing twice does no harm."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _readable(self) -> None:
        """Take a burst, but not for ever: others want the loop too."""
        recvfrom = self._sock.recvfrom
        receiver = self._receiver
        for _ in range(_BATCH):
            try:
                data, source = recvfrom(_LARGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                # An ICMP error somebody's answer caused, or the socket closed by the receiver.
                self.receive_errors += not self.is_closed
                return
            self.received += 1
            try:
                receiver(data, source[:2])
            except Malformed:
                self.malformed += 1


def _bind(address: str, port: int, *, broadcast: bool, reuse: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        if broadcast:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        if reuse:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "SO_REUSEPORT"):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # A burst of answers waits here while the loop is elsewhere; the system may give less.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        sock.bind((address, port))
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise ConnectError(_bind_problem(address, port, error)) from error
    return sock


def _bind_problem(address: str, port: int, error: OSError) -> str:
    where = f"{address} UDP port {port}"
    if error.errno == errno.EADDRINUSE:
        return f"can't use {where}: another program holds it; stop it or choose another port"
    if error.errno == errno.EACCES:
        return f"can't use {where}: ports below 1024 need more rights; try sudo"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"can't use {where}: this machine has no such address"
    return f"can't use {where}: {error.strerror or error}"
