"""What every request has to pass, and every answer carries: the only way to the pages.

In this order: the Host header (DNS rebinding), signs of a proxy where there is no login, the
origin of what changes something, the size of the request, the session, the login.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nethood.web.sessions import Session, Sessions
from nethood.web.settings import Settings, is_loopback

LONGEST_BODY = 16 * 1024
LONGEST_TARGET = 2048
SESSION_KEY = "nethood.session"
_SAFE = ("GET", "HEAD")
_OPEN_PATHS = ("/login",)
_OPEN_FOLDER = "/static/"
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_ONE_YEAR_S = 31_536_000
_TOO_LARGE = "That request is too large."


class Guard:
    """ASGI middleware around the pages."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions) -> None:
        self._app = app
        self._settings = settings
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        fresh = ""
        refusal = self._refusal(scope, headers)
        if refusal is None:
            session = self._session(headers)
            if session is None and _comes_from_elsewhere(scope, headers):
                refusal = _come_again(scope)
            elif session is None:
                session = self._sessions.begin("", self._settings.now())
                fresh = self._sessions.set_cookie(session)
            if session is not None:
                scope[SESSION_KEY] = session
                refusal = self._ask_for_login(scope, session)
        answer = refusal or self._app
        await answer(scope, _bounded(receive), self._with_headers(scope, send, fresh))

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        if not self._host_is_ours(headers.getlist("host")):
            return _say(421, "This dashboard isn't served under that host name.")
        if not self._settings.needs_login and any(name in headers for name in _PROXY_HEADERS):
            return _say(403, "This dashboard has no login and isn't served through a proxy.")
        if scope["method"] not in _SAFE and not _is_same_origin(headers):
            return _say(403, "That form was sent by another site.")
        if len(scope["path"]) + len(scope["query_string"]) > LONGEST_TARGET:
            return _say(414, "That address is too long.")
        return _check_length(headers)

    def _host_is_ours(self, hosts: list[str]) -> bool:
        """Take names we know; addresses too, as no DNS answer can make a browser send those."""
        name = _host_name(hosts[0]) if len(hosts) == 1 else ""
        if name in self._settings.names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return self._settings.needs_login or is_loopback(name)

    def _session(self, headers: Headers) -> Session | None:
        return self._sessions.read(
            headers.get("cookie", ""), self._settings.now(), self._settings.users
        )

    def _ask_for_login(self, scope: Scope, session: Session) -> Response | None:
        path = scope["path"]
        if not self._settings.needs_login or session.user:
            return None
        if path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER):
            return None
        if scope["method"] not in _SAFE:
            return _say(403, "Your session is over; log in again.")
        return RedirectResponse(f"/login?next={quote(_place(scope), safe='')}", 303)

    def _with_headers(self, scope: Scope, send: Send, fresh: str) -> Send:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if self._settings.is_encrypted:
                    headers["Strict-Transport-Security"] = f"max-age={_ONE_YEAR_S}"
                if not scope["path"].startswith(_OPEN_FOLDER):
                    headers["Cache-Control"] = "no-store"
                    if fresh and "set-cookie" not in headers:
                        headers.append("Set-Cookie", fresh)
            await send(message)

        return send_with_headers


def _say(status: int, sentence: str) -> Response:
    return PlainTextResponse(sentence + "\n", status)


def _host_name(host: str) -> str:
    """Return the name or address in a Host header, without port and brackets, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".") if "@" not in host else ""
    except ValueError:
        return ""


def _is_same_origin(headers: Headers) -> bool:
    """Tell whether our own page sent this, as far as the browser says; tokens are checked too."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == headers.get("host", "").lower()


def _check_length(headers: Headers) -> Response | None:
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        return _say(400, "That request has no proper length.")
    return _say(413, _TOO_LARGE) if int(text[:12]) > LONGEST_BODY else None


def _comes_from_elsewhere(scope: Scope, headers: Headers) -> bool:
    """Tell a link on another site: the browser keeps a SameSite=Strict cookie back from it."""
    return (
        scope["method"] in _SAFE
        and headers.get("sec-fetch-site") in ("cross-site", "same-site")
        and headers.get("sec-fetch-mode") == "navigate"
    )


def _come_again(scope: Scope) -> Response:
    """Have the browser ask once more, from a page of ours: then it sends the cookie."""
    place = escape(_place(scope))
    return HTMLResponse(
        '<!doctype html><html lang="en"><title>nethood</title>'
        f'<meta http-equiv="refresh" content="0;url={place}">'
        f'<p><a href="{place}">Go on to the dashboard</a></p></html>'
    )


def _place(scope: Scope) -> str:
    """Return path and query as they stand in an address of this site, and of no other."""
    query = quote(scope["query_string"].decode("latin-1"), safe="=&%+:@,~-._")
    path = "/" + quote(scope["path"], safe="/:@[]~-._").lstrip("/")
    return f"{path}?{query}" if query else path


def _bounded(receive: Receive) -> Receive:
    """Refuse a body that grows over the limit although it announced no length."""
    seen = 0

    async def receive_bounded() -> Message:
        nonlocal seen
        message = await receive()
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            if seen > LONGEST_BODY:
                raise HTTPException(413, _TOO_LARGE)
        return message

    return receive_bounded
