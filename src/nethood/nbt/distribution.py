"""Datagram distribution: RFC 1002 4.4.4, 5.3.2 and 5.3.4, RFC 1001 17.3.

A P, M or H node asks a datagram distribution server (NBDD) whether it relays to a name; a
`RelayBook` is the asking side. A `Distributor` is the server: it sends what came for a group on to
the members a name server's records hold, as it came. Time is passed in; sockets are not known.

    state       ask            positive   negative   no answer yet   no answer   too long ago
    UNKNOWN     send, ASKING
    ASKING                     RELAYS     REFUSES    send            SILENT
    RELAYS      tell                                                             UNKNOWN
    REFUSES     tell                                                             UNKNOWN
    SILENT      tell                                                             UNKNOWN
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from itertools import islice
from typing import NamedTuple

from nethood.nbt.datagram import (
    BROADCAST_DATAGRAM,
    BROADCAST_NAME,
    DATAGRAM_NEGATIVE_QUERY_RESPONSE,
    DATAGRAM_POSITIVE_QUERY_RESPONSE,
    DATAGRAM_QUERY_REQUEST,
    DIRECT_GROUP_DATAGRAM,
    FRAGMENT_TO_S,
    Datagram,
    DatagramPacket,
    DatagramQuery,
    Fragment,
    assemble,
    query_response,
)
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Endpoint
from nethood.nbt.source_limit import SourceLimit
from nethood.nbt.wins_records import Record

MAX_COPIES = 256
"""To how many hosts one datagram is relayed; what has more members is not relayed at all."""
COPIES_PER_S = 1000
"""How many copies leave a second, whoever asks for them."""
DATAGRAMS_PER_S = 10.0
DATAGRAMS_BURST = 50
_MAX_NAMES = 256
_MAX_FRAGMENTED = 64


class Relay(Enum):
    """What is known of whether a server relays to a name."""

    UNKNOWN = "not asked"
    ASKING = "asked, no answer yet"
    RELAYS = "it relays"
    REFUSES = "it does not relay"
    SILENT = "it does not answer"


class Input(Enum):
    """What happens to the question about a name."""

    ASK = "somebody wants to send"
    POSITIVE = "a positive query response"
    NEGATIVE = "a negative query response"
    RETRY = "no answer yet, tries are left"
    SILENCE = "no answer, no tries are left"
    STALE = "the answer is too old"


class Action(Enum):
    """What a row does."""

    SEND = "send the query"
    TELL = "tell the answer"


_SETTLED = (Relay.RELAYS, Relay.REFUSES, Relay.SILENT)
RELAY_TABLE: dict[tuple[Relay, Input], tuple[Action | None, Relay]] = {
    (Relay.UNKNOWN, Input.ASK): (Action.SEND, Relay.ASKING),
    (Relay.ASKING, Input.RETRY): (Action.SEND, Relay.ASKING),
    (Relay.ASKING, Input.POSITIVE): (Action.TELL, Relay.RELAYS),
    (Relay.ASKING, Input.NEGATIVE): (Action.TELL, Relay.REFUSES),
    (Relay.ASKING, Input.SILENCE): (Action.TELL, Relay.SILENT),
    **{(state, Input.ASK): (Action.TELL, state) for state in _SETTLED},
    **{(state, Input.STALE): (None, Relay.UNKNOWN) for state in _SETTLED},
}
"""An input without a row is ignored: it came too late, or from who does not know our state."""

_ANSWERS = {
    DATAGRAM_POSITIVE_QUERY_RESPONSE: Input.POSITIVE,
    DATAGRAM_NEGATIVE_QUERY_RESPONSE: Input.NEGATIVE,
}


class Ask(NamedTuple):
    """Send the server a query about *name* with this DGM_ID."""

    name: NetbiosName
    dgm_id: int


class Verdict(NamedTuple):
    """Whether the server relays to *name*; silence counts as no."""

    name: NetbiosName
    relays: bool


@dataclass(slots=True)
class _Entry:
    name: NetbiosName
    state: Relay = Relay.UNKNOWN
    dgm_id: int = 0
    tries_left: int = 0
    deadline: float = 0.0


class RelayBook:
    """What one server said about the names it was asked about, at most 256 of them.

    A query is sent *tries* times, *interval_s* apart; an answer is believed for *keep_s*, silence
    for *silence_s*. *next_id* gives the DGM_ID of a question.
    """

    def __init__(
        self,
        next_id: Callable[[], int],
        *,
        interval_s: float = 1.5,
        tries: int = 3,
        keep_s: float = 300.0,
        silence_s: float = 60.0,
    ) -> None:
        self._next_id = next_id
        self._interval_s = interval_s
        self._tries = tries
        self._keep_s = keep_s
        self._silence_s = silence_s
        self._entries: dict[NetbiosName, _Entry] = {}

    def state(self, name: NetbiosName) -> Relay:
        """Return what is known about *name*."""
        entry = self._entries.get(name)
        return entry.state if entry is not None else Relay.UNKNOWN

    def ask(self, name: NetbiosName, now: float) -> list[Ask | Verdict]:
        """Return the verdict there is, or the query to send; nothing while one is under way."""
        self.tick(now, only_stale=True)
        entry = self._entries.get(name)
        if entry is None:
            if len(self._entries) >= _MAX_NAMES and not self._forget_one():
                return [Verdict(name, relays=False)]
            entry = self._entries[name] = _Entry(name, dgm_id=self._next_id())
            entry.tries_left = self._tries
        return self._step(entry, Input.ASK, now)

    def answered(self, packet: DatagramQuery, now: float) -> list[Ask | Verdict]:
        """Take a response the server itself sent; one that was not asked for means nothing."""
        entry = self._entries.get(packet.destination_name)
        what = _ANSWERS.get(packet.header.msg_type)
        if entry is None or what is None or entry.dgm_id != packet.header.dgm_id:
            return []
        return self._step(entry, what, now)

    def tick(self, now: float, *, only_stale: bool = False) -> list[Ask | Verdict]:
        """Do what is due at *now*."""
        out: list[Ask | Verdict] = []
        for entry in list(self._entries.values()):
            if entry.deadline > now or (only_stale and entry.state is Relay.ASKING):
                continue
            what = Input.STALE
            if entry.state is Relay.ASKING:
                what = Input.RETRY if entry.tries_left else Input.SILENCE
            out += self._step(entry, what, now)
        return out

    def next_timeout(self) -> float | None:
        """Return when `tick` is to be called for questions without an answer; None for none."""
        asking = (e.deadline for e in self._entries.values() if e.state is Relay.ASKING)
        return min(asking, default=None)

    def _forget_one(self) -> bool:
        """Make room for a name; return whether there was one nobody waits for."""
        settled = (name for name, e in self._entries.items() if e.state is not Relay.ASKING)
        oldest = next(settled, None)
        return oldest is not None and self._entries.pop(oldest) is not None

    def _step(self, entry: _Entry, what: Input, now: float) -> list[Ask | Verdict]:
        row = RELAY_TABLE.get((entry.state, what))
        if row is None:
            return []
        action, state = row
        if state is not entry.state and state in _SETTLED:
            entry.deadline = now + (self._silence_s if state is Relay.SILENT else self._keep_s)
        entry.state = state
        if state is Relay.UNKNOWN:
            self._entries.pop(entry.name, None)
        if action is Action.SEND:
            entry.tries_left -= 1
            entry.deadline = now + self._interval_s
            return [Ask(entry.name, entry.dgm_id)]
        return [Verdict(entry.name, state is Relay.RELAYS)] if action is Action.TELL else []


def members_of(records: Mapping[NetbiosName, Record], name: NetbiosName) -> frozenset[IPv4Address]:
    """Return the addresses the *records* of a name server hold for *name*.

    A normal group has none: its members are reached by broadcast alone. ``*`` is every host with
    a name in the scope. Empty too where there are more than MAX_COPIES.
    """
    if name.name == BROADCAST_NAME.name:
        hosts = (r for r in records.values() if r.is_active and r.name.scope == name.scope)
        found = (address for record in hosts for address in record.addresses)
        return _bounded(found)
    record = records.get(name)
    return _bounded(record.addresses) if record is not None and record.is_active else frozenset()


def _bounded(addresses: Iterable[IPv4Address]) -> frozenset[IPv4Address]:
    distinct = dict.fromkeys(islice(addresses, 16 * MAX_COPIES))
    return frozenset(distinct) if len(distinct) <= MAX_COPIES else frozenset()


class Distributor:
    """A datagram distribution server: it answers queries, and relays.

    *members* tells the addresses of a name. Only hosts of the networks of *limit* are served and
    reached, each at its rate; and COPIES_PER_S bounds what leaves altogether. What another server
    relayed to this host is not relayed again: its header names another source than it came from.
    """

    def __init__(
        self,
        members: Callable[[NetbiosName], Collection[IPv4Address]],
        own: Collection[IPv4Address],
        limit: SourceLimit,
        *,
        port: int = 138,
    ) -> None:
        self._members = members
        self._own = frozenset(own)
        self._limit = limit
        self._port = port
        self._copies = float(COPIES_PER_S)
        self._copies_at: float | None = None
        self._fragmented: dict[tuple[Endpoint, int], tuple[float, list[IPv4Address]]] = {}
        self.relayed = 0
        self.refused = 0
        """Datagrams that could not be relayed: no members, or too many copies."""

    def receive(
        self,
        data: bytes,
        packet: DatagramPacket,
        source: Endpoint,
        own_address: IPv4Address,
        now: float,
    ) -> list[tuple[bytes, Endpoint]]:
        """Take a packet that came to *own_address* alone, not by broadcast; return what to send.

        A datagram goes on as it came, so that its receivers see the header of its sender.
        """
        if isinstance(packet, DatagramQuery):
            return self._answer(packet, source, own_address, now)
        if not isinstance(packet, Datagram | Fragment):
            return []
        header = packet.header
        is_many = header.msg_type in (DIRECT_GROUP_DATAGRAM, BROADCAST_DATAGRAM)
        if not is_many or str(header.source_ip) != source[0] or header.source_ip in self._own:
            return []
        targets = self._targets(packet, source, now)
        if not targets:
            return []
        if not self._may_send(len(targets), now):
            self.refused += 1
            return []
        self.relayed += 1
        return [(data, (str(address), self._port)) for address in targets]

    def _answer(
        self, query: DatagramQuery, source: Endpoint, own_address: IPv4Address, now: float
    ) -> list[tuple[bytes, Endpoint]]:
        if query.header.msg_type != DATAGRAM_QUERY_REQUEST:
            return []
        if not self._limit.allows(IPv4Address(source[0]), now):
            return []
        relays = bool(self._reachable(query.destination_name))
        return [(query_response(query, own_address, relays=relays).encode(), source)]

    def _targets(
        self, packet: Datagram | Fragment, source: Endpoint, now: float
    ) -> list[IPv4Address]:
        """Return where a datagram goes; a later fragment goes where the first one went."""
        key = (source, packet.header.dgm_id)
        if isinstance(packet, Fragment) and not packet.is_first:
            expires, targets = self._fragmented.get(key, (now, []))
            if not packet.has_more:
                self._fragmented.pop(key, None)
            return targets if now < expires else []
        if not self._limit.allows(IPv4Address(source[0]), now):
            return []
        if isinstance(packet, Fragment):
            name = assemble(packet.header, packet.payload).destination_name
        else:
            name = packet.destination_name
        targets = sorted(self._reachable(name) - {IPv4Address(source[0])})
        self.refused += not targets
        if isinstance(packet, Fragment):
            self._keep(key, targets, now)
        return targets

    def _keep(self, key: tuple[Endpoint, int], targets: list[IPv4Address], now: float) -> None:
        self._fragmented.pop(key, None)
        if len(self._fragmented) >= _MAX_FRAGMENTED:
            del self._fragmented[next(iter(self._fragmented))]
        self._fragmented[key] = (now + FRAGMENT_TO_S, targets)

    def _reachable(self, name: NetbiosName) -> frozenset[IPv4Address]:
        members = frozenset(self._members(name)) - self._own
        return frozenset(address for address in members if self._limit.is_own(address))

    def _may_send(self, copies: int, now: float) -> bool:
        since = now - self._copies_at if self._copies_at is not None else 0.0
        self._copies_at = now
        self._copies = min(float(COPIES_PER_S), self._copies + since * COPIES_PER_S)
        if copies > self._copies:
            return False
        self._copies -= copies
        return True
