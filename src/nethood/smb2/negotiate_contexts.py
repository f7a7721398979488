"""Negotiate contexts of SMB 3.1.1, [MS-SMB2] 2.2.3.1 and 2.2.4.1.

Each has a class; a type nobody here knows stays as it came, a `RawNegotiateContext`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from struct import Struct, pack, unpack_from
from typing import ClassVar

from nethood.errors import Malformed
from nethood.smb2 import constants as c
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

_HEAD = Struct("<HHI")
_COUNT = Struct("<H")
_PREAUTH = Struct("<HH")
_COUNT_AND_FLAGS = Struct("<HHI")
_FLAGS = Struct("<I")


def _ids(structure: str, data: Buffer, offset: int, count: int) -> list[int]:
    """Return *count* 16-bit identifiers at *offset*. Raises Malformed."""
    if offset + 2 * count > len(data):
        raise Malformed(structure, f"has no room for {count} identifiers", offset)
    return list(unpack_from(f"<{count}H", data, offset))


def _pack_ids(ids: Sequence[int]) -> bytes:
    return pack(f"<{len(ids)}H", *ids)


def _head(structure: str, layout: Struct, data: Buffer) -> tuple[int, ...]:
    if len(data) < layout.size:
        raise Malformed(structure, f"needs {layout.size} bytes, has {len(data)}")
    return layout.unpack_from(data)


@dataclass(slots=True)
class PreauthIntegrityCapabilities:
    """SMB2_PREAUTH_INTEGRITY_CAPABILITIES, [MS-SMB2] 2.2.3.1.1."""

    context_type: ClassVar[int] = c.SMB2_PREAUTH_INTEGRITY_CAPABILITIES
    hash_algorithms: list[int] = field(default_factory=lambda: [c.SHA_512])
    salt: bytes = b""
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> PreauthIntegrityCapabilities:
        """Read the context's Data. Raises Malformed."""
        count, salt_length = _head(cls.__name__, _PREAUTH, data)
        ids = _ids(cls.__name__, data, 4, count)
        start = 4 + 2 * count
        if start + salt_length > len(data):
            raise Malformed(cls.__name__, f"has no room for a salt of {salt_length}", start)
        return cls(ids, bytes(data[start : start + salt_length]))

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        head = _PREAUTH.pack(len(self.hash_algorithms), len(self.salt))
        return head + _pack_ids(self.hash_algorithms) + self.salt


@dataclass(slots=True)
class EncryptionCapabilities:
    """SMB2_ENCRYPTION_CAPABILITIES, [MS-SMB2] 2.2.3.1.2; the most preferred cipher first."""

    context_type: ClassVar[int] = c.SMB2_ENCRYPTION_CAPABILITIES
    ciphers: list[int] = field(default_factory=list)
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> EncryptionCapabilities:
        """Read the context's Data. Raises Malformed."""
        (count,) = _head(cls.__name__, _COUNT, data)
        return cls(_ids(cls.__name__, data, 2, count))

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        return _COUNT.pack(len(self.ciphers)) + _pack_ids(self.ciphers)


@dataclass(slots=True)
class CompressionCapabilities:
    """SMB2_COMPRESSION_CAPABILITIES, [MS-SMB2] 2.2.3.1.3; the most preferred algorithm first."""

    context_type: ClassVar[int] = c.SMB2_COMPRESSION_CAPABILITIES
    compression_algorithms: list[int] = field(default_factory=list)
    flags: int = c.SMB2_COMPRESSION_CAPABILITIES_FLAG_NONE
    padding: int = 0
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> CompressionCapabilities:
        """Read the context's Data. Raises Malformed."""
        count, padding, flags = _head(cls.__name__, _COUNT_AND_FLAGS, data)
        return cls(_ids(cls.__name__, data, 8, count), flags, padding)

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        head = _COUNT_AND_FLAGS.pack(len(self.compression_algorithms), self.padding, self.flags)
        return head + _pack_ids(self.compression_algorithms)


@dataclass(slots=True)
class NetnameNegotiateContextId:
    """SMB2_NETNAME_NEGOTIATE_CONTEXT_ID, [MS-SMB2] 2.2.3.1.4: the name the client connects to."""

    context_type: ClassVar[int] = c.SMB2_NETNAME_NEGOTIATE_CONTEXT_ID
    net_name: str = ""
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> NetnameNegotiateContextId:
        """Read the context's Data. Raises Malformed."""
        return cls(decode_utf16(data))

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        return encode_utf16(self.net_name)


@dataclass(slots=True)
class TransportCapabilities:
    """SMB2_TRANSPORT_CAPABILITIES, [MS-SMB2] 2.2.3.1.5."""

    context_type: ClassVar[int] = c.SMB2_TRANSPORT_CAPABILITIES
    flags: int = 0
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> TransportCapabilities:
        """Read the context's Data. Raises Malformed."""
        (flags,) = _head(cls.__name__, _FLAGS, data)
        return cls(flags)

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        return _FLAGS.pack(self.flags)


@dataclass(slots=True)
class RdmaTransformCapabilities:
    """SMB2_RDMA_TRANSFORM_CAPABILITIES, [MS-SMB2] 2.2.3.1.6."""

    context_type: ClassVar[int] = c.SMB2_RDMA_TRANSFORM_CAPABILITIES
    rdma_transform_ids: list[int] = field(default_factory=list)
    reserved1: int = 0
    reserved2: int = 0
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> RdmaTransformCapabilities:
        """Read the context's Data. Raises Malformed."""
        count, reserved1, reserved2 = _head(cls.__name__, _COUNT_AND_FLAGS, data)
        return cls(_ids(cls.__name__, data, 8, count), reserved1, reserved2)

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        head = _COUNT_AND_FLAGS.pack(len(self.rdma_transform_ids), self.reserved1, self.reserved2)
        return head + _pack_ids(self.rdma_transform_ids)


@dataclass(slots=True)
class SigningCapabilities:
    """SMB2_SIGNING_CAPABILITIES, [MS-SMB2] 2.2.3.1.7; the most preferred algorithm first."""

    context_type: ClassVar[int] = c.SMB2_SIGNING_CAPABILITIES
    signing_algorithms: list[int] = field(default_factory=list)
    reserved: int = 0

    @classmethod
    def decode_data(cls, data: Buffer) -> SigningCapabilities:
        """Read the context's Data. Raises Malformed."""
        (count,) = _head(cls.__name__, _COUNT, data)
        return cls(_ids(cls.__name__, data, 2, count))

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        return _COUNT.pack(len(self.signing_algorithms)) + _pack_ids(self.signing_algorithms)


@dataclass(slots=True)
class RawNegotiateContext:
    """A negotiate context of a type not known here, [MS-SMB2] 2.2.3.1: to be ignored."""

    context_type: int
    data: bytes = b""
    reserved: int = 0

    def encode_data(self) -> bytes:
        """Return the context's Data."""
        return self.data


NegotiateContext = (
    PreauthIntegrityCapabilities
    | EncryptionCapabilities
    | CompressionCapabilities
    | NetnameNegotiateContextId
    | TransportCapabilities
    | RdmaTransformCapabilities
    | SigningCapabilities
    | RawNegotiateContext
)

_DECODERS: dict[int, Callable[[Buffer], NegotiateContext]] = {
    c.SMB2_PREAUTH_INTEGRITY_CAPABILITIES: PreauthIntegrityCapabilities.decode_data,
    c.SMB2_ENCRYPTION_CAPABILITIES: EncryptionCapabilities.decode_data,
    c.SMB2_COMPRESSION_CAPABILITIES: CompressionCapabilities.decode_data,
    c.SMB2_NETNAME_NEGOTIATE_CONTEXT_ID: NetnameNegotiateContextId.decode_data,
    c.SMB2_TRANSPORT_CAPABILITIES: TransportCapabilities.decode_data,
    c.SMB2_RDMA_TRANSFORM_CAPABILITIES: RdmaTransformCapabilities.decode_data,
    c.SMB2_SIGNING_CAPABILITIES: SigningCapabilities.decode_data,
}


def decode_negotiate_contexts(data: Buffer, offset: int, count: int) -> list[NegotiateContext]:
    """Read *count* contexts from *offset* in *data*, each 8-aligned after the one before.

    They come in the peer's order, duplicates and all: judging them is the caller's. Raises
    Malformed when one does not fit.
    """
    contexts = []
    for _ in range(count):
        if offset + 8 > len(data):
            raise Malformed("NegotiateContext", "list is cut off", offset)
        context_type, length, reserved = _HEAD.unpack_from(data, offset)
        end = offset + 8 + length
        if end > len(data):
            raise Malformed("NegotiateContext", f"DataLength is {length}", offset)
        contexts.append(_decode_one(context_type, reserved, data[offset + 8 : end]))
        offset = end + (-length % 8)
    return contexts


def _decode_one(context_type: int, reserved: int, data: Buffer) -> NegotiateContext:
    decoder = _DECODERS.get(context_type)
    if decoder is None:
        return RawNegotiateContext(context_type, bytes(data), reserved)
    context = decoder(data)
    context.reserved = reserved
    return context


def encode_negotiate_contexts(contexts: Sequence[NegotiateContext]) -> bytes:
    """Return *contexts* as a list that starts at an 8-aligned place; the last is not padded."""
    listed = bytearray()
    for context in contexts:
        data = context.encode_data()
        listed += bytes(-len(listed) % 8)
        listed += _HEAD.pack(context.context_type, len(data), context.reserved) + data
    return bytes(listed)
