"""SESSION_SETUP, field by field."""

from __future__ import annotations

from nethood.smb2 import constants as c
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from tests.smb2.fields import fields

HEADER = bytes(64)

REQUEST = fields("""
    19 00                    StructureSize
    01                       Flags: binding
    02                       SecurityMode: required
    01 00 00 00              Capabilities
    00 00 00 00              Channel
    58 00                    SecurityBufferOffset
    05 00                    SecurityBufferLength
    08 07 06 05 04 03 02 01  PreviousSessionId
    74 6f 6b 65 6e           Buffer
""")
RESPONSE = fields("""
    09 00                    StructureSize
    04 00                    SessionFlags: encrypt data
    48 00                    SecurityBufferOffset
    05 00                    SecurityBufferLength
    74 6f 6b 65 6e           Buffer
""")


def test_request() -> None:
    request = SessionSetupRequest.decode(memoryview(HEADER + REQUEST), 64)
    assert request.flags == c.SMB2_SESSION_FLAG_BINDING
    assert request.security_mode == c.SMB2_NEGOTIATE_SIGNING_REQUIRED
    assert request.previous_session_id == 0x0102030405060708
    assert request.security_buffer == b"token"
    assert request.encode() == REQUEST


def test_response() -> None:
    response = SessionSetupResponse.decode(memoryview(HEADER + RESPONSE), 64)
    assert response.session_flags == c.SMB2_SESSION_FLAG_ENCRYPT_DATA
    assert response.security_buffer == b"token"
    assert response.encode() == RESPONSE


def test_response_without_token_still_says_where_it_would_be() -> None:
    assert SessionSetupResponse().encode() == bytes.fromhex("0900 0000 4800 0000")
