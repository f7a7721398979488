"""The session service of TCP 139, RFC 1002 4.3: does it take a session request?"""

from __future__ import annotations

from nethood.errors import ProtocolViolation
from nethood.exposure.context import ProbeContext
from nethood.exposure.model import Answer, Evidence, SessionServiceFacts, known, unknown
from nethood.nbt.name import NetbiosName
from nethood.nbt.session import (
    CALLED_NAME_NOT_PRESENT,
    ERROR_CODES,
    FRAME_HEADER_SIZE,
    NEGATIVE_SESSION_RESPONSE,
    POSITIVE_SESSION_RESPONSE,
    RETARGET_SESSION_RESPONSE,
    SESSION_REQUEST,
    NegativeSessionResponse,
    SessionRequest,
)
from nethood.nbt.suffix import FILE_SERVER, WORKSTATION

ANY_SERVER = "*SMBSERVER"
CALLING_NAME = "EXPOSURE-CHK"
"""Who the probes say they are: the same name in every log."""


async def probe_session_service(context: ProbeContext) -> Answer[SessionServiceFacts]:
    """Ask for a session with ``*SMBSERVER``, then with the host's own name where that is unknown.

    Raises TransportError, Malformed, ProtocolViolation.
    """
    port = f"tcp/{context.options.session_port}"
    if not context.report.port_is_open(port):
        return unknown(f"{port} is not open")
    facts, evidence = await _ask(context, ANY_SERVER)
    if facts.error_code == CALLED_NAME_NOT_PRESENT and context.report.netbios.value is not None:
        own, more = await _ask(context, context.report.netbios.value.computer)
        return known(own, evidence, more)
    return known(facts, evidence)


async def _ask(context: ProbeContext, called: str) -> tuple[SessionServiceFacts, Evidence]:
    request = SessionRequest(
        NetbiosName(called, FILE_SERVER), NetbiosName(CALLING_NAME, WORKSTATION)
    )
    stream = await context.network.connect(
        context.target.address, context.options.session_port, context.options.timeout_s
    )
    async with stream:
        await stream.send(request.encode()[FRAME_HEADER_SIZE:], SESSION_REQUEST)
        kind, trailer = await stream.receive()
    evidence = Evidence(
        f"session request to {called}<20> from {CALLING_NAME}<00>",
        _in_words(kind, trailer),
        bytes([kind]).hex() + trailer[:16].hex(),
    )
    return _judge(called, kind, trailer), evidence


def _judge(called: str, kind: int, trailer: bytes) -> SessionServiceFacts:
    if kind == NEGATIVE_SESSION_RESPONSE:
        code = NegativeSessionResponse.decode(trailer).error_code
        return SessionServiceFacts(False, called, code)
    if kind in (POSITIVE_SESSION_RESPONSE, RETARGET_SESSION_RESPONSE):
        return SessionServiceFacts(kind == POSITIVE_SESSION_RESPONSE, called)
    raise ProtocolViolation(f"a session request was answered with packet type 0x{kind:02X}")


def _in_words(kind: int, trailer: bytes) -> str:
    if kind == POSITIVE_SESSION_RESPONSE:
        return "positive session response"
    if kind == NEGATIVE_SESSION_RESPONSE and trailer:
        return f"negative session response: {ERROR_CODES.get(trailer[0], hex(trailer[0]))}"
    if kind == RETARGET_SESSION_RESPONSE:
        return "retarget session response"
    return f"packet type 0x{kind:02X}"
