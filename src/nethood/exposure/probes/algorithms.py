"""What SMB 3.1.1 can do: each cipher, signing and compression algorithm offered alone.

The three kinds stand in contexts of their own that know nothing of each other ([MS-SMB2]
3.3.5.4), so one NEGOTIATE carries one of each kind: five connections instead of twelve. Where
such an offer is refused as a whole, its algorithms are asked for one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import zip_longest

from nethood.errors import Error
from nethood.exposure.context import ProbeContext
from nethood.exposure.exchange import evidence_of
from nethood.exposure.model import AlgorithmFacts, Answer, Evidence, known, unknown
from nethood.exposure.negotiating import Offer, negotiate
from nethood.exposure.patience import note_failure
from nethood.exposure.smb_ports import open_smb
from nethood.exposure.words import (
    CIPHERS,
    COMPRESSION_ALGORITHMS,
    SIGNING_ALGORITHMS,
    dialect_name,
)
from nethood.smb2 import constants as c
from nethood.smb2.negotiate import NegotiateResponse
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    SigningCapabilities,
)

_DIALECTS = (c.DIALECT_3_1_1,)
_NEEDS_3_1_1 = "algorithms are chosen in SMB 3.1.1 alone"


async def probe_algorithms(context: ProbeContext) -> Answer[AlgorithmFacts]:
    """Ask for every algorithm, unless the server is known not to speak 3.1.1."""
    reason = _why_not(context)
    if reason:
        return unknown(reason)
    facts = AlgorithmFacts(
        dict.fromkeys(CIPHERS.values()),
        dict.fromkeys(SIGNING_ALGORITHMS.values()),
        dict.fromkeys(COMPRESSION_ALGORITHMS.values()),
    )
    evidence: list[Evidence] = []
    problem = ""
    for offer in _offers():
        problem = await _probe_offer(context, offer, facts, evidence) or problem
    if not _knows_anything(facts):
        return unknown(problem, *evidence)
    return known(facts, *evidence)


def _why_not(context: ProbeContext) -> str:
    server, dialects = context.report.server.value, context.report.dialects.value
    if dialects is not None:
        facts = next((f for f in dialects if f.dialect == c.DIALECT_3_1_1), None)
        if facts is not None and facts.supported is False:
            return f"3.1.1 is not supported, and {_NEEDS_3_1_1}"
        if facts is not None and facts.supported:
            return ""
    if server is not None and server.preferred_dialect != c.DIALECT_3_1_1:
        best = dialect_name(server.preferred_dialect)
        return f"the server chose {best} although 3.1.1 was offered, and {_NEEDS_3_1_1}"
    return ""


def _offers() -> Iterator[Offer]:
    """Yield offers with one algorithm of each kind, or all of a kind that is through.

    All of them, not none: smbd with 3.1.1 alone refuses a client that offers no cipher.
    """
    for cipher, signing, compression in zip_longest(
        CIPHERS, SIGNING_ALGORITHMS, COMPRESSION_ALGORITHMS
    ):
        yield Offer(
            _DIALECTS,
            _alone(cipher) or tuple(CIPHERS),
            _alone(signing) or tuple(SIGNING_ALGORITHMS),
            _alone(compression) or tuple(COMPRESSION_ALGORITHMS),
        )


def _alone(number: int | None) -> tuple[int, ...]:
    return () if number is None else (number,)


def _split(offer: Offer) -> list[Offer]:
    """Return the questions of *offer* as offers of their own, nothing else beside but ciphers."""
    ciphers = tuple(CIPHERS)
    return [
        *(Offer(_DIALECTS, (number,)) for number in _asked(offer.ciphers)),
        *(Offer(_DIALECTS, ciphers, (number,)) for number in _asked(offer.signing)),
        *(Offer(_DIALECTS, ciphers, (), (number,)) for number in _asked(offer.compression)),
    ]


def _asked(offered: tuple[int, ...]) -> tuple[int, ...]:
    """Return the algorithm that is in question; where all are offered, none is."""
    return offered if len(offered) == 1 else ()


async def _probe_offer(
    context: ProbeContext, offer: Offer, facts: AlgorithmFacts, evidence: list[Evidence]
) -> str:
    """Enter into *facts* what the server says to *offer*; return why it said nothing."""
    if context.given_up:
        return context.given_up
    started = time.perf_counter()
    try:
        async with await open_smb(context) as stream:
            negotiated = await negotiate(context, stream, offer)
    except Error as error:
        problem = note_failure(context, error, time.perf_counter() - started)
        evidence.append(evidence_of(str(offer), problem))
        return problem
    evidence.append(negotiated.evidence)
    if negotiated.response is not None:
        _judge(offer, negotiated.response, facts)
        return ""
    problem = f"NEGOTIATE was answered with {negotiated.evidence.got}"
    parts = _split(offer)
    for part in parts if parts != [offer] else []:
        problem = await _probe_offer(context, part, facts, evidence) or problem
    return problem


def _judge(offer: Offer, response: NegotiateResponse, facts: AlgorithmFacts) -> None:
    """Take the answer's contexts: an algorithm that was not offered there says nothing.

    Without a context for ciphers or compression the server has none. Without one for signing
    3.1.1 signs with AES-CMAC, [MS-SMB2] 3.3.5.4; that is also what stands for "none of yours".
    """
    ciphers = signing = compression = None
    for context in response.contexts:
        if isinstance(context, EncryptionCapabilities):
            ciphers = context.ciphers
        elif isinstance(context, SigningCapabilities):
            signing = context.signing_algorithms
        elif isinstance(context, CompressionCapabilities):
            compression = context.compression_algorithms
    _enter(facts.ciphers, CIPHERS, offer.ciphers, ciphers or [0], none=0)
    _enter(
        facts.signing,
        SIGNING_ALGORITHMS,
        offer.signing,
        signing or [c.SIGNING_AES_CMAC],
        none=c.SIGNING_AES_CMAC,
    )
    _enter(facts.compression, COMPRESSION_ALGORITHMS, offer.compression, compression or [0], none=0)


def _enter(
    facts: dict[str, bool | None],
    names: dict[int, str],
    offered: tuple[int, ...],
    chosen: list[int],
    *,
    none: int,
) -> None:
    for number in _asked(offered):
        if number in chosen:
            facts[names[number]] = True
        elif chosen == [none]:
            facts[names[number]] = False


def _knows_anything(facts: AlgorithmFacts) -> bool:
    return any(
        value is not None
        for kind in (facts.ciphers, facts.signing, facts.compression)
        for value in kind.values()
    )
