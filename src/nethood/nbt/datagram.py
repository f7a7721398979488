"""Datagram service packets and what makes long ones of several: RFC 1002 4.4 and 5.3.

Names are sent without label pointers. Sockets, the local name table and forwarding are not known
here; time comes in as an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from struct import Struct
from typing import NamedTuple

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import NetbiosName, decode_name, encode_name
from nethood.wire import Buffer

DIRECT_UNIQUE_DATAGRAM = 0x10
DIRECT_GROUP_DATAGRAM = 0x11
BROADCAST_DATAGRAM = 0x12
DATAGRAM_ERROR = 0x13
DATAGRAM_QUERY_REQUEST = 0x14
DATAGRAM_POSITIVE_QUERY_RESPONSE = 0x15
DATAGRAM_NEGATIVE_QUERY_RESPONSE = 0x16

FLAGS_MORE = 0x01
FLAGS_FIRST = 0x02
FLAGS_SNT = 0x0C
SNT_B = 0x00
SNT_P = 0x04
SNT_M = 0x08
SNT_NBDD = 0x0C
"""A datagram distribution server; Windows H nodes send it as well, [MS-MAIL] note <13>."""

DESTINATION_NAME_NOT_PRESENT = 0x82
INVALID_SOURCE_NAME_FORMAT = 0x83
INVALID_DESTINATION_NAME_FORMAT = 0x84

ERROR_CODES = {
    DESTINATION_NAME_NOT_PRESENT: "destination name not present",
    INVALID_SOURCE_NAME_FORMAT: "invalid source name format",
    INVALID_DESTINATION_NAME_FORMAT: "invalid destination name format",
}
"""What the ERROR_CODE of a datagram error says."""

MAX_DATAGRAM_LENGTH = 576
"""The longest IP datagram every network carries, RFC 1002 5.3."""
FRAGMENT_TO_S = 2.0
"""How long the rest of a datagram is waited for, RFC 1002 6."""

BROADCAST_NAME = NetbiosName("*")

_HEADER = Struct(">BBH4sH")
_LENGTHS = Struct(">HH")
_PAYLOAD_AT = _HEADER.size + _LENGTHS.size
_IP_AND_UDP = 20 + 8
_MAX_LENGTH = 0xFFFF
_MAX_FRAGMENTED = 8192
_CARRIES_DATA = (DIRECT_UNIQUE_DATAGRAM, DIRECT_GROUP_DATAGRAM, BROADCAST_DATAGRAM)
_QUERIES = (
    DATAGRAM_QUERY_REQUEST,
    DATAGRAM_POSITIVE_QUERY_RESPONSE,
    DATAGRAM_NEGATIVE_QUERY_RESPONSE,
)


class DatagramHeader(NamedTuple):
    """What every datagram service packet begins with, RFC 1002 4.4.1."""

    msg_type: int
    dgm_id: int
    source_ip: IPv4Address
    source_port: int = 138
    flags: int = FLAGS_FIRST

    def encode(self) -> bytes:
        """Return the ten bytes."""
        source_ip = self.source_ip.packed
        return _HEADER.pack(self.msg_type, self.flags, self.dgm_id, source_ip, self.source_port)


@dataclass(frozen=True, slots=True)
class Datagram:
    """A whole DIRECT_UNIQUE, DIRECT_GROUP or BROADCAST DATAGRAM, RFC 1002 4.4.2."""

    header: DatagramHeader
    source_name: NetbiosName
    destination_name: NetbiosName
    user_data: bytes

    def encode(self) -> bytes:
        """Return the datagram as one packet, however long. Raises LocalError beyond 64 KiB."""
        return self._packet(self._payload(), 0, more=False)

    def encode_fragments(self, max_datagram_length: int = MAX_DATAGRAM_LENGTH) -> list[bytes]:
        """Return the datagram as packets of which none makes a longer IP datagram.

        Names go whole into the first. Many peers, Samba and Windows among them, never fragment and
        Samba does not reassemble: use this where the network demands it. Raises LocalError when
        not even the names fit.

        Deviates: 5.3.1 computes PACKET_OFFSET as what is left; what was sent before is written.
        """
        payload = self._payload()
        room = max_datagram_length - _IP_AND_UDP - _PAYLOAD_AT
        if room < len(payload) - len(self.user_data) or room < 1:
            raise LocalError(f"datagrams of {max_datagram_length} bytes do not hold the names")
        return [
            self._packet(payload, at, more=at + room < len(payload), room=room)
            for at in range(0, len(payload), room)
        ]

    def _payload(self) -> bytes:
        names = encode_name(self.source_name) + encode_name(self.destination_name)
        payload = names + self.user_data
        if len(payload) > _MAX_LENGTH:
            raise LocalError(f"a datagram holds less than 64 KiB, not {len(self.user_data)} bytes")
        return payload

    def _packet(self, payload: bytes, at: int, *, more: bool, room: int = _MAX_LENGTH) -> bytes:
        flags = self.header.flags & FLAGS_SNT
        flags |= (0 if at else FLAGS_FIRST) | (FLAGS_MORE if more else 0)
        header = self.header._replace(flags=flags).encode()
        return header + _LENGTHS.pack(len(payload), at) + payload[at : at + room]


class Fragment(NamedTuple):
    """One packet of a datagram sent in several; *payload* is its share of names and data."""

    header: DatagramHeader
    dgm_length: int
    packet_offset: int
    payload: bytes

    @property
    def is_first(self) -> bool:
        """Whether the names stand in this one."""
        return bool(self.header.flags & FLAGS_FIRST)

    @property
    def has_more(self) -> bool:
        """Whether others follow."""
        return bool(self.header.flags & FLAGS_MORE)


class DatagramError(NamedTuple):
    """DATAGRAM ERROR PACKET, RFC 1002 4.4.3."""

    header: DatagramHeader
    error_code: int

    def encode(self) -> bytes:
        """Return the packet."""
        return self.header.encode() + bytes([self.error_code])


class DatagramQuery(NamedTuple):
    """DATAGRAM QUERY REQUEST or one of its responses, by msg_type; RFC 1002 4.4.4 and 4.4.5."""

    header: DatagramHeader
    destination_name: NetbiosName

    def encode(self) -> bytes:
        """Return the packet."""
        return self.header.encode() + encode_name(self.destination_name)


DatagramPacket = Datagram | Fragment | DatagramError | DatagramQuery


def datagram_error(
    msg: DatagramHeader, error_code: int, source_ip: IPv4Address, snt: int = SNT_B
) -> DatagramError:
    """Return the error to send back for the datagram with header *msg*, RFC 1002 5.3.3.

    *source_ip* is this node's address; the port is the one its datagram service listens on.
    """
    return DatagramError(
        DatagramHeader(DATAGRAM_ERROR, msg.dgm_id, source_ip, 138, snt), error_code
    )


def query_response(
    request: DatagramQuery, source_ip: IPv4Address, *, relays: bool
) -> DatagramQuery:
    """Return a datagram distribution server's answer to *request*, RFC 1002 5.3.4."""
    msg_type = DATAGRAM_POSITIVE_QUERY_RESPONSE if relays else DATAGRAM_NEGATIVE_QUERY_RESPONSE
    header = DatagramHeader(msg_type, request.header.dgm_id, source_ip, 138, SNT_NBDD)
    return DatagramQuery(header, request.destination_name)


def decode_header(data: Buffer) -> DatagramHeader:
    """Read the first ten bytes of any datagram service packet. Raises Malformed."""
    if len(data) < _HEADER.size:
        raise Malformed("Datagram", "header is cut off")
    msg_type, flags, dgm_id, source_ip, source_port = _HEADER.unpack_from(data)
    if not DIRECT_UNIQUE_DATAGRAM <= msg_type <= DATAGRAM_NEGATIVE_QUERY_RESPONSE:
        raise Malformed("Datagram", f"MSG_TYPE is 0x{msg_type:02X}")
    return DatagramHeader(msg_type, dgm_id, IPv4Address(source_ip), source_port, flags)


def decode_datagram(data: Buffer) -> DatagramPacket:
    """Read a datagram service packet; bytes behind its DGM_LENGTH are padding.

    Raises Malformed. Whether a name was to blame, and which, `name_error_code` tells.
    """
    header = decode_header(data)
    if header.msg_type in _CARRIES_DATA:
        fragment = _fragment(header, data)
        whole = fragment.is_first and not fragment.has_more
        return assemble(fragment.header, fragment.payload) if whole else fragment
    if header.msg_type in _QUERIES:
        return DatagramQuery(header, decode_name(data, _HEADER.size)[0])
    if len(data) <= _HEADER.size:
        raise Malformed("Datagram error", "ERROR_CODE is cut off", _HEADER.size)
    return DatagramError(header, data[_HEADER.size])


def assemble(header: DatagramHeader, payload: bytes) -> Datagram:
    """Return the datagram whose names and data are *payload*. Raises Malformed."""
    source_name, at = decode_name(payload)
    destination_name, at = decode_name(payload, at)
    return Datagram(header, source_name, destination_name, payload[at:])


def name_error_code(data: Buffer) -> int | None:
    """Return the error code for a datagram one of whose names can't be read.

    None when the names are sound, or when so little is that no error should be answered.
    """
    if len(data) < _PAYLOAD_AT or data[0] not in _CARRIES_DATA or not data[1] & FLAGS_FIRST:
        return None
    try:
        _, at = decode_name(data, _PAYLOAD_AT)
    except Malformed:
        return INVALID_SOURCE_NAME_FORMAT
    try:
        decode_name(data, at)
    except Malformed:
        return INVALID_DESTINATION_NAME_FORMAT
    return None


def _fragment(header: DatagramHeader, data: Buffer) -> Fragment:
    if len(data) < _PAYLOAD_AT:
        raise Malformed("Datagram", "header is cut off", _HEADER.size)
    dgm_length, packet_offset = _LENGTHS.unpack_from(data, _HEADER.size)
    first = bool(header.flags & FLAGS_FIRST)
    whole = first and not header.flags & FLAGS_MORE
    if first and packet_offset:
        raise Malformed("Datagram", f"starts at PACKET_OFFSET {packet_offset}", 12)
    payload = bytes(data[_PAYLOAD_AT : _PAYLOAD_AT + dgm_length])
    if whole and len(payload) < dgm_length:
        raise Malformed("Datagram", f"has {len(payload)} of its {dgm_length} bytes", 10)
    return Fragment(header, dgm_length, packet_offset, payload)


class _Partial:
    """A datagram that is not whole yet."""

    def __init__(self, first: Fragment, now: float) -> None:
        self.header = first.header._replace(flags=first.header.flags & ~FLAGS_MORE)
        self.dgm_length = first.dgm_length
        self.payload = first.payload
        self.expires = now + FRAGMENT_TO_S

    def add(self, fragment: Fragment) -> bool:
        """Take the fragment that comes next; return False for any other."""
        have = len(self.payload)
        expected = {have}
        if not fragment.has_more:
            # RFC 1002 5.3.1 computes the last offset as what is left: some sender may do so.
            expected.add(self.dgm_length - have)
        fits = have + len(fragment.payload) <= self.dgm_length
        if fragment.packet_offset not in expected or fragment.dgm_length != self.dgm_length:
            return False
        self.payload += fragment.payload if fits else b""
        return fits and bool(fragment.payload)


class Reassembler:
    """Makes datagrams of fragments that come in order, RFC 1002 5.3.3.

    At most *max_partial* datagrams are under way, of 8 KiB each; the oldest yields to a new one,
    and one not whole after two seconds is dropped.
    """

    def __init__(self, max_partial: int = 64) -> None:
        self._max_partial = max_partial
        self._partials: dict[tuple[object, int], _Partial] = {}

    def __len__(self) -> int:
        return len(self._partials)

    def add(self, fragment: Fragment, source: object, now: float) -> Datagram | None:
        """Take a fragment that came from *source* (hashable); return the datagram it completes.

        A fragment that fits nowhere is dropped, and so is the datagram it does not fit. Raises
        Malformed when a whole datagram has no names.
        """
        self.expire(now)
        key = (source, fragment.header.dgm_id)
        if fragment.is_first:
            self._start(key, fragment, now)
            return None
        partial = self._partials.pop(key, None)
        if partial is None or not partial.add(fragment):
            return None
        if fragment.has_more:
            self._partials[key] = partial
            return None
        if len(partial.payload) != partial.dgm_length:
            return None
        return assemble(partial.header, partial.payload)

    def expire(self, now: float) -> None:
        """Drop what has waited too long."""
        late = [key for key, partial in self._partials.items() if partial.expires <= now]
        for key in late:
            del self._partials[key]

    def _start(self, key: tuple[object, int], first: Fragment, now: float) -> None:
        self._partials.pop(key, None)
        if not first.has_more or first.dgm_length > _MAX_FRAGMENTED:
            return
        if len(self._partials) >= self._max_partial:
            del self._partials[next(iter(self._partials))]
        self._partials[key] = _Partial(first, now)
