"""A whole scan: the ports of every target, then all probes at the hosts that have something.

The sweep of the ports goes ahead; hosts worth it wait in a queue that stops the sweep when it is
long, and *parallel* workers examine them. All share one pacer. What is found goes to a sink at
once, and nothing of it is kept here.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from nethood.errors import Error
from nethood.exposure.context import Network, ProbeOptions
from nethood.exposure.ledger import Fate, Ledger
from nethood.exposure.model import Answer, HostReport, PortFacts, Target, unknown
from nethood.exposure.network import RememberingNetwork
from nethood.exposure.pace import Pacer
from nethood.exposure.port_sweep import PortSweep, Seen, SweepOptions
from nethood.exposure.targets import Permutation, TargetSet
from nethood.net.connect_probe import NO_WAY

SAVE_EVERY_S = 0.5
_QUEUED_PER_WORKER = 4
_SALT_BITS = 16


class Examine(Protocol):
    """All probes of one host; `nethood.exposure.examine.examine` is the real one."""

    def __call__(
        self,
        target: Target,
        network: Network,
        options: ProbeOptions,
        *,
        ports: dict[str, Answer[PortFacts]] | None,
    ) -> Awaitable[HostReport]: ...


class Sink(Protocol):
    """Who is told what a scan finds. A call may raise: that ends the scan."""

    def host_found(self, place: int, report: HostReport) -> None:
        """Take a report; *place* is the target's in the order of the scan."""

    def position_reached(self, position: int, settled: dict[str, int]) -> None:
        """Note that all places below *position* are over, and the counts of their fates."""


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How fast, how many hosts at once, how patient.

    *wait_s* is for the state of a port, `probes.timeout_s` for each connection of a probe.
    *ports_only* leaves it at the ports; *keep_all* reports hosts with nothing open too.
    """

    rate: float = 1000.0
    parallel: int = 64
    wait_s: float = 0.9
    retries: int = 0
    keep_all: bool = False
    ports_only: bool = False
    probes: ProbeOptions = field(default_factory=ProbeOptions)


@dataclass(frozen=True, slots=True)
class Start:
    """Where a scan begins: everything at 0, or where an earlier run of it stood.

    *done* are places from *position* on that need not be asked again, and what became of them.
    """

    seed: int
    position: int = 0
    settled: dict[str, int] = field(default_factory=dict)
    done: Mapping[int, Fate] = field(default_factory=dict)


class Scan:
    """One scan, to be run once."""

    def __init__(
        self,
        targets: TargetSet,
        start: Start,
        options: ScanOptions,
        sink: Sink,
        examine: Examine,
    ) -> None:
        """Raises LocalError for a rate that is not above zero."""
        self.targets = targets
        self.options = options
        self.ledger = Ledger(start.position, start.settled)
        self.pacer = Pacer(options.rate)
        self.examining = 0
        self.why_unreached = ""
        """The first reason why this machine could not ask one of the targets."""
        self._start = start
        self._order = Permutation(len(targets), start.seed)
        self._sink = sink
        self._examine = examine
        self._gate = asyncio.Event()
        self._queue: asyncio.Queue[Seen | None] = asyncio.Queue()

    @property
    def total(self) -> int:
        """How many targets there are."""
        return len(self.targets)

    async def run(self) -> None:
        """Ask everybody. When cancelled, what is in flight is given up and the position saved."""
        options = self.options
        self._gate.set()
        sweep = PortSweep(
            SweepOptions(
                options.wait_s,
                options.retries,
                options.probes.smb_port,
                options.probes.session_port,
                options.probes.name_port,
                options.keep_all,
                options.parallel,
            ),
            self.pacer,
            secrets.randbits(_SALT_BITS),
            self._seen,
        )
        try:
            async with asyncio.TaskGroup() as group:
                saver = group.create_task(self._save_now_and_then())
                workers = [group.create_task(self._work()) for _ in range(options.parallel)]
                await sweep.run(self._targets(), self._gate)
                for _ in workers:
                    self._queue.put_nowait(None)
                await asyncio.wait(workers)
                saver.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            sweep.close()
            self._save()

    def _targets(self) -> Iterator[tuple[int, Target]]:
        """Yield the targets in the scan's order from its position on."""
        done = self._start.done
        while self.ledger.begun < len(self._order):
            place = self.ledger.begin()
            if place in done:
                self.ledger.end(place, done[place])
            else:
                yield place, self.targets[self._order[place]]

    def _seen(self, seen: Seen) -> None:
        """Take a target whose ports are known; what is kept of it is the workers' affair.

        Called by the event loop itself, where nobody would hear of a sink that fails.
        """
        if not seen.ports:
            self.ledger.end(seen.index, Fate.SILENT)
        elif seen.is_worth_it or self.options.keep_all:
            self._queue.put_nowait(seen)
            if self._queue.qsize() >= _QUEUED_PER_WORKER * self.options.parallel:
                self._gate.clear()
        else:
            self._end(seen.index, HostReport(seen.target, ports=seen.ports))

    def _end(self, index: int, report: HostReport) -> None:
        self.why_unreached = self.why_unreached or why_unreached(report)
        self.ledger.end(index, fate_of(report))

    async def _work(self) -> None:
        while (seen := await self._queue.get()) is not None:
            if self._queue.qsize() <= self.options.parallel:
                self._gate.set()
            if seen.is_worth_it and not self.options.ports_only:
                self.examining += 1
                report = await self._examined(seen)
                self.examining -= 1
            else:
                now = time.time()
                report = HostReport(seen.target, now, now, seen.ports)
            self._sink.host_found(seen.index, report)
            self._end(seen.index, report)

    async def _examined(self, seen: Seen) -> HostReport:
        probes = self.options.probes
        network = RememberingNetwork(self.pacer, seen, probes.name_port)
        udp_port = f"udp/{probes.name_port}"
        heard = dict(seen.ports)
        try:
            report = await self._examine(seen.target, network, probes, ports=dict(seen.ports))
        except Error as error:
            # No probe may fail so; one that does costs its host's other answers, not the scan.
            report = HostReport(seen.target, ports=heard)
            report.server = unknown(f"the examination failed: {error}")
        if ":" in seen.target.address:
            report.netbios = unknown("NetBIOS is spoken over IPv4 only")
            report.ports.pop(udp_port, None)
        elif udp_port in heard and not seen.node_status:
            _tell_silence(report, heard[udp_port], udp_port)
        return report

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SAVE_EVERY_S)
            self._save()

    def _save(self) -> None:
        self._sink.position_reached(self.ledger.position, dict(self.ledger.settled))


def fate_of(report: HostReport) -> Fate:
    """Return what became of a target."""
    if any(map(report.port_is_open, report.ports)):
        return Fate.FOUND
    if why_unreached(report):
        return Fate.UNREACHED
    return Fate.REFUSING if report.is_alive else Fate.SILENT


def why_unreached(report: HostReport) -> str:
    """Return why nothing could be sent to any TCP port of a target; "" where something was."""
    tcp = [answer for port, answer in report.ports.items() if port.startswith("tcp/")]
    reasons = [e.got for answer in tcp for e in answer.evidence if e.got in NO_WAY]
    return reasons[0] if reasons and len(reasons) == len(tcp) else ""


def _tell_silence(report: HostReport, heard: Answer[PortFacts], udp_port: str) -> None:
    """Say what the sweep heard of the name service: the probe was told from memory."""
    report.ports[udp_port] = heard
    if heard.value is not None:
        report.netbios = unknown(f"{udp_port} is {heard.value.state}", *heard.evidence)
    else:
        report.netbios = unknown(heard.unknown.partition(":")[0], *heard.evidence)
