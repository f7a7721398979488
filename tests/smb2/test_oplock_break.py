"""OPLOCK_BREAK: which of its layouts a message has."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nethood.errors import Malformed
from nethood.smb2.oplock_break import (
    LeaseBreak,
    LeaseBreakNotification,
    OplockBreak,
    decode_acknowledgment,
    decode_break,
)
from tests.smb2.fields import fields

HEADER = bytes(64)

OPLOCK = fields("""
    18 00                    StructureSize
    01                       OplockLevel
    00                       Reserved
    00 00 00 00              Reserved2
    06 00 00 00 00 00 00 00  FileId.Persistent
    07 00 00 00 00 00 00 00  FileId.Volatile
""")
NOTIFICATION = fields("""
    2c 00                                            StructureSize
    02 00                                            NewEpoch
    01 00 00 00                                      Flags: acknowledgment required
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  LeaseKey
    07 00 00 00                                      CurrentLeaseState
    03 00 00 00                                      NewLeaseState
    00 00 00 00                                      BreakReason
    00 00 00 00                                      AccessMaskHint
    00 00 00 00                                      ShareMaskHint
""")
LEASE = fields("""
    24 00                                            StructureSize
    00 00                                            Reserved
    00 00 00 00                                      Flags
    00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  LeaseKey
    03 00 00 00                                      LeaseState
    00 00 00 00 00 00 00 00                          LeaseDuration
""")


def test_the_structure_size_tells_them_apart() -> None:
    oplock = OplockBreak(oplock_level=1, persistent=6, volatile=7)
    lease = LeaseBreak(lease_key=bytes(range(16)), lease_state=3)
    notification = LeaseBreakNotification(
        new_epoch=2, flags=1, lease_key=bytes(range(16)), current_lease_state=7, new_lease_state=3
    )
    assert decode_acknowledgment(HEADER + OPLOCK) == oplock
    assert decode_acknowledgment(HEADER + LEASE) == lease
    assert decode_break(HEADER + OPLOCK) == oplock
    assert decode_break(HEADER + LEASE) == lease
    assert decode_break(HEADER + NOTIFICATION) == notification
    assert [m.encode() for m in (oplock, lease, notification)] == [OPLOCK, LEASE, NOTIFICATION]


def test_a_client_sends_no_notification() -> None:
    with pytest.raises(Malformed):
        decode_acknowledgment(HEADER + NOTIFICATION)


@pytest.mark.parametrize("decode", [decode_acknowledgment, decode_break])
def test_any_other_size_is_malformed(decode: Callable[[bytes], object]) -> None:
    for raw in (b"", b"\x18", b"\x19\0" + bytes(60)):
        with pytest.raises(Malformed):
            decode(HEADER + raw)
