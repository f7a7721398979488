"""The transform headers, against a published encrypted message and by field."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.transform import (
    TRANSFORM_AAD_AT,
    TRANSFORM_HEADER_SIZE,
    CompressionTransformHeader,
    TransformHeader,
)
from tests.smb2.fields import fields

# The published 3.1.1 AES-128-GCM example: its transform header.
PUBLISHED = fields("""
    fd 53 4d 42                                      ProtocolId
    bd 73 d9 7d 2b c9 00 1b ca fa c0 fd ff 5f ee bc  Signature
    c7 d6 82 2d 26 9c af 48 90 4c 66 4c 00 00 00 00  Nonce
    87 00 00 00                                      OriginalMessageSize
    00 00                                            Reserved
    01 00                                            Flags
    25 00 00 00 00 10 00 00                          SessionId
""")


def test_transform_header() -> None:
    header = TransformHeader.decode(PUBLISHED)
    assert header.signature.hex().startswith("bd73d97d")
    assert header.nonce[12:] == bytes(4)
    assert header.original_message_size == 0x87
    assert header.flags == c.TRANSFORM_FLAG_ENCRYPTED
    assert header.session_id == 0x100000000025
    assert header.encode() == PUBLISHED
    assert len(PUBLISHED) == TRANSFORM_HEADER_SIZE
    assert PUBLISHED[TRANSFORM_AAD_AT:][:16] == header.nonce


def test_a_foreign_transform_header_is_malformed() -> None:
    with pytest.raises(Malformed):
        TransformHeader.decode(b"\xfe" + PUBLISHED[1:])


@pytest.mark.parametrize(("flags", "is_chained"), [(0, False), (1, True)])
def test_compression_header_tells_its_form(flags: int, is_chained: bool) -> None:
    raw = bytes.fromhex("fc534d42 00100000 0100") + bytes([flags, 0]) + bytes(4)
    header = CompressionTransformHeader.decode(raw)
    assert header.original_compressed_segment_size == 4096
    assert header.compression_algorithm == c.COMPRESSION_LZNT1
    assert header.is_chained is is_chained
