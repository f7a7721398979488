"""OPLOCK_BREAK, [MS-SMB2] 2.2.23 to 2.2.25: oplocks and leases share the command.

Notification, acknowledgment and response of an oplock have one layout; so have acknowledgment and
response of a lease. Their StructureSize tells them apart.
"""

from __future__ import annotations

from nethood.errors import Malformed
from nethood.smb2.header import HEADER_SIZE
from nethood.wire import Buffer, Wire, raw16, u8, u16, u32, u64, wire


@wire()
class OplockBreak(Wire):
    """Oplock break of any direction, [MS-SMB2] 2.2.23.1, 2.2.24.1 and 2.2.25.1."""

    structure_size: u16 = 24
    oplock_level: u8 = 0
    reserved: u8 = 0
    reserved2: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0


@wire()
class LeaseBreakNotification(Wire):
    """Lease break notification, [MS-SMB2] 2.2.23.2."""

    structure_size: u16 = 44
    new_epoch: u16 = 0
    flags: u32 = 0
    lease_key: raw16 = bytes(16)
    current_lease_state: u32 = 0
    new_lease_state: u32 = 0
    break_reason: u32 = 0
    access_mask_hint: u32 = 0
    share_mask_hint: u32 = 0


@wire()
class LeaseBreak(Wire):
    """Lease break acknowledgment and response, [MS-SMB2] 2.2.24.2 and 2.2.25.2."""

    structure_size: u16 = 36
    reserved: u16 = 0
    flags: u32 = 0
    lease_key: raw16 = bytes(16)
    lease_state: u32 = 0
    lease_duration: u64 = 0


def decode_acknowledgment(data: Buffer, offset: int = HEADER_SIZE) -> OplockBreak | LeaseBreak:
    """Read what a client sends with OPLOCK_BREAK. Raises Malformed."""
    size = int.from_bytes(data[offset : offset + 2], "little")
    return LeaseBreak.decode(data, offset) if size == 36 else OplockBreak.decode(data, offset)


def decode_break(
    data: Buffer, offset: int = HEADER_SIZE
) -> OplockBreak | LeaseBreakNotification | LeaseBreak:
    """Read what a server sends with OPLOCK_BREAK: notification or response. Raises Malformed."""
    size = int.from_bytes(data[offset : offset + 2], "little")
    if size == 24:
        return OplockBreak.decode(data, offset)
    if size == 44:
        return LeaseBreakNotification.decode(data, offset)
    if size == 36:
        return LeaseBreak.decode(data, offset)
    raise Malformed("OplockBreak", f"StructureSize is {size}", offset)
