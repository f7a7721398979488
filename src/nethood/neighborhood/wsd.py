"""The WS-Discovery host: heard by Explorer on UDP 3702, telling its metadata on TCP 5357.

One channel and one HTTP listener for each interface and address family, so that an answer names
the address of the interface the question came on. What messages hold is in wsd/.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from nethood.errors import ConnectError, Malformed
from nethood.net.links import Link
from nethood.net.listener import bind
from nethood.net.multicast import MulticastChannel
from nethood.wsd import http, names
from nethood.wsd.envelope import Envelope
from nethood.wsd.pacing import SeenMessages, Throttle, application_delay_s, repeat_delays_s
from nethood.wsd.target import Identity, TargetService

Warn = Callable[[str], None]
"""Called with a sentence about what could not be had."""

_GROUPS = (names.GROUP_V4, names.GROUP_V6)
_QUESTIONS = (names.PROBE, names.RESOLVE)
_HELLO_REPEATS = 2
_BYE_REPEATS = 1
_MOST_PENDING = 256
_MOST_REQUESTS = 32
_REQUEST_TIMEOUT_S = 5.0


class _Face:
    """The host on one interface, in one address family."""

    def __init__(self, channel: MulticastChannel, server: asyncio.Server, url: str) -> None:
        self.channel = channel
        self.server = server
        self.url = url


class WsdHost:
    """Makes one computer known on some interfaces.

    *chance* gives numbers from 0 up to 1. *ports* are UDP and HTTP; an HTTP port 0 takes free
    ones.
    """

    def __init__(
        self,
        identity: Identity,
        links: Sequence[Link],
        warn: Warn,
        *,
        chance: Callable[[], float] = random.random,
        ports: tuple[int, int] = (names.UDP_PORT, names.HTTP_PORT),
    ) -> None:
        self._target = TargetService(identity, int(time.time()), lambda: f"urn:uuid:{uuid.uuid4()}")
        self._links = links
        self._warn = warn
        self._chance = chance
        self._udp_port, self._http_port = ports
        self._faces: list[_Face] = []
        self._seen = SeenMessages()
        self._throttle = Throttle()
        self._pending: set[asyncio.TimerHandle] = set()
        self._requests: set[asyncio.Task[None]] = set()
        self.malformed = 0

    @property
    def urls(self) -> list[str]:
        """Where the metadata is, one URL for each interface and family it is known on."""
        return [face.url for face in self._faces]

    async def start(self) -> None:
        """Open what can be opened, warn about the rest, and say Hello. Raises LocalError."""
        for link in self._links:
            for group in _GROUPS:
                if link.address_v6 if ":" in group else link.address_v4:
                    await self._open(link, group)
        for face in self._faces:
            wait = application_delay_s(self._chance)
            hello = self._target.hello(face.url)
            for delay in [0.0, *repeat_delays_s(_HELLO_REPEATS, self._chance)]:
                wait += delay
                self._later(wait, partial(face.channel.announce, hello))

    async def stop(self) -> None:
        """Say Bye, a second time a moment later, and close; takes less than half a second."""
        for handle in self._pending:
            handle.cancel()
        self._pending.clear()
        byes = [(face.channel, self._target.bye()) for face in self._faces]
        delays = [0.0, *repeat_delays_s(_BYE_REPEATS, self._chance)] if byes else []
        for delay in delays:
            await asyncio.sleep(delay)
            for channel, bye in byes:
                channel.announce(bye)
        await self._close()

    async def _open(self, link: Link, group: str) -> None:
        channel = MulticastChannel(
            asyncio.get_running_loop(),
            link,
            group,
            self._udp_port,
            lambda data, host, port, by_group: self._received(face, data, host, port, by_group),
        )
        is_v6 = ":" in group
        where = f"{channel.address}%{link.name}" if is_v6 else channel.address
        try:
            listener = bind([(where, self._http_port)])[0]
        except ConnectError as error:
            self._warn(f"not found by Explorer on {link.name}: {error}")
            return
        server = await asyncio.start_server(
            lambda reader, writer: self._accepted(face, reader, writer),
            sock=listener,
            limit=http.MAX_HEAD_SIZE,
        )
        url = self._target.identity.url(channel.address, listener.getsockname()[1])
        face = _Face(channel, server, url)
        try:
            channel.open()
        except ConnectError as error:
            server.close()
            self._warn(f"not found by Explorer on {link.name}: {error}")
            return
        self._faces.append(face)

    async def _close(self) -> None:
        for face in self._faces:
            face.channel.close()
            face.server.close()
        for request in self._requests:
            request.cancel()
        await asyncio.gather(*self._requests, return_exceptions=True)
        for face in self._faces:
            await face.server.wait_closed()
        self._faces.clear()

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        def run() -> None:
            self._pending.discard(handle)
            act()

        handle = asyncio.get_running_loop().call_later(delay_s, run)
        self._pending.add(handle)

    def _received(self, face: _Face, data: bytes, host: str, port: int, by_group: bool) -> None:
        """Answer a probe or resolve of this network: each once, and nobody without end."""
        if not face.channel.link.holds(host):
            return
        try:
            request = Envelope.decode(data)
            if request.action not in _QUESTIONS or not self._seen.is_new(request.message_id):
                return
            answer = self._target.answer(request, face.url)
        except Malformed:
            self.malformed += 1
            return
        now = asyncio.get_running_loop().time()
        if answer is None or not self._throttle.allows(host, now):
            return
        send = partial(face.channel.send, answer.data, host, port)
        if not (answer.is_delayed and by_group):
            send()
        elif len(self._pending) < _MOST_PENDING:
            self._later(application_delay_s(self._chance), send)

    async def _accepted(
        self, face: _Face, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Serve one HTTP request of this network, then hang up."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a connection is served in a task")
        self._requests.add(task)
        try:
            peer = writer.get_extra_info("peername")
            if face.channel.link.holds(peer[0]) and len(self._requests) <= _MOST_REQUESTS:
                async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                    writer.write(await self._respond(face, reader))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # it left, dawdled, or sent a head without end: nobody to answer
        finally:
            self._requests.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _respond(self, face: _Face, reader: asyncio.StreamReader) -> bytes:
        try:
            head = http.decode_head(await reader.readuntil(b"\r\n\r\n"))
            refusal = head.refusal(self._target.identity.path)
            if refusal:
                return http.encode_response(refusal)
            request = Envelope.decode(await reader.readexactly(head.content_length))
            body = self._target.answer_http(request, face.url)
        except Malformed:
            self.malformed += 1
            return http.encode_response(400)
        return http.encode_response(200, body) if body else http.encode_response(400)
