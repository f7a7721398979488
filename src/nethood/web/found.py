"""All findings at once: those of open deviations, and those of the worst hosts' last reports."""

from __future__ import annotations

from dataclasses import dataclass, field

from nethood.exposure.findings import CATALOGUE, Entry, judge
from nethood.exposure.watch.view import WatchView

MOST_HOSTS = 50
"""Of so many hosts, the worst first, the last report is judged."""
MOST_PLACES = 100


@dataclass(slots=True)
class Affected:
    """One host that has a finding, and what showed it."""

    target: str
    name: str
    evidence: list[str]


@dataclass(slots=True)
class Found:
    """One kind of finding and the hosts it is true of, by target."""

    entry: Entry
    hosts: dict[str, Affected] = field(default_factory=dict)


async def findings_now(view: WatchView) -> list[Found]:
    """Return what is wrong, worst and most frequent first."""
    found: dict[str, Found] = {}
    for one in await view.open_deviations():
        for finding_id in one.finding_ids:
            _add(found, finding_id, Affected(one.target, one.name, one.evidence))
    _, worst = await view.hosts(limit=MOST_HOSTS)
    for line in worst:
        history = await view.host_history(line.target, limit=1)
        if history is None or history.report is None:
            continue
        for finding in judge(history.report):
            _add(found, finding.id, Affected(line.target, line.name, finding.evidence))
    return sorted(found.values(), key=lambda one: (one.entry.severity.rank, -len(one.hosts)))


def _add(found: dict[str, Found], finding_id: str, host: Affected) -> None:
    entry = CATALOGUE.get(finding_id)
    if entry is None:
        return
    hosts = found.setdefault(finding_id, Found(entry)).hosts
    if len(hosts) < MOST_PLACES:
        hosts.setdefault(host.target, host)
