"""The pages that are read: overview, hosts, one host, findings, alerts, the policy."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from nethood.exposure.findings import CATALOGUE, assess
from nethood.exposure.report.html import by_severity, fixes_for
from nethood.exposure.watch.records import Deviation, HostHistory, Overview
from nethood.web.desk import desk_of
from nethood.web.found import findings_now
from nethood.web.timeline import SPANS, make_timeline
from nethood.web.words import counted, duration

PAGE_LENGTH = 100
MOST_OPEN = 200
MOST_CHANGES = 8
MOST_LINES = 200
LONGEST_SEARCH = 100
_ALIVE_S = 60.0
_LATE_ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Headline:
    """The one sentence at the top: *tone* is "good", "bad", "warn" or "dim"."""

    tone: str
    sentence: str
    more: str = ""


async def overview(request: Request) -> Response:
    """What is as it should be, what is not, since when."""
    desk = desk_of(request)
    told = await desk.view.overview()
    changes = await desk.view.changes(MOST_CHANGES)
    fresh, known = _by_acknowledgement(told.open)
    return desk.page(
        request,
        "overview.html",
        told=told,
        headline=headline_of(told),
        warnings=warnings_of(told, desk.settings.now()),
        fresh=fresh[:MOST_OPEN],
        known=known[:MOST_OPEN],
        not_shown=max(0, len(fresh) - MOST_OPEN) + max(0, len(known) - MOST_OPEN),
        changes=changes,
    )


def headline_of(told: Overview) -> Headline:
    """Return the state of everything as one sentence."""
    if not told.targets:
        return Headline("dim", "No targets yet", "The policy names none that could be resolved.")
    new = max(0, told.deviating - told.acknowledged)
    all_of = counted(_total(told), "expectation")
    if new:
        what = "is not as it should be" if new == 1 else "are not as they should be"
        return Headline("bad", f"{new:,} of {all_of} {what}")
    if told.not_looked_at == _total(told):
        return Headline("dim", "The first round is under way", f"{all_of} to check.")
    if told.deviating:
        return Headline("warn", "Nothing new", f"{told.deviating:,} deviate and are known.")
    if told.unknown:
        what = counted(told.unknown, "of them is", "of them are")
        return Headline("warn", "Nothing is open that should be closed", f"{what} unknown.")
    return Headline("good", "Everything is as it should be", f"{all_of} hold.")


def warnings_of(told: Overview, now_unix: float) -> list[str]:
    """Return what is wrong with the watching itself, a sentence each."""
    found = []
    if told.watching_unix is None:
        found.append("No watcher has run yet.")
    elif now_unix - told.watching_unix > max(_ALIVE_S, told.every_s):
        silent = duration(now_unix - told.watching_unix)
        found.append(f"The watcher has given no sign of life for {silent}. Is it running?")
    if (
        told.last_round_unix is not None
        and now_unix - told.last_round_unix > _LATE_ROUNDS * told.every_s + _ALIVE_S
    ):
        late = duration(now_unix - told.last_round_unix)
        found.append(f"The last whole round ended {late} ago; rounds take longer than planned.")
    return found


def _total(told: Overview) -> int:
    return told.fine + told.suspected + told.deviating + told.unknown + told.not_looked_at


def _by_acknowledgement(open_: list[Deviation]) -> tuple[list[Deviation], list[Deviation]]:
    fresh = [one for one in open_ if one.acknowledgement is None]
    return fresh, [one for one in open_ if one.acknowledgement is not None]


async def hosts(request: Request) -> Response:
    """All targets, the worst first, a page at a time."""
    desk, query = desk_of(request), request.query_params
    group, search = query.get("group", "")[:LONGEST_SEARCH], query.get("q", "")[:LONGEST_SEARCH]
    number = int(query.get("page", "1")[:6]) if query.get("page", "1").isdecimal() else 1
    offset = (max(number, 1) - 1) * PAGE_LENGTH
    count, lines = await desk.view.hosts(
        group=group, search=search.strip(), offset=offset, limit=PAGE_LENGTH
    )
    return desk.page(
        request,
        "hosts.html",
        count=count,
        lines=lines,
        groups=sorted(desk.view.policy.groups),
        group=group,
        search=search,
        number=max(number, 1),
        last=max(1, -(-count // PAGE_LENGTH)),
        first=offset + 1,
    )


async def host(request: Request) -> Response:
    """One host: how it stands, its history, its findings."""
    desk = desk_of(request)
    target = request.path_params["target"]
    history = await desk.view.host_history(target) if len(target) <= LONGEST_SEARCH else None
    if history is None:
        sentence = "That host isn't watched. A look at it is possible all the same."
        return desk.problem(request, 404, sentence)
    span = request.query_params.get("span", "week")
    span = span if span in SPANS else "week"
    return desk.page(
        request,
        "host.html",
        history=history,
        host=assess(history.report) if history.report is not None else None,
        open=await _deviations_of(request, history),
        span=span,
        spans=list(SPANS),
        timeline=make_timeline(history, desk.settings.now(), span),
        catalogue=CATALOGUE,
        by_severity=by_severity,
        fixes_for=fixes_for,
    )


async def _deviations_of(request: Request, history: HostHistory) -> dict[int, Deviation]:
    """Return the deviations a host has now, by their ids."""
    view = desk_of(request).view
    ids = [state.deviation_id for state in history.states if state.deviation_id is not None]
    found = [await view.deviation(deviation_id) for deviation_id in ids]
    return {one.id: one for one in found if one is not None}


async def findings(request: Request) -> Response:
    """What is wrong, by kind, with the hosts it is wrong with and how to mend it."""
    desk = desk_of(request)
    found = await findings_now(desk.view)
    return desk.page(request, "findings.html", found=found)


async def alerts(request: Request) -> Response:
    """What was told to whom, and whether it arrived."""
    desk = desk_of(request)
    deliveries = await desk.view.deliveries(MOST_LINES)
    return desk.page(
        request, "alerts.html", deliveries=deliveries, channels=list(desk.view.policy.channels)
    )


async def policy(request: Request) -> Response:
    """The policy as it was understood."""
    desk = desk_of(request)
    return desk.page(
        request,
        "policy.html",
        policy=desk.view.policy,
        policy_path=desk.view.policy_path,
        sentences=desk.view.policy.understood(),
    )
