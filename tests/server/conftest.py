"""A server in memory for most tests, and one on a real socket for those that need it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from nethood.server import Server
from tests.server.files import Client
from tests.server.harness import Harness
from tests.server.loopback import StartServer, start_server


@pytest.fixture
def harness() -> Harness:
    """A server with the share "public" and the users alice and bob."""
    return Harness()


@pytest.fixture
def client(harness: Harness) -> Client:
    """Alice, connected to "public" with SMB 3.1.1, signed."""
    return harness.login()


@pytest.fixture
async def serve() -> AsyncIterator[StartServer]:
    """Start servers on port 0 in the test's loop: `server = await serve(options=...)`."""
    async with AsyncExitStack() as stack:
        start: Callable[..., Awaitable[Server]] = start_server(stack)
        yield start
