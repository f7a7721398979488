"""The access check."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.dtyp.access_check import allowed_access, check_access
from nethood.dtyp.access_mask import (
    ACCESS_SYSTEM_SECURITY,
    DELETE,
    FILE_ALL_ACCESS,
    FILE_GENERIC_READ,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
    GENERIC_ALL,
    GENERIC_READ,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    WRITE_DAC,
    WRITE_OWNER,
)
from nethood.dtyp.acl import INHERIT_ONLY_ACE, Ace, Acl, AnyAce, RawAce, allow, deny
from nethood.dtyp.security_descriptor import SecurityDescriptor
from nethood.dtyp.sid import EVERYONE, OWNER_RIGHTS, Sid
from nethood.erref import STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD
from nethood.errors import StatusError

ALICE = Sid(5, (21, 1, 2, 3, 1000))
BOB = Sid(5, (21, 1, 2, 3, 1001))
TEAM = Sid(5, (21, 1, 2, 3, 2000))
ALICES = {ALICE, TEAM, EVERYONE}


def descriptor(*aces: AnyAce, owner: Sid = BOB) -> SecurityDescriptor:
    return SecurityDescriptor(owner, TEAM, Acl(list(aces)))


def refused(sd: SecurityDescriptor, sids: set[Sid], mask: int) -> int:
    with pytest.raises(StatusError) as caught:
        check_access(sd, sids, mask)
    return caught.value.status


def test_no_dacl_allows_everything() -> None:
    assert check_access(SecurityDescriptor(BOB), {ALICE}, GENERIC_ALL) == FILE_ALL_ACCESS


def test_an_empty_dacl_allows_nothing_but_to_the_owner() -> None:
    assert refused(descriptor(), ALICES, FILE_READ_DATA) == STATUS_ACCESS_DENIED
    assert refused(descriptor(), ALICES, MAXIMUM_ALLOWED) == STATUS_ACCESS_DENIED
    assert check_access(descriptor(), {BOB}, MAXIMUM_ALLOWED) == READ_CONTROL | WRITE_DAC
    assert check_access(descriptor(), {BOB}, READ_CONTROL) == READ_CONTROL


def test_rights_add_up_over_entries() -> None:
    sd = descriptor(allow(ALICE, FILE_READ_DATA), allow(TEAM, FILE_WRITE_DATA))
    wanted = FILE_READ_DATA | FILE_WRITE_DATA
    assert check_access(sd, ALICES, wanted) == wanted
    assert refused(sd, {ALICE}, wanted) == STATUS_ACCESS_DENIED


def test_entries_of_others_do_not_count() -> None:
    assert refused(descriptor(allow(BOB, FILE_ALL_ACCESS)), ALICES, 1) == STATUS_ACCESS_DENIED


def test_a_denial_counts_if_it_comes_first() -> None:
    first = descriptor(deny(TEAM, FILE_WRITE_DATA), allow(ALICE, FILE_ALL_ACCESS))
    assert refused(first, ALICES, FILE_WRITE_DATA) == STATUS_ACCESS_DENIED
    assert check_access(first, ALICES, FILE_READ_DATA) == FILE_READ_DATA
    assert check_access(first, ALICES, MAXIMUM_ALLOWED) == FILE_ALL_ACCESS & ~FILE_WRITE_DATA
    last = descriptor(allow(ALICE, FILE_ALL_ACCESS), deny(TEAM, FILE_WRITE_DATA))
    assert check_access(last, ALICES, FILE_WRITE_DATA) == FILE_WRITE_DATA


def test_entries_to_inherit_say_nothing_here() -> None:
    sd = descriptor(allow(ALICE, FILE_ALL_ACCESS, INHERIT_ONLY_ACE))
    assert refused(sd, ALICES, FILE_READ_DATA) == STATUS_ACCESS_DENIED


def test_entries_of_other_kinds_say_nothing() -> None:
    sd = descriptor(RawAce(9, bytes(20)), Ace(2, FILE_ALL_ACCESS, ALICE), allow(ALICE, 1))
    assert allowed_access(sd, ALICES) == 1


def test_generic_rights_in_request_and_entry() -> None:
    sd = descriptor(allow(ALICE, GENERIC_READ))
    assert check_access(sd, ALICES, GENERIC_READ) == FILE_GENERIC_READ


def test_owner_rights_replace_what_an_owner_has() -> None:
    sd = descriptor(allow(OWNER_RIGHTS, FILE_READ_DATA), owner=ALICE)
    assert allowed_access(sd, ALICES) == FILE_READ_DATA
    assert allowed_access(sd, {BOB}) == 0


def test_maximum_allowed_with_more() -> None:
    sd = descriptor(allow(ALICE, FILE_READ_DATA))
    assert check_access(sd, ALICES, MAXIMUM_ALLOWED | FILE_READ_DATA) == FILE_READ_DATA
    assert refused(sd, ALICES, MAXIMUM_ALLOWED | DELETE) == STATUS_ACCESS_DENIED


def test_privileges() -> None:
    sd = descriptor(allow(ALICE, FILE_READ_DATA))
    assert refused(sd, ALICES, WRITE_OWNER) == STATUS_ACCESS_DENIED
    assert check_access(sd, ALICES, WRITE_OWNER, may_take_ownership=True) == WRITE_OWNER
    assert refused(sd, ALICES, ACCESS_SYSTEM_SECURITY) == STATUS_PRIVILEGE_NOT_HELD
    wanted = ACCESS_SYSTEM_SECURITY | FILE_READ_DATA
    assert check_access(sd, ALICES, wanted, may_manage_security=True) == wanted


aces = st.builds(
    Ace,
    st.sampled_from([0, 1]),
    st.integers(0, FILE_ALL_ACCESS),
    st.sampled_from([ALICE, BOB, TEAM, EVERYONE, OWNER_RIGHTS]),
    st.sampled_from([0, INHERIT_ONLY_ACE]),
)


@given(st.lists(aces, max_size=6), st.sampled_from([ALICE, BOB]))
def test_the_maximum_is_the_sum_of_what_is_granted_one_by_one(
    entries: list[AnyAce], owner: Sid
) -> None:
    sd = descriptor(*entries, owner=owner)
    total = 0
    for bit in range(21):
        try:
            total |= check_access(sd, ALICES, 1 << bit)
        except StatusError:
            continue
    assert allowed_access(sd, ALICES) == total
