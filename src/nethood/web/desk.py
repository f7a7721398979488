"""What all pages share: the view of the watcher, settings, sessions, templates."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nethood import __version__
from nethood.exposure.watch.view import WatchView
from nethood.web.guard import SESSION_KEY
from nethood.web.looks import Looks
from nethood.web.rendering import render
from nethood.web.sessions import Session, Sessions
from nethood.web.settings import Settings
from nethood.web.streams import Streams
from nethood.web.throttle import LoginThrottle

PAGES = (
    ("/", "Overview"),
    ("/hosts", "Hosts"),
    ("/findings", "Findings"),
    ("/alerts", "Alerts"),
    ("/policy", "Policy"),
    ("/look", "Look"),
)


@dataclass(slots=True)
class Desk:
    """One dashboard while it is served."""

    view: WatchView
    settings: Settings
    sessions: Sessions
    looks: Looks
    streams: Streams
    throttle: LoginThrottle = field(default_factory=LoginThrottle)
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))
    """Passwords checked at once: argon2 takes 64 MiB each time."""

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """Return *template* filled with *values* and with what every page needs."""
        session = session_of(request)
        text = render(
            template,
            now_unix=self.settings.now(),
            pages=PAGES,
            path=request.url.path,
            session=session,
            token=self.sessions.token(session),
            needs_login=self.settings.needs_login,
            version=__version__,
            **values,
        )
        return HTMLResponse(text, status)

    def problem(self, request: Request, status: int, sentence: str) -> Response:
        """Return a page that says what went wrong."""
        return self.page(request, "problem.html", status, sentence=sentence, status_code=status)


def desk_of(request: Request) -> Desk:
    """Return the dashboard a request is for."""
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk


def session_of(request: Request) -> Session:
    """Return the session the guard found or began."""
    session = request.scope[SESSION_KEY]
    assert isinstance(session, Session)
    return session
