"""Looking at very many targets, each at its time: what a policy needs to know, and no packet more.

The states of ports come in bulk (look_ports.py). Only where more is needed, and a port leads
there, a worker asks it of the host (examine.py). A target that is looked at is an object here,
not a task.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nethood.errors import Error
from nethood.exposure.context import ProbeOptions
from nethood.exposure.examine import ROWS, Over, examine, with_needs
from nethood.exposure.model import HostReport, Target, unknown
from nethood.exposure.network import RememberingNetwork
from nethood.exposure.pace import Pacer
from nethood.exposure.watch.look_ports import DATAGRAM_SERVICE, NAME_SERVICE, Asked, PortAsker

_OVER_SMB = frozenset(name for row in ROWS if row.over is not Over.NETBIOS for name in row.fields)
_NAMES = "netbios"
_SESSIONS = "session_service"
_PORTS = "ports"


@dataclass(frozen=True, slots=True)
class Needs:
    """What is to be known of a target: ports ("tcp/445", "udp/137"), fields of HostReport."""

    ports: frozenset[str] = frozenset()
    fields: frozenset[str] = frozenset()

    def __or__(self, other: Needs) -> Needs:
        return Needs(self.ports | other.ports, self.fields | other.fields)


@dataclass(frozen=True, slots=True)
class LookOptions:
    """How patient: *wait_s* for a port (from 1 on each SYN is sent twice), and *probes*.

    *parallel* hosts are asked more than their ports at once.
    """

    wait_s: float = 2.0
    parallel: int = 32
    probes: ProbeOptions = field(default_factory=ProbeOptions)


@dataclass(slots=True, eq=False)
class Look(Asked):
    """One target while it is looked at; `index` is the key its caller knows it by."""

    needs: Needs = field(default_factory=Needs)
    fields: set[str] = field(default_factory=set)
    """The needed fields and what their probes look at."""
    started_unix: float = 0.0


OnReport = Callable[[int, HostReport], None]


class Looker:
    """Looks at the targets it is given; `in_flight` are not reported yet."""

    def __init__(self, options: LookOptions, pacer: Pacer, on_report: OnReport) -> None:
        """*on_report* gets a target's key and what is known of it. Raises ConnectError."""
        self.options = options
        self.in_flight = 0
        self._pacer = pacer
        self._on_report = on_report
        self._ports = PortAsker[Look](pacer, options.wait_s, self._ports_known)
        self._queue: asyncio.Queue[Look] = asyncio.Queue()

    async def run(self) -> None:
        """Do the looking, until cancelled; what is in flight is then forgotten."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ports.run())
                for _ in range(self.options.parallel):
                    group.create_task(self._work())
        finally:
            self._ports.close()

    def begin(self, key: int, target: Target, needs: Needs) -> None:
        """Look at *target* when it is its turn. What comes of it is told under *key*."""
        fields = with_needs(set(needs.fields))
        look = Look(key, target, needs=needs, fields=fields, started_unix=time.time())
        self.in_flight += 1
        ports = self._first_ports(look)
        if ports:
            self._ports.ask(look, ports)
        else:
            self._queue.put_nowait(look)

    def _first_ports(self, look: Look) -> set[str]:
        """Return the ports that are asked at once: those needed, and the way to what else is."""
        ports = {self._of_target(look, port) for port in look.needs.ports}
        if look.fields & (_OVER_SMB | {_PORTS}):
            ports.add(f"tcp/{look.target.port}")
        if look.fields & {_SESSIONS, _PORTS}:
            ports.add(self._session_port)
        if look.fields & {_NAMES, _PORTS} and ":" not in look.target.address:
            ports.add(NAME_SERVICE)
        if _PORTS in look.fields and ":" not in look.target.address:
            ports.add(DATAGRAM_SERVICE)
        return ports

    @property
    def _session_port(self) -> str:
        return f"tcp/{self.options.probes.session_port}"

    def _of_target(self, look: Look, port: str) -> str:
        """Return *port* as it is at the target: its SMB port may be another."""
        return f"tcp/{look.target.port}" if port == "tcp/445" else port

    def _ports_known(self, look: Look) -> None:
        if self._has_another_way(look):
            self._ports.ask(look, (self._session_port,))
        elif look.fields:
            self._queue.put_nowait(look)
        else:
            self._finish(look, HostReport(look.target, look.started_unix, time.time(), look.ports))

    def _has_another_way(self, look: Look) -> bool:
        """Tell whether SMB is to be asked, not to be had at its own port, and 139 is unknown."""
        return (
            bool(look.fields & _OVER_SMB)
            and look.target.port == self.options.probes.smb_port
            and self._session_port not in look.ports
            and not _is_open(look, f"tcp/{look.target.port}")
        )

    async def _work(self) -> None:
        while True:
            look = await self._queue.get()
            self._finish(look, await self._examined(look))

    async def _examined(self, look: Look) -> HostReport:
        probes = self.options.probes
        network = RememberingNetwork(self._pacer, look, probes.name_port)
        heard = dict(look.ports)
        try:
            report = await examine(
                look.target, network, probes, ports=dict(look.ports), only=look.fields
            )
        except Error as error:
            # No probe may fail so; one that does costs its host's other answers, not the watch.
            report = HostReport(look.target, ports=heard)
            report.server = unknown(f"the examination failed: {error}")
        report.started_unix, report.ended_unix = look.started_unix, time.time()
        _tell_silence(report, look)
        return report

    def _finish(self, look: Look, report: HostReport) -> None:
        self.in_flight -= 1
        self._on_report(look.index, report)


def _is_open(look: Look, port: str) -> bool:
    answer = look.ports.get(port)
    return answer is not None and answer.value is not None and answer.value.state == "open"


def _tell_silence(report: HostReport, look: Look) -> None:
    """Say what was heard of the name service: the probe was told from memory."""
    if ":" in look.target.address:
        report.ports.pop(NAME_SERVICE, None)
        report.netbios = unknown("NetBIOS is spoken over IPv4 only")
        return
    heard = look.ports.get(NAME_SERVICE)
    if heard is None or look.node_status:
        return
    report.ports[NAME_SERVICE] = heard
    reason = f"{NAME_SERVICE} is {heard.value.state}" if heard.value else heard.unknown
    report.netbios = unknown(reason.partition(":")[0], *heard.evidence)
