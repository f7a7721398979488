"""Real servers on 127.0.0.1, and blocking clients for threads."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeAlias, TypeVar

from nethood.server import Server
from nethood.store import MemoryStore
from tests.server.files import Client

StartServer: TypeAlias = Callable[..., Awaitable[Server]]
T = TypeVar("T")
PATIENCE_S = 20.0


class SocketLink:
    """A client's end of a TCP connection. It waits: use it in a thread, not in the loop."""

    def __init__(self, port: int, *, receive_buffer: int = 0) -> None:
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(PATIENCE_S)
        try:
            self.sock.connect(("127.0.0.1", port))
        except OSError:
            self.sock.close()
            raise

    def send(self, frame: bytes) -> None:
        """Send a frame."""
        self.sock.sendall(frame)

    def receive(self) -> bytes | None:
        """Wait for the next frame; None once the server has ended the connection."""
        head = self._exactly(4)
        body = self._exactly(int.from_bytes(head[1:], "big")) if head is not None else None
        return None if head is None or body is None else head + body

    def _exactly(self, count: int) -> bytes | None:
        data = bytearray()
        while len(data) < count:
            try:
                piece = self.sock.recv(count - len(data))
            except ConnectionError:
                return None
            if not piece:
                return None
            data += piece
        return bytes(data)

    def is_dropped(self) -> bool:
        """Wait until the server ends the connection; its answers are thrown away."""
        while self.receive() is not None:
            pass
        return True

    def close(self) -> None:
        """End the connection."""
        self.sock.close()


def start_server(stack: AsyncExitStack) -> StartServer:
    """Return what starts servers that end with *stack*."""

    async def start(
        shares: Any = None, users: Any = None, listen: str = "127.0.0.1:0", **how: Any
    ) -> Server:
        server = Server(
            shares or {"public": MemoryStore()}, users or {"alice": "secret"}, listen, **how
        )
        return await stack.enter_async_context(server)

    return start


async def in_thread(server: Server, work: Callable[[Client], T]) -> T:
    """Run *work* with a new client in a thread, while the loop serves it."""

    def run() -> T:
        link = SocketLink(server.port)
        try:
            return work(Client(link))
        finally:
            link.close()

    return await asyncio.to_thread(run)


def logged_in(port: int, *, share: str = "public", dialects: tuple[int, ...] = ()) -> Client:
    """Return a client connected over a socket; for threads."""
    client = Client(SocketLink(port))
    client.negotiate(*dialects)
    client.login()
    client.tree_connect(share)
    return client
