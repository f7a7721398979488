"""Which SMB2 and SMB3 dialects a server speaks, each asked for alone: [MS-SMB2] 3.3.5.4.

A server that does not know the one dialect offered has to answer STATUS_NOT_SUPPORTED. A closed
connection is no such answer, so it leaves the dialect unknown; but where SMB1 was answered and
no SMB2 message ever was, it is what a server does that knows SMB1 alone ([MS-CIFS] 3.3.5.2).
One that takes a dialect nobody offered does not speak the one that was: that is a no as well, and
`problem` tells of it.
"""

from __future__ import annotations

import time

from nethood.erref import STATUS_NOT_SUPPORTED, status_name
from nethood.errors import ConnectionLost, Error
from nethood.exposure.context import ProbeContext
from nethood.exposure.model import Answer, DialectFacts, Evidence, known, unknown
from nethood.exposure.negotiating import Negotiated, NotOffered, everything, negotiate
from nethood.exposure.patience import not_asked, note_failure
from nethood.exposure.smb_ports import open_smb
from nethood.exposure.words import DIALECTS, capability_names, signing_of

_SMB1_ONLY = "the connection was closed, as a server does that speaks SMB1 alone"


async def probe_dialects(context: ProbeContext) -> Answer[list[DialectFacts]]:
    """Ask for each dialect in a connection of its own."""
    found: list[DialectFacts] = []
    evidence: list[Evidence] = []
    for dialect, name in DIALECTS.items():
        facts, seen = await _probe_one(context, dialect, name)
        found.append(facts)
        evidence += seen
    if all(facts.supported is None for facts in found):
        return unknown(found[0].problem, *evidence)
    return known(found, *evidence)


async def _probe_one(
    context: ProbeContext, dialect: int, name: str
) -> tuple[DialectFacts, list[Evidence]]:
    """Ask for one dialect; what goes wrong leaves that one unknown."""
    if context.given_up:
        return DialectFacts(dialect, name, None, problem=not_asked(context)), []
    started = time.perf_counter()
    try:
        async with await open_smb(context) as stream:
            negotiated = await negotiate(context, stream, everything((dialect,)))
    except NotOffered as other:
        return DialectFacts(dialect, name, False, problem=str(other)), [other.evidence]
    except Error as error:
        problem = note_failure(context, error, time.perf_counter() - started)
        if isinstance(error, ConnectionLost) and _speaks_smb1_alone(context):
            return DialectFacts(dialect, name, False, problem=_SMB1_ONLY), []
        return DialectFacts(dialect, name, None, problem=problem), []
    return _judge(dialect, name, negotiated), [negotiated.evidence]


def _judge(dialect: int, name: str, negotiated: Negotiated) -> DialectFacts:
    response = negotiated.response
    if response is None:
        if negotiated.status == STATUS_NOT_SUPPORTED:
            return DialectFacts(dialect, name, False)
        problem = f"NEGOTIATE was answered with {status_name(negotiated.status)}"
        return DialectFacts(dialect, name, None, problem=problem)
    return DialectFacts(
        dialect,
        name,
        supported=True,
        signing=signing_of(response.security_mode),
        security_mode=response.security_mode,
        capabilities=capability_names(response.capabilities),
        max_read_size=response.max_read_size,
        max_write_size=response.max_write_size,
    )


def _speaks_smb1_alone(context: ProbeContext) -> bool:
    smb1 = context.report.smb1.value
    return smb1 is not None and smb1.enabled and context.report.server.value is None
