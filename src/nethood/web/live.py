"""What arrives on an open page by server-sent events: news of the watcher, answers of a look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from nethood.web.desk import Desk, desk_of, session_of
from nethood.web.look_page import result_of, rows_of
from nethood.web.looks import LONGEST_S, Look
from nethood.web.rendering import render
from nethood.web.streams import encode_event

PAUSE_S = 15.0
"""Something is sent at least this often, so that a dead connection is noticed."""
LONGEST_STREAM_S = 3600.0
_KEEP_ALIVE = ": still here\n\n"


async def news_events(request: Request) -> Response:
    """Send an event whenever what is stored has changed; the page then loads itself anew."""
    desk = desk_of(request)
    session = session_of(request)
    if desk.streams.is_full(session.id):
        return PlainTextResponse("Too many pages are open.\n", 429, {"Retry-After": "30"})
    return desk.streams.response(session.id, _news(desk))


async def look_events(request: Request) -> Response:
    """Send what a look has found and finds, as finished pieces of the page."""
    desk, session = desk_of(request), session_of(request)
    look = desk.looks.find(request.path_params["look_id"], session.id)
    if look is None:
        return PlainTextResponse("There is no such look.\n", 404)
    if desk.streams.is_full(session.id):
        return PlainTextResponse("Too many pages are open.\n", 429, {"Retry-After": "30"})
    return desk.streams.response(session.id, _answers(desk, look))


async def _news(desk: Desk) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_STREAM_S
    seen = await desk.view.wait_for_news(0, 0.0)
    yield "retry: 2000\n" + encode_event("hello", str(seen), seen)
    while loop.time() < until:
        number = await _unless_closing(desk, seen)
        if number is None:
            return
        yield encode_event("news", str(number), number) if number != seen else _KEEP_ALIVE
        seen = number


async def _unless_closing(desk: Desk, seen: int) -> int | None:
    """Return the number of the next news, or None at the end of the dashboard."""
    news = asyncio.ensure_future(desk.view.wait_for_news(seen, PAUSE_S))
    closed = asyncio.ensure_future(desk.streams.closed())
    try:
        await asyncio.wait({news, closed}, return_when=asyncio.FIRST_COMPLETED)
        return None if desk.streams.is_closing else news.result()
    finally:
        for waiting in (news, closed):
            waiting.cancel()
        await asyncio.gather(news, closed, return_exceptions=True)


async def _answers(desk: Desk, look: Look) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_S + 10
    told: set[str] = set()
    while not desk.streams.is_closing and loop.time() < until:
        is_over = look.is_over
        for name in [name for name in look.answers if name not in told]:
            told.add(name)
            for row in rows_of(look, {name}):
                html = render("look_row.html", row=row)
                yield encode_event("answer", html)
        if is_over:
            now = desk.settings.now()
            yield encode_event("done", render("look_result.html", now_unix=now, **result_of(look)))
            return
        if len(look.answers) == len(told):
            await look.news(1.0)
