"""A multicast group on one interface: a socket that hears the group, one that speaks.

The two are separate so that a message of the group is known to have come in on this interface,
and answers leave from the interface's own address. What cannot be sent is counted and dropped.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable

from nethood.errors import ConnectError, LocalError
from nethood.net.links import Link

MulticastReceiver = Callable[[bytes, str, int, bool], None]
"""Called with a datagram, the source's address and port, and whether it came by the group."""

_BATCH = 64
_LARGEST = 65535
_HOPS = 1
# Linux delivers to a socket what any socket of the machine joined, unless told not to.
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29


class MulticastChannel:
    """The sockets of one group, one interface and one address family.

    Exceptions out of the receiver are its own fault: the event loop logs them and goes on.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        link: Link,
        group: str,
        port: int,
        receiver: MulticastReceiver,
    ) -> None:
        """Prepare for *group*, IPv4 or IPv6; nothing is bound before `open`."""
        self._loop = loop
        self.link = link
        self._group = group
        self._port = port
        self._receiver = receiver
        self._is_v6 = ":" in group
        self._sockets: list[socket.socket] = []
        self.address = (link.address_v6 if self._is_v6 else link.address_v4) or ""
        """The interface's own address, without a scope; empty where it has none."""
        self.send_errors = 0

    def open(self) -> None:
        """Bind, join and begin to receive.

        Raises ConnectError, leaving nothing bound, where the group can't be joined; LocalError
        where the event loop can't watch sockets.
        """
        if not self.address:
            family = "IPv6" if self._is_v6 else "IPv4"
            raise ConnectError(f"{self.link.name} has no {family} address of its own")
        try:
            self._sockets = [self._open(self.address, self._speak)]
            self._sockets.append(self._open(self._hearing_address(), self._hear))
        except OSError as error:
            self.close()
            raise ConnectError(
                f"can't use UDP port {self._port} on {self.link.name} ({self.address}):"
                f" {error.strerror or error}"
            ) from error
        try:
            for sock in self._sockets:
                self._loop.add_reader(sock.fileno(), self._readable, sock)
        except NotImplementedError:
            self.close()
            raise LocalError("this event loop can't watch sockets") from None

    def announce(self, data: bytes) -> None:
        """Send to the group."""
        self.send(data, self._group, self._port)

    def send(self, data: bytes, host: str, port: int) -> None:
        """Send to one address, from the interface's own."""
        if not self._sockets:
            return
        try:
            self._sockets[0].sendto(data, self._socket_address(host, port))
        except OSError:
            self.send_errors += 1

    def close(self) -> None:
        """Leave the group and free the port; closing twice does no harm."""
        for sock in self._sockets:
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock.fileno())
                sock.close()
        self._sockets = []

    def _socket_address(self, host: str, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
        return (host, port, 0, self.link.index) if self._is_v6 else (host, port)

    def _hearing_address(self) -> str:
        """Return the group; Windows can't bind to one, and binds to everything."""
        if sys.platform != "win32":
            return self._group
        return "::" if self._is_v6 else "0.0.0.0"

    def _open(self, host: str, prepare: Callable[[socket.socket], None]) -> socket.socket:
        """Return a bound socket that *prepare* made ready. Raises OSError, with nothing left."""
        sock = socket.socket(socket.AF_INET6 if self._is_v6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if self._is_v6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(self._socket_address(host, self._port))
            sock.setblocking(False)
            prepare(sock)
        except OSError:
            sock.close()
            raise
        return sock

    def _speak(self, sock: socket.socket) -> None:
        if self._is_v6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.link.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        else:
            own = socket.inet_aton(self.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _HOPS)

    def _hear(self, sock: socket.socket) -> None:
        linux = sys.platform == "linux"
        if self._is_v6:
            group = socket.inet_pton(socket.AF_INET6, self._group)
            where = struct.pack("@I", self.link.index)
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group + where)
            if linux:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
        else:
            group = socket.inet_aton(self._group) + socket.inet_aton(self.address)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            if linux:
                sock.setsockopt(socket.IPPROTO_IP, _IP_MULTICAST_ALL, 0)

    def _readable(self, sock: socket.socket) -> None:
        by_group = len(self._sockets) > 1 and sock is self._sockets[1]
        for _ in range(_BATCH):
            try:
                data, source = sock.recvfrom(_LARGEST)
            except OSError:
                return  # nothing left, an ICMP error of an earlier answer, or closed meanwhile
            self._receiver(data, source[0].partition("%")[0], source[1], by_group)
