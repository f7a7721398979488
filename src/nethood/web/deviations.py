"""One deviation, and the form that says "I know of it"."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nethood.errors import LocalError
from nethood.exposure.findings import CATALOGUE
from nethood.exposure.findings.words import clean
from nethood.exposure.watch.records import Deviation
from nethood.web.desk import desk_of, session_of
from nethood.web.forms import Form
from nethood.web.words import parse_utc

LONGEST_NAME = 80
LONGEST_NOTE = 1000
LATEST_S = 400 * 86400.0
UNTIL = {
    "end": ("it is over", None),
    "hour": ("for an hour", 3600.0),
    "day": ("for a day", 86400.0),
    "week": ("for a week", 7 * 86400.0),
    "time": ("until a time", None),
}


async def deviation_page(request: Request) -> Response:
    """Show a deviation with its evidence, its fix, and who knows of it."""
    found = await _find(request)
    if found is None:
        return _not_found(request)
    return _page(request, found, {})


async def acknowledge(request: Request, form: Form) -> Response:
    """Acknowledge a deviation, or take that back."""
    desk, found = desk_of(request), await _find(request)
    if found is None:
        return _not_found(request)
    problem = ""
    try:
        if form.get("do") == "withdraw":
            await desk.view.withdraw(found.id)
        else:
            by, note, until = _read(form, desk.settings.now())
            by = session_of(request).user or by
            await desk.view.acknowledge(found.id, by, note, until)
    except LocalError as error:
        problem = str(error)
    if problem:
        return _page(request, found, form, problem, 400)
    return RedirectResponse(f"/deviations/{found.id}", 303)


def _read(form: Form, now_unix: float) -> tuple[str, str, float | None]:
    """Return who, note and until. Raises LocalError for what can't be."""
    by = clean(form.get("by", "").strip(), LONGEST_NAME)
    note = clean(" ".join(form.get("note", "").split()), LONGEST_NOTE)
    if not by:
        raise LocalError("Say who you are, so that others know whom to ask.")
    choice = form.get("until", "end")
    if choice not in UNTIL:
        raise LocalError("Choose how long it is to stay quiet.")
    if choice != "time":
        lasts_s = UNTIL[choice][1]
        return by, note, None if lasts_s is None else now_unix + lasts_s
    until = parse_utc(form.get("time", ""))
    if until is None or not now_unix < until <= now_unix + LATEST_S:
        raise LocalError("Give a time to come, within 400 days, as 2026-12-31T18:00 (UTC).")
    return by, note, until


async def _find(request: Request) -> Deviation | None:
    text = request.path_params["deviation_id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return None
    return await desk_of(request).view.deviation(int(text))


def _not_found(request: Request) -> Response:
    return desk_of(request).problem(request, 404, "There is no such deviation here.")


def _page(
    request: Request, found: Deviation, form: Form, problem: str = "", status: int = 200
) -> Response:
    entries = [CATALOGUE[one] for one in found.finding_ids if one in CATALOGUE]
    return desk_of(request).page(
        request,
        "deviation.html",
        status,
        one=found,
        entries=entries,
        form=form,
        problem=problem,
        until=UNTIL,
    )
