"""SMB2 NEGOTIATE as a question: what is offered, and what the answer says of the server.

[MS-SMB2] 2.2.3, 2.2.4, 3.3.5.4. Every offer is one a client could make: the contexts that 3.1.1
demands are always there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nethood.erref import STATUS_SUCCESS, status_name
from nethood.errors import ProtocolViolation
from nethood.exposure.context import ProbeContext, Stream
from nethood.exposure.exchange import ask, evidence_of
from nethood.exposure.model import Evidence
from nethood.exposure.words import (
    CIPHERS,
    COMPRESSION_ALGORITHMS,
    SIGNING_ALGORITHMS,
    dialect_name,
    signing_of,
    signing_text,
)
from nethood.smb2 import constants as c
from nethood.smb2.header import Header
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    SigningCapabilities,
)

_ALL_CAPABILITIES = 0x7F
_SALT_SIZE = 32
_PROTOCOL_SMB1 = b"\xffSMB"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client offers: dialects, and for 3.1.1 algorithms by their number."""

    dialects: tuple[int, ...]
    ciphers: tuple[int, ...] = ()
    signing: tuple[int, ...] = ()
    compression: tuple[int, ...] = ()

    def __str__(self) -> str:
        listed = [", ".join(dialect_name(d) for d in self.dialects)]
        for ids, names in (
            (self.ciphers, CIPHERS),
            (self.signing, SIGNING_ALGORITHMS),
            (self.compression, COMPRESSION_ALGORITHMS),
        ):
            if len(ids) == len(names):
                listed.append("all of " + _ids(ids, names))
            elif ids:
                listed.append(_ids(ids, names))
        return f"SMB2 NEGOTIATE with {'; '.join(listed)}"


@dataclass(frozen=True, slots=True)
class Negotiated:
    """An answer to NEGOTIATE: *response* is None where *status* is an error."""

    status: int
    response: NegotiateResponse | None
    evidence: Evidence


def everything(dialects: tuple[int, ...]) -> Offer:
    """Return the offer of *dialects*, for 3.1.1 with every algorithm, the strongest first."""
    if c.DIALECT_3_1_1 not in dialects:
        return Offer(dialects)
    return Offer(
        dialects,
        tuple(sorted(CIPHERS, reverse=True)),
        tuple(sorted(SIGNING_ALGORITHMS, reverse=True)),
        tuple(sorted(COMPRESSION_ALGORITHMS, reverse=True)),
    )


class NotOffered(ProtocolViolation):
    """NEGOTIATE was answered with a *dialect* that nobody offered; *evidence* shows it."""

    def __init__(self, dialect: int, evidence: Evidence) -> None:
        super().__init__(
            f"NEGOTIATE was answered with dialect {dialect_name(dialect)}, not offered"
        )
        self.dialect = dialect
        self.evidence = evidence


async def negotiate(context: ProbeContext, stream: Stream, offer: Offer) -> Negotiated:
    """Send *offer* as the first message of *stream* and return what the server answers.

    Raises TransportError, Malformed, ProtocolViolation where the answer belongs to another
    question, and NotOffered where it takes a dialect nobody offered.
    """
    message = Header(command=c.SMB2_NEGOTIATE, credits=1).encode() + _request(context, offer)
    answer = await ask(context, stream, message, "NEGOTIATE")
    header = answer_header(answer, c.SMB2_NEGOTIATE, 0)
    if header.status != STATUS_SUCCESS:
        status = status_name(header.status)
        return Negotiated(header.status, None, evidence_of(str(offer), status, answer))
    response = NegotiateResponse.decode(answer)
    evidence = evidence_of(str(offer), _in_words(response), answer)
    if response.dialect_revision not in offer.dialects:
        raise NotOffered(response.dialect_revision, evidence)
    return Negotiated(header.status, response, evidence)


def answer_header(answer: bytes, command: int, message_id: int) -> Header:
    """Return the header of *answer*. Raises Malformed, or ProtocolViolation for another one's."""
    if answer[:4] == _PROTOCOL_SMB1:
        raise ProtocolViolation("an SMB2 message was answered in SMB1")
    header = Header.decode(answer)
    if not header.flags & c.SMB2_FLAGS_SERVER_TO_REDIR:
        raise ProtocolViolation("the answer is marked as a request")
    if (header.command, header.message_id) != (command, message_id):
        raise ProtocolViolation(
            f"the answer is to command {header.command}, message {header.message_id}"
        )
    return header


def _request(context: ProbeContext, offer: Offer) -> bytes:
    """Return the body of a NEGOTIATE request; capabilities belong to 3.x, [MS-SMB2] 2.2.3."""
    modern = any(dialect >= c.DIALECT_3_0 for dialect in offer.dialects)
    capabilities = _ALL_CAPABILITIES if modern else 0
    contexts: list[NegotiateContext] = []
    if c.DIALECT_3_1_1 in offer.dialects:
        capabilities |= c.SMB2_GLOBAL_CAP_NOTIFICATIONS
        salt = context.network.random_bytes(_SALT_SIZE)
        contexts = [PreauthIntegrityCapabilities(salt=salt), *_algorithm_contexts(offer)]
    request = NegotiateRequest(
        dialects=list(offer.dialects),
        security_mode=c.SMB2_NEGOTIATE_SIGNING_ENABLED,
        capabilities=capabilities,
        client_guid=bytes(16) if _is_2_0_2(offer) else context.network.random_bytes(16),
        contexts=contexts,
    )
    return request.encode()


def _is_2_0_2(offer: Offer) -> bool:
    return offer.dialects == (c.DIALECT_2_0_2,)


def _algorithm_contexts(offer: Offer) -> list[NegotiateContext]:
    contexts: list[NegotiateContext] = []
    if offer.ciphers:
        contexts.append(EncryptionCapabilities(list(offer.ciphers)))
    if offer.compression:
        chained = c.SMB2_COMPRESSION_CAPABILITIES_FLAG_CHAINED
        contexts.append(CompressionCapabilities(list(offer.compression), chained))
    if offer.signing:
        contexts.append(SigningCapabilities(list(offer.signing)))
    return contexts


def _in_words(response: NegotiateResponse) -> str:
    parts = [
        "STATUS_SUCCESS",
        f"DialectRevision 0x{response.dialect_revision:04X}",
        f"SecurityMode 0x{response.security_mode:04X} "
        f"({signing_text(signing_of(response.security_mode))})",
        f"Capabilities 0x{response.capabilities:08X}",
        *(_context_in_words(found) for found in response.contexts),
    ]
    return ", ".join(part for part in parts if part)


def _context_in_words(found: NegotiateContext) -> str:
    if isinstance(found, EncryptionCapabilities):
        return f"ciphers {_ids(found.ciphers, CIPHERS)}"
    if isinstance(found, SigningCapabilities):
        return f"signing {_ids(found.signing_algorithms, SIGNING_ALGORITHMS)}"
    if isinstance(found, CompressionCapabilities):
        return f"compression {_ids(found.compression_algorithms, COMPRESSION_ALGORITHMS)}"
    return ""


def _ids(ids: Sequence[int], names: dict[int, str]) -> str:
    return " ".join(names.get(n) or (f"0x{n:04X}" if n else "none") for n in ids) or "none"
