from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from nethood.nbt.name import NetbiosName
from nethood.nbt.wins_records import (
    MAX_ADDRESSES,
    Intervals,
    Member,
    Record,
    RecordKind,
    RecordState,
    aged,
    static_record,
    with_address,
    without_address,
)

NAME = NetbiosName("BOX", 0x20)
A, B = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
INTERVALS = Intervals(renewal_s=100, extinction_s=50, extinction_timeout_s=20)


def test_an_address_is_added_once_and_renewed() -> None:
    record = with_address(Record(NAME, RecordKind.UNIQUE), A, 10)
    record = with_address(record, A, 20)
    assert record.members == (Member(A, 20),)


def test_the_26th_address_pushes_the_oldest_out() -> None:
    record = Record(NAME, RecordKind.SPECIAL_GROUP)
    addresses = [IPv4Address(f"10.0.1.{n}") for n in range(MAX_ADDRESSES + 1)]
    for address in addresses:
        record = with_address(record, address, 10)
    assert record.addresses == tuple(addresses[1:])


def test_addresses_that_hold_for_ever_are_not_pushed_out() -> None:
    addresses = tuple(IPv4Address(f"10.0.1.{n}") for n in range(MAX_ADDRESSES))
    record = static_record(NAME, RecordKind.SPECIAL_GROUP, addresses)
    assert with_address(record, B, 10) is record
    renewed = with_address(record, addresses[0], 10)
    assert renewed.members[0] == Member(addresses[0], None)


def test_the_last_address_gone_releases_the_record() -> None:
    record = with_address(Record(NAME, RecordKind.MULTIHOMED), A, 10)
    record = with_address(record, B, 10)
    record = without_address(record, A, 99)
    assert (record.state, record.addresses) == (RecordState.ACTIVE, (B,))
    record = without_address(record, B, 99)
    assert (record.state, record.due_s, record.addresses) == (RecordState.RELEASED, 99, (B,))


@pytest.mark.parametrize("kind", RecordKind)
def test_a_record_ages_step_by_step_and_goes(kind: RecordKind) -> None:
    is_group = kind is RecordKind.GROUP
    fresh = Record(NAME, kind, due_s=100.0) if is_group else Record(NAME, kind, (Member(A, 100),))
    assert aged(fresh, 99.9, INTERVALS) is fresh
    released = aged(fresh, 100, INTERVALS)
    assert released is not None
    assert (released.state, released.due_s) == (RecordState.RELEASED, 150)
    assert aged(released, 149.9, INTERVALS) is released
    tombstone = aged(released, 150, INTERVALS)
    assert tombstone is not None
    assert (tombstone.state, tombstone.due_s) == (RecordState.TOMBSTONE, 170)
    assert aged(tombstone, 169.9, INTERVALS) is tombstone
    assert aged(tombstone, 170, INTERVALS) is None


def test_members_age_one_by_one() -> None:
    record = Record(NAME, RecordKind.SPECIAL_GROUP, (Member(A, 10), Member(B, 20)))
    later = aged(record, 15, INTERVALS)
    assert later is not None
    assert (later.state, later.addresses) == (RecordState.ACTIVE, (B,))


@pytest.mark.parametrize("kind", RecordKind)
def test_static_records_never_end(kind: RecordKind) -> None:
    record = static_record(NAME, kind, () if kind is RecordKind.GROUP else (A,))
    assert aged(record, 1e12, INTERVALS) is record


def test_a_static_group_outlives_members_that_joined_it() -> None:
    record = replace(static_record(NAME, RecordKind.SPECIAL_GROUP), members=(Member(A, 10),))
    later = aged(record, 11, INTERVALS)
    assert later is not None
    assert (later.state, later.members) == (RecordState.ACTIVE, ())
