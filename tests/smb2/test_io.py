"""CLOSE, READ, WRITE and LOCK, field by field."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.close import CloseRequest, CloseResponse
from nethood.smb2.lock import LockElement, LockRequest
from nethood.smb2.read import ReadRequest, ReadResponse
from nethood.smb2.write import WriteRequest, WriteResponse
from tests.smb2.fields import fields

HEADER = bytes(64)

CLOSE_REQUEST = fields("""
    18 00                    StructureSize
    01 00                    Flags
    00 00 00 00              Reserved
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
""")
CLOSE_RESPONSE = fields("""
    3c 00                    StructureSize
    01 00                    Flags
    00 00 00 00              Reserved
    01 00 00 00 00 00 00 00  CreationTime
    02 00 00 00 00 00 00 00  LastAccessTime
    03 00 00 00 00 00 00 00  LastWriteTime
    04 00 00 00 00 00 00 00  ChangeTime
    00 10 00 00 00 00 00 00  AllocationSize
    05 00 00 00 00 00 00 00  EndofFile
    20 00 00 00              FileAttributes
""")
READ_REQUEST = fields("""
    31 00                    StructureSize
    50                       Padding
    01                       Flags: unbuffered
    00 00 01 00              Length
    00 00 00 00 00 01 00 00  Offset
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    01 00 00 00              MinimumCount
    00 00 00 00              Channel
    00 00 00 00              RemainingBytes
    00 00                    ReadChannelInfoOffset
    00 00                    ReadChannelInfoLength
    00                       Buffer
""")
READ_RESPONSE = fields("""
    11 00                    StructureSize
    50                       DataOffset
    00                       Reserved
    04 00 00 00              DataLength
    00 00 00 00              DataRemaining
    00 00 00 00              Flags
    64 61 74 61              Buffer
""")
WRITE_REQUEST = fields("""
    31 00                    StructureSize
    70 00                    DataOffset
    04 00 00 00              Length
    00 00 00 00 00 01 00 00  Offset
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    00 00 00 00              Channel
    00 00 00 00              RemainingBytes
    00 00                    WriteChannelInfoOffset
    00 00                    WriteChannelInfoLength
    01 00 00 00              Flags: write through
    64 61 74 61              Buffer
""")
WRITE_RESPONSE = fields("""
    11 00                    StructureSize
    00 00                    Reserved
    04 00 00 00              Count
    00 00 00 00              Remaining
    00 00                    WriteChannelInfoOffset
    00 00                    WriteChannelInfoLength
""")
LOCK_REQUEST = fields("""
    30 00                    StructureSize
    02 00                    LockCount
    15 00 00 00              LockSequenceNumber 5, LockSequenceIndex 1
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    00 01 00 00 00 00 00 00  Offset
    10 00 00 00 00 00 00 00  Length
    12 00 00 00              Flags: exclusive, fail immediately
    00 00 00 00              Reserved
    ff ff ff ff ff ff ff ff  Offset
    01 00 00 00 00 00 00 00  Length
    04 00 00 00              Flags: unlock
    09 00 00 00              Reserved
""")


def test_close_request() -> None:
    request = CloseRequest.decode(HEADER + CLOSE_REQUEST, 64)
    assert request.flags == c.SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB
    assert (request.persistent, request.volatile) == (6, 7)
    assert request.encode() == CLOSE_REQUEST


def test_close_response() -> None:
    response = CloseResponse.decode(HEADER + CLOSE_RESPONSE, 64)
    assert (response.creation_time, response.change_time, response.end_of_file) == (1, 4, 5)
    assert response.file_attributes == 0x20
    assert response.encode() == CLOSE_RESPONSE


def test_read_request() -> None:
    request = ReadRequest.decode(memoryview(HEADER + READ_REQUEST), 64)
    assert (request.padding, request.flags) == (80, c.SMB2_READFLAG_READ_UNBUFFERED)
    assert (request.length, request.offset) == (65536, 1 << 40)
    assert (request.persistent, request.volatile) == (6, 7)
    assert request.minimum_count == 1
    assert request.read_channel_info == b""
    assert request.encode() == READ_REQUEST


def test_read_request_without_its_last_byte() -> None:
    assert ReadRequest.decode(HEADER + READ_REQUEST[:48], 64).length == 65536


def test_read_response() -> None:
    response = ReadResponse.decode(memoryview(HEADER + READ_RESPONSE), 64)
    assert response.data == b"data"
    assert type(response.data) is memoryview
    assert response.encode() == READ_RESPONSE


def test_write_request() -> None:
    request = WriteRequest.decode(memoryview(HEADER + WRITE_REQUEST), 64)
    assert (request.length, request.offset, request.flags) == (4, 1 << 40, 1)
    assert request.data == b"data"
    assert type(request.data) is memoryview
    assert request.encode() == WRITE_REQUEST


def test_write_of_nothing() -> None:
    request = WriteRequest.decode(HEADER + WriteRequest().encode(), 64)
    assert (request.data_offset, request.length, request.data) == (112, 0, b"")


def test_write_response() -> None:
    response = WriteResponse.decode(HEADER + WRITE_RESPONSE, 64)
    assert response.count == 4
    assert response.encode() == WRITE_RESPONSE


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(2, 0x6F, id="data in the fixed part"),
        pytest.param(2, 0x71, id="data outside"),
        pytest.param(4, 0x05, id="data too long"),
        pytest.param(42, 0x01, id="channel info outside"),
        pytest.param(7, 0x80, id="two gigabytes"),
    ],
)
def test_a_write_that_does_not_fit_is_malformed(at: int, value: int) -> None:
    raw = bytearray(WRITE_REQUEST)
    raw[at] = value
    with pytest.raises(Malformed):
        WriteRequest.decode(HEADER + raw, 64)


def test_lock_request() -> None:
    request = LockRequest.decode(memoryview(HEADER + LOCK_REQUEST))
    assert request.locks == [
        LockElement(256, 16, c.SMB2_LOCKFLAG_EXCLUSIVE_LOCK | c.SMB2_LOCKFLAG_FAIL_IMMEDIATELY),
        LockElement((1 << 64) - 1, 1, c.SMB2_LOCKFLAG_UNLOCK, 9),
    ]
    assert (request.lock_sequence_number, request.lock_sequence_index) == (5, 1)
    assert (request.persistent, request.volatile) == (6, 7)
    assert request.encode() == LOCK_REQUEST


@pytest.mark.parametrize("count", [3, 0xFFFF])
def test_more_locks_than_there_are_is_malformed(count: int) -> None:
    raw = LOCK_REQUEST[:2] + count.to_bytes(2, "little") + LOCK_REQUEST[4:]
    with pytest.raises(Malformed):
        LockRequest.decode(HEADER + raw)
