"""NEGOTIATE, [MS-SMB2] 2.2.3 and 2.2.4; the contexts are in negotiate_contexts.py."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct, pack, unpack_from

from nethood.errors import Malformed
from nethood.smb2.constants import DIALECT_3_1_1
from nethood.smb2.header import HEADER_SIZE
from nethood.smb2.negotiate_contexts import (
    NegotiateContext,
    decode_negotiate_contexts,
    encode_negotiate_contexts,
)
from nethood.wire import Buffer

_REQUEST = Struct("<HHHHI16s8s")
_REQUEST_SIZE = 36
_CONTEXTS_AT = Struct("<IHH")
_RESPONSE = Struct("<HHHH16sIIIIQQHHI")
_RESPONSE_SIZE = 65
_SECURITY_BUFFER_OFFSET = HEADER_SIZE + _RESPONSE.size
_NO_CONTEXTS = bytes(8)


@dataclass(slots=True)
class NegotiateRequest:
    """NEGOTIATE request, [MS-SMB2] 2.2.3.

    `client_start_time` is the 8 bytes that are NegotiateContextOffset, NegotiateContextCount and
    Reserved2 where `dialects` holds 3.1.1; only `reserved2` of them is kept then.
    """

    dialects: list[int] = field(default_factory=list)
    security_mode: int = 0
    capabilities: int = 0
    client_guid: bytes = bytes(16)
    contexts: list[NegotiateContext] = field(default_factory=list)
    client_start_time: bytes = _NO_CONTEXTS
    reserved: int = 0
    reserved2: int = 0

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> NegotiateRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        if len(data) < offset + _REQUEST.size:
            raise Malformed("NegotiateRequest", "is cut off", offset)
        size, count, mode, reserved, capabilities, guid, start_time = _REQUEST.unpack_from(
            data, offset
        )
        if size != _REQUEST_SIZE:
            raise Malformed("NegotiateRequest", f"StructureSize is {size}", offset)
        end = offset + _REQUEST.size + 2 * count
        if end > len(data):
            raise Malformed("NegotiateRequest", f"has no room for {count} dialects", offset)
        dialects = list(unpack_from(f"<{count}H", data, offset + _REQUEST.size))
        self = cls(dialects, mode, capabilities, guid, [], start_time, reserved)
        if DIALECT_3_1_1 in dialects:
            self._decode_contexts(data, offset)
        return self

    def _decode_contexts(self, data: Buffer, offset: int) -> None:
        at, count, self.reserved2 = _CONTEXTS_AT.unpack(self.client_start_time)
        self.client_start_time = _NO_CONTEXTS
        if count:
            self.contexts = decode_negotiate_contexts(data, _list_start(at, offset), count)

    def encode(self) -> bytes:
        """Return the body, to stand right behind a header."""
        body = pack(f"<{len(self.dialects)}H", *self.dialects)
        tail = self.client_start_time
        if DIALECT_3_1_1 in self.dialects:
            at = HEADER_SIZE + _REQUEST.size + len(body)
            at, padding = _align(at)
            listed = encode_negotiate_contexts(self.contexts)
            tail = _CONTEXTS_AT.pack(at if listed else 0, len(self.contexts), self.reserved2)
            body += padding + listed if listed else b""
        fixed = _REQUEST.pack(
            _REQUEST_SIZE,
            len(self.dialects),
            self.security_mode,
            self.reserved,
            self.capabilities,
            self.client_guid,
            tail,
        )
        return fixed + body


@dataclass(slots=True)
class NegotiateResponse:
    """NEGOTIATE response, [MS-SMB2] 2.2.4; times are FILETIMEs, sizes bytes.

    `reserved` and `reserved2` are NegotiateContextCount and NegotiateContextOffset where
    `dialect_revision` is 3.1.1, and then computed.
    """

    security_mode: int = 0
    dialect_revision: int = 0
    server_guid: bytes = bytes(16)
    capabilities: int = 0
    max_transact_size: int = 0
    max_read_size: int = 0
    max_write_size: int = 0
    system_time: int = 0
    server_start_time: int = 0
    security_buffer: Buffer = b""
    contexts: list[NegotiateContext] = field(default_factory=list)
    reserved: int = 0
    reserved2: int = 0

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> NegotiateResponse:
        """Read the response that starts at *offset* of the message *data*. Raises Malformed."""
        if len(data) < offset + _RESPONSE.size:
            raise Malformed("NegotiateResponse", "is cut off", offset)
        size, mode, dialect, count, *rest = _RESPONSE.unpack_from(data, offset)
        if size != _RESPONSE_SIZE:
            raise Malformed("NegotiateResponse", f"StructureSize is {size}", offset)
        *fixed, buffer_at, buffer_length, contexts_at = rest
        self = cls(mode, dialect, *fixed)
        self.security_buffer = _security_buffer(data, offset, buffer_at, buffer_length)
        if dialect == DIALECT_3_1_1:
            if count:
                start = _list_start(contexts_at, offset)
                self.contexts = decode_negotiate_contexts(data, start, count)
        else:
            self.reserved, self.reserved2 = count, contexts_at
        return self

    def encode(self) -> bytes:
        """Return the body, to stand right behind a header."""
        body = bytes(self.security_buffer)
        count, at = self.reserved, self.reserved2
        if self.dialect_revision == DIALECT_3_1_1:
            at, padding = _align(_SECURITY_BUFFER_OFFSET + len(body))
            count = len(self.contexts)
            if count:
                body += padding + encode_negotiate_contexts(self.contexts)
            else:
                at = 0
        return self._encode_fixed(count, at) + body

    def _encode_fixed(self, count: int, contexts_at: int) -> bytes:
        return _RESPONSE.pack(
            _RESPONSE_SIZE,
            self.security_mode,
            self.dialect_revision,
            count,
            self.server_guid,
            self.capabilities,
            self.max_transact_size,
            self.max_read_size,
            self.max_write_size,
            self.system_time,
            self.server_start_time,
            _SECURITY_BUFFER_OFFSET,
            len(self.security_buffer),
            contexts_at,
        )


def _align(at: int) -> tuple[int, bytes]:
    """Return the next 8-aligned place from *at*, and the padding up to it."""
    padding = -at % 8
    return at + padding, bytes(padding)


def _list_start(from_header: int, offset: int) -> int:
    """Return where a list at *from_header* lies, the body being at *offset*. Raises Malformed."""
    start = offset - HEADER_SIZE + from_header
    if start < offset or from_header % 8:
        raise Malformed("Negotiate", f"NegotiateContextOffset is {from_header}", offset)
    return start


def _security_buffer(data: Buffer, offset: int, from_header: int, length: int) -> Buffer:
    if not length:
        return b""
    start = offset - HEADER_SIZE + from_header
    if start < offset + _RESPONSE.size or start + length > len(data):
        raise Malformed("NegotiateResponse", "security buffer points outside the message", start)
    return data[start : start + length]
