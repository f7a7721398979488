"""TREE_CONNECT, [MS-SMB2] 2.2.9 and 2.2.10, with the request extension of 3.1.1 (2.2.9.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct

from nethood.errors import Malformed
from nethood.smb2.constants import SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT
from nethood.smb2.header import HEADER_SIZE
from nethood.wire import Buffer, Wire, u8, u16, u32, wire

_FIXED = Struct("<HHHH")
_STRUCTURE_SIZE = 9
_PATH_OFFSET = HEADER_SIZE + _FIXED.size
_EXTENSION = Struct("<IH10s")
_CONTEXT = Struct("<HHI")


@dataclass(slots=True)
class TreeConnectContext:
    r"""One SMB2_TREE_CONNECT_CONTEXT, [MS-SMB2] 2.2.9.2, its data unread."""

    context_type: int
    data: Buffer = b""
    reserved: int = 0


@dataclass(slots=True)
class TreeConnectRequest:
    r"""TREE_CONNECT request, [MS-SMB2] 2.2.9; `path` is ``\\server\share`` in UTF-16LE.

    `contexts` come with SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT only (3.1.1).
    """

    path: Buffer = b""
    flags: int = 0
    contexts: list[TreeConnectContext] = field(default_factory=list)

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> TreeConnectRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        if len(data) < offset + _FIXED.size:
            raise Malformed("TreeConnectRequest", "is cut off", offset)
        size, flags, path_offset, path_length = _FIXED.unpack_from(data, offset)
        if size != _STRUCTURE_SIZE:
            raise Malformed("TreeConnectRequest", f"StructureSize is {size}", offset)
        start = offset - HEADER_SIZE + path_offset
        if path_length and (start < offset + _FIXED.size or start + path_length > len(data)):
            raise Malformed("TreeConnectRequest", "path points outside the message", start)
        path = data[start : start + path_length] if path_length else b""
        if not flags & SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT:
            return cls(path, flags)
        return cls(path, flags, _decode_extension(data, offset))

    def encode(self) -> bytes:
        """Return the body, to stand right behind a header."""
        path = bytes(self.path)
        if not self.flags & SMB2_TREE_CONNECT_FLAG_EXTENSION_PRESENT:
            head = _FIXED.pack(_STRUCTURE_SIZE, self.flags, _PATH_OFFSET, len(path))
            return head + (path or b"\0")
        at = _PATH_OFFSET + _EXTENSION.size
        head = _FIXED.pack(_STRUCTURE_SIZE, self.flags, at, len(path))
        padding = bytes(-len(path) % 8)
        # TreeConnectContextOffset counts from the body, unlike every other offset here.
        contexts_at = at - HEADER_SIZE + len(path) + len(padding)
        extension = _EXTENSION.pack(contexts_at, len(self.contexts), bytes(10))
        return head + extension + path + padding + _encode_contexts(self.contexts)


def _decode_extension(data: Buffer, offset: int) -> list[TreeConnectContext]:
    start = offset + _FIXED.size
    if len(data) < start + _EXTENSION.size:
        raise Malformed("TreeConnectRequest", "extension is cut off", start)
    from_body, count, _ = _EXTENSION.unpack_from(data, start)
    at = offset + from_body
    if count and at < start + _EXTENSION.size:
        raise Malformed("TreeConnectRequest", f"TreeConnectContextOffset is {from_body}", start)
    contexts = []
    for _ in range(count):
        if at + _CONTEXT.size > len(data):
            raise Malformed("TreeConnectContext", "list is cut off", at)
        context_type, length, reserved = _CONTEXT.unpack_from(data, at)
        at += _CONTEXT.size
        if at + length > len(data):
            raise Malformed("TreeConnectContext", f"DataLength is {length}", at)
        contexts.append(TreeConnectContext(context_type, data[at : at + length], reserved))
        at += length + (-length % 8)
    return contexts


def _encode_contexts(contexts: Sequence[TreeConnectContext]) -> bytes:
    listed = bytearray()
    for context in contexts:
        listed += bytes(-len(listed) % 8)
        listed += _CONTEXT.pack(context.context_type, len(context.data), context.reserved)
        listed += context.data
    return bytes(listed)


@wire()
class TreeConnectResponse(Wire):
    """TREE_CONNECT response, [MS-SMB2] 2.2.10."""

    structure_size: u16 = 16
    share_type: u8 = 0
    reserved: u8 = 0
    share_flags: u32 = 0
    capabilities: u32 = 0
    maximal_access: u32 = 0
