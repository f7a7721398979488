"""Access control entries and lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.dtyp import acl as a
from nethood.dtyp.acl import Ace, Acl, RawAce
from nethood.dtyp.sid import BUILTIN_USERS, EVERYONE
from nethood.errors import Malformed

ACL = (
    b"\x02"  # AclRevision
    b"\x00"  # Sbz1
    b"\x34\x00"  # AclSize
    b"\x02\x00"  # AceCount
    b"\x00\x00"  # Sbz2
    b"\x01"  # AceType: denied
    b"\x03"  # AceFlags
    b"\x18\x00"  # AceSize
    b"\x02\x00\x00\x00"  # Mask
    b"\x01\x02\x00\x00\x00\x00\x00\x05\x20\x00\x00\x00\x21\x02\x00\x00"  # Sid
    b"\x00"
    b"\x00"
    b"\x14\x00"
    b"\xff\x01\x1f\x00"
    b"\x01\x01\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"
)
LIST = Acl([a.deny(BUILTIN_USERS, 2, 3), a.allow(EVERYONE, 0x001F01FF)])


def test_field_by_field() -> None:
    assert LIST.encode() == ACL
    assert Acl.decode(ACL) == LIST
    assert Acl.decode(b"..." + ACL + b"...", 3) == LIST


def test_an_empty_list() -> None:
    assert Acl().encode() == b"\x02\x00\x08\x00\x00\x00\x00\x00"
    assert Acl.decode(Acl().encode()) == Acl()


def test_other_entries_stay_as_they_came() -> None:
    raw = RawAce(a.ACCESS_ALLOWED_CALLBACK_ACE_TYPE, b"whatever", 0x10)
    acl = Acl([raw, a.allow(EVERYONE, 1)], revision=a.ACL_REVISION_DS)
    assert Acl.decode(acl.encode()) == acl


def test_what_follows_a_sid_is_ignored() -> None:
    body = a.allow(EVERYONE, 1).encode()
    padded = body[:2] + (len(body) + 4).to_bytes(2, "little") + body[4:] + b"more"
    acl = b"\x02\x00" + (8 + len(padded)).to_bytes(2, "little") + b"\x01\x00\x00\x00" + padded
    assert Acl.decode(acl) == Acl([a.allow(EVERYONE, 1)])


@pytest.mark.parametrize("length", range(len(ACL)))
def test_every_truncation_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        Acl.decode(ACL[:length])


@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (0, 3),  # revision
        (2, 7),  # list smaller than its header
        (2, 0x33),  # list cuts its last entry
        (2, 0x35),  # list larger than the data
        (4, 3),  # more entries than there are
        (10, 3),  # entry smaller than its header
        (10, 4),  # entry without a mask
        (10, 0xFF),  # entry larger than the list
        (17, 15),  # SID larger than its entry
    ],
)
def test_numbers_that_lie(offset: int, value: int) -> None:
    data = bytearray(ACL)
    data[offset] = value
    with pytest.raises(Malformed):
        Acl.decode(data)


@given(st.binary(max_size=120))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    for candidate in (data, ACL[:8] + data, ACL[: 8 + len(data) % 40] + data):
        try:
            acl = Acl.decode(candidate)
        except Malformed:
            continue
        assert Acl.decode(acl.encode()) == acl


def test_canonical_order() -> None:
    first = a.allow(EVERYONE, 1)
    second = a.deny(EVERYONE, 2)
    third = a.allow(EVERYONE, 4, a.INHERITED_ACE)
    fourth = a.deny(EVERYONE, 8, a.INHERITED_ACE)
    fifth = Ace(a.ACCESS_ALLOWED_ACE_TYPE, 16, BUILTIN_USERS)
    ordered = a.canonical([first, third, fourth, second, fifth])
    assert ordered == [second, first, fifth, fourth, third]
