"""Create contexts, [MS-SMB2] 2.2.13.2 and 2.2.14.2: the chain, and a class for each payload.

ExtA is a FILE_FULL_EA_INFORMATION list ([MS-FSCC] 2.4.16), SecD a self-relative security descriptor
([MS-DTYP] 2.4.6), MxAc and QFid may be empty in a request: those payloads stay bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from nethood.errors import Malformed
from nethood.wire import Buffer, Wire, raw8, raw16, u16, u32, u64, wire

_HEAD = Struct("<IHHHHI")
_NAME_OFFSET = _HEAD.size
LEASE_SIZE = 32
"""Size of a v1 lease; an RqLs of LEASE_V2_SIZE bytes is v2."""
LEASE_V2_SIZE = 52


def decode_contexts(chain: Buffer) -> list[tuple[bytes, Buffer]]:
    """Return the name and data of every context in *chain*, in order, data uncopied.

    Raises Malformed when Next is not 8-aligned or leaves the chain, a name is shorter than 4 bytes
    or a part lies outside its context. An empty chain has no contexts.
    """
    contexts = []
    at, size = 0, len(chain)
    while at < size:
        if size - at < _HEAD.size:
            raise Malformed("CreateContext", "is cut off", at)
        following, name_offset, name_length, _, data_offset, data_length = _HEAD.unpack_from(
            chain, at
        )
        if following and (following & 7 or following < _HEAD.size or following >= size - at):
            raise Malformed("CreateContext", f"Next is {following}", at)
        end = at + following if following else size
        name_at, data_at = at + name_offset, at + data_offset
        if name_length < 4 or name_offset < _HEAD.size or name_at + name_length > end:
            raise Malformed("CreateContext", "name lies outside it", at)
        if data_length and (data_offset < _HEAD.size or data_at + data_length > end):
            raise Malformed("CreateContext", "data lies outside it", at)
        data = chain[data_at : data_at + data_length] if data_length else b""
        contexts.append((bytes(chain[name_at : name_at + name_length]), data))
        if not following:
            break
        at = end
    return contexts


def encode_contexts(contexts: Iterable[tuple[bytes, Buffer]]) -> bytes:
    """Return *contexts* as a chain that starts at an 8-aligned place; the last is not padded."""
    chain = bytearray()
    last = 0
    for name, data in contexts:
        if chain:
            chain += bytes(-len(chain) % 8)
            chain[last : last + 4] = (len(chain) - last).to_bytes(4, "little")
        last = len(chain)
        padding = bytes(-len(name) % 8) if len(data) else b""
        data_offset = _NAME_OFFSET + len(name) + len(padding) if len(data) else 0
        chain += _HEAD.pack(0, _NAME_OFFSET, len(name), 0, data_offset, len(data))
        chain += name + padding + data
    return bytes(chain)


@wire(base=0)
class DurableHandleRequest(Wire):
    """DHnQ in a request, [MS-SMB2] 2.2.13.2.3."""

    durable_request: raw16 = bytes(16)


@wire(base=0)
class DurableHandleResponse(Wire):
    """DHnQ in a response, [MS-SMB2] 2.2.14.2.3."""

    reserved: raw8 = bytes(8)


@wire(base=0)
class DurableHandleReconnect(Wire):
    """DHnC, [MS-SMB2] 2.2.13.2.4."""

    persistent: u64 = 0
    volatile: u64 = 0


@wire(base=0)
class QueryMaximalAccessRequest(Wire):
    """MxAc in a request, [MS-SMB2] 2.2.13.2.5, where it is not empty; a FILETIME."""

    timestamp: u64 = 0


@wire(base=0)
class QueryMaximalAccessResponse(Wire):
    """MxAc in a response, [MS-SMB2] 2.2.14.2.5."""

    query_status: u32 = 0
    maximal_access: u32 = 0


@wire(base=0)
class AllocationSize(Wire):
    """AlSi, [MS-SMB2] 2.2.13.2.6, in bytes."""

    allocation_size: u64 = 0


@wire(base=0)
class TimewarpToken(Wire):
    """TWrp, [MS-SMB2] 2.2.13.2.7; a FILETIME."""

    timestamp: u64 = 0


@wire(base=0)
class QueryOnDiskIdResponse(Wire):
    """QFid in a response, [MS-SMB2] 2.2.14.2.9."""

    disk_file_id: u64 = 0
    volume_id: u64 = 0
    reserved: raw16 = bytes(16)


@wire(base=0)
class Lease(Wire):
    """RqLs of 32 bytes, [MS-SMB2] 2.2.13.2.8 and 2.2.14.2.10."""

    lease_key: raw16 = bytes(16)
    lease_state: u32 = 0
    lease_flags: u32 = 0
    lease_duration: u64 = 0


@wire(base=0)
class LeaseV2(Wire):
    """RqLs of 52 bytes, [MS-SMB2] 2.2.13.2.10 and 2.2.14.2.11."""

    lease_key: raw16 = bytes(16)
    lease_state: u32 = 0
    lease_flags: u32 = 0
    lease_duration: u64 = 0
    parent_lease_key: raw16 = bytes(16)
    epoch: u16 = 0
    reserved: u16 = 0


def decode_lease(data: Buffer) -> Lease | LeaseV2:
    """Read an RqLs payload; its length tells the version. Raises Malformed."""
    if len(data) == LEASE_SIZE:
        return Lease.decode(data)
    if len(data) == LEASE_V2_SIZE:
        return LeaseV2.decode(data)
    raise Malformed("Lease", f"is {len(data)} bytes long, neither 32 nor 52")


@wire(base=0)
class DurableHandleRequestV2(Wire):
    """DH2Q in a request, [MS-SMB2] 2.2.13.2.11; `timeout_ms` is Timeout."""

    timeout_ms: u32 = 0
    flags: u32 = 0
    reserved: u64 = 0
    create_guid: raw16 = bytes(16)


@wire(base=0)
class DurableHandleResponseV2(Wire):
    """DH2Q in a response, [MS-SMB2] 2.2.14.2.12; `timeout_ms` is Timeout."""

    timeout_ms: u32 = 0
    flags: u32 = 0


@wire(base=0)
class DurableHandleReconnectV2(Wire):
    """DH2C, [MS-SMB2] 2.2.13.2.12."""

    persistent: u64 = 0
    volatile: u64 = 0
    create_guid: raw16 = bytes(16)
    flags: u32 = 0


@wire(base=0)
class AppInstanceId(Wire):
    """SMB2_CREATE_APP_INSTANCE_ID, [MS-SMB2] 2.2.13.2.13."""

    structure_size: u16 = 20
    reserved: u16 = 0
    app_instance_id: raw16 = bytes(16)


@wire(base=0)
class AppInstanceVersion(Wire):
    """SMB2_CREATE_APP_INSTANCE_VERSION, [MS-SMB2] 2.2.13.2.15."""

    structure_size: u16 = 24
    reserved: u16 = 0
    padding: u32 = 0
    app_instance_version_high: u64 = 0
    app_instance_version_low: u64 = 0
