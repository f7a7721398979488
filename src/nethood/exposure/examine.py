"""Everything there is to know of one host: the probes in their order, each with its answer.

Whatever goes wrong in a probe makes its answer unknown, with the reason. A host that hangs costs
one time-out: after it, SMB is asked nothing more (patience.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

from nethood.errors import ConnectError, Error, TimedOut
from nethood.exposure.context import Network, ProbeContext, ProbeOptions
from nethood.exposure.model import (
    Answer,
    HostReport,
    PortFacts,
    PortState,
    Target,
    known,
    unknown,
)
from nethood.exposure.patience import is_refusal, not_asked, note_failure, sentence_of
from nethood.exposure.probes.algorithms import probe_algorithms
from nethood.exposure.probes.dialects import probe_dialects
from nethood.exposure.probes.hello import probe_hello
from nethood.exposure.probes.logon import probe_logons
from nethood.exposure.probes.ms17_010 import probe_ms17_010
from nethood.exposure.probes.netbios import probe_datagram_port, probe_netbios
from nethood.exposure.probes.session_service import probe_session_service
from nethood.exposure.probes.smb1 import probe_smb1
from nethood.exposure.probes.smbghost import probe_smbghost
from nethood.exposure.probes.software import probe_software
from nethood.exposure.smb_ports import port_key, why_no_smb

Answers = Answer[Any] | tuple[Answer[Any], ...]
OnAnswer = Callable[[str, Answer[Any]], None]
_MS_PER_S = 1000
_PORTS = "ports"


class Over(Enum):
    """What a probe speaks over, and so when there is no use in it."""

    NETBIOS = "netbios"
    """Datagrams or a session of its own: always asked."""
    SMB = "smb"
    """SMB: needs a port that leads there, and a host that answers."""
    NOTHING = "nothing"
    """Nothing is sent: it concludes from what others found."""


@dataclass(frozen=True, slots=True)
class Row:
    """One probe: the fields of HostReport it fills, and the fields it looks at."""

    fields: tuple[str, ...]
    probe: Callable[[ProbeContext], Awaitable[Answers]]
    over: Over
    needs: tuple[str, ...] = ()


ROWS = (
    Row(("netbios",), probe_netbios, Over.NETBIOS),
    Row(("session_service",), probe_session_service, Over.NETBIOS, ("netbios",)),
    Row(("server", "ntlm"), probe_hello, Over.SMB),
    Row(("smb1",), probe_smb1, Over.SMB, ("server",)),
    Row(("dialects",), probe_dialects, Over.SMB, ("server", "smb1")),
    Row(("algorithms",), probe_algorithms, Over.SMB, ("server",)),
    Row(("ms17_010",), probe_ms17_010, Over.SMB, ("smb1",)),
    Row(("anonymous", "guest", "shares", "pipes"), probe_logons, Over.SMB, ("server", "smb1")),
    Row(("software",), probe_software, Over.NOTHING, ("netbios", "server", "ntlm", "smb1")),
    Row(("smbghost",), probe_smbghost, Over.NOTHING, ("server", "ntlm", "algorithms")),
)


async def examine(
    target: Target,
    network: Network,
    options: ProbeOptions | None = None,
    *,
    ports: dict[str, Answer[PortFacts]] | None = None,
    only: set[str] | None = None,
    without: Collection[str] = (),
    on_answer: OnAnswer | None = None,
) -> HostReport:
    """Ask *target* everything and return what is known of it.

    *ports* ("tcp/445") are states somebody found already: those are not asked again. *only* names
    fields of HostReport ("ports" among them); what a probe looks at is asked too, but never what
    *without* names. *on_answer* hears of every answer as it comes, by field or port. Raises
    nothing the host can cause; cancellation closes what is open.
    """
    report = HostReport(target, started_unix=network.now_unix())
    context = ProbeContext(target, options or ProbeOptions(), network, report)
    wanted = with_needs(only).difference(without)
    tell = on_answer or _tell_nobody
    report.ports.update(ports or {})
    if ports is None and _needs_tcp(wanted):
        await _find_tcp_ports(context, tell)
    for row in ROWS:
        if wanted.intersection(row.fields):
            await _run(context, row, tell)
    if _PORTS in wanted:
        await _find_datagram_port(context, tell)
    report.ended_unix = network.now_unix()
    return report


def with_needs(only: set[str] | None) -> set[str]:
    """Return the fields to fill so that those in *only* can be; None stands for all."""
    if only is None:
        return {_PORTS, *(name for row in ROWS for name in row.fields)}
    wanted = set(only)
    for row in reversed(ROWS):
        if wanted.intersection(row.fields):
            wanted.update(row.needs)
    return wanted


def _tell_nobody(field: str, answer: Answer[Any]) -> None:
    """Stand in where nobody listens."""


def _needs_tcp(wanted: set[str]) -> bool:
    return _PORTS in wanted or any(
        row.over is Over.SMB or "session_service" in row.fields
        for row in ROWS
        if wanted.intersection(row.fields)
    )


async def _find_tcp_ports(context: ProbeContext, tell: OnAnswer) -> None:
    """Fill in the states of the target's port and of the session service's, found together."""
    asked = list(dict.fromkeys((context.target.port, context.options.session_port)))
    answers = await asyncio.gather(*(probe_port(context, port) for port in asked))
    for port, answer in zip(asked, answers, strict=True):
        context.report.ports[port_key(port)] = answer
        tell(port_key(port), answer)


async def _find_datagram_port(context: ProbeContext, tell: OnAnswer) -> None:
    """Fill in what is known of the datagram port, unless somebody did."""
    name = f"udp/{context.options.datagram_port}"
    if name in context.report.ports:
        return
    started = time.perf_counter()
    try:
        answer = await probe_datagram_port(context)
    except Error as error:
        answer = unknown(sentence_of(error))
    context.report.ports[name] = _timed(answer, started)
    tell(name, answer)


async def probe_port(context: ProbeContext, port: int) -> Answer[PortFacts]:
    """Return what TCP *port* does when someone connects; the connection is closed at once."""
    started = time.perf_counter()
    state, connect_ms = PortState.OPEN, None
    try:
        stream = await context.network.connect(
            context.target.address, port, context.options.timeout_s
        )
        connect_ms = round((time.perf_counter() - started) * _MS_PER_S, 3)
        await stream.__aexit__(None, None, None)
    except ConnectError as error:
        if not is_refusal(error):
            return _timed(unknown(sentence_of(error)), started)
        state = PortState.CLOSED
    except TimedOut:
        state = PortState.FILTERED
    except Error as error:
        return _timed(unknown(sentence_of(error)), started)
    return _timed(known(PortFacts(state, connect_ms)), started)


async def _run(context: ProbeContext, row: Row, tell: OnAnswer) -> None:
    """Run one probe and enter its answers."""
    started = time.perf_counter()
    reason = _why_not(context, row)
    answers: Answers = unknown(reason) if reason else await _probe(context, row)
    if isinstance(answers, Answer):
        answers = tuple(answers if not n else _copy(answers) for n in range(len(row.fields)))
    for name, answer in zip(row.fields, answers, strict=True):
        setattr(context.report, name, _timed(answer, started))
        tell(name, answer)


def _copy(answer: Answer[Any]) -> Answer[Any]:
    return Answer(answer.value, answer.unknown, list(answer.evidence))


def _why_not(context: ProbeContext, row: Row) -> str:
    if row.over is not Over.SMB:
        return ""
    return why_no_smb(context) or (not_asked(context) if context.given_up else "")


async def _probe(context: ProbeContext, row: Row) -> Answers:
    started = time.perf_counter()
    try:
        return await row.probe(context)
    except Error as error:
        if row.over is not Over.SMB:
            return unknown(sentence_of(error))
        return unknown(note_failure(context, error, time.perf_counter() - started))


def _timed(answer: Answer[Any], started: float) -> Answer[Any]:
    answer.elapsed_s = time.perf_counter() - started
    return answer
