"""Scans: who is examined, what is kept, and that a killed one goes on without asking twice."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from nethood.errors import ConnectionLost, LocalError, TimedOut
from nethood.exposure.context import Network, ProbeOptions
from nethood.exposure.model import Answer, HostReport, PortFacts, Target
from nethood.exposure.port_sweep import NODE_STATUS_QUESTION
from nethood.exposure.scan import Scan, ScanOptions, Start, fate_of
from nethood.exposure.targets import TargetSet, parse_targets
from nethood.nbt.node_status import node_status_request
from tests.exposure import fleet
from tests.exposure.fleet import NETWORK, Ports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs all of 127/8")


class Sink:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.reports: dict[int, HostReport] = {}
        self.position = 0
        self.settled: dict[str, int] = {}
        self._news = asyncio.Event()

    def host_found(self, place: int, report: HostReport) -> None:
        self.reports[place] = report
        self._news.set()

    def position_reached(self, position: int, settled: dict[str, int]) -> None:
        assert position >= self.position
        self.position, self.settled = position, settled

    async def until(self, count: int) -> None:
        """Wait for so many reports."""
        while len(self.reports) < count:
            self._news.clear()
            await self._news.wait()

    @property
    def hosts(self) -> list[int]:
        return sorted(int(r.target.address.split(".")[-1]) for r in self.reports.values())


class Examiner:
    """Stands in for the probes: notes whom it was given, and asks what a test wants asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def __call__(
        self,
        target: Target,
        network: Network,
        options: ProbeOptions,
        *,
        ports: dict[str, Answer[PortFacts]] | None,
    ) -> HostReport:
        self.asked.append(target.address)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self.look(HostReport(target, ports=ports or {}), network, options)
        finally:
            self.at_once -= 1

    async def look(self, report: HostReport, network: Network, options: ProbeOptions) -> HostReport:
        await asyncio.sleep(0)
        return report


def options(ports: Ports, parallel: int = 4, *, keep_all: bool = False) -> ScanOptions:
    probes = ProbeOptions(1.0, smb_port=ports.smb, session_port=ports.session, name_port=ports.name)
    return ScanOptions(20_000, parallel, 0.1, keep_all=keep_all, probes=probes)


def targets(ports: Ports, last: int = 40) -> TargetSet:
    return parse_targets([f"{NETWORK}.1-{last}:{ports.smb}"])


async def run(scan: Scan) -> None:
    async with asyncio.timeout(20):
        await scan.run()


async def test_only_hosts_with_something_are_examined() -> None:
    ports, sink, examine = fleet.free_ports(), Sink(), Examiner()
    with fleet.listening(ports.smb, 3, 7, 9), fleet.name_service(ports.name, 5):
        scan = Scan(targets(ports), Start(1), options(ports, 2), sink, examine)
        await run(scan)
    assert sink.hosts == [3, 5, 7, 9]
    assert (sink.position, scan.total) == (40, 40)
    assert sink.settled == scan.ledger.counts == {"found": 4, "refusing": 36}
    assert len(examine.asked) == 4
    assert examine.most_at_once <= 2
    [with_name] = [r for r in sink.reports.values() if r.target.address.endswith(".5")]
    assert with_name.port_is_open(f"udp/{ports.name}")


async def test_all_are_kept_where_that_is_wanted() -> None:
    ports, sink, examine = fleet.free_ports(), Sink(), Examiner()
    with fleet.listening(ports.smb, 3):
        await run(Scan(targets(ports, 9), Start(1), options(ports, keep_all=True), sink, examine))
    assert sink.hosts == list(range(1, 10))
    assert examine.asked == [f"{NETWORK}.3"]


async def test_the_order_is_the_seeds() -> None:
    ports = fleet.free_ports()
    orders = []
    with fleet.listening(ports.smb, *range(1, 13)):
        for seed in (1, 1, 2):
            sink, examine = Sink(), Examiner()
            await run(Scan(targets(ports, 12), Start(seed), options(ports), sink, examine))
            orders.append([sink.reports[place].target.address for place in range(12)])
    assert orders[0] == orders[1] != orders[2]


class Interrupted(Examiner):
    """Never comes back from the hosts of *stuck*."""

    def __init__(self, stuck: set[str]) -> None:
        super().__init__()
        self.stuck = stuck
        self.began = asyncio.Event()

    async def look(self, report: HostReport, network: Network, options: ProbeOptions) -> HostReport:
        if report.target.address in self.stuck:
            self.began.set()
            await asyncio.Event().wait()
        return await super().look(report, network, options)


async def test_interrupted_and_taken_up_again() -> None:
    ports, sink = fleet.free_ports(), Sink()
    living = range(1, 31, 3)
    with fleet.listening(ports.smb, *living):
        first = Interrupted({f"{NETWORK}.4", f"{NETWORK}.10"})
        scan = Scan(targets(ports), Start(7), options(ports), sink, first)
        running = asyncio.create_task(scan.run())
        async with asyncio.timeout(20):
            await sink.until(8)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert sink.hosts == [host for host in living if host not in (4, 10)]
        position = sink.position
        after = {place: r for place, r in sink.reports.items() if place >= position}
        done = {place: fate_of(report) for place, report in after.items()}
        second = Examiner()
        start = Start(7, position, sink.settled, done)
        await run(Scan(targets(ports), start, options(ports), sink, second))
    assert sorted(second.asked) == [f"{NETWORK}.10", f"{NETWORK}.4"]
    assert sink.hosts == list(living)
    assert sink.settled == {"found": 10, "refusing": 30}


class Failing(Examiner):
    """A probe that fails as none may."""

    async def look(self, report: HostReport, network: Network, options: ProbeOptions) -> HostReport:
        raise ConnectionLost("the cable is out")


async def test_a_failed_examination_costs_that_host_only() -> None:
    ports, sink = fleet.free_ports(), Sink()
    with fleet.listening(ports.smb, 3, 4):
        await run(Scan(targets(ports, 5), Start(1), options(ports), sink, Failing()))
    assert sink.hosts == [3, 4]
    for report in sink.reports.values():
        assert report.server.unknown == "the examination failed: the cable is out"
        assert report.port_is_open(f"tcp/{ports.smb}")


class Full(Sink):
    """A file on a disk that is full."""

    def host_found(self, place: int, report: HostReport) -> None:
        raise LocalError("the disk is full")


@pytest.mark.parametrize("keep_all", [False, True])
async def test_a_sink_that_fails_ends_the_scan_with_its_sentence(keep_all: bool) -> None:
    ports = fleet.free_ports()
    chosen = options(ports, keep_all=keep_all)
    with fleet.listening(ports.smb, 3), pytest.raises(LocalError, match="the disk is full"):
        await run(Scan(targets(ports, 5), Start(1), chosen, Full(), Examiner()))


class Asking(Examiner):
    """Asks the name service, and notes what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[bytes | str] = []

    async def look(self, report: HostReport, network: Network, options: ProbeOptions) -> HostReport:
        request = b"\x12\x34" + node_status_request(0).encode()[2:]
        try:
            self.heard.append(
                await network.ask_udp(
                    report.target.address,
                    options.name_port,
                    request,
                    lambda data: data[:2] == request[:2],
                    1.0,
                )
            )
        except TimedOut as error:
            self.heard.append(str(error))
        return report


async def test_the_name_service_is_asked_by_the_sweep_alone() -> None:
    ports, sink, examine = fleet.free_ports(), Sink(), Asking()
    with fleet.name_service(ports.name, 1) as asked:
        await run(Scan(targets(ports, 1), Start(1), options(ports), sink, examine))
        assert len(asked) == 1
    [heard] = examine.heard
    assert isinstance(heard, bytes)
    assert heard[:2] == b"\x12\x34"
    assert NODE_STATUS_QUESTION[:34] in heard


async def test_silence_is_told_from_memory_and_in_the_report() -> None:
    ports, sink, examine = fleet.free_ports(), Sink(), Asking()
    with fleet.listening(ports.smb, 1), fleet.name_service(ports.name, 1, deaf_for=9) as asked:
        await run(Scan(targets(ports, 1), Start(1), options(ports), sink, examine))
    assert len(asked) == 2
    assert examine.heard == [f"no answer from {NETWORK}.1 UDP port {ports.name}"]
    assert sink.reports[0].netbios.unknown == f"no answer from udp/{ports.name} within 0.1 s"


async def test_over_ipv6_there_is_no_netbios() -> None:
    ports, sink, examine = fleet.free_ports(), Sink(), Asking()
    server = socket.socket(socket.AF_INET6)
    with server:
        server.bind(("::1", ports.smb))
        server.listen(8)
        chosen = parse_targets([f"[::1]:{ports.smb}"])
        await run(Scan(chosen, Start(1), options(ports), sink, examine))
    assert examine.heard == ["NetBIOS is spoken over IPv4 only"]
    assert sink.reports[0].netbios.unknown == "NetBIOS is spoken over IPv4 only"
    assert set(sink.reports[0].ports) == {f"tcp/{ports.smb}", f"tcp/{ports.session}"}
