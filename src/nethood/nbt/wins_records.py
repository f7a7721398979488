"""A name server's records and how they age: RFC 1002 5.1.4, [MS-NBTE] 3.2, [MS-WINSRA] 3.1.

Records are values: every change makes a new one, so that a record handed to a writer in another
thread never changes under it. Times are seconds since the epoch, passed in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from ipaddress import IPv4Address

from nethood.nbt.name import NetbiosName

MAX_ADDRESSES = 25
"""Addresses one name holds; the oldest makes room for the next ([MS-NBTE] 3.2.1, 3.2.5.1)."""


class RecordKind(IntEnum):
    """What a name stands for, in the numbers of [MS-WINSRA] 2.2.10.1."""

    UNIQUE = 0
    GROUP = 1
    SPECIAL_GROUP = 2
    MULTIHOMED = 3

    @property
    def is_group(self) -> bool:
        return self in (RecordKind.GROUP, RecordKind.SPECIAL_GROUP)


class RecordState(IntEnum):
    """Where a record is in its life, in the numbers of [MS-WINSRA] 2.2.10.1."""

    ACTIVE = 0
    RELEASED = 1
    TOMBSTONE = 2


@dataclass(frozen=True, slots=True)
class Member:
    """An address of a name; it holds until *due_s*, seconds since the epoch, or for ever.

    *owner* is the name server it came from by replication, which also says when it ends; None is
    this one.
    """

    address: IPv4Address
    due_s: float | None = None
    owner: IPv4Address | None = None

    @property
    def is_static(self) -> bool:
        """Whether it was set by the administrator of this server."""
        return self.due_s is None and self.owner is None


@dataclass(frozen=True, slots=True)
class Record:
    """A name in the data base.

    *members* stand in the order they were registered; a normal group has none. *due_s* is when
    the state ends, None for ever; an active record with members ends with the last of them.
    *owner* is the name server a replica came from, None for a record of this one; *version* grows
    with each change others must hear of ([MS-WINSRA] 3.1.1.2).
    """

    name: NetbiosName
    kind: RecordKind
    members: tuple[Member, ...] = ()
    state: RecordState = RecordState.ACTIVE
    due_s: float | None = None
    node_type: int = 0
    is_static: bool = False
    owner: IPv4Address | None = None
    version: int = 0

    @property
    def is_active(self) -> bool:
        return self.state is RecordState.ACTIVE

    @property
    def addresses(self) -> tuple[IPv4Address, ...]:
        return tuple(member.address for member in self.members)


@dataclass(frozen=True, slots=True)
class Intervals:
    """How long each state lasts, in seconds ([MS-WINSRA] 3.1.6)."""

    renewal_s: float = 6 * 86400.0
    extinction_s: float = 6 * 86400.0
    extinction_timeout_s: float = 6 * 86400.0
    verify_s: float = 24 * 86400.0
    """How long a replica is believed before its owner is asked again (3.2.5.3)."""


def static_record(
    name: NetbiosName, kind: RecordKind, addresses: tuple[IPv4Address, ...] = ()
) -> Record:
    """Return a record that never ends and that no registration overrides."""
    return Record(name, kind, tuple(map(Member, addresses)), is_static=True)


def with_address(record: Record, address: IPv4Address, due_s: float) -> Record:
    """Return *record* holding *address* until *due_s*, the oldest that ends making room for it.

    An address that holds for ever stays so. A full record of such addresses stays as it is.
    """
    members = list(record.members)
    for index, member in enumerate(members):
        if member.address == address:
            if not member.is_static:
                members[index] = Member(address, due_s)
            return replace(record, members=tuple(members))
    if len(members) >= MAX_ADDRESSES:
        oldest = next((i for i, member in enumerate(members) if not member.is_static), None)
        if oldest is None:
            return record
        del members[oldest]
    return replace(record, members=(*members, Member(address, due_s)))


def without_address(record: Record, address: IPv4Address, released_until_s: float) -> Record:
    """Return *record* without *address*; released if that was its last one.

    A released record keeps the last address for people to read.
    """
    rest = tuple(member for member in record.members if member.address != address)
    if rest or record.is_static:
        return replace(record, members=rest)
    return replace(record, state=RecordState.RELEASED, due_s=released_until_s)


def aged(record: Record, now_s: float, intervals: Intervals) -> Record | None:
    """Return *record* as it is at *now_s*: the same object if nothing ended, None to delete it.

    A record that is due for several steps, after a long standstill, takes one: the next state
    lasts its whole time from now. A replica keeps its state until its owner changes it; only its
    tombstone is deleted (3.1.6).
    """
    if record.owner is not None:
        is_over = record.due_s is not None and now_s >= record.due_s
        return None if is_over and not record.is_active else record
    if record.is_active:
        return _aged_active(record, now_s, intervals)
    if record.due_s is None or now_s < record.due_s:
        return record
    if record.state is RecordState.RELEASED:
        due_s = now_s + intervals.extinction_timeout_s
        return replace(record, state=RecordState.TOMBSTONE, due_s=due_s)
    return None


def _aged_active(record: Record, now_s: float, intervals: Intervals) -> Record:
    due_s = now_s + intervals.extinction_s
    if record.kind is RecordKind.GROUP:
        if record.due_s is None or now_s < record.due_s:
            return record
        return replace(record, state=RecordState.RELEASED, due_s=due_s)
    rest = tuple(m for m in record.members if m.due_s is None or now_s < m.due_s)
    if len(rest) == len(record.members):
        return record
    if rest or record.is_static:
        return replace(record, members=rest)
    return replace(record, state=RecordState.RELEASED, due_s=due_s)
