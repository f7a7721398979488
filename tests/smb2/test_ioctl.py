"""IOCTL, field by field, and the payloads of SMB2's own FSCTLs."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.ioctl import IoctlRequest, IoctlResponse
from nethood.smb2.ioctl_payloads import (
    NetworkInterfaceInfo,
    SrvCopychunk,
    SrvCopychunkCopy,
    SrvRequestResumeKeyResponse,
    SrvSnapshotArray,
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
    decode_network_interfaces,
    encode_network_interfaces,
)
from tests.smb2.fields import fields

HEADER = bytes(64)

REQUEST = fields("""
    39 00                    StructureSize
    00 00                    Reserved
    17 c0 11 00              CtlCode: FSCTL_PIPE_TRANSCEIVE
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    78 00 00 00              InputOffset
    03 00 00 00              InputCount
    00 00 00 00              MaxInputResponse
    00 00 00 00              OutputOffset
    00 00 00 00              OutputCount
    00 04 00 00              MaxOutputResponse
    01 00 00 00              Flags: FSCTL
    00 00 00 00              Reserved2
    72 70 63                 Buffer
""")
RESPONSE = fields("""
    31 00                    StructureSize
    00 00                    Reserved
    17 c0 11 00              CtlCode
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
    70 00 00 00              InputOffset
    02 00 00 00              InputCount
    78 00 00 00              OutputOffset
    03 00 00 00              OutputCount
    00 00 00 00              Flags
    00 00 00 00              Reserved2
    69 6e                    Buffer: input
    00 00 00 00 00 00        padding to a multiple of 8
    72 70 63                 Buffer: output
""")
VALIDATE = fields("""
    7f 00 00 00                                      Capabilities
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  Guid
    01 00                                            SecurityMode
    02 00                                            DialectCount
    02 02 00 03                                      Dialects
""")
COPYCHUNK = fields("""
    00 01 02 03 04 05 06 07 08 09 0a 0b  SourceKey
    0c 0d 0e 0f 10 11 12 13 14 15 16 17  SourceKey
    01 00 00 00                          ChunkCount
    00 00 00 00                          Reserved
    00 01 00 00 00 00 00 00              SourceOffset
    00 02 00 00 00 00 00 00              TargetOffset
    00 00 10 00                          Length
    00 00 00 00                          Reserved
""")


def test_request() -> None:
    request = IoctlRequest.decode(memoryview(HEADER + REQUEST), 64)
    assert request.ctl_code == c.FSCTL_PIPE_TRANSCEIVE
    assert (request.persistent, request.volatile) == (6, 7)
    assert (request.max_output_response, request.flags) == (1024, c.SMB2_0_IOCTL_IS_FSCTL)
    assert request.input == b"rpc"
    assert request.encode() == REQUEST


def test_request_without_input_may_point_anywhere() -> None:
    raw = bytearray(IoctlRequest(ctl_code=c.FSCTL_SRV_REQUEST_RESUME_KEY).encode())
    raw[24:28] = b"\xff\xff\xff\xff"
    assert IoctlRequest.decode(HEADER + raw, 64).input == b""


def test_response() -> None:
    response = IoctlResponse.decode(memoryview(HEADER + RESPONSE), 64)
    assert (response.input, response.output) == (b"in", b"rpc")
    assert response.encode() == RESPONSE


def test_response_without_input_has_its_output_at_the_buffer() -> None:
    response = IoctlResponse.decode(HEADER + IoctlResponse(output=b"out").encode(), 64)
    assert (response.input_offset, response.output_offset) == (112, 112)


def test_validate_negotiate_info() -> None:
    request = ValidateNegotiateInfoRequest.decode(memoryview(VALIDATE))
    assert request == ValidateNegotiateInfoRequest(0x7F, bytes(range(16)), 1, [0x0202, 0x0300])
    assert request.encode() == VALIDATE
    with pytest.raises(Malformed):
        ValidateNegotiateInfoRequest.decode(VALIDATE[:-1])
    assert len(ValidateNegotiateInfoResponse().encode()) == 24


def test_copychunk() -> None:
    copy = SrvCopychunkCopy.decode(memoryview(COPYCHUNK))
    assert copy.source_key == bytes(range(24))
    assert copy.chunks == [SrvCopychunk(256, 512, 1 << 20)]
    assert copy.encode() == COPYCHUNK


@pytest.mark.parametrize("count", [2, 0xFFFFFFFF])
def test_more_chunks_than_there_are_is_malformed(count: int) -> None:
    with pytest.raises(Malformed):
        SrvCopychunkCopy.decode(COPYCHUNK[:24] + count.to_bytes(4, "little") + COPYCHUNK[28:])


def test_resume_key_response_is_32_bytes() -> None:
    response = SrvRequestResumeKeyResponse(resume_key=bytes(range(24)))
    assert response.encode() == bytes(range(24)) + bytes(8)


def test_snapshots() -> None:
    tokens = ["@GMT-2024.01.02-03.04.05", "@GMT-2023.01.02-03.04.05"]
    raw = SrvSnapshotArray(2, tokens).encode()
    assert raw[:12] == bytes.fromhex("02000000 02000000 66000000")
    assert len(raw) == 12 + 2 * (2 * 25 + 1)
    assert SrvSnapshotArray.decode(raw).snap_shots == tokens


def test_snapshots_that_did_not_fit_give_the_size_they_need() -> None:
    raw = SrvSnapshotArray(2, [], 102).encode()
    assert raw == bytes.fromhex("02000000 00000000 66000000")
    assert SrvSnapshotArray.decode(raw) == SrvSnapshotArray(2, [], 102)


def test_network_interfaces() -> None:
    interfaces = [
        NetworkInterfaceInfo(5, IPv4Address("192.0.2.1"), 10**9, c.RSS_CAPABLE),
        NetworkInterfaceInfo(6, IPv6Address("2001:db8::1"), 10**10, scope_id=8),
    ]
    raw = encode_network_interfaces(interfaces)
    assert len(raw) == 2 * 152
    assert raw[:44] == fields("""
        98 00 00 00              Next
        05 00 00 00              IfIndex
        01 00 00 00              Capability
        00 00 00 00              Reserved
        00 ca 9a 3b 00 00 00 00  LinkSpeed
        02 00                    Family
        00 00                    Port
        c0 00 02 01              IPv4Address
        00 00 00 00 00 00 00 00  Reserved
        00 00 00 00              Reserved
    """)
    assert raw[152:156] == bytes(4)
    assert raw[176:178] == b"\x17\x00"
    assert decode_network_interfaces(raw) == interfaces
    assert decode_network_interfaces(b"") == []


@pytest.mark.parametrize("following", [8, 151, 156, 160, 0xFFFFFFF8])
def test_a_chain_of_interfaces_that_does_not_fit_is_malformed(following: int) -> None:
    raw = encode_network_interfaces([NetworkInterfaceInfo(1, None)] * 2)
    with pytest.raises(Malformed):
        decode_network_interfaces(following.to_bytes(4, "little") + raw[4:])
