"""The chain of create contexts, and the payloads that need a word."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.smb2.create_contexts import (
    AppInstanceVersion,
    DurableHandleReconnectV2,
    DurableHandleRequestV2,
    Lease,
    LeaseV2,
    decode_contexts,
    decode_lease,
    encode_contexts,
)
from tests.smb2.fields import fields

CHAIN = fields("""
    28 00 00 00              Next: 40
    10 00 04 00              NameOffset, NameLength
    00 00                    Reserved
    18 00 10 00 00 00        DataOffset, DataLength
    44 48 6e 51              "DHnQ"
    00 00 00 00              padding
    00 00 00 00 00 00 00 00  DurableRequest
    00 00 00 00 00 00 00 00  DurableRequest
    18 00 00 00              Next: 24
    10 00 04 00              NameOffset, NameLength
    00 00                    Reserved
    00 00 00 00 00 00        DataOffset, DataLength
    51 46 69 64              "QFid"
    00 00 00 00              padding
    00 00 00 00              Next
    10 00 10 00              NameOffset, NameLength
    00 00                    Reserved
    20 00 14 00 00 00        DataOffset, DataLength
    45 bc a6 6a ef a7 f7 4a  AppInstanceId
    90 08 fa 46 2e 14 4d 74  AppInstanceId
    14 00 00 00              StructureSize, Reserved
    01 01 01 01 01 01 01 01  its id
    02 02 02 02 02 02 02 02  its id
""")
CONTEXTS = [
    (c.SMB2_CREATE_DURABLE_HANDLE_REQUEST, bytes(16)),
    (c.SMB2_CREATE_QUERY_ON_DISK_ID, b""),
    (c.SMB2_CREATE_APP_INSTANCE_ID, b"\x14\0\0\0" + b"\1" * 8 + b"\2" * 8),
]


def test_chain() -> None:
    assert decode_contexts(CHAIN) == CONTEXTS
    assert encode_contexts(CONTEXTS) == CHAIN


def test_an_empty_chain_has_no_contexts() -> None:
    assert decode_contexts(b"") == []
    assert encode_contexts([]) == b""


def test_data_is_not_copied() -> None:
    (_, data), _, _ = decode_contexts(memoryview(CHAIN))
    assert type(data) is memoryview


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(0, 0x29, id="Next not aligned"),
        pytest.param(0, 0x08, id="Next within the head"),
        pytest.param(0, 0x78, id="Next at the end"),
        pytest.param(1, 0xFF, id="Next outside"),
        pytest.param(4, 0x0F, id="name in the head"),
        pytest.param(6, 0x03, id="name too short"),
        pytest.param(6, 0x19, id="name into the next context"),
        pytest.param(10, 0x08, id="data in the head"),
        pytest.param(12, 0x11, id="data into the next context"),
    ],
)
def test_a_chain_that_does_not_fit_is_malformed(at: int, value: int) -> None:
    raw = bytearray(CHAIN)
    raw[at] = value
    with pytest.raises(Malformed):
        decode_contexts(raw)


def test_the_length_tells_the_version_of_a_lease() -> None:
    v1 = Lease(lease_key=b"k" * 16, lease_state=c.SMB2_LEASE_READ_CACHING)
    v2 = LeaseV2(lease_key=b"k" * 16, parent_lease_key=b"p" * 16, epoch=3)
    assert (len(v1.encode()), len(v2.encode())) == (32, 52)
    assert decode_lease(v1.encode()) == v1
    assert decode_lease(v2.encode()) == v2
    for size in (0, 31, 33, 51, 53):
        with pytest.raises(Malformed):
            decode_lease(bytes(size))


def test_sizes_on_the_wire() -> None:
    assert len(DurableHandleRequestV2().encode()) == 32
    assert len(DurableHandleReconnectV2().encode()) == 36
    assert len(AppInstanceVersion().encode()) == 24
