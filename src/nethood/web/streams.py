"""Server-sent events: their form on the wire, how many there may be, and their end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

MOST_STREAMS = 100
MOST_PER_SESSION = 6


def encode_event(name: str, data: str, event_id: int | None = None) -> str:
    """Return one event: *data* may have any number of lines."""
    head = f"event: {name}\n" if event_id is None else f"id: {event_id}\nevent: {name}\n"
    return head + "".join(f"data: {line}\n" for line in data.splitlines() or [""]) + "\n"


class Streams:
    """The streams that are open; `close` ends them all, so that the server can end."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._closing = asyncio.Event()

    @property
    def is_closing(self) -> bool:
        """Whether the dashboard is ending."""
        return self._closing.is_set()

    def close(self) -> None:
        """End every stream at its next event or pause."""
        self._closing.set()

    async def closed(self) -> None:
        """Wait until `close`."""
        await self._closing.wait()

    def is_full(self, session_id: str) -> bool:
        """Whether there are too many streams already, of this session or of all."""
        return self._open[session_id] >= MOST_PER_SESSION or self._open.total() >= MOST_STREAMS

    def response(self, session_id: str, events: AsyncIterator[str]) -> StreamingResponse:
        """Return the answer that sends *events* as they come."""
        return StreamingResponse(
            self._counted(session_id, events),
            media_type="text/event-stream",
            headers={"X-Accel-Buffering": "no"},
        )

    async def _counted(self, session_id: str, events: AsyncIterator[str]) -> AsyncIterator[str]:
        self._open[session_id] += 1
        try:
            async for event in events:
                yield event
        finally:
            self._open[session_id] -= 1
            self._open += Counter()  # drops what is zero
