"""A watcher without a network: reports made by hand, and channels that remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nethood.exposure.model import (
    Answer,
    Evidence,
    HostReport,
    PortFacts,
    PortState,
    Target,
    known,
    unknown,
)
from nethood.exposure.watch import outbox, syncing
from nethood.exposure.watch.deliver import Deliverer
from nethood.exposure.watch.events import Alert, Fate, Outcome, Transition
from nethood.exposure.watch.policy import Policy, load_policy
from nethood.exposure.watch.records import DeliveryState
from nethood.exposure.watch.store import Store
from nethood.exposure.watch.watched import watchlist_of
from nethood.exposure.watch.watcher import Watcher

NOW = 1_800_000_000.0
POLICY = """\
every = "5m"
confirm_after = "30s"
heartbeat = "never"
time_zone = "UTC"
tell = ["ops"]
{top}
[groups.lab]
targets = ["10.9.0.1-{count}"]
139 = "closed"
445 = "closed"
{group}
[alerts.ops]
kind = "command"
argv = ["/bin/true"]
{end}
"""


def policy_in(
    folder: Path, *, count: int = 3, top: str = "", group: str = "", end: str = ""
) -> Policy:
    """Write a policy with a group "lab" of *count* targets and read it."""
    path = folder / "policy.toml"
    path.write_text(POLICY.format(count=count, top=top, group=group, end=end))
    return load_policy(path)


def report_of(target: Target, states: Mapping[str, str]) -> HostReport:
    """Return a report of ports: "open", "closed", or a reason why that is unknown."""
    ports: dict[str, Answer[PortFacts]] = {}
    for port in ("tcp/139", "tcp/445"):
        state = states.get(port, "closed")
        if state in ("open", "closed", "filtered"):
            shown = Evidence(f"connect to {port}", "accepted" if state == "open" else state)
            ports[port] = known(PortFacts(PortState(state)), shown)
        else:
            ports[port] = unknown(state)
    return HostReport(target, NOW, NOW, ports)


@dataclass
class Remembering:
    """A channel that answers with the next of *fates*, delivered when there is none."""

    fates: list[Fate] = field(default_factory=list)
    got: list[Alert] = field(default_factory=list)

    async def send(self, alert: Alert) -> Outcome:
        self.got.append(alert)
        fate = self.fates.pop(0) if self.fates else Fate.DELIVERED
        return Outcome("ops", alert.id, fate, "" if fate is Fate.DELIVERED else "as the test says")


class World:
    """A store, a watcher on it and a channel; `restart` is a new process on the same store."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.store = store
        self.policy = policy
        self.channel = Remembering()
        self.told: list[Transition] = []
        self.delivered: list[DeliveryState] = []
        self.watcher: Watcher

    async def start(self, policy: Policy | None = None, now: float = NOW) -> None:
        """Begin as a new process does: what was not stored is forgotten."""
        self.policy = policy or self.policy
        watchlist = watchlist_of(self.policy)
        await self.store.call(outbox.end_interrupted, now)
        ids, tracked = await self.store.call(syncing.sync, watchlist.wanted(), now)
        watchlist.remember(ids, tracked)
        self.watcher = Watcher(self.policy, watchlist, self.store, self.told.append)
        self.watcher.note_time(now)

    def look(self, now: float, index: int = 0, **ports: str) -> float | None:
        """Look at a target: `tcp_445="open"`; everything not named is closed."""
        states = {name.replace("_", "/"): state for name, state in ports.items()}
        target = self.watcher.watchlist.targets[index].target
        return self.watcher.take(index, report_of(target, states), now)

    async def deviate(self, now: float, index: int = 0, **ports: str) -> None:
        """Look twice at what deviates, and store it."""
        seen = ports or {"tcp_445": "open"}
        self.look(now, index, **seen)
        self.look(now + 30, index, **seen)
        await self.watcher.flush()

    async def deliver(self) -> None:
        """Deliver everything that is due now."""
        await self.deliverer().drain()

    def deliverer(self) -> Deliverer:
        """Return what delivers to the channel."""
        return Deliverer(
            self.store,
            {"ops": self.channel},
            lambda _due, _out, state: self.delivered.append(state),
        )
