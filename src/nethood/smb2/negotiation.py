"""What a server answers to NEGOTIATE: dialect and algorithms ([MS-SMB2] 3.3.5.3, 3.3.5.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nethood.erref import (
    STATUS_INVALID_PARAMETER,
    STATUS_NOT_SUPPORTED,
    STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP,
)
from nethood.errors import StatusError
from nethood.smb2 import constants as c
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from nethood.smb2.negotiate_contexts import (
    CompressionCapabilities,
    EncryptionCapabilities,
    NegotiateContext,
    PreauthIntegrityCapabilities,
    RdmaTransformCapabilities,
    SigningCapabilities,
)
from nethood.smb2.server import ServerConnection

DIALECTS = (c.DIALECT_2_0_2, c.DIALECT_2_1, c.DIALECT_3_0, c.DIALECT_3_0_2, c.DIALECT_3_1_1)
CIPHERS = (c.AES_128_GCM, c.AES_256_GCM, c.AES_128_CCM, c.AES_256_CCM)
"""In the order we prefer them: the fastest first, all of them sound."""
SIGNING_ALGORITHMS = (c.SIGNING_AES_GMAC, c.SIGNING_AES_CMAC, c.SIGNING_HMAC_SHA256)

_SMALL_TRANSFER = 65536
_ONCE = (
    PreauthIntegrityCapabilities,
    EncryptionCapabilities,
    CompressionCapabilities,
    RdmaTransformCapabilities,
    SigningCapabilities,
)


@dataclass(slots=True)
class Settings:
    """What the server brings to a negotiation; times are FILETIMEs, sizes bytes."""

    server_guid: bytes
    min_dialect: int
    max_dialect: int
    signing_required: bool
    max_transact: int
    multi_credit: bool
    """False on port 139 ([MS-SMB2] 3.3.5.4)."""
    system_time: int
    salt: bytes
    security_buffer: bytes


def choose_dialect(offered: Sequence[int], settings: Settings) -> int | None:
    """Return the highest dialect both sides speak."""
    common = set(offered).intersection(DIALECTS)
    allowed = [d for d in common if settings.min_dialect <= d <= settings.max_dialect]
    return max(allowed, default=None)


def negotiate(
    connection: ServerConnection, request: NegotiateRequest, settings: Settings
) -> NegotiateResponse:
    """Choose what the connection will speak, note it there, and return the answer.

    Raises StatusError where nothing can be agreed on; the client may try again then.
    """
    if not request.dialects:
        raise StatusError(STATUS_INVALID_PARAMETER)
    dialect = choose_dialect(request.dialects, settings)
    if dialect is None:
        raise StatusError(STATUS_NOT_SUPPORTED)
    # A refused attempt before this one may have got as far as choosing a cipher.
    connection.cipher = connection.signing_algorithm = 0
    contexts: list[NegotiateContext] = []
    if dialect == c.DIALECT_3_1_1:
        contexts = _answer_contexts(connection, request.contexts, settings)
    connection.dialect = dialect
    connection.client_guid = bytes(request.client_guid)
    connection.client_security_mode = request.security_mode
    connection.client_capabilities = request.capabilities
    connection.client_dialects = tuple(request.dialects)
    if request.security_mode & c.SMB2_NEGOTIATE_SIGNING_REQUIRED:
        connection.signing_required = True
    if dialect in (c.DIALECT_3_0, c.DIALECT_3_0_2):
        connection.signing_algorithm = c.SIGNING_AES_CMAC
        if request.capabilities & c.SMB2_GLOBAL_CAP_ENCRYPTION:
            connection.cipher = c.AES_128_CCM
    return _response(connection, dialect, contexts, settings)


def wildcard_response(connection: ServerConnection, settings: Settings) -> NegotiateResponse:
    """Return the answer to an SMB1 negotiate with "SMB 2.???" ([MS-SMB2] 3.3.5.3.1)."""
    return _response(connection, c.DIALECT_WILDCARD, [], settings)


def _response(
    connection: ServerConnection,
    dialect: int,
    contexts: list[NegotiateContext],
    settings: Settings,
) -> NegotiateResponse:
    security_mode = c.SMB2_NEGOTIATE_SIGNING_ENABLED
    if settings.signing_required:
        security_mode |= c.SMB2_NEGOTIATE_SIGNING_REQUIRED
    large = settings.multi_credit and dialect != c.DIALECT_2_0_2
    size = settings.max_transact if large else _SMALL_TRANSFER
    if dialect != c.DIALECT_WILDCARD:
        connection.is_multi_credit = large
    connection.max_transact = size
    connection.capabilities = c.SMB2_GLOBAL_CAP_LARGE_MTU if large else 0
    if dialect in (c.DIALECT_3_0, c.DIALECT_3_0_2) and connection.cipher:
        connection.capabilities |= c.SMB2_GLOBAL_CAP_ENCRYPTION
    return NegotiateResponse(
        security_mode=security_mode,
        dialect_revision=dialect,
        server_guid=settings.server_guid,
        capabilities=connection.capabilities,
        max_transact_size=size,
        max_read_size=size,
        max_write_size=size,
        system_time=settings.system_time,
        security_buffer=settings.security_buffer,
        contexts=contexts,
    )


def _answer_contexts(
    connection: ServerConnection, offered: Sequence[NegotiateContext], settings: Settings
) -> list[NegotiateContext]:
    """Answer the contexts of a 3.1.1 request ([MS-SMB2] 3.3.5.4); unknown ones are ignored."""
    for kind in _ONCE:
        if sum(isinstance(context, kind) for context in offered) > 1:
            raise StatusError(STATUS_INVALID_PARAMETER)
    answer: list[NegotiateContext] = []
    has_preauth = False
    connection.signing_algorithm = c.SIGNING_AES_CMAC
    for context in offered:
        if isinstance(context, PreauthIntegrityCapabilities):
            has_preauth = True
            answer.append(_preauth(context, settings))
        elif isinstance(context, EncryptionCapabilities):
            _need(context.ciphers)
            connection.cipher = _first_common(CIPHERS, context.ciphers) or 0
            answer.append(EncryptionCapabilities([connection.cipher]))
        elif isinstance(context, CompressionCapabilities):
            _need(context.compression_algorithms)
            answer.append(CompressionCapabilities([c.COMPRESSION_NONE]))
        elif isinstance(context, SigningCapabilities):
            _need(context.signing_algorithms)
            chosen = _first_common(SIGNING_ALGORITHMS, context.signing_algorithms)
            connection.signing_algorithm = c.SIGNING_AES_CMAC if chosen is None else chosen
            answer.append(SigningCapabilities([connection.signing_algorithm]))
    if not has_preauth:
        raise StatusError(STATUS_INVALID_PARAMETER)
    return answer


def _preauth(offer: PreauthIntegrityCapabilities, settings: Settings) -> NegotiateContext:
    _need(offer.hash_algorithms)
    if c.SHA_512 not in offer.hash_algorithms:
        raise StatusError(STATUS_SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP)
    return PreauthIntegrityCapabilities([c.SHA_512], settings.salt)


def _need(algorithms: Sequence[int]) -> None:
    """Raise StatusError for a context that offers nothing."""
    if not algorithms:
        raise StatusError(STATUS_INVALID_PARAMETER)


def _first_common(preferred: Sequence[int], offered: Sequence[int]) -> int | None:
    return next((choice for choice in preferred if choice in offered), None)
