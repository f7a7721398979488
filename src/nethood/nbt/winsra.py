"""The messages name servers replicate by: [MS-WINSRA] 2.2, over TCP port 42.

A message is four bytes of length and that many bytes; here it is what follows the length. Version
numbers are unsigned 64-bit integers. Who pulls what from whom is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from struct import Struct
from typing import NamedTuple

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import NetbiosName
from nethood.nbt.wins_records import MAX_ADDRESSES, Member, Record, RecordKind, RecordState
from nethood.wire import Buffer

REPLICATION_PORT = 42
MAX_MESSAGE = 32 * 1024 * 1024
"""The longest message read: 65,536 records with 25 addresses each would be less."""

MAX_VERSION = (1 << 63) - 1
"""What a data base keeps as an integer; no server counts that far."""

START_REQUEST = 0
START_RESPONSE = 1
STOP_REQUEST = 2
REPLICATION = 3

MAP_REQUEST = 0
MAP_RESPONSE = 1
RECORDS_REQUEST = 2
RECORDS_RESPONSE = 3
UPDATE_NOTIFICATIONS = (4, 5, 8, 9)
UPDATE_NOTIFICATION = 4
"""Without a persistent association, not to be passed on: each server tells its own partners."""

MAJOR_VERSION = 2
MINOR_VERSION = 5
STOP_NORMAL = 0
STOP_ERROR = 4

_LENGTH = Struct(">I")
_HEADER = Struct(">III")
_START = Struct(">IHH")
_OPCODE = Struct(">I")
_OWNER = Struct(">4sQQI")
_RANGE = Struct(">4sQQI")
_RECORD_HEAD = Struct(">3xBB3xQ")
_RESERVED3 = b"\xff\xff\xff\xff"
_NAME_SIZE = 16
_MAX_NAME = 255
_NODE_TYPE_SHIFT = 13
_STATIC, _REPLICA = 0x80, 0x10
_WIRE = "WINS replication message"


class Header(NamedTuple):
    """The common header, [MS-WINSRA] 2.2.2, without the length."""

    association: int
    message_type: int


class Start(NamedTuple):
    """An Association Start Request or Response, [MS-WINSRA] 2.2.3 and 2.2.4."""

    sender_association: int
    major_version: int = MAJOR_VERSION
    minor_version: int = MINOR_VERSION


class OwnerVersions(NamedTuple):
    """An Owner Record, [MS-WINSRA] 2.2.7.1: whose records, and their highest and lowest version."""

    owner: IPv4Address
    max_version: int
    min_version: int = 0


class RecordsRequest(NamedTuple):
    """A Name Records Request, [MS-WINSRA] 2.2.9: the records of *owner* within a range."""

    owner: IPv4Address
    max_version: int
    min_version: int


@dataclass(frozen=True, slots=True)
class Notification:
    """An Update Notification, [MS-WINSRA] 2.2.8."""

    opcode: int
    owners: tuple[OwnerVersions, ...]
    initiator: IPv4Address


def frame(association: int, message_type: int, body: bytes) -> bytes:
    """Return a whole message, its length included."""
    return _LENGTH.pack(len(body) + 12) + _HEADER.pack(0, association, message_type) + body


def decode_header(message: Buffer) -> tuple[Header, memoryview]:
    """Read the common header; return it and the body. Raises Malformed."""
    if len(message) < _HEADER.size:
        raise Malformed(_WIRE, "header is cut off")
    _, association, message_type = _HEADER.unpack_from(message)
    return Header(association, message_type), memoryview(message)[_HEADER.size :]


def encode_start(message_type: int, association: int, start: Start) -> bytes:
    """Return an Association Start Request or Response."""
    return frame(association, message_type, _START.pack(*start) + bytes(21))


def decode_start(body: Buffer) -> Start:
    """Read the body of an Association Start. Raises Malformed."""
    _need(body, 0, _START.size)
    return Start(*_START.unpack_from(body))


def encode_stop(association: int, reason: int = STOP_NORMAL) -> bytes:
    """Return an Association Stop Request, [MS-WINSRA] 2.2.5."""
    return frame(association, STOP_REQUEST, _OPCODE.pack(reason) + bytes(24))


def encode_map_request(association: int) -> bytes:
    """Return an Owner-Version Map Request, [MS-WINSRA] 2.2.6."""
    return _replication(association, MAP_REQUEST, b"")


def encode_map_response(association: int, owners: Sequence[OwnerVersions]) -> bytes:
    """Return an Owner-Version Map Response, [MS-WINSRA] 2.2.7."""
    return _replication(association, MAP_RESPONSE, _owners(owners) + bytes(4))


def encode_notification(association: int, notification: Notification) -> bytes:
    """Return an Update Notification, [MS-WINSRA] 2.2.8."""
    body = _owners(notification.owners) + notification.initiator.packed
    return _replication(association, notification.opcode, body)


def encode_records_request(association: int, request: RecordsRequest) -> bytes:
    """Return a Name Records Request, [MS-WINSRA] 2.2.9."""
    owner, max_version, min_version = request
    body = _RANGE.pack(owner.packed, max_version, min_version, 0)
    return _replication(association, RECORDS_REQUEST, body)


def encode_records_response(association: int, records: Sequence[Record], own: IPv4Address) -> bytes:
    """Return a Name Records Response, [MS-WINSRA] 2.2.10; *own* stands for no owner."""
    body = _OPCODE.pack(len(records)) + b"".join(_encode_record(each, own) for each in records)
    return _replication(association, RECORDS_RESPONSE, body)


def decode_opcode(body: Buffer) -> tuple[int, memoryview]:
    """Read RplOpCode of a replication message; return it and what follows. Raises Malformed."""
    _need(body, 0, 4)
    return body[3], memoryview(body)[4:]


def decode_map(body: Buffer) -> list[OwnerVersions]:
    """Read what follows the opcode of an Owner-Version Map Response. Raises Malformed."""
    return _decode_owners(body)[0]


def decode_notification(opcode: int, body: Buffer) -> Notification:
    """Read what follows the opcode of an Update Notification. Raises Malformed."""
    owners, at = _decode_owners(body)
    _need(body, at, 4)
    return Notification(opcode, tuple(owners), IPv4Address(bytes(body[at : at + 4])))


def decode_records_request(body: Buffer) -> RecordsRequest:
    """Read what follows the opcode of a Name Records Request. Raises Malformed."""
    # The last four bytes are reserved, and some servers leave them out.
    _need(body, 0, _RANGE.size - 4)
    raw, max_version, min_version, _ = _RANGE.unpack(bytes(body[:20]) + bytes(4))
    return RecordsRequest(IPv4Address(raw), max_version, min_version)


def decode_records(body: Buffer, owner: IPv4Address) -> list[Record]:
    """Read what follows the opcode of a Name Records Response: records of *owner*.

    Raises Malformed.
    """
    _need(body, 0, 4)
    (number,) = _OPCODE.unpack_from(body)
    if number * 40 > len(body):
        raise Malformed(_WIRE, f"can't hold {number} records")
    records, at = [], 4
    for _ in range(number):
        record, at = _decode_record(body, at, owner)
        records.append(record)
    return records


def _replication(association: int, opcode: int, body: bytes) -> bytes:
    return frame(association, REPLICATION, _OPCODE.pack(opcode) + body)


def _need(body: Buffer, at: int, size: int) -> None:
    if at + size > len(body):
        raise Malformed(_WIRE, "is cut off", at)


def _owners(owners: Sequence[OwnerVersions]) -> bytes:
    packed = (_OWNER.pack(each[0].packed, each[1], each[2], 1) for each in owners)
    return _OPCODE.pack(len(owners)) + b"".join(packed)


def _decode_owners(body: Buffer) -> tuple[list[OwnerVersions], int]:
    _need(body, 0, 4)
    (number,) = _OPCODE.unpack_from(body)
    end = 4 + number * _OWNER.size
    _need(body, 4, number * _OWNER.size)
    rows = _OWNER.iter_unpack(memoryview(body)[4:end])
    return [OwnerVersions(IPv4Address(raw), top, low) for raw, top, low, _ in rows], end


def _encode_record(record: Record, own: IPv4Address) -> bytes:
    scope = record.name.scope.encode("latin-1")
    raw = record.name.to_bytes() + (b"." + scope if scope else b"") + b"\0"
    if len(raw) > _MAX_NAME:
        raise LocalError(f"{record.name} is too long to be replicated")
    head = _OPCODE.pack(len(raw)) + raw + bytes(4 - len(raw) % 4)
    flags = record.kind | record.state << 2 | record.node_type >> _NODE_TYPE_SHIFT << 5
    flags |= (_STATIC if record.is_static else 0) | (_REPLICA if record.owner else 0)
    group = int(record.kind.is_group)
    head += _RECORD_HEAD.pack(flags, group, record.version)
    return head + _encode_addresses(record, own) + _RESERVED3


def _encode_addresses(record: Record, own: IPv4Address) -> bytes:
    if record.kind is RecordKind.GROUP:
        return b"\xff\xff\xff\xff"
    if record.kind is RecordKind.UNIQUE:
        return record.members[0].address.packed if record.members else bytes(4)
    pairs = (
        (member.owner or record.owner or own).packed + member.address.packed
        for member in record.members
    )
    return bytes([len(record.members), 0, 0, 0]) + b"".join(pairs)


def _decode_record(body: Buffer, at: int, owner: IPv4Address) -> tuple[Record, int]:
    _need(body, at, 4)
    (length,) = _OPCODE.unpack_from(body, at)
    if not _NAME_SIZE < length <= _MAX_NAME:
        raise Malformed(_WIRE, f"has a name of {length} bytes", at)
    name_at, at = at + 4, at + 4 + length + 4 - length % 4
    _need(body, at, _RECORD_HEAD.size)
    name = _decode_name(bytes(body[name_at : name_at + length]))
    flags, _, version = _RECORD_HEAD.unpack_from(body, at)
    kind, state = RecordKind(flags & 3), flags >> 2 & 3
    if state not in (RecordState.ACTIVE, RecordState.TOMBSTONE):
        raise Malformed(_WIRE, f"has a record in state {state}", at)
    if version > MAX_VERSION:
        raise Malformed(_WIRE, f"has version {version}", at)
    members, at = _decode_addresses(body, at + _RECORD_HEAD.size, kind, owner)
    _need(body, at, 4)
    record = Record(
        name,
        kind,
        members,
        RecordState(state),
        node_type=(flags >> 5 & 3) << _NODE_TYPE_SHIFT,
        is_static=bool(flags & _STATIC),
        owner=owner,
        version=version,
    )
    return record, at + 4


def _decode_name(raw: bytes) -> NetbiosName:
    scope = raw[_NAME_SIZE:].rstrip(b"\0").removeprefix(b".").decode("latin-1")
    name = NetbiosName.from_bytes(raw[:_NAME_SIZE], scope)
    if any(not 0 < len(label) < 64 for label in scope.split(".") if scope):
        raise Malformed(_WIRE, "has a name with an impossible scope")
    return name


def _decode_addresses(
    body: Buffer, at: int, kind: RecordKind, owner: IPv4Address
) -> tuple[tuple[Member, ...], int]:
    _need(body, at, 4)
    if kind in (RecordKind.UNIQUE, RecordKind.GROUP):
        address = IPv4Address(bytes(body[at : at + 4]))
        members = () if kind is RecordKind.GROUP else (Member(address, None, owner),)
        return members, at + 4
    number, at = body[at], at + 4
    if number > MAX_ADDRESSES:
        raise Malformed(_WIRE, f"has a name with {number} addresses", at)
    _need(body, at, 8 * number)
    found = []
    for start in range(at, at + 8 * number, 8):
        pair = bytes(body[start : start + 8])
        found.append(Member(IPv4Address(pair[4:]), None, IPv4Address(pair[:4])))
    return tuple(found), at + 8 * number
