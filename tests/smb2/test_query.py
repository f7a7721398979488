"""QUERY_DIRECTORY, QUERY_INFO, SET_INFO and CHANGE_NOTIFY, field by field."""

from __future__ import annotations

import pytest

from nethood.smb2 import constants as c
from nethood.smb2.change_notify import ChangeNotifyRequest, ChangeNotifyResponse
from nethood.smb2.query_directory import QueryDirectoryRequest, QueryDirectoryResponse
from nethood.smb2.query_info import QueryInfoRequest, QueryInfoResponse
from nethood.smb2.set_info import SetInfoRequest, SetInfoResponse
from tests.smb2.fields import fields

HEADER = bytes(64)

QUERY_DIRECTORY = fields("""
    21 00                    StructureSize
    25                       FileInformationClass
    03                       Flags: restart, single entry
    00 00 00 00              FileIndex
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    60 00                    FileNameOffset
    02 00                    FileNameLength
    00 00 01 00              OutputBufferLength
    2a 00                    Buffer: "*"
""")
QUERY_INFO = fields("""
    29 00                    StructureSize
    03                       InfoType: security
    00                       FileInfoClass
    00 10 00 00              OutputBufferLength
    00 00                    InputBufferOffset
    00 00                    Reserved
    00 00 00 00              InputBufferLength
    07 00 00 00              AdditionalInformation
    00 00 00 00              Flags
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
""")
SET_INFO = fields("""
    21 00                    StructureSize
    01                       InfoType: file
    0d                       FileInfoClass: FileDispositionInformation
    01 00 00 00              BufferLength
    60 00                    BufferOffset
    00 00                    Reserved
    00 00 00 00              AdditionalInformation
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    01                       Buffer
""")
CHANGE_NOTIFY = fields("""
    20 00                    StructureSize
    01 00                    Flags: watch tree
    00 10 00 00              OutputBufferLength
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    03 00 00 00              CompletionFilter: file and directory names
    00 00 00 00              Reserved
""")
OUTPUT = fields("""
    09 00                    StructureSize
    48 00                    OutputBufferOffset
    04 00 00 00              OutputBufferLength
    64 61 74 61              Buffer
""")


def test_query_directory_request() -> None:
    request = QueryDirectoryRequest.decode(memoryview(HEADER + QUERY_DIRECTORY), 64)
    assert request.file_information_class == 0x25
    assert request.flags == c.SMB2_RESTART_SCANS | c.SMB2_RETURN_SINGLE_ENTRY
    assert request.file_name == b"*\0"
    assert request.output_buffer_length == 65536
    assert request.encode() == QUERY_DIRECTORY


def test_query_info_request() -> None:
    request = QueryInfoRequest.decode(memoryview(HEADER + QUERY_INFO), 64)
    assert request.info_type == c.SMB2_0_INFO_SECURITY
    assert request.additional_information == (
        c.OWNER_SECURITY_INFORMATION | c.GROUP_SECURITY_INFORMATION | c.DACL_SECURITY_INFORMATION
    )
    assert request.output_buffer_length == 4096
    assert request.encode() == QUERY_INFO


def test_set_info() -> None:
    request = SetInfoRequest.decode(memoryview(HEADER + SET_INFO), 64)
    assert (request.info_type, request.file_info_class) == (c.SMB2_0_INFO_FILE, 13)
    assert request.buffer == b"\1"
    assert request.encode() == SET_INFO
    assert SetInfoResponse().encode() == b"\2\0"


@pytest.mark.parametrize("cls", [QueryDirectoryResponse, QueryInfoResponse, ChangeNotifyResponse])
def test_responses_with_an_output_buffer(
    cls: type[QueryDirectoryResponse | QueryInfoResponse | ChangeNotifyResponse],
) -> None:
    response = cls.decode(memoryview(HEADER + OUTPUT), 64)
    assert response.output_buffer == b"data"
    assert response.encode() == OUTPUT
    assert cls(output_buffer=b"data").encode() == OUTPUT


def test_change_notify_request() -> None:
    request = ChangeNotifyRequest.decode(HEADER + CHANGE_NOTIFY, 64)
    assert request.flags == c.SMB2_WATCH_TREE
    assert request.completion_filter == (
        c.FILE_NOTIFY_CHANGE_FILE_NAME | c.FILE_NOTIFY_CHANGE_DIR_NAME
    )
    assert request.encode() == CHANGE_NOTIFY
