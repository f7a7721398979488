"""What a client proposes in NEGOTIATE, and whether the answer fits: [MS-SMB2] 3.2.4.2.2, 3.2.5.2.

Messages and facts only: the connection they belong to is in client.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from nethood.errors import ProtocolViolation
from nethood.smb2 import constants as c
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    NetnameNegotiateContextId,
    PreauthIntegrityCapabilities,
    RdmaTransformCapabilities,
    SigningCapabilities,
    TransportCapabilities,
)

ALL_DIALECTS = (c.DIALECT_2_0_2, c.DIALECT_2_1, c.DIALECT_3_0, c.DIALECT_3_0_2, c.DIALECT_3_1_1)
ALL_CIPHERS = (c.AES_128_GCM, c.AES_256_GCM, c.AES_128_CCM, c.AES_256_CCM)
"""The fastest first, all of them sound."""
ALL_SIGNING_ALGORITHMS = (c.SIGNING_AES_GMAC, c.SIGNING_AES_CMAC, c.SIGNING_HMAC_SHA256)
_MAX_COMPRESSION_ID = 31

# Multi-protocol negotiation asks with an SMB1 message: header flags "canonical paths, no case",
# Flags2 "Unicode, NTSTATUS, extended security, long names", [MS-CIFS] 2.2.3.1, [MS-SMB] 2.2.3.1.
_SMB1_HEADER = b"\xffSMB\x72" + bytes(4) + b"\x18" + (0xC853).to_bytes(2, "little") + bytes(12)
_SMB1_IDS = (0xFFFF).to_bytes(2, "little") + (0xFEFF).to_bytes(2, "little") + bytes(4)
_SMB2_002, _SMB2_WILDCARD = b"\x02SMB 2.002\0", b"\x02SMB 2.???\0"

Context = TypeVar("Context", bound=NegotiateContext)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a client proposes. The lists of algorithms count with 3.1.1 only, best first.

    An empty list leaves its context out; *net_name* is the name the server is called by.
    """

    dialects: tuple[int, ...] = ALL_DIALECTS
    security_mode: int = c.SMB2_NEGOTIATE_SIGNING_ENABLED
    capabilities: int = c.SMB2_GLOBAL_CAP_ENCRYPTION | c.SMB2_GLOBAL_CAP_LARGE_MTU
    ciphers: tuple[int, ...] = ALL_CIPHERS
    signing_algorithms: tuple[int, ...] = ALL_SIGNING_ALGORITHMS
    compression_algorithms: tuple[int, ...] = ()
    compression_flags: int = c.SMB2_COMPRESSION_CAPABILITIES_FLAG_NONE
    rdma_transform_ids: tuple[int, ...] = ()
    net_name: str = ""

    @property
    def requires_signing(self) -> bool:
        """RequireMessageSigning, [MS-SMB2] 3.2.1.1."""
        return bool(self.security_mode & c.SMB2_NEGOTIATE_SIGNING_REQUIRED)


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What the server answered, [MS-SMB2] 2.2.4; times are FILETIMEs (0: not told), sizes bytes.

    *cipher*, *signing_algorithm* and *compression_algorithms* are None where the answer has no
    such context; a cipher of 0 says that there is none in common. They are 3.1.1's contexts, and
    nothing else: what 3.0 encrypts with does not stand here.
    """

    dialect_revision: int
    security_mode: int
    capabilities: int
    server_guid: bytes
    max_transact_size: int
    max_read_size: int
    max_write_size: int
    system_time: int
    server_start_time: int
    security_buffer: bytes
    cipher: int | None = None
    signing_algorithm: int | None = None
    compression_algorithms: tuple[int, ...] | None = None
    compression_flags: int = 0
    contexts: tuple[NegotiateContext, ...] = ()

    @property
    def signing_required(self) -> bool:
        """Whether the server insists on signatures."""
        return bool(self.security_mode & c.SMB2_NEGOTIATE_SIGNING_REQUIRED)

    @property
    def signing_enabled(self) -> bool:
        """Whether the server says that it can sign."""
        return bool(self.security_mode & c.SMB2_NEGOTIATE_SIGNING_ENABLED)

    @property
    def supports_multi_credit(self) -> bool:
        """Connection.SupportsMultiCredit, [MS-SMB2] 3.2.1.2."""
        has = bool(self.capabilities & c.SMB2_GLOBAL_CAP_LARGE_MTU)
        return has and self.dialect_revision != c.DIALECT_2_0_2

    @property
    def encryption_cipher(self) -> int:
        """The cipher this connection can encrypt with, 0 where it can't: in every dialect."""
        if self.dialect_revision in (c.DIALECT_3_0, c.DIALECT_3_0_2):
            return c.AES_128_CCM if self.capabilities & c.SMB2_GLOBAL_CAP_ENCRYPTION else 0
        return self.cipher or 0

    @property
    def effective_signing_algorithm(self) -> int:
        """What a signer of this connection uses, for `make_signer`."""
        chosen = self.signing_algorithm
        return c.SIGNING_AES_CMAC if chosen is None else chosen


def negotiate_request(offer: Offer, client_guid: bytes, salt: bytes) -> NegotiateRequest:
    """Return the request that makes *offer*; *salt* goes into its preauthentication context."""
    contexts: list[NegotiateContext] = []
    if c.DIALECT_3_1_1 in offer.dialects:
        contexts = _contexts(offer, salt)
    guid = bytes(16) if max(offer.dialects, default=0) <= c.DIALECT_2_0_2 else client_guid
    return NegotiateRequest(
        list(offer.dialects), offer.security_mode, _capabilities(offer), guid, contexts
    )


def _capabilities(offer: Offer) -> int:
    """Capabilities are 3.x's: without such a dialect they are 0, [MS-SMB2] 2.2.3."""
    return offer.capabilities if max(offer.dialects, default=0) >= c.DIALECT_3_0 else 0


def _contexts(offer: Offer, salt: bytes) -> list[NegotiateContext]:
    contexts: list[NegotiateContext] = [PreauthIntegrityCapabilities([c.SHA_512], salt)]
    if offer.ciphers:
        contexts.append(EncryptionCapabilities(list(offer.ciphers)))
    if offer.compression_algorithms:
        ids, flags = list(offer.compression_algorithms), offer.compression_flags
        contexts.append(CompressionCapabilities(ids, flags))
    if offer.rdma_transform_ids:
        contexts.append(RdmaTransformCapabilities(list(offer.rdma_transform_ids)))
    if offer.signing_algorithms:
        contexts.append(SigningCapabilities(list(offer.signing_algorithms)))
    if offer.net_name:
        contexts.append(NetnameNegotiateContextId(offer.net_name))
    return contexts


def multi_protocol_request() -> bytes:
    """Return the SMB1 message that asks whether the server speaks SMB2, [MS-SMB2] 3.2.4.2.2.1."""
    dialects = _SMB2_002 + _SMB2_WILDCARD
    return _SMB1_HEADER + _SMB1_IDS + b"\0" + len(dialects).to_bytes(2, "little") + dialects


def judge_answer(offer: Offer, answer: NegotiateResponse, *, multi_protocol: bool) -> Negotiated:
    """Return the facts of *answer*. Raises ProtocolViolation where it does not fit *offer*."""
    dialect = answer.dialect_revision
    allowed = (c.DIALECT_2_0_2, c.DIALECT_WILDCARD) if multi_protocol else offer.dialects
    if dialect not in allowed:
        raise ProtocolViolation(f"the server chose dialect {c.dialect_name(dialect)}, not offered")
    contexts = answer.contexts if dialect == c.DIALECT_3_1_1 else []
    cipher = signing = compression = None
    flags = 0
    if dialect == c.DIALECT_3_1_1:
        _check_preauth(contexts)
        _check_rdma(offer, contexts)
        _at_most_one(contexts, TransportCapabilities)
        cipher = _cipher(offer, contexts)
        signing = _signing_algorithm(offer, contexts)
        compression, flags = _compression(offer, contexts)
    return Negotiated(
        dialect_revision=dialect,
        security_mode=answer.security_mode,
        capabilities=answer.capabilities,
        server_guid=bytes(answer.server_guid),
        max_transact_size=answer.max_transact_size,
        max_read_size=answer.max_read_size,
        max_write_size=answer.max_write_size,
        system_time=answer.system_time,
        server_start_time=answer.server_start_time,
        security_buffer=bytes(answer.security_buffer),
        cipher=cipher,
        signing_algorithm=signing,
        compression_algorithms=compression,
        compression_flags=flags,
        contexts=tuple(contexts),
    )


def _at_most_one(contexts: Sequence[NegotiateContext], kind: type[Context]) -> Context | None:
    found = [context for context in contexts if isinstance(context, kind)]
    if len(found) > 1:
        raise ProtocolViolation(f"the server's answer has {len(found)} contexts {kind.__name__}")
    return found[0] if found else None


def _check_preauth(contexts: Sequence[NegotiateContext]) -> None:
    context = _at_most_one(contexts, PreauthIntegrityCapabilities)
    if context is None:
        raise ProtocolViolation("the server chose 3.1.1 without preauthentication integrity")
    if context.hash_algorithms != [c.SHA_512]:
        raise ProtocolViolation(f"the server chose the hashes {context.hash_algorithms}, not one")


def _cipher(offer: Offer, contexts: Sequence[NegotiateContext]) -> int | None:
    context = _at_most_one(contexts, EncryptionCapabilities)
    if context is None:
        return None
    chosen = context.ciphers
    if len(chosen) != 1 or chosen[0] not in (0, *offer.ciphers):
        raise ProtocolViolation(f"the server chose the ciphers {chosen} of {offer.ciphers}")
    return chosen[0]


def _signing_algorithm(offer: Offer, contexts: Sequence[NegotiateContext]) -> int | None:
    context = _at_most_one(contexts, SigningCapabilities)
    if context is None:
        return None
    chosen, offered = context.signing_algorithms, offer.signing_algorithms
    if len(chosen) != 1 or chosen[0] not in offered:
        raise ProtocolViolation(f"the server chose the signing algorithms {chosen} of {offered}")
    return chosen[0]


def _compression(
    offer: Offer, contexts: Sequence[NegotiateContext]
) -> tuple[tuple[int, ...] | None, int]:
    context = _at_most_one(contexts, CompressionCapabilities)
    if context is None:
        return None, 0
    chosen = context.compression_algorithms
    if chosen == [c.COMPRESSION_NONE]:
        return (), context.flags
    bad = not chosen or len(set(chosen)) != len(chosen) or max(chosen) > _MAX_COMPRESSION_ID
    if bad or not set(chosen) <= set(offer.compression_algorithms):
        offered = offer.compression_algorithms
        raise ProtocolViolation(f"the server chose the compressions {chosen} of {offered}")
    return tuple(chosen), context.flags


def _check_rdma(offer: Offer, contexts: Sequence[NegotiateContext]) -> None:
    context = _at_most_one(contexts, RdmaTransformCapabilities)
    if context is None:
        return
    chosen, offered = context.rdma_transform_ids, offer.rdma_transform_ids
    if len(chosen) > len(offered) or not set(chosen) <= set(offered):
        raise ProtocolViolation(f"the server chose the RDMA transforms {chosen} of {offered}")
