"""What a server lets in without an account: LogonFacts, and behind them shares and pipes.

One connection logs on as nobody ([MS-NLMP] 3.2.5.1.2: empty user and password) and looks around
from there. Only where the caller asked for it a second one tries the user guest with an empty
password, once. Nothing is opened but pipes, and those are closed at once; nothing is called but
the list of shares.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from nethood.erref import (
    STATUS_INSUFF_SERVER_RESOURCES,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_IO_TIMEOUT,
    STATUS_REQUEST_NOT_ACCEPTED,
    STATUS_SUCCESS,
    STATUS_TOO_MANY_SESSIONS,
    status_name,
)
from nethood.errors import Error, StatusError
from nethood.exposure.context import ProbeContext
from nethood.exposure.dialogue import SmbDialogue
from nethood.exposure.exchange import evidence_of
from nethood.exposure.model import Answer, LogonFacts, PipeFacts, ShareFacts, known, unknown
from nethood.exposure.patience import not_asked, note_failure
from nethood.exposure.probes.pipes import try_pipes
from nethood.exposure.probes.shares import list_shares, server_name
from nethood.exposure.smb_ports import open_smb
from nethood.smb2.client import ClientSession

GUEST = "guest"
AS_NOBODY = "SESSION_SETUP as nobody"
AS_GUEST = "SESSION_SETUP as guest with an empty password"
NOT_ASKED_GUEST = "not asked: --guest asks"

_SAYS_NEITHER = frozenset(
    {
        STATUS_INSUFF_SERVER_RESOURCES,
        STATUS_INSUFFICIENT_RESOURCES,
        STATUS_IO_TIMEOUT,
        STATUS_REQUEST_NOT_ACCEPTED,
        STATUS_TOO_MANY_SESSIONS,
    }
)
"""The server could not, which is no refusal; any other status is one."""

Logon = Callable[[SmbDialogue], Awaitable[ClientSession]]
Look = tuple[Answer[LogonFacts], Answer[list[ShareFacts]], Answer[list[PipeFacts]]]
Answers = tuple[
    Answer[LogonFacts], Answer[LogonFacts], Answer[list[ShareFacts]], Answer[list[PipeFacts]]
]


async def probe_logons(context: ProbeContext) -> Answers:
    """Return the answers for nobody, for guest, for shares and for pipes.

    The shares are what nobody was told; where that is nothing, what the guest was told, if asked.
    Pipes are always those of nobody.
    """
    reason = _why_not(context)
    if reason:
        guest: Answer[LogonFacts] = unknown(reason if context.options.guest else NOT_ASKED_GUEST)
        return unknown(reason), guest, unknown(reason), unknown(reason)
    anonymous, shares, pipes = await probe_anonymous(context)
    if not context.options.guest:
        return anonymous, unknown(NOT_ASKED_GUEST), shares, pipes
    guest, told = await probe_guest(context, with_shares=shares.value is None)
    if told.value is not None:
        told.evidence[:0] = shares.evidence
        shares = told
    return anonymous, guest, shares, pipes


async def probe_anonymous(context: ProbeContext) -> Look:
    """Log on as nobody; try the pipes and list the shares from there."""
    return await _look(context, AS_NOBODY, SmbDialogue.logon_anonymous, with_pipes=True)


async def probe_guest(
    context: ProbeContext, *, with_shares: bool = True
) -> tuple[Answer[LogonFacts], Answer[list[ShareFacts]]]:
    """Try the user guest with an empty password, once; list the shares where that is wanted."""
    if context.given_up:
        reason = not_asked(context)
        return unknown(reason), unknown(reason)
    answer, shares, _ = await _look(
        context, AS_GUEST, _log_on_as_guest, with_shares=with_shares, with_pipes=False
    )
    return answer, shares


async def _log_on_as_guest(dialogue: SmbDialogue) -> ClientSession:
    return await dialogue.logon(GUEST, "")


def _why_not(context: ProbeContext) -> str:
    """Return why nobody can log on in a way we speak."""
    server = context.report.server
    if server.value is None:
        smb1 = context.report.smb1.value
        if smb1 is not None and smb1.enabled:
            return "the server speaks SMB1 alone, and sessions are asked for over SMB2 and later"
        return f"what the server speaks is unknown: {server.unknown}"
    mechanisms = server.value.mechanisms
    if mechanisms and "NTLM" not in mechanisms:
        return f"the server offers {', '.join(mechanisms)}, not NTLM"
    return ""


async def _look(
    context: ProbeContext,
    what: str,
    logon: Logon,
    *,
    with_shares: bool = True,
    with_pipes: bool = True,
) -> Look:
    """Log on over one connection and go as far as it leads; each answer has its own reason."""
    answers: Look = (Answer(), Answer(), Answer())
    started = time.perf_counter()
    try:
        async with (
            await open_smb(context) as stream,
            SmbDialogue(stream, context.network, server_name(context.target)) as dialogue,
        ):
            await dialogue.negotiate()
            answers = await _log_on(dialogue, what, logon)
            if answers[0].value is not None and answers[0].value.allowed:
                shares = await list_shares(dialogue) if with_shares else answers[1]
                answers = (answers[0], shares, answers[2])
                pipes = await try_pipes(dialogue) if with_pipes else answers[2]
                answers = (answers[0], shares, pipes)
    except Error as error:
        return _broken_off(answers, _reason(context, answers, error, started))
    return answers


async def _log_on(dialogue: SmbDialogue, what: str, logon: Logon) -> Look:
    """Log on; where that is refused nothing is behind it."""
    try:
        session = await logon(dialogue)
    except StatusError as error:
        status = status_name(error.status)
        evidence = evidence_of(what, status, dialogue.received)
        reason = f"{what} was answered with {status}"
        if error.status in _SAYS_NEITHER:
            reason = f"{reason}, which says neither yes nor no"
            return unknown(reason, evidence), unknown(reason), unknown(reason)
        refused = LogonFacts(allowed=False, status=status)
        return (
            known(refused, evidence),
            unknown(f"refused: {reason}"),
            unknown(f"refused: {reason}"),
        )
    facts = LogonFacts(
        allowed=True,
        status=status_name(STATUS_SUCCESS),
        is_guest=session.is_guest,
        is_null=session.is_null,
    )
    told = f"{facts.status}, SessionFlags 0x{session.session_flags:04X}"
    return known(facts, evidence_of(what, told, dialogue.received)), Answer(), Answer()


def _reason(context: ProbeContext, answers: Look, error: Error, started: float) -> str:
    """Return why the conversation broke off.

    A host that answered some of it isn't one that hangs, so others may ask it still.
    """
    elapsed_s = time.perf_counter() - started
    given_up = context.given_up
    reason = note_failure(context, error, elapsed_s)
    if answers[0].value is not None:
        context.given_up = given_up
    return reason


def _broken_off(answers: Look, reason: str) -> Look:
    """Give *reason* to the answers that have neither a value nor a reason of their own."""
    for answer in answers:
        if answer.value is None and answer.unknown == Answer().unknown:
            answer.unknown = reason
    return answers
