"""NEGOTIATE, field by field, with and without contexts."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2 import negotiate_contexts as nc
from nethood.smb2.negotiate import NegotiateRequest, NegotiateResponse
from tests.smb2.fields import fields

HEADER = bytes(64)
GUID = bytes(range(16))

REQUEST_2 = fields("""
    24 00                                            StructureSize
    02 00                                            DialectCount
    01 00                                            SecurityMode
    00 00                                            Reserved
    7f 00 00 00                                      Capabilities
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ClientGuid
    00 00 00 00 00 00 00 00                          ClientStartTime
    02 02                                            2.0.2
    10 02                                            2.1
""")

REQUEST_311 = fields("""
    24 00                                            StructureSize
    03 00                                            DialectCount
    03 00                                            SecurityMode
    00 00                                            Reserved
    7f 00 00 00                                      Capabilities
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ClientGuid
    70 00 00 00                                      NegotiateContextOffset: 112
    04 00                                            NegotiateContextCount
    00 00                                            Reserved2
    02 02                                            2.0.2
    10 02                                            2.1
    11 03                                            3.1.1
    00 00 00 00 00 00                                Padding
    01 00 0a 00 00 00 00 00                          PREAUTH_INTEGRITY, 10 bytes
    01 00 04 00                                      HashAlgorithmCount, SaltLength
    01 00                                            SHA-512
    73 61 6c 74                                      Salt
    00 00 00 00 00 00                                padding
    02 00 06 00 00 00 00 00                          ENCRYPTION, 6 bytes
    02 00                                            CipherCount
    02 00 01 00                                      AES-128-GCM, AES-128-CCM
    00 00                                            padding
    05 00 04 00 00 00 00 00                          NETNAME, 4 bytes
    6e 00 61 00                                      "na"
    00 00 00 00                                      padding
    34 12 03 00 00 00 00 00                          a type nobody knows, 3 bytes
    61 62 63                                         its data
""")

RESPONSE_311 = fields("""
    41 00                                            StructureSize
    03 00                                            SecurityMode
    11 03                                            DialectRevision
    02 00                                            NegotiateContextCount
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ServerGuid
    2f 00 00 00                                      Capabilities
    00 00 80 00                                      MaxTransactSize
    00 00 80 00                                      MaxReadSize
    00 00 40 00                                      MaxWriteSize
    08 07 06 05 04 03 02 01                          SystemTime
    00 00 00 00 00 00 00 00                          ServerStartTime
    80 00                                            SecurityBufferOffset
    05 00                                            SecurityBufferLength
    88 00 00 00                                      NegotiateContextOffset
    74 6f 6b 65 6e                                   Buffer
    00 00 00                                         Padding
    08 00 04 00 00 00 00 00                          SIGNING, 4 bytes
    01 00 02 00                                      one: AES-GMAC
    00 00 00 00                                      padding
    03 00 0a 00 00 00 00 00                          COMPRESSION, 10 bytes
    01 00 00 00 00 00 00 00                          count, Padding, Flags
    00 00                                            NONE
""")


def test_request_before_311() -> None:
    request = NegotiateRequest.decode(HEADER + REQUEST_2)
    assert request.dialects == [c.DIALECT_2_0_2, c.DIALECT_2_1]
    assert request.security_mode == c.SMB2_NEGOTIATE_SIGNING_ENABLED
    assert request.capabilities == 0x7F
    assert request.client_guid == GUID
    assert request.contexts == []
    assert request.encode() == REQUEST_2


def test_request_with_contexts() -> None:
    request = NegotiateRequest.decode(memoryview(HEADER + REQUEST_311))
    assert request.dialects == [c.DIALECT_2_0_2, c.DIALECT_2_1, c.DIALECT_3_1_1]
    assert request.contexts == [
        nc.PreauthIntegrityCapabilities([c.SHA_512], b"salt"),
        nc.EncryptionCapabilities([c.AES_128_GCM, c.AES_128_CCM]),
        nc.NetnameNegotiateContextId("na"),
        nc.RawNegotiateContext(0x1234, b"abc"),
    ]
    assert request.encode() == REQUEST_311


def test_response_with_contexts() -> None:
    response = NegotiateResponse.decode(memoryview(HEADER + RESPONSE_311))
    assert response.dialect_revision == c.DIALECT_3_1_1
    assert response.max_transact_size == response.max_read_size == 1 << 23
    assert response.max_write_size == 1 << 22
    assert response.system_time == 0x0102030405060708
    assert response.security_buffer == b"token"
    assert response.contexts == [
        nc.SigningCapabilities([c.SIGNING_AES_GMAC]),
        nc.CompressionCapabilities([c.COMPRESSION_NONE]),
    ]
    assert response.encode() == RESPONSE_311


def test_response_before_311_keeps_what_is_reserved() -> None:
    response = NegotiateResponse(dialect_revision=c.DIALECT_3_0, reserved=7, reserved2=0x26262626)
    again = NegotiateResponse.decode(HEADER + response.encode())
    assert again == response


@pytest.mark.parametrize("at", [0x70 - 7, 0x70 + 4, 0x10, 0xFFFFFFF8])
def test_a_context_list_out_of_place_is_malformed(at: int) -> None:
    raw = bytearray(REQUEST_311)
    raw[28:32] = at.to_bytes(4, "little")
    with pytest.raises(Malformed):
        NegotiateRequest.decode(HEADER + raw)


def test_more_contexts_than_there_are_is_malformed() -> None:
    raw = bytearray(REQUEST_311)
    raw[32] = 5
    with pytest.raises(Malformed):
        NegotiateRequest.decode(HEADER + raw)


def test_more_dialects_than_there_are_is_malformed() -> None:
    raw = bytearray(REQUEST_2)
    raw[2:4] = b"\xff\xff"
    with pytest.raises(Malformed):
        NegotiateRequest.decode(HEADER + raw)


def test_no_dialect_at_all_is_for_the_caller_to_judge() -> None:
    raw = REQUEST_2[:2] + b"\0\0" + REQUEST_2[4:36]
    assert NegotiateRequest.decode(HEADER + raw).dialects == []


def test_duplicate_contexts_stay_for_the_caller_to_judge() -> None:
    twice: list[nc.NegotiateContext] = [nc.EncryptionCapabilities([1])] * 2
    request = NegotiateRequest([c.DIALECT_3_1_1], contexts=twice)
    assert NegotiateRequest.decode(HEADER + request.encode()).contexts == twice


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(bytes.fromhex("0100ffff0000000000"), id="DataLength"),
        pytest.param(bytes.fromhex("01000400000000000300ffff"), id="hash count"),
        pytest.param(bytes.fromhex("010004000000000000000100"), id="salt length"),
        pytest.param(bytes.fromhex("02000200000000000100"), id="cipher count"),
        pytest.param(bytes.fromhex("02000100000000000100"), id="cipher count cut off"),
        pytest.param(bytes.fromhex("05000300000000006e0061"), id="half a character"),
        pytest.param(bytes.fromhex("0600020000000000ffff"), id="transport flags"),
        pytest.param(bytes.fromhex("08000200000000000900"), id="signing count"),
    ],
)
def test_a_context_that_does_not_fit_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        nc.decode_negotiate_contexts(data, 0, 1)
