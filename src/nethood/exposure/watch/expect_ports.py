"""Open or closed, seen from here: the verdict on a port.

TCP tells open, closed (refused) and filtered (silence) apart. UDP does not tell silence behind
a filter from silence of an open port: a NetBIOS port counts as open only where it answered.
"""

from __future__ import annotations

from ipaddress import ip_address

from nethood.exposure.findings.words import clean
from nethood.exposure.model import Answer, HostReport, PortFacts, PortState
from nethood.exposure.watch.checks import PORTS, Network, PortCheck
from nethood.exposure.watch.events import Verdict
from nethood.exposure.watch.verdicts import as_expected, deviates, exchanges, unknown

_SMB = "tcp/445"
_SESSIONS = "tcp/139"
_SMB_PORT = 445
_WORDS = {
    PortState.OPEN: "open",
    PortState.CLOSED: "closed",
    PortState.FILTERED: "closed to us: nothing comes back",
}


def port_of(report: HostReport, port: str) -> str:
    """Return *port* ("tcp/445") as the report names it: the target's SMB port may be another."""
    return f"tcp/{report.target.port}" if port == _SMB else port


def smb_is_refused(report: HostReport) -> bool:
    """Tell whether every port that leads to SMB refused a connection."""
    ports = [port_of(report, _SMB)]
    if report.target.port == _SMB_PORT:
        ports.append(_SESSIONS)
    answers = [report.ports.get(port) for port in ports]
    return all(
        answer is not None and answer.value is not None and answer.value.state is PortState.CLOSED
        for answer in answers
    )


def open_port(report: HostReport) -> str:
    """Return why nothing can be asked over SMB, "" where its port is open or not looked at."""
    port = port_of(report, _SMB)
    answer = report.ports.get(port)
    if answer is None or report.port_is_open(port) or report.port_is_open(_SESSIONS):
        return ""
    state = _WORDS[answer.value.state] if answer.value else clean(answer.unknown)
    return f"port {report.target.port} is {state}" if answer.value else state


def judge_port(check: PortCheck, report: HostReport, here: str) -> Verdict:
    """Return the verdict on a port, seen from the address *here* ("" where it is not known)."""
    port = port_of(report, PORTS[check.port])
    answer = report.ports.get(port)
    if answer is None:
        return unknown(f"port {port[4:]} was not looked at")
    is_open = _is_open(answer)
    if is_open is None:
        return unknown(f"port {port[4:]} unknown: {clean(answer.unknown)}", exchanges(answer))
    shown = exchanges(answer) or _connection(report, port, answer)
    observed = f"port {port[4:]} is {_observed(answer)}"
    if check.open:
        return as_expected(observed) if is_open else deviates(observed, "not open", shown)
    if not is_open:
        return as_expected(observed)
    return _exempt(check, observed, here) or deviates(observed, "open", shown)


def _is_open(answer: Answer[PortFacts]) -> bool | None:
    """Tell whether a port is open, None where it can't be said; UDP's silence is not open."""
    if answer.value is not None:
        return answer.value.state is PortState.OPEN
    return False if any(seen.got == "silence" for seen in answer.evidence) else None


def _observed(answer: Answer[PortFacts]) -> str:
    if answer.value is not None:
        return _WORDS[answer.value.state]
    return "silent: closed, or a filter in front of it"


def _connection(report: HostReport, port: str, answer: Answer[PortFacts]) -> tuple[str, ...]:
    took = answer.value.connect_ms if answer.value is not None else None
    if took is None:
        return ()
    return (f"connection to {report.target.address} port {port[4:]} → accepted in {took:.1f} ms",)


def _exempt(check: PortCheck, observed: str, here: str) -> Verdict | None:
    """Return the verdict on a port that is open, where it may be so from here; else None."""
    if not check.except_from:
        return None
    if not here:
        return unknown(
            f"{observed}, but from which address it sees this watcher is not known;"
            " write seen_from in the policy"
        )
    inside = network_around(check.except_from, here)
    return as_expected(f"{observed}, as it may be seen from {inside}") if inside else None


def network_around(networks: tuple[Network, ...], here: str) -> Network | None:
    """Return which of *networks* the address *here* is in."""
    try:
        address = ip_address(here.partition("%")[0])
    except ValueError:
        return None
    return next((n for n in networks if address in n), None)
