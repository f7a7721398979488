"""One UDP socket that sends to very many hosts and loses none of their answers.

Sending and receiving take turns in one thread: after every few packets what has come is taken in,
so that the kernel's buffer never holds more than a burst's answers. What the packets mean is not
known here.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import TracebackType

from nethood.errors import LocalError

Destination = tuple[str, int]
Receive = Callable[[bytes, Destination], None]

_BURST = 64  # packets between two looks at the answers; 256 gains 2 % and needs four times the room
_DRAIN = 4096  # answers taken in at a time, so that a flood can't stop the sending
_MAX_DATAGRAM = 65535
_RECEIVE_BUFFER = 16 << 20
_SO_RCVBUFFORCE = 33  # asm-generic/socket.h; the module socket does not name it
_CATCH_UP_S = 0.1


class BurstSocket:
    """A UDP socket for one caller; every call here blocks for a bounded time."""

    def __init__(self, receive: Receive, address: str = "", *, broadcast: bool = False) -> None:
        """Open it on *address* and a free port; *receive* is given each datagram and its sender.

        Raises LocalError when *address* is none of this machine's.
        """
        self.receive = receive
        self.sent = 0
        self.unsendable = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._set_up(address, broadcast)
        except OSError as error:
            self._socket.close()
            raise LocalError(f"can't send from {address or 'here'}: {error.strerror}") from error

    def __enter__(self) -> BurstSocket:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def send_all(self, packets: Iterable[tuple[bytes, Destination]], rate: float = 0) -> None:
        """Send every packet, *rate* a second (0: as fast as answers can be taken in).

        Packets the system refuses are counted in ``unsendable`` and left out.
        """
        rest = iter(packets)
        start = time.monotonic()
        done = 0
        while True:
            count = _BURST
            if rate:
                start, count = self._await_turn(start, done, rate)
            before = done
            done += self._send_some(islice(rest, count))
            if done == before:
                return
            self._drain()

    def collect(self, quiet_s: float) -> None:
        """Take in answers until none has come for *quiet_s*, for ten times that at most."""
        last = time.monotonic()
        end = last + 10 * quiet_s
        while (now := time.monotonic()) < min(last + quiet_s, end):
            self._wait(min(last + quiet_s, end) - now)
            if self._drain():
                last = time.monotonic()

    def _set_up(self, address: str, broadcast: bool) -> None:
        self._socket.setblocking(False)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except OSError:  # no right to it, or no Linux: as much as everybody may have
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        if broadcast:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._socket.bind((address, 0))

    def _await_turn(self, start: float, done: int, rate: float) -> tuple[float, int]:
        """Return how many packets may leave now, at least one; receive while it is none."""
        while (allowed := int((time.monotonic() - start) * rate) + 1 - done) <= 0:
            self._wait(start + done / rate - time.monotonic())
            self._drain()
        if allowed > max(_BURST, _CATCH_UP_S * rate):  # held up: what was missed is not made up
            start += (allowed - 1) / rate
        return start, min(allowed, _BURST)

    def _send_some(self, packets: Iterator[tuple[bytes, Destination]]) -> int:
        count = 0
        sendto = self._socket.sendto
        for data, destination in packets:
            count += 1
            try:
                sendto(data, destination)
            except OSError as error:
                self._send_again(data, destination, error)
            else:
                self.sent += 1
        return count

    def _send_again(self, data: bytes, destination: Destination, error: OSError) -> None:
        """Try once more where only the send buffer was full."""
        if isinstance(error, BlockingIOError):
            select.select([], [self._socket], [], _CATCH_UP_S)
            self._drain()
            with contextlib.suppress(OSError):
                self._socket.sendto(data, destination)
                self.sent += 1
                return
        self.unsendable += 1

    def _drain(self) -> int:
        """Take in what has come; return how much it was."""
        recvfrom, receive = self._socket.recvfrom, self.receive
        count = 0
        try:
            while count < _DRAIN:
                data, sender = recvfrom(_MAX_DATAGRAM)
                receive(data, sender)
                count += 1
        except OSError:  # nothing left, or an ICMP error some systems hand over here
            return count
        return count

    def _wait(self, timeout_s: float) -> None:
        select.select([self._socket], [], [], max(0.0, timeout_s))
