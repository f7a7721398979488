"""What an end node is made of: its interfaces and options, its names and queries, what it says.

[MS-NBTE] 3.1.1 has the data model. Every call of a `Node` returns a list of `Output`: packets to
send, and events to tell the application.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import NB_FLAGS_G, AddressEntry
from nethood.nbt.node_status import NO_UNIT_ID, NodeStatus, Statistics
from nethood.nbt.node_tables import HELD, NodeType, State, Table
from nethood.nbt.packet import TYPE_NB, Packet
from nethood.nbt.source_limit import SourceLimit

Endpoint = tuple[str, int]

MAX_QUERIES = 4096
"""How many queries a node has in progress at most: its command blocks, as NetBIOS counts."""


class Interface(NamedTuple):
    """An address NetBIOS runs on, the network it is in, and the hardware's own address (MAC)."""

    address: IPv4Address
    network: IPv4Network
    unit_id: bytes = NO_UNIT_ID

    @property
    def broadcast(self) -> IPv4Address:
        """Where a broadcast on this network goes."""
        return self.network.broadcast_address


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """How a node behaves; the times are those of RFC 1002 6 and [MS-NBTE] 3.1.2."""

    interfaces: tuple[Interface, ...]
    node_type: NodeType = NodeType.B
    name_servers: tuple[IPv4Address, ...] = ()
    scope: str = ""
    port: int = 137
    ttl_s: int = 300_000
    """The TTL asked of a name server."""
    refresh_floor_s: float = 300.0
    broadcast_interval_s: float = 0.25
    unicast_interval_s: float = 1.5
    tries: int = 3
    conflict_timer_s: float = 1.0
    longest_wack_s: float = 60.0
    answers_per_s: float = 50.0
    """Answers to one source address; 0 means no limit."""
    answers_burst: int = 200

    def limit(self, interface: Interface) -> SourceLimit:
        """Return who is answered on an interface: its own network, and our name servers."""
        servers = [IPv4Network((server, 32)) for server in self.name_servers]
        return SourceLimit([interface.network, *servers], self.answers_per_s, self.answers_burst)


class Send(NamedTuple):
    """A packet to send from the interface that has the address *interface*."""

    packet: Packet
    destination: Endpoint
    interface: IPv4Address


class NameAdded(NamedTuple):
    """The name is ours."""

    name: NetbiosName
    is_group: bool


class NameRefused(NamedTuple):
    """The name can't be had: *owner* objects, or None where nobody answered the claim."""

    name: NetbiosName
    owner: IPv4Address | None
    rcode: int


class NameConflict(NamedTuple):
    """Somebody showed that our name is not ours alone; it is no longer used or defended."""

    name: NetbiosName
    source: IPv4Address


class NameReleased(NamedTuple):
    """The name is given up, or was taken from us by the name server."""

    name: NetbiosName
    demanded: bool


class NameFound(NamedTuple):
    """An answer to a query. *is_further*: not the first one to this query.

    *is_truncated*: a datagram did not hold all of it, and the name server tells the rest by TCP.
    """

    tag: object
    name: NetbiosName
    entries: tuple[AddressEntry, ...]
    source: IPv4Address | None
    is_further: bool = False
    is_truncated: bool = False

    @property
    def addresses(self) -> tuple[IPv4Address, ...]:
        """The addresses alone, in the order of the answer."""
        return tuple(entry.address for entry in self.entries)


class NameNotFound(NamedTuple):
    """Nobody answered a query or status request, or the answer was no."""

    tag: object
    name: NetbiosName
    refused: bool


class StatusFound(NamedTuple):
    """The node status of the node at *source*."""

    tag: object
    source: IPv4Address
    status: NodeStatus


class ConflictSeen(NamedTuple):
    """Two other nodes both say that they own *name*; the second one was told."""

    name: NetbiosName
    first: IPv4Address
    second: IPv4Address


Output = (
    Send
    | NameAdded
    | NameRefused
    | NameConflict
    | NameReleased
    | NameFound
    | NameNotFound
    | StatusFound
    | ConflictSeen
)


@dataclass(slots=True, eq=False)
class Subject:
    """What has a state, and the requests it has on the network."""

    name: NetbiosName
    table: Table
    state: State = State.ABSENT
    sends: dict[int, Send] = field(default_factory=dict)
    """The unanswered requests of the current state, by NAME_TRN_ID."""
    tries_left: int = 0
    interval_s: float = 0.0
    deadline: float | None = None
    server: int = 0
    """Which of the name servers is being asked."""


@dataclass(slots=True, eq=False)
class LocalName(Subject):
    """An entry of the local name table."""

    is_group: bool = False
    conflicts: set[IPv4Address] = field(default_factory=set)
    """The interfaces on which a conflict was detected ([MS-NBTE] 3.1.1)."""
    owner: IPv4Address | None = None
    """Who a challenge is held against, or who refused us the name."""
    rcode: int = 0
    granted_s: float = 0.0
    demanded: bool = False
    local_only: bool = False

    @property
    def is_held(self) -> bool:
        """Whether the name stands in the local name table as ours, in conflict or not."""
        return self.state in HELD

    def answers_on(self, interface: IPv4Address) -> bool:
        """Whether the name logically exists on an interface."""
        return self.is_held and interface not in self.conflicts

    def nb_flags(self, node_type: NodeType) -> int:
        """Return the NB_FLAGS of this name."""
        return (NB_FLAGS_G if self.is_group else 0) | node_type << 13


@dataclass(slots=True, eq=False)
class Query(Subject):
    """A query or node status request in progress."""

    tag: object = None
    question_type: int = TYPE_NB
    destination: Endpoint | None = None
    first: tuple[Interface, IPv4Address, tuple[AddressEntry, ...]] | None = None
    redirects: int = 0


@dataclass(slots=True)
class NodeCounters:
    """What a node took, sent and left, for people and for its node status.

    The datagram and the session service of the host count here too; *count_sessions* tells how
    many sessions there are, established or on the way. The session fields are 0 for a node that
    takes no calls.
    """

    own_ignored: int = 0
    foreign_ignored: int = 0
    limited: int = 0
    unmatched: int = 0
    good_sends: int = 0
    good_receives: int = 0
    send_aborts: int = 0
    retransmits: int = 0
    no_resource: int = 0
    max_pending_sessions: int = 0
    max_sessions: int = 0
    session_packet_size: int = 0
    count_sessions: Callable[[], int] = lambda: 0
    started: float | None = None

    def received(self, now: float) -> None:
        """Count a packet that could be read; the first begins the period of the statistics."""
        self.good_receives += 1
        if self.started is None:
            self.started = now

    def statistics(self, now: float, queries: int) -> Statistics:
        """Return the STATISTICS of RFC 1002 4.2.18, while *queries* are in progress.

        The RFC takes them over from the adapter status of NetBIOS: the period is in minutes, and
        counters of 16 bits stay at their highest value, those of 32 bits begin again.
        """
        period_s = now - self.started if self.started is not None else 0.0
        return Statistics(
            period_of_statistics=_short(int(period_s // 60)),
            number_send_aborts=_short(self.send_aborts),
            number_good_sends=self.good_sends & 0xFFFFFFFF,
            number_good_receives=self.good_receives & 0xFFFFFFFF,
            number_retransmits=_short(self.retransmits),
            number_no_resource_conditions=_short(self.limited + self.no_resource),
            number_free_command_blocks=MAX_QUERIES - queries,
            total_number_command_blocks=MAX_QUERIES,
            max_total_number_command_blocks=MAX_QUERIES,
            number_pending_sessions=_short(self.count_sessions()),
            max_number_pending_sessions=_short(self.max_pending_sessions),
            max_total_sessions_possible=_short(self.max_sessions),
            session_data_packet_size=_short(self.session_packet_size),
        )


def _short(number: int) -> int:
    return min(number, 0xFFFF)
