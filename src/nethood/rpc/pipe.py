"""One opened named pipe with an RPC endpoint behind it, in message mode ([MS-RPCE] 2.1.1.2).

What is written is a stream of fragments: a write may hold part of one or several. Each fragment
that goes out is one message: a read returns at most one, and says whether some of it remains
(the server then answers STATUS_BUFFER_OVERFLOW). A read with nothing to return gives None: the
server lets it pend until a write brings an answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from nethood.erref import (
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_PIPE_BROKEN,
    STATUS_PIPE_BUSY,
    STATUS_PIPE_CLOSING,
)
from nethood.errors import Malformed, StatusError
from nethood.rpc.association import Associations
from nethood.rpc.call import Interface
from nethood.rpc.connection import Connection
from nethood.rpc.host import Host
from nethood.rpc.pdu import HEADER_SIZE, Header
from nethood.wire import Buffer

MAX_INCOMING_FRAG = 5840
"""Fragments may be this long: some clients send more than was agreed on."""
MAX_INPUT = 2 << 20
"""How much may be written that has not been served because nobody reads the answers."""
MAX_OUTPUT = 256 << 10
"""While more than this waits to be read, no further request is served."""


class Pipe:
    """An instance of a named pipe, from CREATE to CLOSE. Raises StatusError, nothing else."""

    __slots__ = ("_connection", "_input", "_messages", "_queued", "name")

    def __init__(
        self, name: str, interfaces: Sequence[Interface], host: Host, associations: Associations
    ) -> None:
        self.name = name
        self._connection = Connection(name, interfaces, host, associations)
        self._input = bytearray()
        self._messages: deque[memoryview] = deque()
        self._queued = 0

    @property
    def available(self) -> int:
        """How many bytes wait to be read."""
        return self._queued

    @property
    def message_count(self) -> int:
        """How many messages wait to be read."""
        return len(self._messages)

    @property
    def message_length(self) -> int:
        """How many bytes remain of the first message."""
        return len(self._messages[0]) if self._messages else 0

    @property
    def broken(self) -> bool:
        """Nothing more comes: all has been read and the RPC connection has ended."""
        return self._connection.broken and not self._messages

    def write(self, data: Buffer) -> None:
        """Feed what the client wrote; the answers, if any, are ready when this returns.

        Raises StatusError: STATUS_PIPE_CLOSING after the connection has ended,
        STATUS_INSUFFICIENT_RESOURCES where the client writes on and on and reads nothing.
        """
        if self._connection.broken:
            raise StatusError(STATUS_PIPE_CLOSING)
        if len(self._input) + len(data) > MAX_INPUT:
            raise StatusError(STATUS_INSUFFICIENT_RESOURCES)
        self._input += data
        self._serve()

    def read(self, max_length: int) -> tuple[bytes, bool] | None:
        """Return the next piece of the first message and whether more of that message remains.

        None means that nothing is there yet. Raises StatusError STATUS_PIPE_BROKEN when nothing
        will come any more.
        """
        if not self._messages:
            if self._connection.broken:
                raise StatusError(STATUS_PIPE_BROKEN)
            return None
        message = self._messages[0]
        piece = bytes(message[:max_length])
        self._queued -= len(piece)
        more = len(piece) < len(message)
        if more:
            self._messages[0] = message[len(piece) :]
        else:
            self._messages.popleft()
            self._serve()
        return piece, more

    def transceive(self, data: Buffer, max_length: int) -> tuple[bytes, bool] | None:
        """Write, then read ([MS-FSCC] 2.3.47). Raises StatusError; STATUS_PIPE_BUSY if unread."""
        if self._messages:
            raise StatusError(STATUS_PIPE_BUSY)
        self.write(data)
        return self.read(max_length)

    def close(self) -> None:
        """Forget everything and leave the association."""
        self._connection.close()
        self._input.clear()
        self._messages.clear()
        self._queued = 0

    def _serve(self) -> None:
        """Serve the whole fragments at hand, as long as somebody reads the answers."""
        start = 0
        while self._queued <= MAX_OUTPUT and not self._connection.broken:
            length = self._fragment_length(start)
            if not length or len(self._input) - start < length:
                break
            for message in self._connection.receive(bytes(self._input[start : start + length])):
                self._messages.append(memoryview(message))
                self._queued += len(message)
            start += length
        del self._input[:start]

    def _fragment_length(self, start: int) -> int:
        """Return the length of the fragment at *start*, 0 while it is not known."""
        head = self._input[start : start + HEADER_SIZE]
        if len(head) < HEADER_SIZE:
            return 0
        try:
            length = Header.decode(head).frag_length
        except Malformed:
            length = MAX_INCOMING_FRAG + 1
        if length > MAX_INCOMING_FRAG:
            # Where the next fragment starts can't be known any more.
            self._connection.close()
            return 0
        return length
