"""What a server says before anyone logs on, in one connection: ServerFacts and NtlmFacts.

NEGOTIATE with every dialect ([MS-SMB2] 2.2.4), then a SESSION_SETUP that asks for NTLM and ends at
the server's challenge ([MS-NLMP] 2.2.1.2): no name and no password is ever sent.
"""

from __future__ import annotations

import time

from nethood.auth.initiator import Initiator, NtlmChallenge, offered_mechanisms
from nethood.dtyp.guid import format_guid
from nethood.erref import STATUS_MORE_PROCESSING_REQUIRED, status_name
from nethood.errors import Error, Malformed, StatusError
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.exchange import ask, evidence_of
from nethood.exposure.model import Answer, Evidence, NtlmFacts, ServerFacts, known, unknown
from nethood.exposure.negotiating import answer_header, everything, negotiate
from nethood.exposure.patience import note_failure
from nethood.exposure.smb_ports import open_smb
from nethood.exposure.words import DIALECTS, capability_names, signing_of
from nethood.filetime import from_unix_ns, to_unix_ns
from nethood.smb2 import constants as c
from nethood.smb2.header import HEADER_SIZE, Header
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse

NS_PER_S = 1_000_000_000
_HELLO = everything(tuple(DIALECTS))


async def probe_hello(context: ProbeContext) -> tuple[Answer[ServerFacts], Answer[NtlmFacts]]:
    """Ask what the server is and, over the same connection, what its NTLM tells.

    Raises TransportError, Malformed, ProtocolViolation, or StatusError where NEGOTIATE failed.
    """
    async with await open_smb(context) as stream:
        negotiated = await negotiate(context, stream, _HELLO)
        if negotiated.response is None:
            raise StatusError(
                negotiated.status, f"NEGOTIATE was answered with {status_name(negotiated.status)}"
            )
        server = _server_answer(context, negotiated.response, negotiated.evidence)
        context.report.server = server
        started = time.perf_counter()
        try:
            ntlm = await _probe_ntlm(context, stream, negotiated.response, server)
        except Error as error:
            ntlm = unknown(note_failure(context, error, time.perf_counter() - started))
    return server, ntlm


def _server_answer(
    context: ProbeContext, response: NegotiateResponse, evidence: Evidence
) -> Answer[ServerFacts]:
    """Return the facts; a security buffer that can't be read only leaves mechanisms out."""
    notes = []
    try:
        mechanisms = offered_mechanisms(bytes(response.security_buffer))
    except Malformed as error:
        mechanisms = []
        notes.append(evidence_of("the security buffer of that answer", f"unreadable: {error}"))
    now, told = context.network.now_unix(), unix_of(response.system_time)
    facts = ServerFacts(
        preferred_dialect=response.dialect_revision,
        signing=signing_of(response.security_mode),
        server_guid=format_guid(response.server_guid),
        system_time_unix=told,
        skew_s=None if told is None else told - now,
        boot_time_unix=unix_of(response.server_start_time),
        capabilities=capability_names(response.capabilities),
        mechanisms=mechanisms,
    )
    return known(facts, evidence, *notes)


def unix_of(filetime: int) -> float | None:
    """Return a FILETIME in seconds since 1970; None for zero, which servers send for no answer."""
    return to_unix_ns(filetime) / NS_PER_S if filetime else None


async def _probe_ntlm(
    context: ProbeContext, stream: Stream, hello: NegotiateResponse, server: Answer[ServerFacts]
) -> Answer[NtlmFacts]:
    mechanisms = server.value.mechanisms if server.value else []
    if mechanisms and "NTLM" not in mechanisms:
        return unknown(f"the server offers {', '.join(mechanisms)}, not NTLM", *server.evidence)
    initiator = quiet_initiator(context)
    request = SessionSetupRequest(
        security_mode=c.SMB2_NEGOTIATE_SIGNING_ENABLED, security_buffer=initiator.first()
    )
    header = Header(
        command=c.SMB2_SESSION_SETUP,
        credit_charge=int(hello.dialect_revision != c.DIALECT_2_0_2),
        credits=1,
        message_id=1,
    )
    message = header.encode() + request.encode()
    answer = await ask(context, stream, message, "SESSION_SETUP")
    status = answer_header(answer, c.SMB2_SESSION_SETUP, 1).status
    evidence = evidence_of("SESSION_SETUP with an NTLM NEGOTIATE", status_name(status), answer)
    if status != STATUS_MORE_PROCESSING_REQUIRED:
        reason = f"SESSION_SETUP was answered with {status_name(status)}, not with a challenge"
        return unknown(reason, evidence)
    token = SessionSetupResponse.decode(answer, HEADER_SIZE).security_buffer
    return known(ntlm_facts(initiator.read_challenge(bytes(token))), evidence)


def quiet_initiator(context: ProbeContext) -> Initiator:
    """Return an initiator for nobody: its first token is all that is ever sent."""
    network = context.network
    return Initiator(
        None,
        random=network.random_bytes,
        now=lambda: from_unix_ns(int(network.now_unix() * NS_PER_S)),
    )


def ntlm_facts(challenge: NtlmChallenge) -> NtlmFacts:
    """Return what a challenge tells of its server."""
    version = challenge.os_version
    return NtlmFacts(
        netbios_computer=challenge.netbios_computer,
        netbios_domain=challenge.netbios_domain,
        dns_computer=challenge.dns_computer,
        dns_domain=challenge.dns_domain,
        dns_forest=challenge.dns_forest,
        os_version="{}.{}.{}".format(*version) if version else "",
        os_build=version[2] if version else None,
        timestamp_unix=unix_of(challenge.timestamp or 0),
    )
