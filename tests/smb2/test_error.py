"""The ERROR response and its data, field by field."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.error import (
    ErrorContext,
    ErrorResponse,
    MoveDstIpaddr,
    ShareRedirectError,
    SymbolicLinkError,
    decode_error_contexts,
    encode_error_contexts,
)
from tests.smb2.fields import fields

HEADER = bytes(64)

EMPTY = fields("""
    09 00        StructureSize
    00           ErrorContextCount
    00           Reserved
    00 00 00 00  ByteCount
    00           ErrorData
""")
TOO_SMALL = fields("""
    09 00        StructureSize
    01           ErrorContextCount
    00           Reserved
    0c 00 00 00  ByteCount
    04 00 00 00  ErrorDataLength
    00 00 00 00  ErrorId: default
    58 00 00 00  the size needed
""")
SYMLINK = fields("""
    28 00 00 00        SymLinkLength
    53 59 4d 4c        SymLinkErrorTag
    0c 00 00 a0        ReparseTag
    1c 00              ReparseDataLength: 12 and the names
    2e 00              UnparsedPathLength
    00 00              SubstituteNameOffset
    0a 00              SubstituteNameLength
    0a 00              PrintNameOffset
    06 00              PrintNameLength
    01 00 00 00        Flags: relative
    2e 00 2e 00 5c 00  PathBuffer
    61 00 62 00        PathBuffer
    78 00 79 00 7a 00  PathBuffer
""")


def test_an_empty_error_still_has_one_byte_of_data() -> None:
    assert ErrorResponse().encode() == EMPTY
    assert ErrorResponse.decode(HEADER + EMPTY) == ErrorResponse()


def test_that_byte_may_be_missing() -> None:
    assert ErrorResponse.decode(HEADER + EMPTY[:8]) == ErrorResponse()


def test_error_with_a_context() -> None:
    response = ErrorResponse.decode(memoryview(HEADER + TOO_SMALL))
    (context,) = decode_error_contexts(response.error_data, response.error_context_count)
    assert context == ErrorContext(b"\x58\0\0\0", c.SMB2_ERROR_ID_DEFAULT)
    assert response.encode() == TOO_SMALL
    assert ErrorResponse(encode_error_contexts([context]), 1).encode() == TOO_SMALL


def test_contexts_are_aligned() -> None:
    contexts = [ErrorContext(b"abc", 1), ErrorContext(b"", 2), ErrorContext(b"d", 3)]
    raw = encode_error_contexts(contexts)
    assert [raw[at + 4] for at in (0, 16, 24)] == [1, 2, 3]
    assert decode_error_contexts(raw, 3) == contexts
    with pytest.raises(Malformed):
        decode_error_contexts(raw, 4)


def test_symbolic_link() -> None:
    link = SymbolicLinkError.decode(memoryview(SYMLINK))
    assert link == SymbolicLinkError("..\\ab", "xyz", 46, c.SYMLINK_FLAG_RELATIVE)
    assert link.encode() == SYMLINK


@pytest.mark.parametrize("at", [4, 8, 16, 18, 20, 22])
def test_a_symbolic_link_that_does_not_fit_is_malformed(at: int) -> None:
    raw = bytearray(SYMLINK)
    raw[at] = 0xEE
    with pytest.raises(Malformed):
        SymbolicLinkError.decode(raw)


def test_share_redirect() -> None:
    redirect = ShareRedirectError("ab", [MoveDstIpaddr(c.MOVE_DST_IPADDR_V4, b"\x0a\0\0\1" * 4)])
    raw = redirect.encode()
    assert raw[:24] == fields("""
        30 00 00 00  StructureSize
        03 00 00 00  NotificationType
        30 00 00 00  ResourceNameOffset
        04 00 00 00  ResourceNameLength
        00 00        Reserved
        00 00        TargetType
        01 00 00 00  IPAddrCount
    """)
    assert raw[48:] == b"a\0b\0"
    assert ShareRedirectError.decode(raw) == redirect


def test_more_addresses_than_there_are_is_malformed() -> None:
    raw = bytearray(ShareRedirectError("ab", []).encode())
    raw[20:24] = b"\xff\xff\xff\xff"
    with pytest.raises(Malformed):
        ShareRedirectError.decode(raw)
