"""The login and its end."""

from __future__ import annotations

import asyncio
import logging

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nethood.exposure.findings.words import clean
from nethood.web.accounts import LONGEST_PASSWORD, password_fits
from nethood.web.desk import desk_of, session_of
from nethood.web.forms import Form

_log = logging.getLogger(__name__)


async def login_page(request: Request) -> Response:
    """Show the login."""
    desk = desk_of(request)
    place = local_place(request.query_params.get("next", "/"))
    if not desk.settings.needs_login or session_of(request).user:
        return RedirectResponse(place, 303)
    return _page(request, place)


async def log_in(request: Request, form: Form) -> Response:
    """Check name and password, not too often; begin a session of its own."""
    desk = desk_of(request)
    if not desk.settings.needs_login:
        return RedirectResponse("/", 303)
    now, address = desk.settings.now(), request.client.host if request.client else ""
    place, name = local_place(form.get("next", "/")), form.get("name", "")
    wait_s = desk.throttle.begin(address, now)
    if wait_s > 0:
        problem = f"Too many attempts. Try again in {wait_s + 0.5:.0f} s."
        answer = _page(request, place, problem, name, 429)
        answer.headers["Retry-After"] = str(int(wait_s) + 1)
        return answer
    password = form.get("password", "")[: LONGEST_PASSWORD + 1]
    async with desk.hashing:
        fits = await asyncio.to_thread(password_fits, desk.settings.users, name, password)
    if not fits:
        _log.warning("dashboard: login of %s from %s refused", clean(name, 64), address)
        return _page(request, place, "That name and password don't fit.", name, 403)
    desk.throttle.succeeded(address)
    _log.info("dashboard: %s logged in from %s", name, address)
    answer = RedirectResponse(place, 303)
    answer.headers["Set-Cookie"] = desk.sessions.set_cookie(desk.sessions.begin(name, now))
    return answer


async def log_out(request: Request, _form: Form) -> Response:
    """End the session, here and for whoever has a copy of the cookie."""
    desk = desk_of(request)
    desk.sessions.end(session_of(request), desk.settings.now())
    answer = RedirectResponse("/login" if desk.settings.needs_login else "/", 303)
    answer.headers["Set-Cookie"] = desk.sessions.clear_cookie()
    return answer


def local_place(text: str) -> str:
    """Return *text* if it is a path of this site, "/" for everything else."""
    is_path = text.startswith("/") and not text.startswith(("//", "/\\", "/login"))
    return text if is_path and text.isprintable() and len(text) <= 1024 else "/"


def _page(
    request: Request, place: str, problem: str = "", name: str = "", status: int = 200
) -> Response:
    desk = desk_of(request)
    return desk.page(
        request,
        "login.html",
        status,
        place=place,
        problem=problem,
        name=name[:64],
        in_the_clear=not desk.settings.is_encrypted and not desk.settings.is_local,
    )
