"""TREE_CONNECT, field by field, with and without the extension of 3.1.1."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.tree_connect import TreeConnectContext, TreeConnectRequest, TreeConnectResponse
from tests.smb2.fields import fields

HEADER = bytes(64)
PATH = "\\\\s\\p".encode("utf-16-le")

REQUEST = fields("""
    09 00                          StructureSize
    02 00                          Flags: redirect to owner
    48 00                          PathOffset
    0a 00                          PathLength
    5c 00 5c 00 73 00 5c 00 70 00  Buffer
""")
EXTENDED = fields("""
    09 00                          StructureSize
    04 00                          Flags: extension present
    58 00                          PathOffset
    0a 00                          PathLength
    28 00 00 00                    TreeConnectContextOffset, from the body
    02 00                          TreeConnectContextCount
    00 00 00 00 00 00 00 00 00 00  Reserved
    5c 00 5c 00 73 00 5c 00 70 00  PathName
    00 00 00 00 00 00              padding
    01 00 03 00 00 00 00 00        REMOTED_IDENTITY, 3 bytes
    61 62 63 00 00 00 00 00        its data, padded
    07 00 00 00 00 00 00 00        another, empty
""")
RESPONSE = fields("""
    10 00                          StructureSize
    01                             ShareType: disk
    00                             Reserved
    30 08 00 00                    ShareFlags: no caching, access-based enumeration
    10 00 00 00                    Capabilities: continuous availability
    ff 01 1f 00                    MaximalAccess
""")


def test_request() -> None:
    request = TreeConnectRequest.decode(memoryview(HEADER + REQUEST))
    assert request.path == PATH
    assert request.flags == c.SMB2_TREE_CONNECT_FLAG_REDIRECT_TO_OWNER
    assert request.encode() == REQUEST


def test_request_with_extension() -> None:
    request = TreeConnectRequest.decode(memoryview(HEADER + EXTENDED))
    assert request.path == PATH
    assert request.contexts == [TreeConnectContext(1, b"abc"), TreeConnectContext(7)]
    assert request.encode() == EXTENDED


def test_response() -> None:
    response = TreeConnectResponse.decode(HEADER + RESPONSE, 64)
    assert response.share_type == c.SMB2_SHARE_TYPE_DISK
    assert response.share_flags == (
        c.SMB2_SHAREFLAG_NO_CACHING | c.SMB2_SHAREFLAG_ACCESS_BASED_DIRECTORY_ENUM
    )
    assert response.capabilities == c.SMB2_SHARE_CAP_CONTINUOUS_AVAILABILITY
    assert response.maximal_access == 0x1F01FF
    assert response.encode() == RESPONSE


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(4, 0x40, id="path in the fixed part"),
        pytest.param(6, 0xFF, id="path too long"),
        pytest.param(8, 0x08, id="contexts in the extension"),
        pytest.param(12, 3, id="more contexts than there are"),
        pytest.param(42, 0xFF, id="context too long"),
    ],
)
def test_an_extended_request_that_does_not_fit_is_malformed(at: int, value: int) -> None:
    raw = bytearray(EXTENDED)
    raw[at] = value
    with pytest.raises(Malformed):
        TreeConnectRequest.decode(HEADER + raw)
