"""The page where one enters a host and sees what its ports say as it is found out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from nethood.exposure.findings import CATALOGUE, assess
from nethood.exposure.model import Answer, NetbiosName, PortState
from nethood.exposure.report.html import fixes_for
from nethood.exposure.words import signing_text
from nethood.web.desk import desk_of, session_of
from nethood.web.forms import Form
from nethood.web.looks import LONGEST_S, LONGEST_TEXT, Look

_OTHER_PORTS = {
    "udp/137": "NetBIOS names",
    "udp/138": "NetBIOS datagrams",
    "tcp/139": "NetBIOS sessions",
}


@dataclass(slots=True)
class Row:
    """One line of the page: *tone* is "bad", "good", "dim" or "", *names* a name table."""

    slug: str
    label: str
    state: str = "waiting"
    tone: str = "dim"
    details: list[str] = field(default_factory=list)
    names: list[NetbiosName] = field(default_factory=list)


async def look_page(request: Request) -> Response:
    """Show the form."""
    host = request.query_params.get("host", "")[:LONGEST_TEXT]
    return _page(request, None, host)


async def look_at(request: Request, form: Form) -> Response:
    """Begin a look; without scripts wait for it, then show it."""
    desk, session = desk_of(request), session_of(request)
    text = form.get("host", "").strip()
    if not text or len(text) > LONGEST_TEXT or not text.isprintable() or text.startswith("@"):
        return _page(request, None, "", "Enter one host: a name or an address.", 400)
    if reason := desk.looks.why_not(session.id):
        return _page(request, None, text, reason, 429)
    look = desk.looks.begin(text, session.id)
    if not form.get("live"):
        await look.end(LONGEST_S)
    return RedirectResponse(f"/look/{look.id}", 303)


async def look_result(request: Request) -> Response:
    """Show a look: what has come so far, or all of it."""
    desk = desk_of(request)
    look = desk.looks.find(request.path_params["look_id"], session_of(request).id)
    if look is None:
        return desk.problem(request, 404, "That look isn't kept any more. Look again.")
    return _page(request, look, look.text, look.problem)


def rows_of(look: Look, changed: Collection[str] | None = None) -> list[Row]:
    """Return the lines of a look, or those that follow from the answers *changed*."""
    port = _smb_port(look)
    ports = {"udp/137": "netbios", "udp/138": "udp/138", "tcp/139": "tcp/139", port: port}
    rows = [
        _port_row(key, source, look)
        for key, source in ports.items()
        if changed is None or source in changed
    ]
    rows += [
        make(_waiting(name, label, look), look.answers.get(name))
        for name, (label, make) in _MAKERS.items()
        if changed is None or name in changed
    ]
    return rows


def _waiting(slug: str, label: str, look: Look) -> Row:
    return Row(slug, label, "not asked" if look.is_over else "waiting")


def result_of(look: Look) -> dict[str, Any]:
    """Return what the page shows when all is known: findings, facts, grade."""
    if look.report is None:
        return {"look": look, "host": None, "catalogue": CATALOGUE, "fixes_for": fixes_for}
    host = assess(look.report)
    return {"look": look, "host": host, "catalogue": CATALOGUE, "fixes_for": fixes_for}


def _page(
    request: Request, look: Look | None, host: str, problem: str = "", status: int = 200
) -> Response:
    values = result_of(look) if look is not None and look.is_over else {"look": look, "host": None}
    return desk_of(request).page(
        request,
        "look.html",
        status,
        rows=rows_of(look) if look is not None else [],
        asked=host,
        problem=problem,
        **values,
    )


def _smb_port(look: Look) -> str:
    """Return the key of the SMB port: the target may have named another than 445."""
    known = (key for key in look.answers if key.startswith("tcp/") and key != "tcp/139")
    return next(known, "tcp/445")


def _port_row(key: str, source: str, look: Look) -> Row:
    transport, _, number = key.partition("/")
    slug = f"port-{transport}-{number}" if key in _OTHER_PORTS else "port-smb"
    row = _waiting(slug, f"{number}/{transport} {_OTHER_PORTS.get(key, 'SMB')}", look)
    answer = look.answers.get(source)
    if answer is None:
        return row
    if source == "netbios":
        return _answered(row, answer, "answers", "bad")
    if answer.value is None:
        return _unknown(row, answer)
    row.state = str(answer.value.state)
    row.tone = "bad" if answer.value.state is PortState.OPEN else "good"
    if answer.value.connect_ms:
        row.details = [f"{answer.value.connect_ms:.1f} ms"]
    return row


def _answered(row: Row, answer: Answer[Any], state: str, tone: str) -> Row:
    if answer.value is None:
        return _unknown(row, answer)
    row.state, row.tone = state, tone
    return row


def _unknown(row: Row, answer: Answer[Any]) -> Row:
    row.state, row.tone, row.details = "unknown", "dim", [answer.unknown]
    return row


def _netbios_row(row: Row, answer: Answer[Any] | None) -> Row:
    if answer is None or answer.value is None:
        return row if answer is None else _unknown(row, answer)
    facts = answer.value
    row.state, row.tone = f"{len(facts.names)} names told", "bad"
    told = (("computer", facts.computer), ("workgroup", facts.workgroup), ("MAC", facts.mac))
    row.details = [f"{label} {value}" for label, value in told if value]
    row.names = facts.names[:64]
    return row


def _smb_row(row: Row, answer: Answer[Any] | None) -> Row:
    if answer is None or answer.value is None:
        return row if answer is None else _unknown(row, answer)
    facts = answer.value
    row.state, row.tone = "speaks SMB", "bad"
    row.details = [signing_text(facts.signing), *facts.mechanisms[:6]]
    return row


def _smb1_row(row: Row, answer: Answer[Any] | None) -> Row:
    if answer is None or answer.value is None:
        return row if answer is None else _unknown(row, answer)
    facts = answer.value
    row.state, row.tone = ("on", "bad") if facts.enabled else ("off", "good")
    row.details = [
        text for text in (facts.dialect, facts.native_os, facts.native_lan_manager) if text
    ]
    return row


_MAKERS: Mapping[str, tuple[str, Callable[[Row, Answer[Any] | None], Row]]] = {
    "netbios": ("NetBIOS name table", _netbios_row),
    "server": ("SMB answer", _smb_row),
    "smb1": ("SMB1", _smb1_row),
}
