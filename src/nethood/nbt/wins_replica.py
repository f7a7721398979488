"""What a name server takes over from a partner, and what it tells: [MS-WINSRA] 3.2.5, 3.3.5.

Two servers may hold one name. Where the specification draws the outcome as flow charts, this is
what its text and its aims come to (A: what is here, R: the replica):

    A                      R                        outcome
    of R's owner           any                      R
    static                 dynamic                  A
    special group          special group            both: each owner speaks for its own members
    active                 tombstone                A
    ended, own             tombstone                A
    ended                  active                   R
    group, own             any                      A
    group, replica         group                    R
    unique, own            has all A's addresses    R: the machine went to the other server
    unique, own            other addresses          A's holder is challenged
    replica                active                   R
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from ipaddress import IPv4Address

from nethood.nbt.name import NetbiosName
from nethood.nbt.wins import NameServer, Outgoing
from nethood.nbt.wins_records import MAX_ADDRESSES, Record, RecordKind, RecordState
from nethood.nbt.winsra import OwnerVersions, RecordsRequest


class Outcome(Enum):
    """What becomes of a replica."""

    KEEP = "keep"
    REPLACE = "replace"
    MERGE = "merge"
    CHALLENGE = "challenge"


def resolve(ours: Record | None, replica: Record) -> Outcome:
    """Decide between *ours* and *replica*, by the table above."""
    if ours is None or (ours.owner is not None and ours.owner == replica.owner):
        return Outcome.REPLACE
    if ours.is_static and not replica.is_static:
        return Outcome.KEEP
    if ours.is_active and ours.kind is replica.kind is RecordKind.SPECIAL_GROUP:
        return Outcome.MERGE
    if not replica.is_active:
        return Outcome.KEEP if ours.is_active or ours.owner is None else Outcome.REPLACE
    return _resolve_active(ours, replica) if ours.is_active else Outcome.REPLACE


def _resolve_active(ours: Record, replica: Record) -> Outcome:
    if ours.kind.is_group:
        is_taken = ours.owner is not None and replica.kind.is_group
        return Outcome.REPLACE if is_taken else Outcome.KEEP
    moved = not replica.kind.is_group and set(ours.addresses) <= set(replica.addresses)
    if ours.owner is not None or moved or replica.is_static:
        return Outcome.REPLACE
    return Outcome.CHALLENGE


def merged(ours: Record, replica: Record) -> Record:
    """Return the special group *ours* with the members *replica*'s owner speaks for.

    Members that are here under another owner's word stay under it.
    """
    kept = [member for member in ours.members if member.owner != replica.owner]
    known = {member.address for member in kept}
    if replica.state is RecordState.ACTIVE:
        kept += [
            member
            for member in replica.members
            if member.owner == replica.owner and member.address not in known
        ]
    return replace(ours, members=tuple(kept[-MAX_ADDRESSES:]))


class Replication:
    """The records of a name server as its partners see them; *own* is its address to them."""

    def __init__(self, server: NameServer, own: IPv4Address) -> None:
        self.server = server
        self.own = own
        self._pulled: dict[IPv4Address, int] = {}

    def owner_versions(self) -> list[OwnerVersions]:
        """Return whose records are here, with their highest and lowest version."""
        spans: dict[IPv4Address, tuple[int, int]] = {}
        for record in self.server.records.values():
            owner = record.owner or self.own
            top, low = spans.get(owner, (record.version, record.version))
            spans[owner] = max(top, record.version), min(low, record.version)
        return [OwnerVersions(owner, top, low) for owner, (top, low) in sorted(spans.items())]

    def records_for(self, request: RecordsRequest) -> list[Record]:
        """Return the records asked for, the oldest first; released ones are nobody's business."""
        found = [
            record
            for record in self.server.records.values()
            if (record.owner or self.own) == request.owner
            and request.min_version <= record.version <= request.max_version
            and record.state is not RecordState.RELEASED
        ]
        return sorted(found, key=lambda record: record.version)

    def requests(
        self, theirs: Iterable[OwnerVersions], now_s: float
    ) -> list[tuple[RecordsRequest, bool]]:
        """Return what to ask of a partner with these versions; True where all is asked again.

        All of an owner's records are asked for when one of them was not verified for too long.
        """
        known = {each.owner: each.max_version for each in self.owner_versions()}
        wanted = []
        for owner, max_version, _ in theirs:
            if owner == self.own or not max_version:
                continue
            have = max(known.get(owner, 0), self._pulled.get(owner, 0))
            if self._is_stale(owner, now_s):
                wanted.append((RecordsRequest(owner, max(max_version, have), 1), True))
            elif max_version > have:
                wanted.append((RecordsRequest(owner, max_version, have + 1), False))
        return wanted

    def take(
        self, request: RecordsRequest, records: Sequence[Record], is_all: bool, now_s: float
    ) -> list[Outgoing]:
        """Take over *records*, which answered *request*; return challenges to send.

        With *is_all*, replicas of that owner that are not among them are deleted.
        """
        outgoing: list[Outgoing] = []
        names = {record.name for record in records}
        if is_all:
            self._forget(request.owner, names)
        took_all = True
        for record in records:
            sent = self._take_one(self._received(record, now_s), now_s)
            if sent is None:
                took_all = False
            else:
                outgoing += sent
        if took_all:
            have = self._pulled.get(request.owner, 0)
            self._pulled[request.owner] = max(have, request.max_version)
        return outgoing

    def _is_stale(self, owner: IPv4Address, now_s: float) -> bool:
        return any(
            record.owner == owner
            and record.is_active
            and record.due_s is not None
            and now_s >= record.due_s
            for record in self.server.records.values()
        )

    def _forget(self, owner: IPv4Address, kept: set[NetbiosName]) -> None:
        for record in list(self.server.records.values()):
            if record.owner == owner and record.name not in kept:
                self.server.delete(record.name)

    def _received(self, record: Record, now_s: float) -> Record:
        """Return a replica with its times, [MS-WINSRA] 3.2.5.4; its own members are ours again."""
        intervals = self.server.options.intervals
        lasts_s = intervals.verify_s if record.is_active else intervals.extinction_timeout_s
        members = tuple(
            replace(member, owner=None, due_s=now_s + intervals.renewal_s)
            if member.owner == self.own
            else member
            for member in record.members
        )
        return replace(record, due_s=now_s + lasts_s, members=members)

    def _take_one(self, replica: Record, now_s: float) -> list[Outgoing] | None:
        """Take over one replica; None if it can't be decided now."""
        if replica.name.name.startswith("*"):
            return []
        ours = self.server.records.get(replica.name)
        if ours is None and len(self.server.records) >= self.server.options.max_records:
            return None
        outcome = resolve(ours, replica)
        if outcome is Outcome.REPLACE:
            self.server.put_replica(replica)
        elif outcome is Outcome.MERGE and ours is not None:
            both = merged(ours, replica)
            if not both.members and not ours.is_static:
                self.server.put_replica(replica)
            elif both.members != ours.members:
                self.server.put(both)
        elif outcome is Outcome.CHALLENGE and ours is not None:
            return self.server.challenge_for_replica(replica, ours, now_s)
        return []
