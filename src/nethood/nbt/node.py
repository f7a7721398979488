"""A NetBIOS end node without sockets or clock: RFC 1002 5.1, [MS-NBTE] 3.1.

The node owns a local name table and the queries in progress. `claim`, `release`, `find`, `status`,
`feed` and `tick` return what to send and what to tell; `next_timeout` says when to call `tick`.
What is done when stands in `node_tables`, what is sent in `node_requests`, what is answered in
`node_answers`. Times are seconds of a clock that never runs backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import IPv4Address

from nethood.errors import LocalError
from nethood.nbt.cache import NameCache
from nethood.nbt.lmhosts import Lmhosts
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import (
    AddressEntry,
    addresses_of,
    conflict_demand,
    is_registration,
    redirect_address,
)
from nethood.nbt.node_answers import Responder
from nethood.nbt.node_model import (
    MAX_QUERIES,
    ConflictSeen,
    Endpoint,
    Interface,
    LocalName,
    NameAdded,
    NameConflict,
    NameFound,
    NameNotFound,
    NameRefused,
    NameReleased,
    NodeCounters,
    NodeOptions,
    Output,
    Query,
    Send,
    StatusFound,
    Subject,
)
from nethood.nbt.node_requests import NewTrnId, Requester
from nethood.nbt.node_responses import belongs, kind_of
from nethood.nbt.node_status import WILDCARD, status_of
from nethood.nbt.node_tables import (
    BROADCAST_STATES,
    DIRECT_TABLE,
    NAME_TABLES,
    QUERY_TABLES,
    Action,
    Input,
    NodeType,
    State,
)
from nethood.nbt.packet import NM_FLAGS_TC, OPCODE_RELEASE, RCODE_CFT_ERR, TYPE_NBSTAT, Packet

_MAX_REDIRECTS = 3
_Do = Callable[[Subject, float], None]


class Node:
    """One end node: its names, its queries, its answers.

    *new_trn_id* returns 16-bit numbers nobody can guess. *lmhosts* is asked when the network has
    no answer.
    """

    def __init__(
        self, options: NodeOptions, new_trn_id: NewTrnId, lmhosts: Lmhosts | None = None
    ) -> None:
        if not options.interfaces:
            raise LocalError("a NetBIOS node needs an interface with an IPv4 address")
        if options.node_type is not NodeType.B and not options.name_servers:
            raise LocalError(f"a {options.node_type.name} node needs the address of a name server")
        self.options = options
        self.cache = NameCache()
        self.counters = NodeCounters()
        self.version = 0
        """Changes whenever the answers to questions may."""
        self._lmhosts = lmhosts
        self._names: dict[NetbiosName, LocalName] = {}
        self._queries: list[Query] = []
        self._waiting: dict[int, Subject] = {}
        self._out: list[Output] = []
        self._own = {str(interface.address) for interface in options.interfaces}
        self._limits = {i.address: options.limit(i) for i in options.interfaces}
        self._requester = Requester(options, self._unused(new_trn_id))
        self._responder = Responder(options, self._names)
        self._actions: dict[Action, _Do] = self._action_table()
        for name, addresses in lmhosts.preloaded() if lmhosts is not None else ():
            self.cache.preload(replace(name, scope=options.scope), addresses)

    @property
    def names(self) -> list[LocalName]:
        """The local name table, names being claimed or released included; only for reading."""
        return list(self._names.values())

    def local_name(self, name: NetbiosName) -> LocalName | None:
        """Return the entry of the local name table for *name*, None where there is none."""
        return self._names.get(self.scoped(name))

    def scoped(self, name: NetbiosName) -> NetbiosName:
        """Return *name* in this node's scope."""
        scope = self.options.scope
        return name if name.scope == scope else replace(name, scope=scope)

    def claim(self, name: NetbiosName, now: float, *, group: bool = False) -> list[Output]:
        """Begin to claim *name*; NameAdded or NameRefused tells how it ended.

        A name that starts with an asterisk is ours at once and never told to anybody
        ([MS-NBTE] 3.1.4.1). Raises LocalError for a name in the table already.
        """
        name = self.scoped(name)
        name.to_bytes()
        if name in self._names:
            raise LocalError(f"{name} is in the name table already")
        table = NAME_TABLES[self.options.node_type]
        local = self._names[name] = LocalName(name, table, is_group=group)
        if name.name.startswith("*"):
            local.state, local.local_only = State.OWNED, True
            self.version += 1
            return [NameAdded(name, group)]
        return self._input(local, Input.START, now)

    def release(self, name: NetbiosName, now: float) -> list[Output]:
        """Begin to give *name* up; NameReleased tells when it is done.

        Raises LocalError for a name that is not in the table.
        """
        local = self._names.get(self.scoped(name))
        if local is None:
            raise LocalError(f"{name} is not in the name table")
        if local.local_only:
            del self._names[local.name]
            self.version += 1
            return [NameReleased(local.name, demanded=False)]
        return self._input(local, Input.STOP, now)

    def release_all(self, now: float) -> list[Output]:
        """Begin to give up every name, as a node does that shuts down."""
        return [output for name in list(self._names) for output in self.release(name, now)]

    def find(
        self,
        name: NetbiosName,
        now: float,
        *,
        tag: object,
        via: NodeType | None = None,
        to: Endpoint | None = None,
    ) -> list[Output]:
        """Begin to look *name* up; NameFound or NameNotFound with *tag* tells the answer.

        The cache is asked first, unless *via* or *to* say where to ask: as a node of that type,
        or at one address.
        """
        name = self.scoped(name)
        name.to_bytes()
        known = self.cache.get(name, now) if via is None and to is None else None
        if known is not None:
            entries = tuple(AddressEntry(known.is_group << 15, a) for a in known.addresses)
            return [NameFound(tag, name, entries, None)]
        if to is not None:
            table = DIRECT_TABLE
        else:
            table = QUERY_TABLES[self.options.node_type if via is None else via]
        return self._start(Query(name, table, tag=tag, destination=to), now)

    def status(
        self, to: Endpoint, now: float, *, tag: object, name: NetbiosName = WILDCARD
    ) -> list[Output]:
        """Ask the node at *to* for its status; StatusFound or NameNotFound tells the answer."""
        query = Query(name, DIRECT_TABLE, tag=tag, destination=to, question_type=TYPE_NBSTAT)
        return self._start(query, now)

    def cancel(self, tag: object) -> None:
        """Forget the queries with *tag*; nothing more is told about them."""
        for query in [query for query in self._queries if query.tag is tag]:
            self._settle(query, State.ABSENT)

    def feed(
        self,
        packet: Packet,
        source: Endpoint,
        now: float,
        *,
        interface: Interface,
        broadcast: bool = False,
    ) -> list[Output]:
        """Take a packet that came on *interface*, by broadcast or not. Raises Malformed.

        What comes from outside the interface's own network, from no name server of ours, is
        ignored, and so are our own broadcasts.
        """
        address = IPv4Address(source[0])
        if source[0] in self._own and source[1] == self.options.port:
            self.counters.own_ignored += 1
            return []
        self.counters.received(now)
        if packet.is_response:
            self._take_response(packet, address, now, interface)
        elif not (broadcast and self.options.node_type is NodeType.P):
            self._take_request(packet, (address, source[1]), now, interface, broadcast)
        return self._taken()

    def may_answer(self, source: Endpoint, now: float, interface: Interface) -> bool:
        """Whether a question from *source* may be answered now, and count it.

        For who answers a question he knows the answer to, while `version` stays the same.
        """
        if source[0] in self._own and source[1] == self.options.port:
            return False
        return self._limits[interface.address].allows(IPv4Address(source[0]), now)

    def tick(self, now: float) -> list[Output]:
        """Do what is due at *now*."""
        for subject in [*self._names.values(), *self._queries]:
            if subject.deadline is not None and subject.deadline <= now:
                self._expire(subject, now)
        return self._taken()

    def next_timeout(self) -> float | None:
        """Return when `tick` is to be called next, None where nothing is waited for."""
        due = (s.deadline for s in (*self._names.values(), *self._queries))
        return min((deadline for deadline in due if deadline is not None), default=None)

    # What comes in.

    def _take_request(
        self,
        packet: Packet,
        source: tuple[IPv4Address, int],
        now: float,
        interface: Interface,
        broadcast: bool,
    ) -> None:
        limit = self._limits[interface.address]
        if not limit.is_own(source[0]):
            self.counters.foreign_ignored += 1
            return
        if packet.opcode == OPCODE_RELEASE:
            self._take_release(packet, source[0], now)
            return
        statistics = self.counters.statistics(now, len(self._queries))
        answer = self._responder.answer(packet, interface, statistics, broadcast=broadcast)
        if answer is None:
            return
        if not limit.allows(source[0], now):
            self.counters.limited += 1
            return
        self._out.append(Send(answer, (str(source[0]), source[1]), interface.address))

    def _take_release(self, packet: Packet, source: IPv4Address, now: float) -> None:
        """Forget a name somebody gave up; give up ours when the name server says so."""
        if not packet.questions:
            return
        name = packet.questions[0].name
        self.cache.forget(name)
        local = self._names.get(name)
        if local is not None and source in self.options.name_servers and not packet.is_broadcast:
            local.demanded = True
            self._step(local, Input.DEMAND, now)

    def _take_response(
        self, packet: Packet, source: IPv4Address, now: float, interface: Interface
    ) -> None:
        subject = self._waiting.get(packet.name_trn_id)
        if subject is None or not belongs(subject, packet, source, interface):
            self._take_unasked(packet, source, now, interface)
            return
        kind = kind_of(packet)
        if (subject.state, kind) not in subject.table:
            self.counters.unmatched += 1
            return
        if kind is Input.WACK:
            self._be_patient(subject, packet, now)
        if self._read(subject, packet, source, now, interface, kind):
            self._step(subject, kind, now)

    def _read(
        self,
        subject: Subject,
        packet: Packet,
        source: IPv4Address,
        now: float,
        interface: Interface,
        kind: Input,
    ) -> bool:
        """Take out of a response what is to be told or kept; return whether to step."""
        if isinstance(subject, LocalName):
            return self._read_verdict(subject, packet, source, kind)
        assert isinstance(subject, Query)
        if kind is Input.REDIRECT:
            self._redirect(subject, packet)
        if kind is Input.POSITIVE:
            return self._read_answer(subject, packet, source, now, interface)
        return True

    def _read_verdict(
        self, local: LocalName, packet: Packet, source: IPv4Address, kind: Input
    ) -> bool:
        """Note what a response says about a name; return whether the name is to be stepped."""
        entries = addresses_of(packet)
        if kind in (Input.CHALLENGE, Input.NEGATIVE):
            # nmbd, objecting to a claim, echoes the claimant's address: then it is the owner.
            named = entries[0].address if entries else source
            local.rcode = packet.rcode
            local.owner = source if str(named) in self._own else named
        if kind is Input.POSITIVE:
            if local.state is State.CHALLENGING:
                local.owner = source
            ttl_s = float(packet.answers[0].ttl_s if packet.answers else 0)
            granted = [t for t in (ttl_s, local.granted_s) if t]
            local.granted_s = min(granted, default=0.0)
            self._forget_request(local, packet.name_trn_id)
            # Every one of our addresses has to be granted.
            return not local.sends
        return True

    def _read_answer(
        self,
        query: Query,
        packet: Packet,
        source: IPv4Address,
        now: float,
        interface: Interface,
    ) -> bool:
        """Tell the answer to a query; return whether it was one."""
        if query.question_type == TYPE_NBSTAT:
            status = status_of(packet)
            if status is not None:
                self._out.append(StatusFound(query.tag, source, status))
            return status is not None
        entries = tuple(addresses_of(packet))
        if not entries:
            return False
        if query.first is None:
            query.first = (interface, source, entries)
            ttl_s = packet.answers[0].ttl_s if packet.answers else 0
            self._remember(query.name, entries, ttl_s, now)
            cut = bool(packet.nm_flags & NM_FLAGS_TC)
            found = NameFound(query.tag, query.name, entries, source, is_truncated=cut)
            self._out.append(found)
        else:
            self._compare(query, packet, (interface, source, entries))
        return True

    def _remember(
        self, name: NetbiosName, entries: tuple[AddressEntry, ...], ttl_s: float, now: float
    ) -> None:
        addresses = tuple(entry.address for entry in entries)
        self.cache.add(name, addresses, now, ttl_s=ttl_s, is_group=entries[0].is_group)

    def _compare(
        self,
        query: Query,
        packet: Packet,
        second: tuple[Interface, IPv4Address, tuple[AddressEntry, ...]],
    ) -> None:
        """Hold a further answer against the first: two owners of a unique name are a conflict.

        A node with several addresses answers on several networks, so only answers on one
        interface are compared (RFC 1002 5.1.1.5).
        """
        assert query.first is not None
        interface, source, entries = second
        first_interface, first_source, first_entries = query.first
        self._out.append(NameFound(query.tag, query.name, entries, source, is_further=True))
        unique = not (entries[0].is_group or first_entries[0].is_group)
        apart = {e.address for e in entries}.isdisjoint(e.address for e in first_entries)
        if not unique or not apart or interface != first_interface or source == first_source:
            return
        self.cache.forget(query.name)
        flags = self.options.node_type << 13
        demand = conflict_demand(packet.name_trn_id, query.name, flags)
        self._out.append(Send(demand, (str(source), self.options.port), interface.address))
        self._out.append(ConflictSeen(query.name, first_source, source))

    def _redirect(self, query: Query, packet: Packet) -> None:
        query.redirects += 1
        where = redirect_address(packet)
        # A name server's own port stays the node's: the packet names only an address.
        query.destination = (str(where), self.options.port)

    def _take_unasked(
        self, packet: Packet, source: IPv4Address, now: float, interface: Interface
    ) -> None:
        """Take a conflict demand (RFC 1002 4.2.8); every other response came too late."""
        own = self._limits[interface.address].is_own(source)
        demand = is_registration(packet) and packet.rcode == RCODE_CFT_ERR and packet.answers
        local = self._names.get(packet.answers[0].name) if demand else None
        if local is None or not own or local.local_only or not local.answers_on(interface.address):
            self.counters.unmatched += 1
            return
        self.version += 1
        local.conflicts.add(interface.address)
        local.owner = source
        self._step(local, Input.CONFLICT, now)

    # What is done.

    def _action_table(self) -> dict[Action, _Do]:
        return {
            Action.BEGIN: self._begin,
            Action.REPEAT: self._repeat,
            Action.WAIT: self._nothing,
            Action.FOLLOW: self._follow,
            Action.ANNOUNCE: self._announce,
            Action.SCHEDULE: self._schedule,
            Action.ADDED: self._tell_added,
            Action.REFUSED: self._tell_refused,
            Action.CONFLICTED: self._tell_conflict,
            Action.RELEASED: self._tell_released,
            Action.FOUND: self._found,
            Action.NOT_FOUND: self._tell_not_found,
            Action.COMPARE: self._nothing,
        }

    def _input(self, subject: Subject, what: Input, now: float) -> list[Output]:
        self._step(subject, what, now)
        return self._taken()

    def _taken(self) -> list[Output]:
        out, self._out = self._out, []
        self.counters.good_sends += sum(isinstance(output, Send) for output in out)
        return out

    def _step(self, subject: Subject, what: Input, now: float) -> None:
        """Look the row of *what* up, enter its state, do its actions."""
        row = subject.table.get((subject.state, what))
        if row is None:
            return
        actions, state = row
        if state is not subject.state:
            self._settle(subject, state)
        for action in actions:
            self._actions[action](subject, now)

    def _settle(self, subject: Subject, state: State) -> None:
        """Enter *state*: what was asked before is not waited for any more."""
        self.version += 1
        subject.state = state
        subject.deadline = None
        if state is State.WATCHING:
            return
        self._forget_requests(subject)
        subject.server = 0
        if state is State.ABSENT:
            if isinstance(subject, LocalName):
                self._names.pop(subject.name, None)
            elif isinstance(subject, Query) and subject in self._queries:
                self._queries.remove(subject)

    def _start(self, query: Query, now: float) -> list[Output]:
        if len(self._queries) >= MAX_QUERIES:
            raise LocalError(f"{MAX_QUERIES} NetBIOS queries are in progress: wait for some")
        self._queries.append(query)
        return self._input(query, Input.START, now)

    def _begin(self, subject: Subject, now: float) -> None:
        by_broadcast = subject.state in BROADCAST_STATES
        options = self.options
        subject.interval_s = (
            options.broadcast_interval_s if by_broadcast else options.unicast_interval_s
        )
        subject.tries_left = options.tries - 1
        if isinstance(subject, LocalName):
            subject.granted_s = 0.0
        for send in self._requester.requests(subject):
            subject.sends[send.packet.name_trn_id] = send
            self._waiting[send.packet.name_trn_id] = subject
            self._out.append(send)
        if not subject.sends:
            self._step(subject, Input.SILENCE, now)
            return
        subject.deadline = now + subject.interval_s

    def _repeat(self, subject: Subject, now: float) -> None:
        subject.tries_left -= 1
        subject.deadline = now + subject.interval_s
        self.counters.retransmits += len(subject.sends)
        self._out.extend(subject.sends.values())

    def _follow(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, Query)
        self._forget_requests(subject)
        if subject.redirects > _MAX_REDIRECTS:
            self._step(subject, Input.SILENCE, now)
        else:
            self._begin(subject, now)

    def _be_patient(self, subject: Subject, packet: Packet, now: float) -> None:
        """Wait as long as a WACK says, within bounds; 0 says nothing, so the interval stands."""
        wanted = packet.answers[0].ttl_s if packet.answers else 0
        longest = self.options.longest_wack_s
        subject.deadline = now + (min(wanted, longest) if wanted else subject.interval_s)

    def _expire(self, subject: Subject, now: float) -> None:
        subject.deadline = None
        if subject.state is State.OWNED:
            self._step(subject, Input.DUE, now)
        elif subject.tries_left > 0 and subject.state is not State.WATCHING:
            self._step(subject, Input.RETRY, now)
        elif not self._ask_next_server(subject, now):
            self._step(subject, Input.SILENCE, now)

    def _ask_next_server(self, subject: Subject, now: float) -> bool:
        """Turn to the next name server ([MS-NBTE] 3.1.4.2); return whether there was one."""
        if not self._requester.asks_server(subject):
            return False
        subject.server += 1
        if not self._requester.has_server(subject):
            return False
        if isinstance(subject, Query):
            subject.destination = None
        self._forget_requests(subject)
        self._begin(subject, now)
        return True

    def _announce(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, LocalName)
        self._out.extend(self._requester.announcements(subject))

    def _schedule(self, subject: Subject, now: float) -> None:
        """Refresh with the name server when its TTL is half over, not more often than the floor.

        A name server that never answered, or granted no end, is told again all the same.
        """
        if self.options.node_type is NodeType.B:
            return
        assert isinstance(subject, LocalName)
        granted_s = subject.granted_s or self.options.ttl_s
        subject.deadline = now + max(granted_s / 2, self.options.refresh_floor_s)

    def _tell_added(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, LocalName)
        self._out.append(NameAdded(subject.name, subject.is_group))

    def _tell_refused(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, LocalName)
        self._out.append(NameRefused(subject.name, subject.owner, subject.rcode))

    def _tell_conflict(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, LocalName)
        if not subject.conflicts:  # the name server speaks for every interface
            subject.conflicts.update(interface.address for interface in self.options.interfaces)
        source = subject.owner or self.options.interfaces[0].address
        self._out.append(NameConflict(subject.name, source))

    def _tell_released(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, LocalName)
        self._out.append(NameReleased(subject.name, subject.demanded))

    def _found(self, subject: Subject, now: float) -> None:
        """The answer is told already; after a broadcast, watch for a second owner."""
        if subject.state is State.WATCHING:
            subject.deadline = now + self.options.conflict_timer_s

    def _tell_not_found(self, subject: Subject, now: float) -> None:
        assert isinstance(subject, Query)
        known = self._lmhosts.find(subject.name) if self._lmhosts is not None else ()
        if known and subject.question_type != TYPE_NBSTAT:
            entries = tuple(AddressEntry(0, address) for address in known)
            self._out.append(NameFound(subject.tag, subject.name, entries, None))
            return
        self._out.append(NameNotFound(subject.tag, subject.name, refused=False))

    def _nothing(self, subject: Subject, now: float) -> None:
        """What these actions say was done when the packet was read."""

    # Small things.

    def _forget_request(self, subject: Subject, trn_id: int) -> None:
        subject.sends.pop(trn_id, None)
        self._waiting.pop(trn_id, None)

    def _forget_requests(self, subject: Subject) -> None:
        for trn_id in list(subject.sends):
            self._forget_request(subject, trn_id)

    def _unused(self, new_trn_id: NewTrnId) -> NewTrnId:
        """Keep NAME_TRN_IDs that are waited for from being used twice."""

        def choose() -> int:
            return next(t for t in _drawn(new_trn_id) if t not in self._waiting)

        return choose


def _drawn(new_trn_id: NewTrnId) -> Iterator[int]:
    while True:
        yield new_trn_id() & 0xFFFF
