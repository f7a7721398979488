"""One UDP socket that asks very many hosts and hears their refusals too.

Where the system can (Linux), an ICMP error reaches the sender with the address it is about, so
that a closed port is told from silence. What the datagrams hold, and who has waited long enough,
is the caller's affair.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import sys
from collections.abc import Callable

from nethood.errors import ConnectError

Address = tuple[str, int]

_IP_RECVERR = 11  # linux/in.h; the module socket names it from Python 3.14 on
_MSG_ERRQUEUE = getattr(socket, "MSG_ERRQUEUE", 0)
_CAN_HEAR = sys.platform == "linux"
_ORIGIN_ICMP = 2
_LARGEST = 65535
_BATCH = 256
_BUFFER_BYTES = 4 << 20
_ERROR = struct.Struct("IBBBBII")  # struct sock_extended_err, linux/errqueue.h
_PASSING = (BlockingIOError, InterruptedError)


class UdpProbe:
    """An IPv4 socket on a free port; to be used within a running event loop."""

    def __init__(
        self,
        on_answer: Callable[[bytes, Address], None],
        on_refusal: Callable[[Address, int], None],
    ) -> None:
        """*on_answer* gets a datagram and its sender, *on_refusal* whom an ICMP error is about
        and its errno: ECONNREFUSED where the port is closed.

        Raises ConnectError where no socket can be had.
        """
        self._on_answer = on_answer
        self._on_refusal = on_refusal
        self._loop = asyncio.get_running_loop()
        try:
            self._sock = _socket()
        except OSError as error:
            raise ConnectError(f"can't open a UDP socket: {error.strerror or error}") from error
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def send(self, data: bytes, destination: Address) -> int:
        """Send one datagram; return 0, or the errno where the system refused it."""
        error = self._send(data, destination)
        if error in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
            # Linux tells at the next call of what an earlier datagram came to.
            self._hear()
            error = self._send(data, destination)
        return error

    def close(self) -> None:
        """Stop listening; closing twice does no harm."""
        if self._sock.fileno() >= 0:
            self._loop.remove_reader(self._sock.fileno())
            self._sock.close()

    def _send(self, data: bytes, destination: Address) -> int:
        try:
            self._sock.sendto(data, destination)
        except OSError as error:
            return error.errno or errno.EIO
        return 0

    def _readable(self) -> None:
        """Take a burst, but not for ever: others want the loop too."""
        for _ in range(_BATCH):
            try:
                data, sender = self._sock.recvfrom(_LARGEST)
            except _PASSING:
                break
            except OSError:  # the error that waits in the queue read below
                continue
            self._on_answer(data, sender)
        self._hear()

    def _hear(self) -> None:
        if not _CAN_HEAR:
            return
        with contextlib.suppress(OSError):  # nothing is left
            for _ in range(_BATCH):
                _, control, _, about = self._sock.recvmsg(0, 512, _MSG_ERRQUEUE)
                for level, kind, data in control:
                    if (level, kind) == (socket.IPPROTO_IP, _IP_RECVERR):
                        self._refused(about, data)

    def _refused(self, about: Address, data: bytes) -> None:
        number, origin, *_ = _ERROR.unpack_from(data)
        if origin == _ORIGIN_ICMP:
            self._on_refusal(about, number)


def _socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        if _CAN_HEAR:
            sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        sock.bind(("", 0))
    except OSError:
        sock.close()
        raise
    return sock
