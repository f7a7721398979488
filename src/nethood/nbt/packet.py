"""The frame of every name service packet: header, questions, resource records; RFC 1002 4.2.1.

What the records mean is in `name_service` and `node_status`; sockets, retries and who may ask are
not known here.
"""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple, Self

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import NULL_NAME, NetbiosName, decode_compressed_name, encode_name
from nethood.wire import Buffer

MAX_DATAGRAM = 576
"""The longest packet sent by datagram, RFC 1002 6; what does not fit sets NM_FLAGS_TC."""
MAX_RECORDS = 64
"""How many questions and records together a packet may have to be read at all."""

NM_FLAGS_AA = 0x40
NM_FLAGS_TC = 0x20
NM_FLAGS_RD = 0x10
NM_FLAGS_RA = 0x08
NM_FLAGS_B = 0x01

OPCODE_QUERY = 0x0
OPCODE_REGISTRATION = 0x5
OPCODE_RELEASE = 0x6
OPCODE_WACK = 0x7
OPCODE_REFRESH = 0x8
OPCODE_REFRESH_ALTERNATE = 0x9
"""What the figure of RFC 1002 4.2.4 prints where its table says 8: accepted, never sent."""
OPCODE_MULTIHOMED_REGISTRATION = 0xF
"""[MS-NBTE] 2.2.2."""

RCODE_OK = 0x0
RCODE_FMT_ERR = 0x1
RCODE_SRV_ERR = 0x2
RCODE_NAM_ERR = 0x3
RCODE_IMP_ERR = 0x4
RCODE_RFS_ERR = 0x5
RCODE_ACT_ERR = 0x6
RCODE_CFT_ERR = 0x7

TYPE_A = 0x0001
TYPE_NS = 0x0002
TYPE_NULL = 0x000A
TYPE_NB = 0x0020
TYPE_NBSTAT = 0x0021
CLASS_IN = 0x0001

_RESPONSE = 0x8000
_HEADER = Struct(">6H")
_QUESTION = Struct(">HH")
_RECORD = Struct(">HHIH")


class Question(NamedTuple):
    """An entry of the question section, RFC 1002 4.2.1.2."""

    name: NetbiosName
    question_type: int = TYPE_NB
    question_class: int = CLASS_IN


class ResourceRecord(NamedTuple):
    """A resource record, RFC 1002 4.2.1.3; *rdata* as it stands on the wire."""

    name: NetbiosName
    rr_type: int
    rr_class: int
    ttl_s: int
    rdata: bytes


class Packet(NamedTuple):
    """A name service packet, RFC 1002 4.2.1; *nm_flags* is the 7-bit field of NM_FLAGS values."""

    name_trn_id: int
    is_response: bool = False
    opcode: int = OPCODE_QUERY
    nm_flags: int = 0
    rcode: int = RCODE_OK
    questions: tuple[Question, ...] = ()
    answers: tuple[ResourceRecord, ...] = ()
    authorities: tuple[ResourceRecord, ...] = ()
    additionals: tuple[ResourceRecord, ...] = ()

    @property
    def is_broadcast(self) -> bool:
        """Whether the sender says it broadcast this packet."""
        return bool(self.nm_flags & NM_FLAGS_B)

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read a packet; what follows its last record is padding.

        Raises Malformed, also for more than MAX_RECORDS entries.
        """
        if len(data) < _HEADER.size:
            raise Malformed("Name service packet", "header is cut off")
        trn_id, word, *counts = _HEADER.unpack_from(data)
        if sum(counts) > MAX_RECORDS:
            raise Malformed("Name service packet", f"has {sum(counts)} entries", 4)
        questions, at = _decode_questions(data, _HEADER.size, counts[0])
        answers, at = _decode_records(data, at, counts[1])
        authorities, at = _decode_records(data, at, counts[2])
        additionals, at = _decode_records(data, at, counts[3])
        return cls(
            trn_id,
            word >= _RESPONSE,
            word >> 11 & 0xF,
            word >> 4 & 0x7F,
            word & 0xF,
            questions,
            answers,
            authorities,
            additionals,
        )

    def encode(self) -> bytes:
        """Return the packet; a name that came before becomes a pointer to where it did.

        Raises LocalError when a name or a record does not fit.
        """
        sections = (self.answers, self.authorities, self.additionals)
        packet = bytearray(
            _HEADER.pack(
                self.name_trn_id,
                self.is_response << 15 | self.opcode << 11 | self.nm_flags << 4 | self.rcode,
                len(self.questions),
                *map(len, sections),
            )
        )
        seen: dict[NetbiosName, int] = {}
        for name, question_type, question_class in self.questions:
            _add_name(packet, name, seen)
            packet += _QUESTION.pack(question_type, question_class)
        for record in (record for section in sections for record in section):
            _add_record(packet, record, seen)
        return bytes(packet)


def peek_transaction(data: Buffer) -> tuple[int, bool]:
    """Return NAME_TRN_ID and whether *data* is a response, without reading the rest.

    Raises Malformed when not even the header is there.
    """
    if len(data) < _HEADER.size:
        raise Malformed("Name service packet", "header is cut off")
    return data[0] << 8 | data[1], data[2] >= 0x80


def _decode_questions(data: Buffer, at: int, count: int) -> tuple[tuple[Question, ...], int]:
    questions = []
    for _ in range(count):
        name, at = decode_compressed_name(data, at)
        if at + _QUESTION.size > len(data):
            raise Malformed("Name service packet", "question is cut off", at)
        questions.append(Question(name, *_QUESTION.unpack_from(data, at)))
        at += _QUESTION.size
    return tuple(questions), at


def _decode_records(data: Buffer, at: int, count: int) -> tuple[tuple[ResourceRecord, ...], int]:
    records = []
    for _ in range(count):
        name, at = decode_compressed_name(data, at)
        start = at + _RECORD.size
        if start > len(data):
            raise Malformed("Name service packet", "resource record is cut off", at)
        rr_type, rr_class, ttl_s, length = _RECORD.unpack_from(data, at)
        at = start + length
        if at > len(data):
            raise Malformed("Name service packet", "RDATA is cut off", start)
        records.append(ResourceRecord(name, rr_type, rr_class, ttl_s, bytes(data[start:at])))
    return tuple(records), at


def _add_name(packet: bytearray, name: NetbiosName, seen: dict[NetbiosName, int]) -> None:
    known = seen.get(name)
    if known is not None:
        packet += (0xC000 | known).to_bytes(2, "big")
        return
    if name != NULL_NAME and len(packet) < 0x4000:
        seen[name] = len(packet)
    packet += encode_name(name)


def _add_record(packet: bytearray, record: ResourceRecord, seen: dict[NetbiosName, int]) -> None:
    if len(record.rdata) > 0xFFFF:
        raise LocalError(f"a resource record holds at most 65535 bytes, not {len(record.rdata)}")
    _add_name(packet, record.name, seen)
    packet += _RECORD.pack(record.rr_type, record.rr_class, record.ttl_s, len(record.rdata))
    packet += record.rdata
