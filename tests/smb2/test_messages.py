"""When a response is an ERROR response, and the names people read."""

from __future__ import annotations

import pytest

from nethood import erref
from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.error import ErrorResponse
from nethood.smb2.header import Header
from nethood.smb2.ioctl import IoctlResponse
from nethood.smb2.messages import decode_request, decode_response, is_error


@pytest.mark.parametrize(
    ("command", "status", "size", "expected"),
    [
        (c.SMB2_CREATE, 0, 89, False),
        (c.SMB2_CREATE, 0xC0000034, 9, True),
        (c.SMB2_CREATE, 0x8000002D, 9, True),
        (c.SMB2_READ, erref.STATUS_PENDING, 9, True),
        (c.SMB2_READ, erref.STATUS_BUFFER_OVERFLOW, 17, False),
        (c.SMB2_READ, erref.STATUS_BUFFER_OVERFLOW, 9, True),
        (c.SMB2_SESSION_SETUP, erref.STATUS_MORE_PROCESSING_REQUIRED, 9, False),
        (c.SMB2_QUERY_INFO, erref.STATUS_BUFFER_OVERFLOW, 9, False),
        (c.SMB2_CHANGE_NOTIFY, erref.STATUS_NOTIFY_ENUM_DIR, 9, False),
        (c.SMB2_IOCTL, erref.STATUS_INVALID_PARAMETER, 49, False),
        (c.SMB2_IOCTL, erref.STATUS_INVALID_PARAMETER, 9, True),
    ],
)
def test_is_error(command: int, status: int, size: int, expected: bool) -> None:
    assert is_error(command, status, size) is expected


def test_responses_are_read_by_command_and_status() -> None:
    header = Header(command=c.SMB2_IOCTL, status=erref.STATUS_INVALID_PARAMETER)
    limits = IoctlResponse(output=bytes(12))
    assert isinstance(decode_response(header, bytes(64) + limits.encode()), IoctlResponse)
    assert isinstance(decode_response(header, bytes(64) + ErrorResponse().encode()), ErrorResponse)


def test_an_unknown_command_is_malformed() -> None:
    message = bytes(64) + b"\4\0\0\0"
    with pytest.raises(Malformed, match="0x0014"):
        decode_request(0x14, message)
    with pytest.raises(Malformed, match="0x00FF"):
        decode_response(Header(command=0xFF), message)


def test_names_of_known_and_unknown_values() -> None:
    assert c.command_name(c.SMB2_QUERY_DIRECTORY) == "QUERY_DIRECTORY"
    assert c.command_name(0x77) == "0x0077"
    assert c.dialect_name(c.DIALECT_3_1_1) == "3.1.1"
    assert c.dialect_name(0x0400) == "0x0400"
