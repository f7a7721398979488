"""The NetBIOS name server, WINS, as decisions: RFC 1002 5.1.4, [MS-NBTE] 3.2.

A packet and the time go in; packets to send and changed records come out. The server is what the
RFC calls secure: it challenges a holder itself before it gives a name away. Sockets, storage and
the clock belong to the daemon around it.

What it decides, by the record it holds and what is asked for (an active record unless said):

    record            unique or multi-homed wanted           group wanted
    none, or ended    new record                             new record
    unique, multihomed, this address
                      refreshed                              holder challenged
    unique, multihomed, other address
                      holder challenged; static: refused     holder challenged; static: refused
    group             refused                                joined
    special group     refused                                joined, at most 25 addresses
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from ipaddress import IPv4Address

from nethood.errors import Malformed
from nethood.nbt.name import NULL_NAME, NetbiosName
from nethood.nbt.name_service import (
    NB_FLAGS_G,
    NB_FLAGS_ONT,
    AddressEntry,
    addresses_of,
    is_refresh,
    is_registration,
    name_query_request,
    negative_name_query_response,
    negative_registration_response,
    negative_release_response,
    positive_name_query_response,
    positive_registration_response,
    wack,
)
from nethood.nbt.packet import (
    NM_FLAGS_RD,
    OPCODE_MULTIHOMED_REGISTRATION,
    OPCODE_QUERY,
    OPCODE_RELEASE,
    RCODE_ACT_ERR,
    RCODE_OK,
    RCODE_RFS_ERR,
    RCODE_SRV_ERR,
    TYPE_NB,
    Packet,
)
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.suffix import DOMAIN_CONTROLLERS, DOMAIN_MASTER_BROWSER, MASTER_BROWSER
from nethood.nbt.wins_challenge import WACK_TTL_S, Challenge, Challenges, Registration, Verdict
from nethood.nbt.wins_records import (
    MAX_ADDRESSES,
    Intervals,
    Member,
    Record,
    RecordKind,
    RecordState,
    aged,
    with_address,
    without_address,
)

NAME_SERVICE_PORT = 137
LIMITED_BROADCAST = IPv4Address("255.255.255.255")
"""What a normal group resolves to: whoever asked broadcasts to its members."""

Change = tuple[NetbiosName, Record | None]
"""A name and its record as it is now; None where it was deleted."""


@dataclass(frozen=True, slots=True)
class WinsOptions:
    """How a name server keeps its records.

    *special_groups* are the group names whose members are kept by address, besides every <1C>.
    """

    intervals: Intervals = field(default_factory=Intervals)
    special_groups: frozenset[NetbiosName] = frozenset()
    max_records: int = 65536


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A packet to send, and where."""

    packet: Packet
    destination: tuple[str, int]


@dataclass(slots=True)
class WinsCounts:
    """What the server has done, for people to read."""

    queries: int = 0
    resolved: int = 0
    registrations: int = 0
    refused: int = 0
    challenges: int = 0
    releases: int = 0
    ignored: int = 0


class Decision(Enum):
    """What is to be done about a registration."""

    NEW = "new"
    JOIN = "join"
    CHALLENGE = "challenge"
    REFUSE = "refuse"


def decide(record: Record | None, kind: RecordKind, address: IPv4Address) -> Decision:
    """Decide about a registration as *kind* for *address*, by the *record* there is."""
    if record is None or not record.is_active:
        return Decision.NEW
    if record.kind.is_group:
        return Decision.JOIN if kind.is_group else Decision.REFUSE
    if not kind.is_group and address in record.addresses:
        return Decision.JOIN
    return Decision.REFUSE if record.is_static else Decision.CHALLENGE


@dataclass(slots=True)
class NameServer:
    """A name server's state. *next_trn_id* gives random transaction ids, 0 to 65535.

    Times are seconds since the epoch and never run backwards.
    """

    limit: SourceLimit
    next_trn_id: Callable[[], int]
    options: WinsOptions = field(default_factory=WinsOptions)
    records: dict[NetbiosName, Record] = field(default_factory=dict)
    counts: WinsCounts = field(default_factory=WinsCounts)
    version: int = 0
    """The Global Version Counter, [MS-WINSRA] 3.1.1: the version of the latest change."""
    _challenges: Challenges = field(init=False)
    _changed: set[NetbiosName] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._challenges = Challenges(self.next_trn_id)

    def load(self, records: Iterable[Record], now_s: float = 0.0) -> None:
        """Take over stored records; they don't count as changed.

        Versions begin at the time in milliseconds: above all that were given before, even those
        of records deleted since.
        """
        self.records.update((record.name, record) for record in records)
        own = (record.version for record in self.records.values() if record.owner is None)
        self.version = max(int(now_s * 1000), self.version, *own, 0)

    def put(self, record: Record) -> None:
        """Set a record by the administrator's word, whatever stood there."""
        challenge = self._challenges.of(record.name)
        if challenge:
            self._challenges.end(challenge)
        self._store(record)

    def put_replica(self, record: Record) -> None:
        """Set a record as another name server has it: owner and version are that one's."""
        challenge = self._challenges.of(record.name)
        if challenge:
            self._challenges.end(challenge)
        self.records[record.name] = record
        self._changed.add(record.name)

    def challenge_for_replica(
        self, replica: Record, ours: Record, now_s: float
    ) -> list[Outgoing] | None:
        """Ask the holders of *ours* before *replica* takes its place; None if that can't be now."""
        if self._challenges.of(ours.name):
            return None
        challenge = self._challenges.start(replica, ours.addresses, now_s)
        if challenge is None:
            return None
        self.counts.challenges += 1
        return self._questions(challenge)

    def delete(self, name: NetbiosName) -> bool:
        """Delete a record by the administrator's word; tell whether there was one."""
        self._changed.add(name)
        return self.records.pop(name, None) is not None

    def take_changes(self) -> list[Change]:
        """Return what changed since the last call; it must be stored before answers go out."""
        changes = [(name, self.records.get(name)) for name in self._changed]
        self._changed.clear()
        return changes

    def receive(self, data: bytes, source: tuple[str, int], now_s: float) -> list[Outgoing] | None:
        """Take a datagram; return what to send, None where it is not a name server's affair.

        Not its affair are broadcasts, node status requests, queries without RD, and answers to
        questions it did not ask. Raises Malformed.
        """
        packet = Packet.decode(data)
        if packet.is_response:
            return self._answer_received(packet, IPv4Address(source[0]), now_s)
        if packet.is_broadcast or not packet.questions:
            return None
        action = self._action(packet)
        if action is None:
            return None
        if not self.limit.allows(IPv4Address(source[0]), now_s):
            self.counts.ignored += 1
            return []
        reply = action(packet, source, now_s)
        return list(reply)

    def next_due_s(self) -> float | None:
        """Return when ``tick`` is to be called next for challenges; None without any."""
        return self._challenges.next_due_s()

    def tick(self, now_s: float) -> list[Outgoing]:
        """Ask silent holders again, or give their names away; return what to send."""
        outgoing: list[Outgoing] = []
        for challenge in self._challenges.due(now_s):
            if self._challenges.again(challenge, now_s):
                outgoing += self._questions(challenge)
            else:
                outgoing += self._concluded(challenge, Verdict.GIVEN_UP, now_s)
        return outgoing

    def scavenge(self, now_s: float) -> int:
        """Age every record; return how many changed."""
        changed = 0
        for record in list(self.records.values()):
            older = aged(record, now_s, self.options.intervals)
            if older is record:
                continue
            changed += 1
            if older is None:
                self.delete(record.name)
            else:
                self._store(older)
        return changed

    def _action(
        self, packet: Packet
    ) -> Callable[[Packet, tuple[str, int], float], Iterator[Outgoing]] | None:
        if packet.questions[0].question_type != TYPE_NB:
            return None
        if packet.opcode == OPCODE_QUERY:
            return self._query if packet.nm_flags & NM_FLAGS_RD else None
        if is_registration(packet) or is_refresh(packet):
            return self._registration
        return self._release if packet.opcode == OPCODE_RELEASE else None

    def _query(self, packet: Packet, source: tuple[str, int], now_s: float) -> Iterator[Outgoing]:
        name = packet.questions[0].name
        self.counts.queries += 1
        entries = self._resolve(name)
        if not entries:
            yield Outgoing(negative_name_query_response(packet.name_trn_id, name), source)
            return
        self.counts.resolved += 1
        ttl_s = self._ttl_s(self.records[name], now_s)
        answer = positive_name_query_response(packet.name_trn_id, name, entries, ttl_s)
        yield Outgoing(answer, source)

    def _resolve(self, name: NetbiosName) -> list[AddressEntry]:
        record = self.records.get(name)
        if record is None or not record.is_active or name.suffix == MASTER_BROWSER:
            return []
        flags = record.node_type & NB_FLAGS_ONT
        if record.kind is RecordKind.GROUP:
            return [AddressEntry(flags | NB_FLAGS_G, LIMITED_BROADCAST)]
        if record.kind is not RecordKind.SPECIAL_GROUP:
            return [AddressEntry(flags, address) for address in record.addresses]
        addresses = record.addresses
        if name.suffix == DOMAIN_CONTROLLERS:
            addresses = self._primary_first(name, addresses)
        return [AddressEntry(flags | NB_FLAGS_G, address) for address in addresses]

    def _primary_first(
        self, name: NetbiosName, addresses: tuple[IPv4Address, ...]
    ) -> tuple[IPv4Address, ...]:
        """Put the domain master browser, which is the primary domain controller, in front."""
        master = self.records.get(replace(name, suffix=DOMAIN_MASTER_BROWSER))
        first = master.addresses if master and master.is_active else ()
        rest = (address for address in addresses if address not in first)
        return (*first, *rest)[:MAX_ADDRESSES]

    def _ttl_s(self, record: Record, now_s: float) -> int:
        dues = [member.due_s for member in record.members] or [record.due_s]
        ends = [due_s for due_s in dues if due_s is not None]
        left = max(ends) - now_s if ends else self.options.intervals.renewal_s
        return _ttl(left)

    def _registration(
        self, packet: Packet, source: tuple[str, int], now_s: float
    ) -> Iterator[Outgoing]:
        wanted = self._wanted(packet, source)
        name = wanted.name
        self.counts.registrations += 1
        if name == NULL_NAME or name.name.startswith("*") or not self._is_possible(wanted.address):
            yield self._refused(wanted, RCODE_RFS_ERR)
            return
        if name.suffix == MASTER_BROWSER:
            # Every network segment has one: all may claim it, none is kept ([MS-BRWS] 3.3.6).
            yield self._granted(wanted)
            return
        record = self.records.get(name)
        decision = decide(record, wanted.kind, wanted.address)
        if decision is Decision.REFUSE:
            yield self._refused(wanted, RCODE_ACT_ERR)
        elif decision is Decision.CHALLENGE and record is not None:
            yield from self._challenge(packet, wanted, record, now_s)
        elif record is None and len(self.records) >= self.options.max_records:
            yield self._refused(wanted, RCODE_SRV_ERR)
        else:
            self._register(wanted, now_s)
            yield self._granted(wanted)
            yield from self._overtaken(wanted.name, Verdict.HELD, now_s)

    def _overtaken(self, name: NetbiosName, verdict: Verdict, now_s: float) -> list[Outgoing]:
        """End the challenge of *name*, if there is one, because its holder spoke unasked."""
        challenge = self._challenges.of(name)
        return self._concluded(challenge, verdict, now_s) if challenge else []

    def _wanted(self, packet: Packet, source: tuple[str, int]) -> Registration:
        name = packet.questions[0].name
        entries = addresses_of(packet)
        if not entries:
            raise Malformed("Name registration", "names no address")
        entry = entries[0]
        if entry.is_group:
            special = name.suffix == DOMAIN_CONTROLLERS or name in self.options.special_groups
            kind = RecordKind.SPECIAL_GROUP if special else RecordKind.GROUP
        elif packet.opcode == OPCODE_MULTIHOMED_REGISTRATION:
            kind = RecordKind.MULTIHOMED
        else:
            kind = RecordKind.UNIQUE
        node_type = entry.nb_flags & NB_FLAGS_ONT
        return Registration(packet.name_trn_id, source, name, kind, entry.address, node_type)

    def _is_possible(self, address: IPv4Address) -> bool:
        """Tell whether a host may have *address*: challenges go there, and nowhere else."""
        impossible = address.is_loopback or address.is_multicast or address.is_unspecified
        return not impossible and address != LIMITED_BROADCAST and self.limit.is_own(address)

    def _register(self, wanted: Registration, now_s: float) -> None:
        """Let the registration into the data base: into the record there is, or a new one."""
        due_s = now_s + self.options.intervals.renewal_s
        record = self.records.get(wanted.name)
        if decide(record, wanted.kind, wanted.address) is Decision.NEW or record is None:
            record = Record(wanted.name, wanted.kind, node_type=wanted.node_type)
        if record.kind is RecordKind.GROUP:
            self._store(record if record.is_static else replace(record, due_s=due_s))
            return
        if record.owner is not None and record.kind is not RecordKind.SPECIAL_GROUP:
            # A replica whose machine came here: all its addresses are ours to age from now on.
            record = replace(record, members=tuple(Member(a, due_s) for a in record.addresses))
        if record.kind is RecordKind.UNIQUE and wanted.kind is RecordKind.MULTIHOMED:
            record = replace(record, kind=RecordKind.MULTIHOMED)
        self._store(with_address(record, wanted.address, due_s))

    def _challenge(
        self, packet: Packet, wanted: Registration, record: Record, now_s: float
    ) -> Iterator[Outgoing]:
        challenge = self._challenges.of(wanted.name)
        if challenge is None:
            challenge = self._challenges.start(wanted, record.addresses, now_s)
            if challenge is None:
                return
            self.counts.challenges += 1
            yield Outgoing(wack(packet, wanted.name, WACK_TTL_S), wanted.source)
            yield from self._questions(challenge)
        elif challenge.claim == wanted:
            yield Outgoing(wack(packet, wanted.name, WACK_TTL_S), wanted.source)
        # Somebody else wants it at the same time: silence, and it asks again when this is over.

    def _questions(self, challenge: Challenge) -> list[Outgoing]:
        name = challenge.claim.name
        question = name_query_request(challenge.trn_id, name, recursion=False)
        return [
            Outgoing(question, (str(address), NAME_SERVICE_PORT))
            for address in sorted(challenge.waiting)
        ]

    def _answer_received(
        self, packet: Packet, source: IPv4Address, now_s: float
    ) -> list[Outgoing] | None:
        if not packet.answers or packet.opcode != OPCODE_QUERY:
            return None
        challenge = self._challenges.answering(packet.name_trn_id, packet.answers[0].name)
        if challenge is None:
            return None
        holds = packet.rcode == RCODE_OK
        addresses = tuple(entry.address for entry in addresses_of(packet)) if holds else None
        verdict = challenge.answered(source, addresses)
        return [] if verdict is None else self._concluded(challenge, verdict, now_s)

    def _concluded(self, challenge: Challenge, verdict: Verdict, now_s: float) -> list[Outgoing]:
        self._challenges.end(challenge)
        wanted = challenge.claim
        if isinstance(wanted, Record):
            self._replica_concluded(wanted, verdict)
            return []
        if verdict is Verdict.GIVEN_UP:
            self.records.pop(wanted.name, None)
            self._register(wanted, now_s)
            return [self._granted(wanted)]
        record = self.records.get(wanted.name)
        if verdict is Verdict.SHARED and not wanted.kind.is_group and record is not None:
            due_s = now_s + self.options.intervals.renewal_s
            both = replace(record, kind=RecordKind.MULTIHOMED)
            self._store(with_address(both, wanted.address, due_s))
            return [self._granted(wanted)]
        return [self._refused(wanted, RCODE_ACT_ERR)]

    def _replica_concluded(self, replica: Record, verdict: Verdict) -> None:
        """Let the replica in, or give our record a new version, for the partners to hear of."""
        ours = self.records.get(replica.name)
        if verdict is not Verdict.HELD or ours is None:
            self.put_replica(replica)
            return
        self.version += 1
        self.records[ours.name] = replace(ours, version=self.version)
        self._changed.add(ours.name)

    def _release(self, packet: Packet, source: tuple[str, int], now_s: float) -> Iterator[Outgoing]:
        wanted = self._wanted(packet, source)
        self.counts.releases += 1
        rcode = self._released(wanted, now_s)
        answer = negative_release_response(wanted.trn_id, wanted.name, _entry(wanted), rcode)
        yield Outgoing(answer, source)
        record = self.records.get(wanted.name)
        if record is None or not record.is_active:
            yield from self._overtaken(wanted.name, Verdict.GIVEN_UP, now_s)

    def _released(self, wanted: Registration, now_s: float) -> int:
        """Release a name's address; return the RCODE to answer with, RCODE_OK if it is released.

        A normal group keeps no members, so that nobody's release ends it: it ages instead.
        """
        record = self.records.get(wanted.name)
        if record is None or not record.is_active or record.kind is RecordKind.GROUP:
            return RCODE_OK
        sender = IPv4Address(wanted.source[0])
        if wanted.address not in record.addresses:
            return RCODE_ACT_ERR
        if sender != wanted.address and sender not in record.addresses:
            return RCODE_RFS_ERR
        member = next(each for each in record.members if each.address == wanted.address)
        if member.is_static:
            return RCODE_RFS_ERR
        until_s = now_s + self.options.intervals.extinction_s
        self._store(without_address(record, wanted.address, until_s))
        return RCODE_OK

    def _granted(self, wanted: Registration) -> Outgoing:
        ttl_s = _ttl(self.options.intervals.renewal_s)
        answer = positive_registration_response(wanted.trn_id, wanted.name, _entry(wanted), ttl_s)
        return Outgoing(answer, wanted.source)

    def _refused(self, wanted: Registration, rcode: int) -> Outgoing:
        self.counts.refused += 1
        entry = _entry(wanted)
        record = self.records.get(wanted.name)
        if rcode == RCODE_ACT_ERR and record is not None and record.addresses:
            # Whose it is: the record tells its owner's address (RFC 1002 4.2.1.3).
            flags = record.node_type & NB_FLAGS_ONT | NB_FLAGS_G * record.kind.is_group
            entry = AddressEntry(flags, record.addresses[0])
        answer = negative_registration_response(wanted.trn_id, wanted.name, entry, rcode)
        return Outgoing(answer, wanted.source)

    def _store(self, record: Record) -> None:
        """Set a record by what happened here: it is ours, and a new version if others must know."""
        before = self.records.get(record.name)
        record = replace(record, owner=None)
        if record.state is not RecordState.RELEASED and (
            before is None or _told(before) != _told(record)
        ):
            self.version += 1
            record = replace(record, version=self.version)
        self.records[record.name] = record
        self._changed.add(record.name)


def _told(record: Record) -> tuple[object, ...]:
    """Return what of a record other name servers must hear of ([MS-WINSRA] 3.1.1.2)."""
    owners = tuple((member.address, member.owner) for member in record.members)
    return record.kind, record.state, record.node_type, record.is_static, record.owner, owners


def _entry(wanted: Registration) -> AddressEntry:
    group = NB_FLAGS_G if wanted.kind.is_group else 0
    return AddressEntry(group | wanted.node_type, wanted.address)


def _ttl(seconds: float) -> int:
    """Return a TTL: at least 1, since 0 would mean for ever."""
    return int(min(max(1.0, seconds), 0xFFFFFFFF))
