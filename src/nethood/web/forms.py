"""Forms: read, bounded, and taken only with the token of the session that they were made for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from nethood.web.desk import desk_of, session_of

Form = Mapping[str, str]
FormHandler = Callable[[Request, Form], Awaitable[Response]]
_MOST_FIELDS = 20
_FORM_TYPE = "application/x-www-form-urlencoded"


def takes_form(handler: FormHandler) -> Callable[[Request], Awaitable[Response]]:
    """Return an endpoint for POST that checks the token before *handler* sees anything."""

    async def endpoint(request: Request) -> Response:
        return await _check(request, handler)

    return endpoint


async def _check(request: Request, handler: FormHandler) -> Response:
    form = await _read(request)
    desk = desk_of(request)
    if form is None:
        return desk.problem(request, 400, "That was no form this dashboard made.")
    if not desk.sessions.token_fits(session_of(request), form.get("token", "")):
        sentence = "That form was made for another session. Load the page again and repeat it."
        return desk.problem(request, 403, sentence)
    return await handler(request, form)


async def _read(request: Request) -> Form | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        return None
    body = await request.body()
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    return dict(pairs)
