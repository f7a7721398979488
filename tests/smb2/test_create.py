"""CREATE, field by field."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.create import CreateRequest, CreateResponse
from nethood.smb2.create_contexts import decode_contexts, encode_contexts
from tests.smb2.fields import fields

HEADER = bytes(64)

REQUEST = fields("""
    39 00                    StructureSize
    00                       SecurityFlags
    09                       RequestedOplockLevel: batch
    02 00 00 00              ImpersonationLevel: Impersonation
    00 00 00 00 00 00 00 00  SmbCreateFlags
    00 00 00 00 00 00 00 00  Reserved
    89 00 12 00              DesiredAccess
    80 00 00 00              FileAttributes
    07 00 00 00              ShareAccess
    01 00 00 00              CreateDisposition: FILE_OPEN
    40 00 00 00              CreateOptions: FILE_NON_DIRECTORY_FILE
    78 00                    NameOffset
    06 00                    NameLength
    80 00 00 00              CreateContextsOffset
    18 00 00 00              CreateContextsLength
    61 00 2e 00 62 00        Buffer: "a.b"
    00 00                    padding
    00 00 00 00              Next
    10 00 04 00              NameOffset, NameLength
    00 00                    Reserved
    00 00 00 00 00 00        DataOffset, DataLength
    4d 78 41 63              "MxAc"
    00 00 00 00              padding
""")

RESPONSE = fields("""
    59 00                    StructureSize
    00                       OplockLevel
    01                       Flags: reparse point
    02 00 00 00              CreateAction: FILE_CREATED
    01 00 00 00 00 00 00 00  CreationTime
    02 00 00 00 00 00 00 00  LastAccessTime
    03 00 00 00 00 00 00 00  LastWriteTime
    04 00 00 00 00 00 00 00  ChangeTime
    00 10 00 00 00 00 00 00  AllocationSize
    05 00 00 00 00 00 00 00  EndofFile
    20 00 00 00              FileAttributes
    00 00 00 00              Reserved2
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    98 00 00 00              CreateContextsOffset
    20 00 00 00              CreateContextsLength
    00 00 00 00              Next
    10 00 04 00              NameOffset, NameLength
    00 00                    Reserved
    18 00 08 00 00 00        DataOffset, DataLength
    4d 78 41 63              "MxAc"
    00 00 00 00              padding
    00 00 00 00 ff 01 1f 00  QueryStatus, MaximalAccess
""")


def test_request() -> None:
    request = CreateRequest.decode(memoryview(HEADER + REQUEST), 64)
    assert request.requested_oplock_level == c.SMB2_OPLOCK_LEVEL_BATCH
    assert request.impersonation_level == c.IMPERSONATION_IMPERSONATION
    assert request.desired_access == 0x120089
    assert request.file_attributes == 0x80
    assert request.share_access == (c.FILE_SHARE_READ | c.FILE_SHARE_WRITE | c.FILE_SHARE_DELETE)
    assert request.create_disposition == c.FILE_OPEN
    assert request.create_options == c.FILE_NON_DIRECTORY_FILE
    assert request.name == "a.b".encode("utf-16-le")
    assert decode_contexts(request.create_contexts) == [(b"MxAc", b"")]
    assert request.encode() == REQUEST


def test_response() -> None:
    response = CreateResponse.decode(memoryview(HEADER + RESPONSE), 64)
    assert response.flags == c.SMB2_CREATE_FLAG_REPARSEPOINT
    assert response.create_action == c.FILE_CREATED
    assert (response.creation_time, response.change_time) == (1, 4)
    assert (response.last_access_time, response.last_write_time) == (2, 3)
    assert (response.allocation_size, response.end_of_file) == (4096, 5)
    assert (response.persistent, response.volatile) == (6, 7)
    contexts = [(b"MxAc", bytes.fromhex("00000000ff011f00"))]
    assert decode_contexts(response.create_contexts) == contexts
    assert response.encode() == RESPONSE
    response.create_contexts = encode_contexts(contexts)
    assert response.encode() == RESPONSE


def test_the_share_itself_has_an_empty_name_that_takes_8_bytes() -> None:
    raw = CreateRequest().encode()
    assert len(raw) == 64
    assert CreateRequest.decode(HEADER + raw, 64).name == b""
    raw = CreateRequest(create_contexts=encode_contexts([(b"QFid", b"")])).encode()
    request = CreateRequest.decode(HEADER + raw, 64)
    assert (request.name_offset, request.create_contexts_offset) == (120, 128)


def test_a_client_may_leave_the_empty_buffer_out() -> None:
    assert CreateRequest.decode(HEADER + CreateRequest().encode()[:56], 64).name == b""


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(44, 0x70, id="name in the fixed part"),
        pytest.param(46, 0xFF, id="name too long"),
        pytest.param(48, 0xFF, id="contexts outside"),
        pytest.param(52, 0xFF, id="contexts too long"),
        pytest.param(0, 0x38, id="structure size"),
    ],
)
def test_a_request_that_does_not_fit_is_malformed(at: int, value: int) -> None:
    raw = bytearray(REQUEST)
    raw[at] = value
    with pytest.raises(Malformed):
        CreateRequest.decode(HEADER + raw, 64)
