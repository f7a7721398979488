"""The application: every path of the dashboard, behind the guard."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from nethood.errors import Error, LocalError
from nethood.exposure.watch.view import WatchView
from nethood.web import deviations, live, login, look_page, pages
from nethood.web.desk import Desk, desk_of
from nethood.web.forms import takes_form
from nethood.web.guard import Guard
from nethood.web.looks import Looks
from nethood.web.sessions import Sessions
from nethood.web.settings import Settings
from nethood.web.streams import Streams

_HERE = Path(str(files("nethood.web")))
_REPORT_STYLE = Path(str(files("nethood.exposure.report"))) / "templates" / "report.css"


def make_app(view: WatchView, settings: Settings | None = None) -> Starlette:
    """Return the dashboard of *view* as an ASGI application."""
    settings = settings or Settings(names=frozenset({"localhost"}))
    sessions = Sessions(secure=settings.is_encrypted)
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(Guard, settings=settings, sessions=sessions)],
        exception_handlers={HTTPException: _http_problem, Error: _error},
    )
    app.state.desk = Desk(view, settings, sessions, Looks(view, settings.now), Streams())
    return app


def _routes() -> list[Route | Mount]:
    return [
        Route("/", pages.overview),
        Route("/hosts", pages.hosts),
        Route("/hosts/{target:path}", pages.host),
        Route("/findings", pages.findings),
        Route("/alerts", pages.alerts),
        Route("/policy", pages.policy),
        Route("/deviations/{deviation_id}", deviations.deviation_page),
        Route("/deviations/{deviation_id}", takes_form(deviations.acknowledge), methods=["POST"]),
        Route("/look", look_page.look_page),
        Route("/look", takes_form(look_page.look_at), methods=["POST"]),
        Route("/look/{look_id}", look_page.look_result),
        Route("/look/{look_id}/events", live.look_events),
        Route("/events", live.news_events),
        Route("/login", login.login_page),
        Route("/login", takes_form(login.log_in), methods=["POST"]),
        Route("/logout", takes_form(login.log_out), methods=["POST"]),
        Route("/static/report.css", _report_style),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]


async def _report_style(_request: Request) -> Response:
    """The style sheet of the HTML report: both look alike."""
    return FileResponse(_REPORT_STYLE, media_type="text/css")


async def _http_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {404: "There is no such page here.", 405: "That page takes no such request."}
    sentence = sentences.get(error.status_code, error.detail)
    return desk_of(request).problem(request, error.status_code, sentence)


async def _error(request: Request, error: Exception) -> Response:
    """What was asked for can't be; or the store failed, and it may work again later."""
    status = 400 if isinstance(error, LocalError) else 503
    return desk_of(request).problem(request, status, str(error))
