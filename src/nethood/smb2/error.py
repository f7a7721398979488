"""The ERROR response and what its ErrorData holds, [MS-SMB2] 2.2.2."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from nethood.errors import Malformed
from nethood.smb2.constants import (
    IO_REPARSE_TAG_SYMLINK,
    SHARE_MOVE_NOTIFICATION,
    SMB2_ERROR_ID_DEFAULT,
    SYMLINK_ERROR_TAG,
)
from nethood.smb2.header import HEADER_SIZE
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

_FIXED = Struct("<HBBI")
_STRUCTURE_SIZE = 9
_CONTEXT = Struct("<II")
_SYMLINK = Struct("<IIIHHHHHHI")
_REDIRECT = Struct("<IIIIHHI")
_MOVE = Struct("<II16s")
_REDIRECT_STRUCTURE_SIZE = 48


@dataclass(slots=True)
class ErrorResponse:
    """ERROR response, [MS-SMB2] 2.2.2.

    With a nonzero `error_context_count` (3.1.1 only) `error_data` is a list of contexts:
    `decode_error_contexts` reads it.
    """

    error_data: Buffer = b""
    error_context_count: int = 0
    reserved: int = 0

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> ErrorResponse:
        """Read the response that starts at *offset* of the message *data*. Raises Malformed."""
        if len(data) < offset + _FIXED.size:
            raise Malformed("ErrorResponse", "is cut off", offset)
        size, count, reserved, byte_count = _FIXED.unpack_from(data, offset)
        if size != _STRUCTURE_SIZE:
            raise Malformed("ErrorResponse", f"StructureSize is {size}", offset)
        start = offset + _FIXED.size
        if start + byte_count > len(data):
            raise Malformed("ErrorResponse", f"ByteCount is {byte_count}", offset)
        return cls(data[start : start + byte_count], count, reserved)

    def encode(self) -> bytes:
        """Return the body; an empty ErrorData is still one byte long, as peers expect."""
        size = len(self.error_data)
        fixed = _FIXED.pack(_STRUCTURE_SIZE, self.error_context_count, self.reserved, size)
        return fixed + (self.error_data if size else b"\0")


@dataclass(slots=True)
class ErrorContext:
    """One SMB2 ERROR Context, [MS-SMB2] 2.2.2.1."""

    error_context_data: Buffer = b""
    error_id: int = SMB2_ERROR_ID_DEFAULT


def decode_error_contexts(error_data: Buffer, count: int) -> list[ErrorContext]:
    """Read *count* contexts, each 8-aligned after the one before. Raises Malformed."""
    contexts = []
    at = 0
    for _ in range(count):
        if at + _CONTEXT.size > len(error_data):
            raise Malformed("ErrorContext", "list is cut off", at)
        length, error_id = _CONTEXT.unpack_from(error_data, at)
        at += _CONTEXT.size
        if at + length > len(error_data):
            raise Malformed("ErrorContext", f"ErrorDataLength is {length}", at)
        contexts.append(ErrorContext(error_data[at : at + length], error_id))
        at += length + (-length % 8)
    return contexts


def encode_error_contexts(contexts: Sequence[ErrorContext]) -> bytes:
    """Return *contexts* as ErrorData; the last is not padded."""
    listed = bytearray()
    for context in contexts:
        listed += bytes(-len(listed) % 8)
        listed += _CONTEXT.pack(len(context.error_context_data), context.error_id)
        listed += context.error_context_data
    return bytes(listed)


@dataclass(slots=True)
class SymbolicLinkError:
    """Symbolic Link Error Response, [MS-SMB2] 2.2.2.2.1; `unparsed_path_length` in bytes."""

    substitute_name: str = ""
    print_name: str = ""
    unparsed_path_length: int = 0
    flags: int = 0

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> SymbolicLinkError:
        """Read the structure at *offset*. Raises Malformed."""
        start = offset + _SYMLINK.size
        if len(data) < start:
            raise Malformed("SymbolicLinkError", "is cut off", offset)
        _, tag, reparse_tag, _, unparsed, sub_at, sub_len, print_at, print_len, flags = (
            _SYMLINK.unpack_from(data, offset)
        )
        if tag != SYMLINK_ERROR_TAG or reparse_tag != IO_REPARSE_TAG_SYMLINK:
            raise Malformed("SymbolicLinkError", f"tags are 0x{tag:X}, 0x{reparse_tag:X}", offset)
        if start + max(sub_at + sub_len, print_at + print_len) > len(data):
            raise Malformed("SymbolicLinkError", "a name points outside it", offset)
        substitute = decode_utf16(data[start + sub_at : start + sub_at + sub_len])
        printed = decode_utf16(data[start + print_at : start + print_at + print_len])
        return cls(substitute, printed, unparsed, flags)

    def encode(self) -> bytes:
        """Return the structure, substitute name first."""
        substitute, printed = encode_utf16(self.substitute_name), encode_utf16(self.print_name)
        names = substitute + printed
        return (
            _SYMLINK.pack(
                _SYMLINK.size - 4 + len(names),
                SYMLINK_ERROR_TAG,
                IO_REPARSE_TAG_SYMLINK,
                len(names) + 12,
                self.unparsed_path_length,
                0,
                len(substitute),
                len(substitute),
                len(printed),
                self.flags,
            )
            + names
        )


@dataclass(slots=True)
class MoveDstIpaddr:
    """MOVE_DST_IPADDR, [MS-SMB2] 2.2.2.2.2.1; an IPv4 address fills the first 4 of the 16 bytes."""

    type: int
    address: bytes = bytes(16)
    reserved: int = 0


@dataclass(slots=True)
class ShareRedirectError:
    """Share Redirect Error Context Response, [MS-SMB2] 2.2.2.2.2."""

    resource_name: str
    ip_addr_move_list: list[MoveDstIpaddr]
    notification_type: int = SHARE_MOVE_NOTIFICATION
    target_type: int = 0

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> ShareRedirectError:
        """Read the structure at *offset*. Raises Malformed."""
        at = offset + _REDIRECT.size
        if len(data) < at:
            raise Malformed("ShareRedirectError", "is cut off", offset)
        _, kind, name_at, name_length, _, target, count = _REDIRECT.unpack_from(data, offset)
        name_end = offset + name_at + name_length
        if at + count * _MOVE.size > len(data) or name_end > len(data):
            raise Malformed("ShareRedirectError", "a part points outside it", offset)
        moves = []
        for start in range(at, at + count * _MOVE.size, _MOVE.size):
            type_, reserved, address = _MOVE.unpack_from(data, start)
            moves.append(MoveDstIpaddr(type_, address, reserved))
        return cls(decode_utf16(data[offset + name_at : name_end]), moves, kind, target)

    def encode(self) -> bytes:
        """Return the structure, the name behind the addresses."""
        name = encode_utf16(self.resource_name)
        count = len(self.ip_addr_move_list)
        fixed = _REDIRECT.pack(
            _REDIRECT_STRUCTURE_SIZE,
            self.notification_type,
            _REDIRECT.size + count * _MOVE.size,
            len(name),
            0,
            self.target_type,
            count,
        )
        moves = [_MOVE.pack(m.type, m.reserved, m.address) for m in self.ip_addr_move_list]
        return fixed + b"".join(moves) + name
