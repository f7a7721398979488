"""GUIDs on the wire: three little-endian fields, then eight bytes as written ([MS-DTYP] 2.3.4)."""

from __future__ import annotations

from uuid import UUID

from nethood.errors import Malformed
from nethood.wire import Buffer

GUID_SIZE = 16
NULL_GUID = bytes(GUID_SIZE)


def encode_guid(guid: UUID) -> bytes:
    """Return the 16 bytes of *guid* in packet order."""
    return guid.bytes_le


def decode_guid(data: Buffer, offset: int = 0) -> UUID:
    """Read the GUID at *offset*. Raises Malformed."""
    if len(data) - offset < GUID_SIZE:
        raise Malformed(
            "GUID", f"needs {GUID_SIZE} bytes, has {max(0, len(data) - offset)}", offset
        )
    return UUID(bytes_le=bytes(data[offset : offset + GUID_SIZE]))


def parse_guid(text: str) -> bytes:
    """Return the packet form of a GUID written out, with or without braces. Raises ValueError."""
    return UUID(text).bytes_le


def format_guid(data: Buffer) -> str:
    """Return a packet form written out, in lower case and without braces. Raises Malformed."""
    return str(decode_guid(data))
