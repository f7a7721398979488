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


class TakesForm:
    """An endpoint for POST that checks the token before its handler sees anything."""

    def __init__(self, handler: FormHandler) -> None:
        self.handler = handler

    async def __call__(self, request: Request) -> Response:
        form = await _read(request)
        desk = desk_of(request)
        if form is None:
            return desk.problem(request, 400, "That was no form this dashboard made.")
        if not desk.sessions.token_fits(session_of(request), form.get("token", "")):
            return desk.problem(
                request,
                403,
                "That form was made for another session. Load the page again and repeat it.",
            )
        return await self.handler(request, form)


async def _read(request: Request) -> Form | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        return None
    body = await request.body()
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return None
    return dict(pairs)
