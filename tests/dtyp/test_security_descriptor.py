"""Self-relative security descriptors."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.dtyp import security_descriptor as sd
from nethood.dtyp.acl import (
    SYSTEM_AUDIT_ACE_TYPE,
    SYSTEM_MANDATORY_LABEL_ACE_TYPE,
    Ace,
    Acl,
    allow,
    deny,
)
from nethood.dtyp.security_descriptor import SecurityDescriptor, build
from nethood.dtyp.sid import BUILTIN_ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM, ML_HIGH
from nethood.errors import Malformed

BYTES = (
    b"\x01"  # Revision
    b"\x00"  # Sbz1
    b"\x04\x80"  # Control: self-relative, DACL present
    b"\x14\x00\x00\x00"  # OffsetOwner
    b"\x24\x00\x00\x00"  # OffsetGroup
    b"\x00\x00\x00\x00"  # OffsetSacl
    b"\x30\x00\x00\x00"  # OffsetDacl
    b"\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x20\x02\x00\x00"  # OwnerSid
    b"\x01\x01\x00\x00\x00\x00\x00\x05\x12\x00\x00\x00"  # GroupSid
    b"\x02\x00\x1c\x00\x01\x00\x00\x00"  # Dacl
    b"\x00\x00\x14\x00\xff\x01\x1f\x00\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"
)
DESCRIPTOR = build(BUILTIN_ADMINISTRATORS, LOCAL_SYSTEM, [allow(EVERYONE, 0x001F01FF)])
LABEL = Ace(SYSTEM_MANDATORY_LABEL_ACE_TYPE, 1, ML_HIGH)
AUDIT = Ace(SYSTEM_AUDIT_ACE_TYPE, 1, EVERYONE, 0x40)
WHOLE = SecurityDescriptor(
    BUILTIN_ADMINISTRATORS,
    LOCAL_SYSTEM,
    Acl([deny(EVERYONE, 2), allow(EVERYONE, 1)]),
    Acl([AUDIT, LABEL]),
    sd.SE_DACL_PRESENT | sd.SE_SACL_PRESENT | sd.SE_DACL_PROTECTED,
)


def test_field_by_field() -> None:
    assert DESCRIPTOR.encode() == BYTES
    assert SecurityDescriptor.decode(BYTES) == DESCRIPTOR


def test_round_trip_of_everything() -> None:
    assert SecurityDescriptor.decode(WHOLE.encode()) == WHOLE


def test_parts_may_lie_in_any_order() -> None:
    dacl, sids = BYTES[48:], BYTES[20:48]
    head = bytearray(BYTES[:20])
    head[16] = 20
    head[4] = 20 + len(dacl)
    head[8] = 20 + len(dacl) + 16
    assert SecurityDescriptor.decode(bytes(head) + dacl + sids) == DESCRIPTOR


def test_an_absent_a_null_and_an_empty_dacl_differ() -> None:
    absent = SecurityDescriptor()
    null = SecurityDescriptor(control=sd.SE_DACL_PRESENT)
    empty = SecurityDescriptor(dacl=Acl(), control=sd.SE_DACL_PRESENT)
    assert absent.encode() == b"\x01\x00\x00\x80" + bytes(16)
    assert null.encode() == b"\x01\x00\x04\x80" + bytes(16)
    assert len(empty.encode()) == 28
    for descriptor in (absent, null, empty):
        assert SecurityDescriptor.decode(descriptor.encode()) == descriptor


def test_an_offset_without_its_flag_is_ignored() -> None:
    data = bytearray(BYTES)
    data[2] = 0
    assert SecurityDescriptor.decode(data).dacl is None


@pytest.mark.parametrize("length", range(len(BYTES)))
def test_every_truncation_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        SecurityDescriptor.decode(BYTES[:length])


@pytest.mark.parametrize(
    ("offset", "value"), [(0, 2), (3, 0), (4, 1), (4, 19), (8, 0xFF), (16, 3), (19, 0xFF)]
)
def test_headers_that_lie(offset: int, value: int) -> None:
    data = bytearray(BYTES)
    data[offset] = value
    with pytest.raises(Malformed):
        SecurityDescriptor.decode(data)


@given(st.binary(max_size=160), st.integers(0, 160))
def test_any_bytes_decode_or_are_malformed(noise: bytes, at: int) -> None:
    good = WHOLE.encode()
    for data in (noise, good[:at] + noise + good[at + len(noise) :]):
        with contextlib.suppress(Malformed):
            SecurityDescriptor.decode(memoryview(data))


@pytest.mark.parametrize(
    ("information", "expected"),
    [
        (0, SecurityDescriptor()),
        (sd.OWNER_SECURITY_INFORMATION, SecurityDescriptor(owner=BUILTIN_ADMINISTRATORS)),
        (sd.GROUP_SECURITY_INFORMATION, SecurityDescriptor(group=LOCAL_SYSTEM)),
        (
            sd.DACL_SECURITY_INFORMATION,
            SecurityDescriptor(dacl=WHOLE.dacl, control=sd.SE_DACL_PRESENT | sd.SE_DACL_PROTECTED),
        ),
        (
            sd.SACL_SECURITY_INFORMATION,
            SecurityDescriptor(sacl=WHOLE.sacl, control=sd.SE_SACL_PRESENT),
        ),
        (
            sd.LABEL_SECURITY_INFORMATION,
            SecurityDescriptor(sacl=Acl([LABEL]), control=sd.SE_SACL_PRESENT),
        ),
        (
            sd.ATTRIBUTE_SECURITY_INFORMATION,
            SecurityDescriptor(sacl=Acl([]), control=sd.SE_SACL_PRESENT),
        ),
        (sd.BACKUP_SECURITY_INFORMATION, WHOLE),
        (0x0F, WHOLE),
    ],
)
def test_a_query_gets_what_it_asks_for(information: int, expected: SecurityDescriptor) -> None:
    assert WHOLE.select(information) == expected


def test_a_null_dacl_is_selected_as_one() -> None:
    null = SecurityDescriptor(owner=EVERYONE, control=sd.SE_DACL_PRESENT)
    assert null.select(sd.DACL_SECURITY_INFORMATION).control == sd.SE_DACL_PRESENT


@pytest.mark.parametrize(
    ("information", "expected"),
    [
        (0, DESCRIPTOR),
        (0x0F, WHOLE),
        (
            sd.OWNER_SECURITY_INFORMATION,
            build(BUILTIN_ADMINISTRATORS, LOCAL_SYSTEM, [allow(EVERYONE, 0x001F01FF)]),
        ),
        (
            sd.DACL_SECURITY_INFORMATION,
            SecurityDescriptor(
                BUILTIN_ADMINISTRATORS,
                LOCAL_SYSTEM,
                WHOLE.dacl,
                control=sd.SE_DACL_PRESENT | sd.SE_DACL_PROTECTED,
            ),
        ),
    ],
)
def test_a_set_changes_what_it_names(information: int, expected: SecurityDescriptor) -> None:
    assert DESCRIPTOR.apply(WHOLE, information) == expected


def test_a_set_leaves_its_operands_alone() -> None:
    before = DESCRIPTOR.encode()
    DESCRIPTOR.apply(WHOLE, 0x0F)
    assert DESCRIPTOR.encode() == before


def test_the_builder_puts_denials_first() -> None:
    made = build(EVERYONE, EVERYONE, [allow(EVERYONE, 1), deny(EVERYONE, 2)])
    assert made.dacl == Acl([deny(EVERYONE, 2), allow(EVERYONE, 1)])
