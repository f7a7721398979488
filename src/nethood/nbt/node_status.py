"""What a node tells of itself: its names, its MAC and its statistics; RFC 1002 4.2.17 and 4.2.18.

Collecting the numbers, and deciding who may ask for them, happens elsewhere.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import NAME_SIZE, NetbiosName
from nethood.nbt.packet import (
    CLASS_IN,
    MAX_DATAGRAM,
    NM_FLAGS_AA,
    NM_FLAGS_B,
    NM_FLAGS_TC,
    TYPE_NBSTAT,
    Packet,
    Question,
    ResourceRecord,
)
from nethood.wire import Buffer

NAME_FLAGS_G = 0x8000
NAME_FLAGS_ONT = 0x6000
NAME_FLAGS_DRG = 0x1000
NAME_FLAGS_CNF = 0x0800
NAME_FLAGS_ACT = 0x0400
NAME_FLAGS_PRM = 0x0200

WILDCARD = NetbiosName("*")
"""The name every node answers a status request for."""

MAX_NAMES = 255
_ENTRY = Struct(">16sH")
_STATISTICS = Struct(">BBHHHHHHIIHHHHHHHHH")
_UNIT_ID_SIZE = 6
NO_UNIT_ID = bytes(_UNIT_ID_SIZE)
_TAIL_SIZE = _UNIT_ID_SIZE + _STATISTICS.size


class StatusName(NamedTuple):
    """A NODE_NAME entry: one name of the node's table, RFC 1002 4.2.18."""

    name: str
    suffix: int
    name_flags: int = NAME_FLAGS_ACT

    @property
    def is_group(self) -> bool:
        """Whether this is a group name."""
        return bool(self.name_flags & NAME_FLAGS_G)


class Statistics(NamedTuple):
    """The STATISTICS of a node status response behind UNIT_ID, RFC 1002 4.2.18."""

    jumpers: int = 0
    test_result: int = 0
    version_number: int = 0
    period_of_statistics: int = 0
    number_of_crcs: int = 0
    number_alignment_errors: int = 0
    number_of_collisions: int = 0
    number_send_aborts: int = 0
    number_good_sends: int = 0
    number_good_receives: int = 0
    number_retransmits: int = 0
    number_no_resource_conditions: int = 0
    number_free_command_blocks: int = 0
    total_number_command_blocks: int = 0
    max_total_number_command_blocks: int = 0
    number_pending_sessions: int = 0
    max_number_pending_sessions: int = 0
    max_total_sessions_possible: int = 0
    session_data_packet_size: int = 0


NO_STATISTICS = Statistics()


class NodeStatus(NamedTuple):
    """The RDATA of a node status response; *unit_id* is six bytes, usually the MAC."""

    names: tuple[StatusName, ...]
    unit_id: bytes = NO_UNIT_ID
    statistics: Statistics = NO_STATISTICS

    @classmethod
    def decode(cls, rdata: Buffer) -> Self:
        """Read the RDATA. Raises Malformed when the names are cut off.

        Deviates: old nodes send shorter statistics or none; what is missing reads as zeros.
        """
        if not len(rdata):
            raise Malformed("Node status", "is empty")
        end = 1 + rdata[0] * _ENTRY.size
        if end > len(rdata):
            raise Malformed("Node status", f"has less than its {rdata[0]} names", len(rdata))
        names = tuple(
            StatusName(raw[:-1].rstrip(b" \0").decode("latin-1"), raw[-1], flags)
            for raw, flags in _ENTRY.iter_unpack(rdata[1:end])
        )
        tail = bytes(rdata[end : end + _TAIL_SIZE]).ljust(_TAIL_SIZE, b"\0")
        statistics = Statistics(*_STATISTICS.unpack_from(tail, _UNIT_ID_SIZE))
        return cls(names, tail[:_UNIT_ID_SIZE], statistics)

    def encode(self) -> bytes:
        """Return the RDATA. Raises LocalError for what does not fit."""
        if len(self.names) > MAX_NAMES or len(self.unit_id) != _UNIT_ID_SIZE:
            raise LocalError("a node status has at most 255 names and a UNIT_ID of 6 bytes")
        entries = b"".join(
            _ENTRY.pack(NetbiosName(name, suffix).to_bytes()[:NAME_SIZE], flags)
            for name, suffix, flags in self.names
        )
        tail = self.unit_id + _STATISTICS.pack(*self.statistics)
        return bytes([len(self.names)]) + entries + tail


def node_status_request(
    trn_id: int, name: NetbiosName = WILDCARD, *, broadcast: bool = False
) -> Packet:
    """Return a NODE STATUS REQUEST, RFC 1002 4.2.17; *name* ``*`` asks any node."""
    flags = NM_FLAGS_B if broadcast else 0
    return Packet(trn_id, nm_flags=flags, questions=(Question(name, TYPE_NBSTAT),))


def node_status_response(trn_id: int, name: NetbiosName, status: NodeStatus) -> Packet:
    """Return a NODE STATUS RESPONSE, RFC 1002 4.2.18, to a request for *name*.

    Names that would make the datagram longer than 576 bytes are left out and NM_FLAGS_TC is set.
    """
    packet = _response(trn_id, name, status, 0)
    excess = len(packet.encode()) - MAX_DATAGRAM
    if excess <= 0:
        return packet
    kept = max(0, len(status.names) + -excess // _ENTRY.size)
    return _response(trn_id, name, status._replace(names=status.names[:kept]), NM_FLAGS_TC)


def _response(trn_id: int, name: NetbiosName, status: NodeStatus, flags: int) -> Packet:
    record = ResourceRecord(name, TYPE_NBSTAT, CLASS_IN, 0, status.encode())
    return Packet(trn_id, is_response=True, nm_flags=NM_FLAGS_AA | flags, answers=(record,))


def status_of(packet: Packet) -> NodeStatus | None:
    """Return the node status a response carries, None when it carries none. Raises Malformed."""
    for record in packet.answers:
        if record.rr_type == TYPE_NBSTAT:
            return NodeStatus.decode(record.rdata)
    return None
