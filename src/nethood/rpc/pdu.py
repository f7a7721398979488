"""Connection-oriented PDUs: how fragments stand on the wire (C706 12.6, [MS-RPCE] 2.2.2).

Each PDU's body is a class with `encode` (to bytes) and `decode` (from a `Reader` that stands
behind the header). `encode_pdu` and `split` put the header and the auth trailer around it.
Both byte orders are read; only little-endian is written.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import NamedTuple, Self

from nethood.errors import Malformed
from nethood.rpc.ndr import Reader
from nethood.wire import Buffer

HEADER_SIZE = 16
REQUEST_HEAD_SIZE = 24
"""Header, alloc_hint, context and opnum: what stands before the stub, in responses too."""
MUST_RECEIVE_FRAG = 1432
"""Every implementation takes fragments of this size (C706 12.6.3.1)."""


class Ptype(IntEnum):
    """PTYPE, C706 12.6.1 and [MS-RPCE] 2.2.2.10."""

    REQUEST = 0
    RESPONSE = 2
    FAULT = 3
    BIND = 11
    BIND_ACK = 12
    BIND_NAK = 13
    ALTER_CONTEXT = 14
    ALTER_CONTEXT_RESP = 15
    AUTH3 = 16
    SHUTDOWN = 17
    CANCEL = 18
    ORPHANED = 19


class Pfc(IntFlag):
    """pfc_flags, C706 12.6.3.1."""

    FIRST_FRAG = 0x01
    LAST_FRAG = 0x02
    PENDING_CANCEL = 0x04
    """In bind, alter_context and their answers: PFC_SUPPORT_HEADER_SIGN."""
    CONC_MPX = 0x10
    DID_NOT_EXECUTE = 0x20
    MAYBE = 0x40
    OBJECT_UUID = 0x80


WHOLE = Pfc.FIRST_FRAG | Pfc.LAST_FRAG


class Result(IntEnum):
    """p_cont_def_result_t, [MS-RPCE] 2.2.2.4."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    PROVIDER_REJECTION = 2
    NEGOTIATE_ACK = 3


class RejectReason(IntEnum):
    """Why a bind was refused whole, [MS-RPCE] 2.2.2.5."""

    NOT_SPECIFIED = 0
    LOCAL_LIMIT_EXCEEDED = 2
    PROTOCOL_VERSION_NOT_SUPPORTED = 4
    AUTHENTICATION_TYPE_NOT_RECOGNIZED = 8
    INVALID_CHECKSUM = 9


ABSTRACT_SYNTAX_NOT_SUPPORTED = 1
"""Reason with PROVIDER_REJECTION: no such interface here."""
PROPOSED_TRANSFER_SYNTAXES_NOT_SUPPORTED = 2


class Syntax(NamedTuple):
    """p_syntax_id_t: an interface or a transfer syntax, and its version."""

    uuid: bytes
    major: int
    minor: int = 0

    @classmethod
    def parse(cls, uuid: str, major: int, minor: int = 0) -> Self:
        """Return the syntax of a UUID in its usual notation."""
        data = bytes.fromhex(uuid.replace("-", ""))
        return cls(data[3::-1] + data[5:3:-1] + data[7:5:-1] + data[8:], major, minor)

    def encode(self) -> bytes:
        """Return the 20 bytes of the identifier."""
        return self.uuid + struct.pack("<HH", self.major, self.minor)

    @classmethod
    def decode(cls, reader: Reader) -> Self:
        """Read an identifier. Raises Malformed."""
        uuid, version = reader.uuid(), reader.u32()
        return cls(uuid, version & 0xFFFF, version >> 16)


NDR = Syntax.parse("8a885d04-1ceb-11c9-9fe8-08002b104860", 2)
NDR64 = Syntax.parse("71710533-beba-4937-8319-b5dbef9ccc36", 1)
NO_SYNTAX = Syntax(bytes(16), 0)
FEATURE_NEGOTIATION_PREFIX = Syntax.parse("6cb71c2c-9812-4540-0000-000000000000", 1).uuid[:8]
"""How the transfer syntax of bind time feature negotiation begins, [MS-RPCE] 3.3.1.5.3."""


class Header(NamedTuple):
    """The fields common to all PDUs (C706 12.6.3.1)."""

    version: int
    version_minor: int
    ptype: int
    flags: int
    big_endian: bool
    frag_length: int
    auth_length: int
    call_id: int

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read the first 16 bytes of a fragment. Raises Malformed."""
        if len(data) < HEADER_SIZE:
            raise Malformed("RPC PDU", f"header of {len(data)} bytes")
        # The integer format is the upper half of the first byte of the data representation.
        big_endian = not data[4] & 0x10
        order = ">HHI" if big_endian else "<HHI"
        frag_length, auth_length, call_id = struct.unpack_from(order, data, 8)
        if frag_length < HEADER_SIZE:
            raise Malformed("RPC PDU", f"frag_length is {frag_length}", 8)
        return cls(
            data[0], data[1], data[2], data[3], big_endian, frag_length, auth_length, call_id
        )


class SecTrailer(NamedTuple):
    """sec_trailer and the authentication token behind it, [MS-RPCE] 2.2.2.11."""

    auth_type: int
    auth_level: int
    auth_context_id: int
    token: bytes

    def encode(self, pad_length: int = 0) -> bytes:
        """Return the trailer; *pad_length* is how many bytes of padding stand before it."""
        head = struct.pack(
            "<BBBBI", self.auth_type, self.auth_level, pad_length, 0, self.auth_context_id
        )
        return head + self.token


class Pdu(NamedTuple):
    """A fragment taken apart: its header, a reader behind the header, and its auth trailer."""

    header: Header
    body: Reader
    trailer: SecTrailer | None


def split(data: Buffer) -> Pdu:
    """Take one whole fragment apart. Raises Malformed."""
    header = Header.decode(data)
    if header.frag_length != len(data):
        raise Malformed("RPC PDU", f"frag_length {header.frag_length} of {len(data)} bytes", 8)
    end, trailer = len(data), None
    if header.auth_length:
        start = end - header.auth_length - 8
        if start < HEADER_SIZE:
            raise Malformed("RPC PDU", f"auth_length is {header.auth_length}", 10)
        order = ">BBBBI" if header.big_endian else "<BBBBI"
        kind, level, pad, _, context_id = struct.unpack_from(order, data, start)
        trailer = SecTrailer(kind, level, context_id, bytes(data[start + 8 :]))
        end = start - pad
        if end < HEADER_SIZE:
            raise Malformed("RPC PDU", f"auth_pad_length is {pad}", start + 2)
    body = Reader(
        data[:end], big_endian=header.big_endian, offset=HEADER_SIZE, name=f"RPC PDU {header.ptype}"
    )
    return Pdu(header, body, trailer)


def encode_pdu(
    ptype: int, call_id: int, body: bytes, flags: int = WHOLE, trailer: SecTrailer | None = None
) -> bytes:
    """Return one fragment: header, *body*, and the auth trailer where there is one."""
    tail = b""
    auth_length = 0
    if trailer is not None:
        pad = -len(body) % 16
        tail = bytes(pad) + trailer.encode(pad)
        auth_length = len(trailer.token)
    length = HEADER_SIZE + len(body) + len(tail)
    head = struct.pack(
        "<BBBB4sHHI", 5, 0, ptype, flags, b"\x10\0\0\0", length, auth_length, call_id
    )
    return head + body + tail


class ContextElement(NamedTuple):
    """p_cont_elem_t: a presentation context the client offers."""

    context_id: int
    abstract_syntax: Syntax
    transfer_syntaxes: tuple[Syntax, ...]


@dataclass(slots=True)
class Bind:
    """bind and alter_context, C706 12.6.4.1 and 12.6.4.3."""

    max_xmit_frag: int
    max_recv_frag: int
    assoc_group_id: int
    contexts: list[ContextElement]

    def encode(self) -> bytes:
        """Return the body."""
        parts = [
            struct.pack("<HHI", self.max_xmit_frag, self.max_recv_frag, self.assoc_group_id),
            struct.pack("<BxH", len(self.contexts), 0),
        ]
        for context_id, abstract, transfers in self.contexts:
            parts += [struct.pack("<HBx", context_id, len(transfers)), abstract.encode()]
            parts += [syntax.encode() for syntax in transfers]
        return b"".join(parts)

    @classmethod
    def decode(cls, reader: Reader) -> Self:
        """Read the body. Raises Malformed."""
        max_xmit, max_recv, group = reader.u16(), reader.u16(), reader.u32()
        count = reader.u8()
        reader.take(3)
        contexts = []
        for _ in range(count):
            context_id, transfers = reader.u16(), reader.u8()
            reader.take(1)
            abstract = Syntax.decode(reader)
            syntaxes = tuple(Syntax.decode(reader) for _ in range(transfers))
            contexts.append(ContextElement(context_id, abstract, syntaxes))
        return cls(max_xmit, max_recv, group, contexts)


class ContextResult(NamedTuple):
    """p_result_t: the answer to one presentation context."""

    result: int
    reason: int = 0
    transfer_syntax: Syntax = NO_SYNTAX


@dataclass(slots=True)
class BindAck:
    """bind_ack and alter_context_resp, C706 12.6.4.2 and 12.6.4.4."""

    max_xmit_frag: int
    max_recv_frag: int
    assoc_group_id: int
    secondary_address: str
    results: list[ContextResult]

    def encode(self) -> bytes:
        """Return the body."""
        address = self.secondary_address.encode("ascii", "replace") + b"\0"
        if not self.secondary_address:
            address = b""
        head = struct.pack("<HHI", self.max_xmit_frag, self.max_recv_frag, self.assoc_group_id)
        head += struct.pack("<H", len(address)) + address
        head += bytes(-len(head) % 4)
        parts = [head, struct.pack("<BxH", len(self.results), 0)]
        for result, reason, syntax in self.results:
            parts += [struct.pack("<HH", result, reason), syntax.encode()]
        return b"".join(parts)

    @classmethod
    def decode(cls, reader: Reader) -> Self:
        """Read the body. Raises Malformed."""
        max_xmit, max_recv, group = reader.u16(), reader.u16(), reader.u32()
        address = reader.take(reader.u16()).rstrip(b"\0").decode("latin-1")
        reader.align(4)
        count = reader.u8()
        reader.take(3)
        results = [
            ContextResult(reader.u16(), reader.u16(), Syntax.decode(reader)) for _ in range(count)
        ]
        return cls(max_xmit, max_recv, group, address, results)


@dataclass(slots=True)
class BindNak:
    """bind_nak, [MS-RPCE] 2.2.2.9; without extended error information."""

    reason: int
    versions: list[tuple[int, int]] = field(default_factory=lambda: [(5, 0)])

    def encode(self) -> bytes:
        """Return the body."""
        versions = b"".join(bytes(version) for version in self.versions)
        return struct.pack("<HB", self.reason, len(self.versions)) + versions

    @classmethod
    def decode(cls, reader: Reader) -> Self:
        """Read the body. Raises Malformed."""
        reason = reader.u16()
        return cls(reason, [(reader.u8(), reader.u8()) for _ in range(reader.u8())])


@dataclass(slots=True)
class Request:
    """One fragment of a request, C706 12.6.4.9."""

    alloc_hint: int
    context_id: int
    opnum: int
    stub: bytes
    object_uuid: bytes | None = None

    def encode(self) -> bytes:
        """Return the body; PFC_OBJECT_UUID goes with an object."""
        head = struct.pack("<IHH", self.alloc_hint, self.context_id, self.opnum)
        return head + (self.object_uuid or b"") + self.stub

    @classmethod
    def decode(cls, reader: Reader, flags: int) -> Self:
        """Read the body. Raises Malformed."""
        hint, context_id, opnum = reader.u32(), reader.u16(), reader.u16()
        uuid = reader.uuid() if flags & Pfc.OBJECT_UUID else None
        return cls(hint, context_id, opnum, reader.take(reader.remaining), uuid)


@dataclass(slots=True)
class Response:
    """One fragment of a response, C706 12.6.4.10."""

    alloc_hint: int
    context_id: int
    stub: bytes
    cancel_count: int = 0

    def encode(self) -> bytes:
        """Return the body."""
        head = struct.pack("<IHBx", self.alloc_hint, self.context_id, self.cancel_count)
        return head + self.stub

    @classmethod
    def decode(cls, reader: Reader) -> Self:
        """Read the body. Raises Malformed."""
        hint, context_id, cancels = reader.u32(), reader.u16(), reader.u8()
        reader.take(1)
        return cls(hint, context_id, reader.take(reader.remaining), cancels)


@dataclass(slots=True)
class Fault:
    """fault, C706 12.6.4.7 and [MS-RPCE] 2.2.2.8."""

    status: int
    context_id: int = 0

    def encode(self) -> bytes:
        """Return the body."""
        return struct.pack("<IHBBII", 32, self.context_id, 0, 0, self.status, 0)

    @classmethod
    def decode(cls, reader: Reader) -> Self:
        """Read the body. Raises Malformed."""
        reader.u32()
        context_id = reader.u16()
        reader.take(2)
        return cls(reader.u32(), context_id)


def fragment_request(
    call_id: int, context_id: int, opnum: int, stub: bytes, max_frag: int
) -> list[bytes]:
    """Return the fragments of a request, none longer than *max_frag* bytes."""
    head = struct.pack("<HH", context_id, opnum)
    return _fragments(Ptype.REQUEST, call_id, head, stub, max_frag)


def fragment_response(call_id: int, context_id: int, stub: bytes, max_frag: int) -> list[bytes]:
    """Return the fragments of a response, none longer than *max_frag* bytes."""
    head = struct.pack("<HBx", context_id, 0)
    return _fragments(Ptype.RESPONSE, call_id, head, stub, max_frag)


def _fragments(ptype: int, call_id: int, head: bytes, stub: bytes, max_frag: int) -> list[bytes]:
    """Cut *stub*; each alloc_hint is what is still to come ([MS-RPCE] 2.2.2.6)."""
    room = (max_frag - REQUEST_HEAD_SIZE) & ~7
    pieces = []
    for start in range(0, max(len(stub), 1), room):
        flags = Pfc.FIRST_FRAG if start == 0 else 0
        if start + room >= len(stub):
            flags |= Pfc.LAST_FRAG
        hint = struct.pack("<I", len(stub) - start)
        body = hint + head + stub[start : start + room]
        pieces.append(encode_pdu(ptype, call_id, body, flags))
    return pieces
