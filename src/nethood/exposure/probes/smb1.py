"""Whether SMB1 is on, and what it says of itself: [MS-CIFS] 2.2.4.52, 2.2.4.53.

NEGOTIATE offers "NT LM 0.12" alone. Where it is taken, a SESSION_SETUP_ANDX follows, for its
answer names the server's system: with extended security it ends at the NTLM challenge, without
it nobody logs on. The challenge tells of a host that speaks SMB1 alone what SMB2 tells of others.
"""

from __future__ import annotations

import time

from nethood.erref import STATUS_MORE_PROCESSING_REQUIRED, STATUS_NOT_SUPPORTED
from nethood.errors import ConnectionLost, Error, Malformed, TimedOut
from nethood.exposure.context import ProbeContext
from nethood.exposure.exchange import evidence_of
from nethood.exposure.model import Answer, Evidence, Signing, Smb1Facts, known, unknown
from nethood.exposure.patience import note_failure, sentence_of
from nethood.exposure.probes.hello import ntlm_facts, quiet_initiator, unix_of
from nethood.exposure.smb1_dialogue import AnsweredInSmb2, Smb1Answer, Smb1Dialogue
from nethood.exposure.smb_ports import open_smb
from nethood.exposure.words import signing_text
from nethood.smb1 import constants as c
from nethood.smb1.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb1.session_setup import (
    PasswordSessionSetupRequest,
    SessionSetupRequest,
    SessionSetupResponse,
)

_ASKED = f'SMB1 NEGOTIATE with "{c.DIALECT_NT_LM}"'
_SETUP = "SMB1 SESSION_SETUP_ANDX"


async def probe_smb1(context: ProbeContext) -> Answer[Smb1Facts]:
    """Ask for SMB1. Raises TransportError, Malformed, ProtocolViolation."""
    async with await open_smb(context) as stream:
        dialogue = Smb1Dialogue(context, stream)
        dialogue.flags2 |= c.SMB_FLAGS2_EXTENDED_SECURITY
        try:
            answer = await dialogue.ask(c.SMB_COM_NEGOTIATE, NegotiateRequest().encode())
        except (ConnectionLost, AnsweredInSmb2, TimedOut) as error:
            if context.report.server.value is None:
                raise
            return _without_answer(error)
        return await _judge(dialogue, answer)


def _without_answer(error: Error) -> Answer[Smb1Facts]:
    """Judge what came instead of an SMB1 answer from a host that speaks SMB2.

    That it closes, as a server does that knows SMB2 alone, says "off". Silence says nothing, and
    is no reason to ask the host nothing more. (Where SMB2 had no answer either, both say nothing.)
    """
    sentence = sentence_of(error)
    if isinstance(error, TimedOut):
        return unknown(sentence, evidence_of(_ASKED, sentence))
    return known(Smb1Facts(enabled=False), evidence_of(_ASKED, sentence))


async def _judge(dialogue: Smb1Dialogue, answer: Smb1Answer) -> Answer[Smb1Facts]:
    if not answer.is_success:
        return _refused(answer)
    response = NegotiateResponse.decode(answer.message, unicode=answer.header.has_unicode)
    evidence = evidence_of(_ASKED, _in_words(response), answer.message)
    if response.dialect_index:
        return _not_chosen(response, evidence)
    facts = _facts(response)
    told = await _ask_names(dialogue, response, facts)
    return known(facts, evidence, told)


def _refused(answer: Smb1Answer) -> Answer[Smb1Facts]:
    evidence = evidence_of(_ASKED, answer.status, answer.message)
    if answer.header.status == STATUS_NOT_SUPPORTED:
        return known(Smb1Facts(enabled=False), evidence)
    return unknown(f"an SMB1 NEGOTIATE was answered with {answer.status}", evidence)


def _not_chosen(response: NegotiateResponse, evidence: Evidence) -> Answer[Smb1Facts]:
    if response.dialect_index == c.NO_DIALECT:
        return known(Smb1Facts(enabled=False), evidence)
    return unknown(
        f"an SMB1 NEGOTIATE of one dialect was answered with its number {response.dialect_index}",
        evidence,
    )


def _facts(response: NegotiateResponse) -> Smb1Facts:
    mode = response.security_mode
    return Smb1Facts(
        enabled=True,
        dialect=c.DIALECT_NT_LM,
        signing=_signing_of(mode),
        user_level_security=bool(mode & c.NEGOTIATE_USER_SECURITY),
        plaintext_passwords=not mode & c.NEGOTIATE_ENCRYPT_PASSWORDS,
        primary_domain=response.domain_name,
        server_name=response.server_name,
        system_time_unix=unix_of(response.system_time),
        time_zone_min=response.server_time_zone,
        extended_security=response.has_extended_security,
    )


def _signing_of(security_mode: int) -> Signing:
    """Return what the server states, [MS-CIFS] 2.2.4.52.2."""
    if security_mode & c.NEGOTIATE_SECURITY_SIGNATURES_REQUIRED:
        return Signing.REQUIRED
    enabled = security_mode & c.NEGOTIATE_SECURITY_SIGNATURES_ENABLED
    return Signing.ENABLED if enabled else Signing.OFF


async def _ask_names(
    dialogue: Smb1Dialogue, hello: NegotiateResponse, facts: Smb1Facts
) -> Evidence:
    """Enter the names a session setup tells; where none come, the evidence says why."""
    started = time.perf_counter()
    try:
        answer = await dialogue.ask(c.SMB_COM_SESSION_SETUP_ANDX, _setup(dialogue, hello))
        if answer.header.status not in (0, STATUS_MORE_PROCESSING_REQUIRED):
            return evidence_of(_SETUP, answer.status, answer.message)
        response = SessionSetupResponse.decode(answer.message, unicode=answer.header.has_unicode)
    except Error as error:
        elapsed_s = time.perf_counter() - started
        return evidence_of(_SETUP, note_failure(dialogue.context, error, elapsed_s))
    _take_challenge(dialogue.context, response, answer)
    facts.native_os = response.native_os
    facts.native_lan_manager = response.native_lan_man
    facts.primary_domain = response.primary_domain or facts.primary_domain
    told = f'{answer.status}, NativeOS "{response.native_os}", '
    told += f'NativeLanMan "{response.native_lan_man}"'
    return evidence_of(_SETUP, told, answer.message)


def _take_challenge(
    context: ProbeContext, response: SessionSetupResponse, answer: Smb1Answer
) -> None:
    """Enter what NTLM tells here into the report, where SMB2 did not tell it."""
    if context.report.ntlm.value is not None or not response.security_blob:
        return
    evidence = evidence_of(f"{_SETUP} with an NTLM NEGOTIATE", answer.status, answer.message)
    try:
        challenge = quiet_initiator(context).read_challenge(response.security_blob)
    except Malformed as error:
        context.report.ntlm = unknown(sentence_of(error), evidence)
    else:
        context.report.ntlm = known(ntlm_facts(challenge), evidence)


def _setup(dialogue: Smb1Dialogue, hello: NegotiateResponse) -> bytes:
    if hello.has_extended_security:
        blob = quiet_initiator(dialogue.context).first()
        return SessionSetupRequest(blob, session_key=hello.session_key).encode()
    dialogue.flags2 &= ~c.SMB_FLAGS2_EXTENDED_SECURITY
    return PasswordSessionSetupRequest(session_key=hello.session_key).encode()


def _in_words(response: NegotiateResponse) -> str:
    if response.dialect_index == c.NO_DIALECT:
        return "DialectIndex 0xFFFF: none of the dialects"
    signing = signing_text(_signing_of(response.security_mode))
    return (
        f"STATUS_SUCCESS, DialectIndex {response.dialect_index}, "
        f"SecurityMode 0x{response.security_mode:02X} ({signing}), "
        f"Capabilities 0x{response.capabilities:08X}"
    )
