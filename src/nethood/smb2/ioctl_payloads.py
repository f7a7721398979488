"""Payloads of SMB2's own FSCTLs, [MS-SMB2] 2.2.31.1 to 2.2.31.4 and 2.2.32.1 to 2.2.32.6.

Those of the file system's FSCTLs are [MS-FSCC] 2.3's and not here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from struct import Struct, pack, unpack_from
from typing import Annotated, NamedTuple

from nethood.errors import Malformed
from nethood.smb2.constants import SOCKADDR_INTERNETWORK, SOCKADDR_INTERNETWORK_V6
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer, Fixed, Wire, raw4, raw16, u16, u32, u64, wire

RESUME_KEY_SIZE = 24
raw24 = Annotated[bytes, Fixed("24s")]

_VALIDATE = Struct("<I16sHH")
_COPYCHUNK = Struct("<24sII")
_CHUNK = Struct("<QQII")
_SNAPSHOTS = Struct("<III")
_INTERFACE = Struct("<IIIIQ")
_INTERFACE_SIZE = 152
_SOCKADDR_IN = Struct(">H4s")
_SOCKADDR_IN6 = Struct(">HI16s")
_SCOPE_ID_AT = 24


@dataclass(slots=True)
class ValidateNegotiateInfoRequest:
    """VALIDATE_NEGOTIATE_INFO request, [MS-SMB2] 2.2.31.4."""

    capabilities: int = 0
    guid: bytes = bytes(16)
    security_mode: int = 0
    dialects: list[int] = field(default_factory=list)

    @classmethod
    def decode(cls, data: Buffer) -> ValidateNegotiateInfoRequest:
        """Read the input buffer. Raises Malformed."""
        if len(data) < _VALIDATE.size:
            raise Malformed("ValidateNegotiateInfoRequest", "is cut off")
        capabilities, guid, mode, count = _VALIDATE.unpack_from(data)
        if _VALIDATE.size + 2 * count > len(data):
            raise Malformed("ValidateNegotiateInfoRequest", f"has no room for {count} dialects")
        dialects = list(unpack_from(f"<{count}H", data, _VALIDATE.size))
        return cls(capabilities, guid, mode, dialects)

    def encode(self) -> bytes:
        """Return the input buffer."""
        count = len(self.dialects)
        fixed = _VALIDATE.pack(self.capabilities, self.guid, self.security_mode, count)
        return fixed + pack(f"<{count}H", *self.dialects)


@wire(base=0)
class ValidateNegotiateInfoResponse(Wire):
    """VALIDATE_NEGOTIATE_INFO response, [MS-SMB2] 2.2.32.6."""

    capabilities: u32 = 0
    guid: raw16 = bytes(16)
    security_mode: u16 = 0
    dialect: u16 = 0


class SrvCopychunk(NamedTuple):
    """SRV_COPYCHUNK, [MS-SMB2] 2.2.31.1.1; offsets and length in bytes."""

    source_offset: int
    target_offset: int
    length: int
    reserved: int = 0


@dataclass(slots=True)
class SrvCopychunkCopy:
    """SRV_COPYCHUNK_COPY, [MS-SMB2] 2.2.31.1; `source_key` has 24 bytes."""

    source_key: bytes
    chunks: list[SrvCopychunk] = field(default_factory=list)

    @classmethod
    def decode(cls, data: Buffer) -> SrvCopychunkCopy:
        """Read the input buffer. Raises Malformed when ChunkCount exceeds what is there."""
        if len(data) < _COPYCHUNK.size:
            raise Malformed("SrvCopychunkCopy", "is cut off")
        key, count, _ = _COPYCHUNK.unpack_from(data)
        end = _COPYCHUNK.size + count * _CHUNK.size
        if end > len(data):
            raise Malformed("SrvCopychunkCopy", f"has no room for {count} chunks")
        chunks = _CHUNK.iter_unpack(data[_COPYCHUNK.size : end])
        return cls(key, [SrvCopychunk(*each) for each in chunks])

    def encode(self) -> bytes:
        """Return the input buffer."""
        fixed = _COPYCHUNK.pack(self.source_key, len(self.chunks), 0)
        return fixed + b"".join(_CHUNK.pack(*each) for each in self.chunks)


@wire(base=0)
class SrvCopychunkResponse(Wire):
    """SRV_COPYCHUNK_RESPONSE, [MS-SMB2] 2.2.32.1; with INVALID_PARAMETER the three are limits."""

    chunks_written: u32 = 0
    chunk_bytes_written: u32 = 0
    total_bytes_written: u32 = 0


@wire(base=0)
class SrvRequestResumeKeyResponse(Wire):
    """SRV_REQUEST_RESUME_KEY response, [MS-SMB2] 2.2.32.3; servers send 4 bytes of Context."""

    resume_key: raw24 = bytes(RESUME_KEY_SIZE)
    context_length: u32 = 0
    context: raw4 = bytes(4)


@dataclass(slots=True)
class SrvSnapshotArray:
    """SRV_SNAPSHOT_ARRAY, [MS-SMB2] 2.2.32.2; snapshots are ``@GMT-...`` tokens, oldest last.

    `snap_shot_array_size` is given only where the array itself did not fit.
    """

    number_of_snap_shots: int = 0
    snap_shots: list[str] = field(default_factory=list)
    snap_shot_array_size: int = 0

    @classmethod
    def decode(cls, data: Buffer) -> SrvSnapshotArray:
        """Read the output buffer. Raises Malformed."""
        if len(data) < _SNAPSHOTS.size:
            raise Malformed("SrvSnapshotArray", "is cut off")
        total, returned, size = _SNAPSHOTS.unpack_from(data)
        if not returned:
            return cls(total, [], size)
        end = _SNAPSHOTS.size + size
        if end > len(data):
            raise Malformed("SrvSnapshotArray", f"SnapShotArraySize is {size}")
        tokens = decode_utf16(data[_SNAPSHOTS.size : end]).split("\0")
        return cls(total, [token for token in tokens if token], size)

    def encode(self) -> bytes:
        """Return the output buffer."""
        returned = len(self.snap_shots)
        if not returned:
            return _SNAPSHOTS.pack(self.number_of_snap_shots, 0, self.snap_shot_array_size)
        array = encode_utf16("".join(token + "\0" for token in self.snap_shots) + "\0")
        return _SNAPSHOTS.pack(self.number_of_snap_shots, returned, len(array)) + array


@wire(base=0)
class NetworkResiliencyRequest(Wire):
    """NETWORK_RESILIENCY_REQUEST, [MS-SMB2] 2.2.31.3; `timeout_ms` is Timeout."""

    timeout_ms: u32 = 0
    reserved: u32 = 0


@wire(base=0)
class SrvReadHashRequest(Wire):
    """SRV_READ_HASH request, [MS-SMB2] 2.2.31.2."""

    hash_type: u32 = 1
    hash_version: u32 = 0
    hash_retrieval_type: u32 = 0
    length: u32 = 0
    offset: u64 = 0


@dataclass(slots=True)
class NetworkInterfaceInfo:
    """NETWORK_INTERFACE_INFO, [MS-SMB2] 2.2.32.5; `link_speed` in bits a second.

    `address` is None where the address family is neither IPv4 nor IPv6; `scope_id` is IPv6's.
    """

    if_index: int
    address: IPv4Address | IPv6Address | None
    link_speed: int = 0
    capability: int = 0
    port: int = 0
    scope_id: int = 0


def decode_network_interfaces(data: Buffer) -> list[NetworkInterfaceInfo]:
    """Read the chain of interfaces; an empty buffer has none. Raises Malformed."""
    interfaces = []
    at, size = 0, len(data)
    while size:
        if at + _INTERFACE_SIZE > size:
            raise Malformed("NetworkInterfaceInfo", "is cut off", at)
        following, if_index, capability, _, link_speed = _INTERFACE.unpack_from(data, at)
        port, address, scope_id = _decode_sockaddr(data, at + _INTERFACE.size)
        interfaces.append(
            NetworkInterfaceInfo(if_index, address, link_speed, capability, port, scope_id)
        )
        if not following:
            break
        if following < _INTERFACE_SIZE or following & 7:
            raise Malformed("NetworkInterfaceInfo", f"Next is {following}", at)
        at += following
    return interfaces


def _decode_sockaddr(data: Buffer, at: int) -> tuple[int, IPv4Address | IPv6Address | None, int]:
    """Read a SOCKADDR_STORAGE, [MS-SMB2] 2.2.32.5.1: port, address, scope.

    The family is little-endian and the rest big. Deviates: so is ScopeId by the book, but Windows
    10 sends it little-endian.
    """
    family = int.from_bytes(data[at : at + 2], "little")
    if family == SOCKADDR_INTERNETWORK:
        port, packed = _SOCKADDR_IN.unpack_from(data, at + 2)
        return port, IPv4Address(packed), 0
    if family == SOCKADDR_INTERNETWORK_V6:
        port, _, packed = _SOCKADDR_IN6.unpack_from(data, at + 2)
        scope_id = data[at + _SCOPE_ID_AT : at + _SCOPE_ID_AT + 4]
        return port, IPv6Address(packed), int.from_bytes(scope_id, "little")
    return 0, None, 0


def encode_network_interfaces(interfaces: Sequence[NetworkInterfaceInfo]) -> bytes:
    """Return the chain of *interfaces*."""
    chain = bytearray()
    for index, each in enumerate(interfaces):
        following = _INTERFACE_SIZE if index + 1 < len(interfaces) else 0
        chain += _INTERFACE.pack(following, each.if_index, each.capability, 0, each.link_speed)
        chain += _encode_sockaddr(each).ljust(128, b"\0")
    return bytes(chain)


def _encode_sockaddr(interface: NetworkInterfaceInfo) -> bytes:
    address = interface.address
    if address is None:
        return b""
    if address.version == 4:
        tail = _SOCKADDR_IN.pack(interface.port, address.packed)
        return pack("<H", SOCKADDR_INTERNETWORK) + tail
    tail = _SOCKADDR_IN6.pack(interface.port, 0, address.packed)
    return pack("<H", SOCKADDR_INTERNETWORK_V6) + tail + pack("<I", interface.scope_id)
