"""The way to a host's SMB service: its port 445, or a NetBIOS session on 139.

A session goes to the name *SMBSERVER, which every server since Windows 2000 takes, then to the
name in the node status: older ones listen on that alone ([RFC 1002] 4.3).
"""

from __future__ import annotations

from nethood.errors import ConnectError, ConnectionLost, LocalError, TimedOut
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.model import Answer, PortFacts, PortState
from nethood.exposure.probes.session_service import ANY_SERVER, CALLING_NAME
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import RetargetSessionResponse
from nethood.nbt.suffix import FILE_SERVER
from nethood.net.frame_stream import session_request

_CALLING_NAME = NetbiosName(CALLING_NAME)


def port_key(port: int) -> str:
    """Return the key of a TCP port in a report."""
    return f"tcp/{port}"


def ports_of(context: ProbeContext) -> tuple[int, ...]:
    """Return the TCP ports that are ways to the host's SMB service, the better one first.

    A port somebody named is a server of its own: port 139 then leads elsewhere.
    """
    wanted = context.target.port
    ordinary = wanted == context.options.smb_port != context.options.session_port
    return (wanted, context.options.session_port) if ordinary else (wanted,)


def why_no_smb(context: ProbeContext) -> str:
    """Return why no port leads to SMB, as a clause; empty where one does."""
    return "" if _way(context) is not None else " and ".join(_states(context))


def _way(context: ProbeContext) -> int | None:
    """Return the port to take; one whose state nobody knows is worth a try."""
    ports = ports_of(context)
    for port in ports:
        answer = context.report.ports.get(port_key(port))
        if answer is not None and _state(answer) is PortState.OPEN:
            return port
    return next((p for p in ports if port_key(p) not in context.report.ports), None)


def _states(context: ProbeContext) -> list[str]:
    answers = ((port, context.report.ports[port_key(port)]) for port in ports_of(context))
    return [_state_in_words(port, answer) for port, answer in answers]


def _state_in_words(port: int, answer: Answer[PortFacts]) -> str:
    if answer.value:
        return f"port {port} is {answer.value.state}"
    # A connection that failed names its port itself.
    return answer.unknown if f"port {port}" in answer.unknown else f"port {port}: {answer.unknown}"


def _state(answer: Answer[PortFacts]) -> PortState | None:
    return answer.value.state if answer.value else None


async def open_smb(context: ProbeContext) -> Stream:
    """Open a connection that SMB messages can be sent on, to be used with `async with`.

    Raises TransportError with a sentence.
    """
    port = _way(context)
    if port is None:
        raise ConnectError(why_no_smb(context))
    if port != context.options.session_port:
        return await _connect(context, port)
    refusal = ""
    for name in _called_names(context):
        stream = await _connect(context, port)
        refusal = await _call(context, stream, name)
        if not refusal:
            return stream
    raise ConnectError(f"port {port} takes no session: {refusal}")


async def _connect(context: ProbeContext, port: int) -> Stream:
    return await context.network.connect(context.target.address, port, context.options.timeout_s)


def _called_names(context: ProbeContext) -> list[str]:
    """Return the names to call, the likeliest first."""
    report, names = context.report, [ANY_SERVER]
    if report.netbios.value is not None and report.netbios.value.computer:
        names.append(report.netbios.value.computer)
    session = report.session_service.value
    if session is not None and session.accepted and session.called_name in names:
        names.sort(key=lambda name: name != session.called_name)
    return names


async def _call(context: ProbeContext, stream: Stream, name: str) -> str:
    """Ask for a session with *name*; return why there is none, closing *stream*, or nothing."""
    accepted = False
    try:
        refusal = await _request_session(stream, name)
        accepted = not refusal
    except (TimedOut, ConnectionLost) as error:
        waited = f"within {context.options.timeout_s:g} s"
        what = f"no answer {waited}" if isinstance(error, TimedOut) else "a closed connection"
        raise type(error)(f"{what} to a session request for {name}") from error
    except LocalError as error:
        return str(error)  # the node status gave a name that is none
    finally:
        if not accepted:
            await stream.__aexit__(None, None, None)
    return refusal


async def _request_session(stream: Stream, name: str) -> str:
    refusal = await session_request(stream, NetbiosName(name, FILE_SERVER), _CALLING_NAME)
    if isinstance(refusal, RetargetSessionResponse):
        return f"{name}: it sends us elsewhere"
    return f"{name}: {refusal}" if refusal else ""
