"""NetBIOS sessions over TCP: RFC 1002 4.3 and 5.2, both ways.

A session carries messages of up to 131,071 bytes between a calling and a called name. Which names
are listened for is the caller's to decide; here are the packets, the bounds and the closing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address
from types import TracebackType
from typing import Self

from nethood.errors import ConnectError, ConnectionLost, LocalError, Malformed, TimedOut
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import (
    FRAME_HEADER_SIZE,
    KEEP_ALIVE,
    NEGATIVE_SESSION_RESPONSE,
    POSITIVE_RESPONSE,
    POSITIVE_SESSION_RESPONSE,
    RETARGET_SESSION_RESPONSE,
    SESSION_KEEP_ALIVE,
    SESSION_MESSAGE,
    SESSION_REQUEST,
    UNSPECIFIED_ERROR,
    NegativeSessionResponse,
    RetargetSessionResponse,
    SessionRequest,
    decode_session_header,
    encode_session_header,
)

SSN_RETRY_COUNT = 4
"""How often a call is retargeted at most, RFC 1002 6."""
SSN_CLOSE_TIMEOUT_S = 30.0
"""How long a closing session may take to get rid of what was sent, RFC 1002 6."""
KEEP_ALIVE_S = 60.0
"""After how much silence of our own a keep-alive is sent, RFC 1002 6."""
_HANDSHAKE_S = 10.0
_MAX_HANDSHAKE = 1024
MAX_PENDING = 64
"""How many callers may be between connecting and their request."""
_RETRY_PAUSE_S = 0.25

Answer = NegativeSessionResponse | RetargetSessionResponse | None
"""What a session request gets: None is yes."""
Decide = Callable[[SessionRequest, tuple[str, int]], Answer]
Accepted = Callable[["MessageStream"], bool]
"""Takes an established session; False when nobody wants it any more, which ends it."""


class CallRefused(ConnectError):
    """The called node said no; *error_code* is one of RFC 1002 4.3.4."""

    def __init__(self, called: NetbiosName, response: NegativeSessionResponse) -> None:
        super().__init__(f"{called} refuses the session: {response}")
        self.error_code = response.error_code


@dataclass(slots=True)
class _Pipe:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class MessageStream:
    """One NetBIOS session: whole messages out, whole messages in.

    An asynchronous context manager and an asynchronous iterator over the messages that come.
    """

    def __init__(
        self,
        pipe: _Pipe,
        *,
        called: NetbiosName,
        calling: NetbiosName,
        keep_alive_s: float = KEEP_ALIVE_S,
    ) -> None:
        self.called = called
        self.calling = calling
        self.peer: tuple[str, int] = pipe.writer.get_extra_info("peername")[:2]
        self._reader = pipe.reader
        self._writer = pipe.writer
        self._keep_alive_s = keep_alive_s
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()
        self._timer = self._loop.call_later(keep_alive_s, self._keep_alive)

    @property
    def is_closed(self) -> bool:
        """Whether this side has ended the session, or found it broken."""
        return self._writer.is_closing()

    async def send(self, message: bytes) -> None:
        """Send a message; waits while the peer does not read.

        Raises LocalError beyond 131,071 bytes, ConnectionLost.
        """
        header = encode_session_header(SESSION_MESSAGE, len(message))
        if self._writer.is_closing():
            raise ConnectionLost(f"the session with {self.called} is closed")
        self._sent_at = self._loop.time()
        try:
            self._writer.writelines((header, message))
            await self._writer.drain()
        except OSError as error:
            raise self._lost(error) from error

    async def receive(self) -> bytes | None:
        """Return the next message, None when the peer has closed the session, which closes ours.

        Raises ConnectionLost when it broke instead, Malformed (and closes) for what is no session
        packet. Only one task may receive.
        """
        try:
            return await self._next_message()
        except asyncio.IncompleteReadError as error:
            self._end()
            if error.partial:
                raise ConnectionLost("the session ended inside a message") from error
            return None
        except OSError as error:
            raise self._lost(error) from error
        except Malformed:
            await self.abort()
            raise

    async def _next_message(self) -> bytes:
        while True:
            header = await self._reader.readexactly(FRAME_HEADER_SIZE)
            kind, length = decode_session_header(header)
            payload = await self._reader.readexactly(length)
            if kind == SESSION_MESSAGE:
                return payload
            if kind != SESSION_KEEP_ALIVE:
                raise Malformed("Session packet", f"type 0x{kind:02X} inside a session")

    async def close(self, timeout_s: float = SSN_CLOSE_TIMEOUT_S) -> None:
        """End the session; what was sent still arrives, unless that takes over *timeout_s*."""
        self._end()
        # A task of its own: what waits on the stream itself spoils it for others when cancelled.
        closing = asyncio.ensure_future(self._writer.wait_closed())
        done, _ = await asyncio.wait([closing], timeout=timeout_s)
        if not done:
            self._writer.transport.abort()
        with contextlib.suppress(OSError):  # the peer ended it first, not gracefully
            await closing

    def _end(self) -> None:
        """Begin to close: what was sent is still delivered (RFC 1002 5.2.3)."""
        self._timer.cancel()
        self._writer.close()

    async def abort(self) -> None:
        """End the session now; what was sent may be lost."""
        self._timer.cancel()
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _lost(self, error: OSError) -> ConnectionLost:
        return ConnectionLost(f"the session with {self.called} broke: {error.strerror or error}")

    def _keep_alive(self) -> None:
        if self._writer.is_closing():
            return
        idle_s = self._loop.time() - self._sent_at
        if idle_s >= self._keep_alive_s:
            self._writer.write(KEEP_ALIVE)
            self._sent_at, idle_s = self._loop.time(), 0.0
        self._timer = self._loop.call_later(self._keep_alive_s - idle_s, self._keep_alive)


async def call(
    address: tuple[str, int],
    *,
    called: NetbiosName,
    calling: NetbiosName,
    timeout_s: float = 15.0,
    keep_alive_s: float = KEEP_ALIVE_S,
) -> MessageStream:
    """Call *called* at *address* and follow up to four retargets (RFC 1002 5.2.1.1).

    Who refuses the connection is called a second time, for he may be about to listen; where a call
    was sent on to somebody who can't be reached, it is made again where it began. Raises
    CallRefused, ConnectError, TimedOut; Malformed for an answer that is none.
    """
    request = SessionRequest(called, calling).encode()
    try:
        async with asyncio.timeout(timeout_s):
            original = address
            for _ in range(1 + SSN_RETRY_COUNT):
                try:
                    pipe = await (_connect_twice if address == original else _connect)(address)
                except ConnectError:
                    if address == original:
                        raise
                    address = original
                    continue
                answer = await _greet(pipe, request)
                if answer is None:
                    return MessageStream(
                        pipe, called=called, calling=calling, keep_alive_s=keep_alive_s
                    )
                await _hang_up(pipe)
                if isinstance(answer, NegativeSessionResponse):
                    raise CallRefused(called, answer)
                address = (str(answer.address), answer.port)
    except TimeoutError:
        raise TimedOut(f"{called} at {address[0]} does not answer the call") from None
    raise ConnectError(f"{called} sends the call on and on: the last time to {address[0]}")


async def _connect(address: tuple[str, int]) -> _Pipe:
    try:
        return _Pipe(*await asyncio.open_connection(*address))
    except OSError as error:
        where = f"{address[0]} port {address[1]}"
        raise ConnectError(f"can't call {where}: {error.strerror or error}") from error


async def _connect_twice(address: tuple[str, int]) -> _Pipe:
    """Connect, and once more where nobody listened: the listen may just have been missed."""
    with contextlib.suppress(ConnectError):
        return await _connect(address)
    await _pause()
    return await _connect(address)


async def _pause() -> None:
    await asyncio.sleep(_RETRY_PAUSE_S)


async def _greet(pipe: _Pipe, request: bytes) -> Answer:
    """Send the session request and read the answer to it."""
    try:
        pipe.writer.write(request)
        kind, payload = await _read_packet(pipe.reader)
    except (OSError, asyncio.IncompleteReadError) as error:
        await _hang_up(pipe)
        raise ConnectError("the called node hung up instead of answering") from error
    except (Malformed, asyncio.CancelledError):
        await _hang_up(pipe)
        raise
    if kind == POSITIVE_SESSION_RESPONSE:
        return None
    try:
        return _decode_answer(kind, payload)
    except Malformed:
        await _hang_up(pipe)
        raise


def _decode_answer(kind: int, payload: bytes) -> Answer:
    if kind == NEGATIVE_SESSION_RESPONSE:
        return NegativeSessionResponse.decode(payload)
    if kind == RETARGET_SESSION_RESPONSE:
        return RetargetSessionResponse.decode(payload)
    raise Malformed("Session packet", f"type 0x{kind:02X} answers a session request")


async def _read_packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    while True:
        kind, length = decode_session_header(await reader.readexactly(FRAME_HEADER_SIZE))
        if length > _MAX_HANDSHAKE:
            raise Malformed("Session packet", f"of {length} bytes before there is a session")
        payload = await reader.readexactly(length)
        if kind != SESSION_KEEP_ALIVE:
            return kind, payload


async def _read_request(reader: asyncio.StreamReader) -> SessionRequest:
    kind, payload = await _read_packet(reader)
    if kind != SESSION_REQUEST:
        raise Malformed("Session packet", f"type 0x{kind:02X} is no session request")
    return SessionRequest.decode(payload)


async def _hang_up(pipe: _Pipe) -> None:
    pipe.writer.close()
    with contextlib.suppress(OSError):
        await pipe.writer.wait_closed()


class SessionListener:
    """Accepts calls on TCP sockets: *decide* answers each request, *accepted* takes the stream.

    *decide* may refuse or retarget; after such an answer the connection is closed. At most 64
    callers may be between connecting and their request.
    """

    def __init__(
        self, decide: Decide, accepted: Accepted, *, keep_alive_s: float = KEEP_ALIVE_S
    ) -> None:
        self._decide = decide
        self._accepted = accepted
        self._keep_alive_s = keep_alive_s
        self._servers: list[asyncio.Server] = []
        self._pending: set[asyncio.Task[None]] = set()

    async def open(self, addresses: list[tuple[str, int]]) -> list[tuple[str, int]]:
        """Listen; return where, with the ports the system chose. Raises ConnectError."""
        found: list[tuple[str, int]] = []
        for host, port in addresses:
            try:
                server = await asyncio.start_server(self._connected, host, port)
            except OSError as error:
                await self.close()
                reason = error.strerror or error
                raise ConnectError(f"can't listen on {host} port {port}: {reason}") from error
            self._servers.append(server)
            found += [sock.getsockname()[:2] for sock in server.sockets]
        return found

    @property
    def pending(self) -> int:
        """How many callers have connected and are not answered yet."""
        return len(self._pending)

    async def close(self) -> None:
        """Stop accepting; sessions that are established go on."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for task in list(self._pending):
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = _Pipe(reader, writer)
        task = asyncio.current_task()
        assert task is not None
        if len(self._pending) >= MAX_PENDING:
            writer.transport.abort()
            return
        self._pending.add(task)
        try:
            async with asyncio.timeout(_HANDSHAKE_S):
                await self._answer(pipe)
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._pending.discard(task)

    async def _answer(self, pipe: _Pipe) -> None:
        peer: tuple[str, int] = pipe.writer.get_extra_info("peername")[:2]
        try:
            request = await _read_request(pipe.reader)
        except Malformed:
            await self._refuse(pipe, NegativeSessionResponse(UNSPECIFIED_ERROR))
            return
        answer = self._decide(request, peer)
        if answer is not None:
            await self._refuse(pipe, answer)
            return
        pipe.writer.write(POSITIVE_RESPONSE)
        await pipe.writer.drain()
        stream = MessageStream(
            pipe,
            called=request.called,
            calling=request.calling,
            keep_alive_s=self._keep_alive_s,
        )
        if not self._accepted(stream):
            await stream.abort()

    async def _refuse(
        self, pipe: _Pipe, answer: NegativeSessionResponse | RetargetSessionResponse
    ) -> None:
        pipe.writer.write(answer.encode())
        await _hang_up(pipe)


def retarget(address: str, port: int) -> RetargetSessionResponse:
    """Return the answer that sends a caller elsewhere. Raises LocalError for no IPv4 address."""
    try:
        return RetargetSessionResponse(IPv4Address(address), port)
    except ValueError:
        raise LocalError(f"{address!r} is no IPv4 address to send a caller to") from None
