"""One client's connection: takes requests from the protocol core, runs their handlers, sends what
they answer.

This is the only place that turns an error into an SMB status and that knows about chains and
asynchronous answers. A handler gets the connection and the request and returns a Result, or a
Deferred when it has to wait; it raises StatusError or Malformed when it can't do what was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nethood.erref import (
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INTERNAL_ERROR,
    STATUS_INVALID_PARAMETER,
    STATUS_PENDING,
    is_error,
)
from nethood.errors import Malformed, ProtocolViolation, StatusError
from nethood.server.deferred import Deferred
from nethood.server.handlers.negotiate import negotiate_from_smb1
from nethood.server.handlers.table import HANDLERS
from nethood.server.results import ERROR_BODY, Framed, Outcome, Result, error_body
from nethood.smb2.constants import SMB2_CANCEL, SMB2_FLAGS_ASYNC_COMMAND, SMB2_SESSION_SETUP
from nethood.smb2.server import HEADROOM, SMB1_MAGIC, Request, ServerConnection

if TYPE_CHECKING:
    from nethood.net.tcp import FramedTcp
    from nethood.server.core import ServerCore

_UNHANDLED = (STATUS_INVALID_PARAMETER, b"")


class ClientConnection:
    """The server's side of one TCP connection, from the first frame to the last."""

    __slots__ = (
        "_next_async_id",
        "async_table",
        "authenticated",
        "connected_at",
        "core",
        "failed_logins",
        "frame_limit",
        "loop_time",
        "negotiated",
        "netbios",
        "peer",
        "server",
        "transport",
    )

    transport: FramedTcp

    def __init__(self, server: ServerCore, peer: tuple[str, int], *, netbios: bool) -> None:
        options = server.options
        self.server = server
        self.peer = peer
        self.netbios = netbios
        self.loop_time = server.loop_time
        self.connected_at = self.loop_time()
        self.frame_limit = options.limits.unauthenticated_frame
        self.negotiated = False
        self.authenticated = False
        self.failed_logins = 0
        self.core = ServerConnection(
            credit_limit=options.limits.credits, signing_required=options.signing_required
        )
        self.async_table: dict[int, tuple[Request, Deferred]] = {}
        self._next_async_id = 1

    # From the transport

    def frame_received(self, frame: memoryview) -> None:
        """Take one frame through the core and its requests through their handlers."""
        request = self.core.receive_usual(frame, self.loop_time())
        if request is not None:
            self._run(request)
            return
        try:
            if not self.negotiated and frame[:4] == SMB1_MAGIC:
                self._smb1(frame)
                return
            requests = self.core.receive(frame, self.loop_time())
        except (Malformed, ProtocolViolation) as error:
            self.drop(str(error))
            return
        if len(requests) == 1:
            self._run(requests[0])
        else:
            Chain(self, requests).run()

    def packet_received(self, kind: int, payload: bytes) -> None:
        """Take a session-service packet: only a session request, and only as the first."""
        self.server.session_service.packet_received(self, kind, payload)

    def connection_lost(self, reason: str) -> None:
        """Give back everything the connection held."""
        for _, deferred in list(self.async_table.values()):
            deferred.cancel()
        self.async_table.clear()
        self.server.connection_closed(self, reason)

    def drop(self, reason: str) -> None:
        """End the connection because of what the peer did, and say so."""
        self.server.refused(self, reason)
        self.transport.abort(reason)

    def _smb1(self, frame: memoryview) -> None:
        """Answer an SMB1 negotiate that offers SMB2 ([MS-SMB2] 3.3.5.3); refuse other SMB1."""
        self.transport.write(negotiate_from_smb1(self, frame))

    # Running requests

    def execute(self, request: Request, previous: Request | None) -> Outcome:
        """Run one request; whatever goes wrong comes back as a status."""
        failure = request.failure
        if request.tree is None and not failure:
            failure = self.core.resolve(request, previous)
        if failure:
            return failure, b""
        handler = HANDLERS.get(request.command)
        if handler is None:
            return _UNHANDLED
        try:
            return handler(self, request)
        except StatusError as error:
            return error.status, error_body(error.data) if error.data else b""
        except Malformed:
            return STATUS_INVALID_PARAMETER, b""

    def _run(self, request: Request) -> None:
        if request.command == SMB2_CANCEL:
            self.cancel(request)
            return
        try:
            outcome = self.execute(request, None)
        except ProtocolViolation as error:
            self.drop(str(error))
            return
        if isinstance(outcome, Deferred):
            self.wait(request, outcome, lambda result: self.finish(request, result))
        else:
            self.finish(request, outcome)

    def finish(self, request: Request, result: Result) -> None:
        """Send the answer to a request that stands alone."""
        status: int = 0
        body: bytes | bytearray
        if isinstance(result, bytes | bytearray):
            body = result
        elif isinstance(result, Framed):
            buffer, end = result.buffer, result.end
            start = self.core.reply_framed(request, result.status, buffer, end)
            self.transport.write(memoryview(buffer)[start:end], buffer)
            return
        else:
            status, body = result
        frame = self.core.reply(request, status, body or ERROR_BODY)
        if request.command <= SMB2_SESSION_SETUP:
            self.core.answered(request, status, frame)
        self.transport.write(frame)

    def wait(
        self, request: Request, deferred: Deferred, callback: Callable[[Result], None]
    ) -> None:
        """Remember an answer that comes later, tell the client if it is to know, and go on."""
        if deferred.is_done:
            deferred.attach(callback)
            return
        if len(self.async_table) >= self.server.options.limits.async_per_connection:
            deferred.cancel(STATUS_INSUFFICIENT_RESOURCES)
            deferred.attach(callback)
            return
        # The frame's memory is the transport's again once this returns.
        request.message = memoryview(b"")
        async_id = self._next_async_id
        self._next_async_id += 1
        self.async_table[async_id] = (request, deferred)
        if deferred.interim:
            request.async_id = async_id
            self.transport.write(self.core.reply(request, STATUS_PENDING, ERROR_BODY))

        def done(result: Result) -> None:
            self.async_table.pop(async_id, None)
            if not self.transport.is_closed:
                callback(result)

        deferred.attach(done)

    def cancel(self, request: Request) -> None:
        """Cancel by AsyncId or by MessageId; a CANCEL is never answered ([MS-SMB2] 3.3.5.16)."""
        if request.failure:
            return
        if request.flags & SMB2_FLAGS_ASYNC_COMMAND:
            found = self.async_table.get(request.async_id)
            same = found is not None and found[0].session_id == request.session_id
            meant = [found] if found is not None and same else []
        else:
            waiting = self.async_table.values()
            meant = [wait for wait in waiting if wait[0].message_id == request.message_id]
        for _, deferred in meant:
            # What the client was not told of is not its to cancel: a refused login waits on.
            if deferred.interim:
                deferred.cancel()


class Chain:
    """The elements of one compound, run one after another ([MS-SMB2] 3.3.5.2.7).

    Answers gather until the chain ends or an element has to wait: then what is there goes out,
    and the rest follows when the wait is over.
    """

    __slots__ = ("connection", "index", "requests", "results")

    def __init__(self, connection: ClientConnection, requests: list[Request]) -> None:
        self.connection = connection
        self.requests = requests
        self.index = 0
        self.results: list[tuple[Request, int, bytes | bytearray]] = []

    def run(self) -> None:
        """Run from where the chain stands until it ends or waits."""
        connection = self.connection
        while self.index < len(self.requests):
            request = self.requests[self.index]
            if request.command == SMB2_CANCEL:
                connection.cancel(request)
                self.index += 1
                continue
            previous = self.requests[self.index - 1] if self.index else None
            try:
                outcome = connection.execute(request, previous)
            except ProtocolViolation as error:
                connection.drop(str(error))
                return
            if isinstance(outcome, Deferred) and not outcome.is_done:
                if not outcome.interim or self.index == len(self.requests) - 1:
                    self._wait(request, outcome)
                    return
                # What may wait for ever would keep the rest waiting; Windows refuses it so.
                outcome.cancel(STATUS_INTERNAL_ERROR)
            if isinstance(outcome, Deferred):
                outcome.attach(self._take)
            else:
                self._take(outcome)
        self._send()

    def _take(self, result: Result) -> None:
        request = self.requests[self.index]
        status, body = _flatten(result)
        if is_error(status):
            request.failure = status
        self.results.append((request, status, body))
        self.index += 1

    def _wait(self, request: Request, deferred: Deferred) -> None:
        for later in self.requests[self.index + 1 :]:
            later.message = memoryview(bytes(later.message))
        if deferred.interim:
            self._send()

        def resume(result: Result) -> None:
            self._take(result)
            self.run()

        self.connection.wait(request, deferred, resume)

    def _send(self) -> None:
        if not self.results:
            return
        transport, core = self.connection.transport, self.connection.core
        if len(self.results) == 1:
            transport.write(core.reply(*self.results[0]))
        else:
            transport.write(core.reply_chain(self.results))
        self.results = []


def _flatten(result: Result) -> tuple[int, bytes | bytearray]:
    if isinstance(result, Framed):
        return result.status, bytes(memoryview(result.buffer)[HEADROOM : result.end])
    if isinstance(result, tuple):
        return result[0], result[1] or ERROR_BODY
    return 0, result
