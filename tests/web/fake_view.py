"""A watcher that is not there: a WatchView over a few made-up hosts, for pages and their pictures.

The network: a file server in order, one whose port 445 opened, an old one that is known, a
printer that tells its names, and some that are silent. Time stands still at NOW.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from nethood.errors import LocalError
from nethood.exposure.model import Answer, HostReport, Target
from nethood.exposure.watch.policy import Policy, load_policy
from nethood.exposure.watch.records import (
    Acknowledgement,
    Change,
    Delivery,
    DeliveryState,
    Deviation,
    ExpectationState,
    GroupLine,
    HostHistory,
    HostLine,
    Overview,
    Phase,
)
from nethood.exposure.watch.view import OnAnswer
from tests.exposure.hosts import domain_controller, old_nas

NOW = 1_795_222_800.0
"""21 November 2026, 01:00 UTC."""
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

POLICY = """
every = "5m"

[groups.office]
targets = ["10.20.0.0/24"]
exclude = ["10.20.0.250-10.20.0.254"]
139 = "closed"
445 = "closed except from 10.20.0.0/16"
names = "none"
tell = ["ops", "mail"]

[groups.servers]
targets = ["192.168.7.10-192.168.7.40"]
smb1 = "off"
signing = "required"
139 = "closed"
tell = ["ops"]

[alerts.ops]
kind = "command"
argv = ["/bin/true"]

[alerts.mail]
kind = "command"
argv = ["/bin/true"]
"""


def make_policy(folder: Path, text: str = POLICY) -> Policy:
    """Return the policy that *text* is."""
    path = folder / "policy.toml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


def deviation(number: int, target: str, key: str, expectation: str, **more: object) -> Deviation:
    """Return an open deviation of group office, half an hour old."""
    plain = Deviation(
        number, "office", target, "", key, expectation, "port 445 is open", NOW - 1860, NOW - 1830
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def deviations() -> list[Deviation]:
    """Return what is open in the made-up network."""
    return [
        deviation(
            7,
            "10.20.0.31",
            "445",
            "445/tcp closed except from 10.20.0.0/16",
            name="desk-31.example",
            evidence=["tcp/445 open (0.4 ms)", "SYN to 445 → SYN, ACK"],
            finding_ids=["smb-reachable"],
            fix=["Close 445/tcp on the host, or allow it in the policy."],
        ),
        deviation(
            8,
            "192.168.7.12",
            "smb1",
            "SMB1 off",
            group="servers",
            observed="SMB1 on, dialect NT LM 0.12",
            evidence=["it took dialect NT LM 0.12"],
            finding_ids=["smb1-enabled"],
            first_seen_unix=NOW - 2 * DAY - 5 * HOUR,
            confirmed_unix=NOW - 2 * DAY - 5 * HOUR + 30,
        ),
        deviation(
            5,
            "10.20.0.77",
            "names",
            "no NetBIOS names told",
            name="printer-2.example",
            observed="6 names told",
            first_seen_unix=NOW - 9 * DAY,
            confirmed_unix=NOW - 9 * DAY + 30,
            acknowledgement=Acknowledgement(
                "Ops", "replaced in December, ticket 4711", NOW - 8 * DAY, NOW + 12 * DAY
            ),
        ),
    ]


def changes() -> list[Change]:
    """Return the last changes, the newest first."""
    rows = [
        (30 * MINUTE, "office", "10.20.0.31", "445", "deviation", "port 445 is open", 7),
        (5 * HOUR, "servers", "192.168.7.15", "smb1", "unknown", "no answer within 3 s", None),
        (2.2 * DAY, "servers", "192.168.7.12", "smb1", "deviation", "SMB1 on", 8),
        (2.9 * DAY, "office", "10.20.0.31", "445", "recovery", "filtered", None),
        (3.4 * DAY, "office", "10.20.0.31", "445", "acknowledged", "by Night shift: testing", 4),
        (3.5 * DAY, "office", "10.20.0.31", "445", "deviation", "port 445 is open", 4),
        (5.6 * DAY, "office", "10.20.0.31", "names", "known", "no answer", None),
        (5.8 * DAY, "office", "10.20.0.31", "names", "unknown", "port unreachable", None),
        (6.7 * DAY, "office", "10.20.0.31", "names", "known", "no answer", None),
        (6.7 * DAY, "office", "10.20.0.31", "445", "known", "filtered", None),
        (6.7 * DAY, "office", "10.20.0.31", "139", "known", "filtered", None),
    ]
    sentences = {
        "445": "445/tcp closed except from 10.20.0.0/16",
        "139": "139/tcp closed",
        "smb1": "SMB1 off",
        "names": "no NetBIOS names told",
    }
    return [
        Change(50 - place, NOW - ago, group, target, key, sentences[key], kind, seen, [], number)
        for place, (ago, group, target, key, kind, seen, number) in enumerate(rows)
    ]


def line(
    target: str, name: str, phase: Phase, since_unix: float, deviating: int = 0, unknown: int = 0
) -> HostLine:
    """Return a host of the list, looked at 42 s ago."""
    group = "servers" if target.startswith("192.") else "office"
    return HostLine(target, name, [group], phase, since_unix, deviating, unknown, NOW - 42)


def lines() -> list[HostLine]:
    """Return the hosts, the worst first."""
    bad = [
        line("10.20.0.31", "desk-31.example", Phase.DEVIATING, NOW - 1860, 1),
        line("192.168.7.12", "", Phase.DEVIATING, NOW - 2.2 * DAY, 1),
        line("10.20.0.77", "printer-2.example", Phase.DEVIATING, NOW - 9 * DAY, 1),
        line("10.20.0.90", "", Phase.SUSPECTED, NOW - 20),
        line("192.168.7.15", "", Phase.UNKNOWN, NOW - 5 * HOUR, 0, 2),
    ]
    good = [line(f"10.20.0.{n}", "", Phase.FINE, NOW - 40 * DAY) for n in range(1, 16)]
    new = HostLine("10.20.0.16", "", ["office"], Phase.NEW, 0.0, 0, 0, None)
    return [*bad, *good, new]


def deliveries() -> list[Delivery]:
    """Return alerts in every state."""
    opened = "desk-31.example (10.20.0.31): port 445 is open; expected: 445/tcp closed"
    smb1 = "192.168.7.12: SMB1 is on; expected: SMB1 off"
    lost = "the connection broke before the server answered"
    made, old = NOW - 1830, NOW - 2.2 * DAY
    state = DeliveryState
    return [
        Delivery(9, "a" * 32, "ops", state.SENT, opened, "10.20.0.31", made, 1, made + 1),
        Delivery(8, "a" * 32, "mail", state.UNCERTAIN, opened, "10.20.0.31", made, 1, made, lost),
        Delivery(7, "b" * 32, "ops", state.SENT, smb1, "192.168.7.12", old, 3, old + 90),
        Delivery(
            6, "c" * 32, "mail", state.FAILED, smb1, "192.168.7.12", old, 8, old + 9000,
            "the server said 554: no such mailbox",
        ),
        Delivery(5, "d" * 32, "ops", state.PENDING, "heartbeat: 831 of 840 hold", "", NOW - 5),
    ]  # fmt: skip


@dataclass
class FakeView:
    """The view; tests change its parts. *examined* are the texts that were looked at."""

    policy: Policy
    open: list[Deviation] = field(default_factory=deviations)
    change_lines: list[Change] = field(default_factory=changes)
    host_lines: list[HostLine] = field(default_factory=lines)
    delivery_lines: list[Delivery] = field(default_factory=deliveries)
    report: HostReport | None = None
    examined: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    """Where set, a look waits for it after the first answers."""
    answers: HostReport = field(default_factory=old_nas)
    news: int = 1
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    policy_path: str = "/etc/nethood/watch.toml"
    alive_unix: float | None = NOW - 3

    async def overview(self) -> Overview:
        known = sum(one.acknowledgement is not None for one in self.open)
        groups = [
            GroupLine("office", 249, 744 - len(self.open), len(self.open) - 1, 0, 3),
            GroupLine("servers", 31, 90, 1, 2, 0),
        ]
        fine, deviating = sum(g.fine for g in groups), len(self.open)
        return Overview(
            NOW, 280, fine, 1, deviating, known, 2, 3, 300.0, NOW - 42, self.alive_unix,
            groups if self.open else [], self.open, 1, 1,
        )  # fmt: skip

    async def hosts(
        self, *, group: str = "", search: str = "", offset: int = 0, limit: int = 100
    ) -> tuple[int, list[HostLine]]:
        fit = [
            line
            for line in self.host_lines
            if (not group or group in line.groups) and search in f"{line.target} {line.name}"
        ]
        return len(fit), fit[offset : offset + limit]

    async def host_history(self, target: str, limit: int = 500) -> HostHistory | None:
        line = next((line for line in self.host_lines if line.target == target), None)
        if line is None:
            return None
        own = [change for change in self.change_lines if change.target == target][:limit]
        return HostHistory(
            target, line.name, line.groups, line.last_checked_unix, self.states(target), own,
            self.report or (domain_controller() if target == "10.20.0.31" else None),
        )  # fmt: skip

    def states(self, target: str) -> list[ExpectationState]:
        """Return how the three expectations of office stand."""
        own = {one.key: one for one in self.open if one.target == target}
        found = []
        for key, sentence, seen in (
            ("139", "139/tcp closed", "filtered"),
            ("445", "445/tcp closed except from 10.20.0.0/16", "filtered"),
            ("names", "no NetBIOS names told", "no answer to a node status request"),
        ):
            one = own.get(key)
            found.append(
                ExpectationState("office", key, sentence, Phase.FINE, NOW - 6.7 * DAY, seen)
                if one is None
                else ExpectationState(
                    "office", key, sentence, one.phase, one.first_seen_unix, one.observed, one.id
                )
            )
        return found

    async def open_deviations(self) -> list[Deviation]:
        return self.open

    async def deviation(self, deviation_id: int) -> Deviation | None:
        return next((one for one in self.open if one.id == deviation_id), None)

    async def acknowledge(
        self, deviation_id: int, by: str, note: str, until_unix: float | None = None
    ) -> Acknowledgement:
        made = Acknowledgement(by, note, NOW, until_unix)
        self._change(deviation_id, made)
        return made

    async def withdraw(self, deviation_id: int) -> None:
        self._change(deviation_id, None)

    def _change(self, deviation_id: int, made: Acknowledgement | None) -> None:
        if all(one.id != deviation_id for one in self.open):
            raise LocalError(f"there is no deviation {deviation_id}; it is over")
        self.open = [
            replace(one, acknowledgement=made) if one.id == deviation_id else one
            for one in self.open
        ]
        self.publish()

    async def last_checked(self, target: str) -> float | None:
        return NOW - 42

    async def changes(self, limit: int = 100) -> Sequence[Change]:
        return self.change_lines[:limit]

    async def deliveries(self, limit: int = 100) -> Sequence[Delivery]:
        return self.delivery_lines[:limit]

    async def wait_for_news(self, seen: int, timeout_s: float) -> int:
        if self.news == seen:
            waiting = asyncio.get_running_loop().create_future()
            self.waiting.append(waiting)
            await asyncio.wait({waiting}, timeout=timeout_s)
        return self.news

    def publish(self) -> None:
        """Say that what is stored has changed."""
        self.news += 1
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_result(None)
        self.waiting.clear()

    async def examine(self, text: str, on_answer: OnAnswer) -> HostReport:
        self.examined.append(text)
        if "public" in text:
            raise LocalError(f"{text} is public; look only at what is yours")
        for name, answer in self.answers.ports.items():
            on_answer(name, answer)
        if self.gate is not None:
            await self.gate.wait()
        for name in ("netbios", "server", "smb1"):
            answer_of_field: Answer[object] = getattr(self.answers, name)
            on_answer(name, answer_of_field)
        return replace(self.answers, target=Target("10.20.0.31"))
