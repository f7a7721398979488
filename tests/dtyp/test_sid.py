"""SIDs: text, bytes, and the well-known ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.dtyp import sid as s
from nethood.dtyp.sid import Sid
from nethood.errors import Malformed

ADMINISTRATORS = (
    b"\x01"  # Revision
    b"\x02"  # SubAuthorityCount
    b"\x00\x00\x00\x00\x00\x05"  # IdentifierAuthority
    b"\x20\x00\x00\x00"  # 32
    b"\x20\x02\x00\x00"  # 544
)

sids = st.builds(
    Sid,
    st.integers(0, (1 << 48) - 1),
    st.lists(st.integers(0, 0xFFFFFFFF), min_size=1, max_size=15).map(tuple),
)


def test_administrators_field_by_field() -> None:
    assert s.BUILTIN_ADMINISTRATORS.encode() == ADMINISTRATORS
    decoded = Sid.decode(b"..." + ADMINISTRATORS + b"rest", 3)
    assert decoded == s.BUILTIN_ADMINISTRATORS
    assert decoded.size == len(ADMINISTRATORS)
    assert (decoded.rid, str(decoded)) == (544, "S-1-5-32-544")


@given(sids)
def test_round_trips(sid: Sid) -> None:
    assert Sid.decode(sid.encode()) == sid
    assert Sid.parse(str(sid)) == sid
    assert len(sid.encode()) == sid.size


@pytest.mark.parametrize(
    ("text", "sid"),
    [
        ("S-1-1-0", s.EVERYONE),
        ("S-1-3-4", s.OWNER_RIGHTS),
        ("S-1-5-7", s.ANONYMOUS),
        ("S-1-5-11", s.AUTHENTICATED_USERS),
        ("S-1-5-18", s.LOCAL_SYSTEM),
        ("S-1-5-32-545", s.BUILTIN_USERS),
        ("s-1-5-32-546", s.BUILTIN_GUESTS),
        ("S-1-22-1-1000", s.UNIX_USERS.child(1000)),
        ("S-1-5-21-1-2-3-513", Sid(5, (21, 1, 2, 3)).child(s.DOMAIN_GROUP_RID_USERS)),
        ("S-1-0x100000000000-1", Sid(1 << 44, (1,))),
    ],
)
def test_text(text: str, sid: Sid) -> None:
    assert Sid.parse(text) == sid
    assert str(sid) == text.replace("s", "S")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S-1",
        "S-1-5",
        "S-2-5-1",
        "S-1-5-",
        "S-1-05-1",
        "S-1-5-01",
        "S-1-5--1",
        "S-1-5-4294967296",
        "S-1-5-x",
        " S-1-5-1",
        "S-1-5-1\n",
        "S-1-5-\u0661",
        "S-1-5" + "-1" * 16,
    ],
)
def test_text_that_is_no_sid(text: str) -> None:
    with pytest.raises(ValueError, match="is no SID"):
        Sid.parse(text)


@pytest.mark.parametrize("length", range(len(ADMINISTRATORS)))
def test_every_truncation_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        Sid.decode(ADMINISTRATORS[:length])


@pytest.mark.parametrize("head", [b"\x00\x01", b"\x02\x01", b"\x01\x10", b"\x01\xff"])
def test_bad_revisions_and_counts(head: bytes) -> None:
    with pytest.raises(Malformed):
        Sid.decode(head + bytes(2000))


def test_offsets_outside() -> None:
    for offset in (-1, 100):
        with pytest.raises(Malformed):
            Sid.decode(ADMINISTRATORS, offset)


@given(st.binary(max_size=80))
def test_any_bytes_decode_or_are_malformed(data: bytes) -> None:
    try:
        sid = Sid.decode(data)
    except Malformed:
        return
    assert data.startswith(sid.encode())


def test_well_known_names_are_distinct() -> None:
    assert len(set(s.WELL_KNOWN.values())) == len(s.WELL_KNOWN)
