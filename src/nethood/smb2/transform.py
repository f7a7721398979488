"""What stands in front of an encrypted or compressed message, [MS-SMB2] 2.2.41 and 2.2.42.

Ciphers are not known here; compressed messages are only recognised.
"""

from __future__ import annotations

from nethood.smb2.constants import (
    PROTOCOL_ID_COMPRESSION,
    PROTOCOL_ID_TRANSFORM,
    SMB2_COMPRESSION_FLAG_CHAINED,
    TRANSFORM_FLAG_ENCRYPTED,
)
from nethood.wire import Wire, raw16, u16, u32, u64, wire

TRANSFORM_HEADER_SIZE = 52
TRANSFORM_AAD_AT = 20
"""The authenticated part runs from here, Nonce, to the end of the header."""


@wire(base=0)
class TransformHeader(Wire):
    """SMB2 TRANSFORM_HEADER, [MS-SMB2] 2.2.41; `flags` is EncryptionAlgorithm before 3.1.1."""

    protocol_id: u32 = PROTOCOL_ID_TRANSFORM
    signature: raw16 = bytes(16)
    nonce: raw16 = bytes(16)
    original_message_size: u32 = 0
    reserved: u16 = 0
    flags: u16 = TRANSFORM_FLAG_ENCRYPTED
    session_id: u64 = 0


@wire(base=0)
class CompressionTransformHeader(Wire):
    """SMB2 COMPRESSION_TRANSFORM_HEADER, [MS-SMB2] 2.2.42, in its unchained form.

    The chained form agrees up to `flags`; `offset` is the first payload's Length there.
    """

    protocol_id: u32 = PROTOCOL_ID_COMPRESSION
    original_compressed_segment_size: u32 = 0
    compression_algorithm: u16 = 0
    flags: u16 = 0
    offset: u32 = 0

    @property
    def is_chained(self) -> bool:
        """Whether the chained form follows, [MS-SMB2] 2.2.42.2."""
        return bool(self.flags & SMB2_COMPRESSION_FLAG_CHAINED)
