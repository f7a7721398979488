"""Session service packets (RFC 1002 4.3) and the framing of direct TCP ([MS-SMB2] 2.1).

On port 139 a header is type, flags and a 17-bit length; on port 445 a zero and a 24-bit length.
Reading from sockets, and which names a server answers to, are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple

from nethood.errors import LocalError, Malformed
from nethood.nbt.name import NetbiosName, decode_name, encode_name
from nethood.wire import Buffer

FRAME_HEADER_SIZE = 4
MAX_SESSION_LENGTH = 0x1FFFF
MAX_DIRECT_LENGTH = 0xFFFFFF

SESSION_MESSAGE = 0x00
SESSION_REQUEST = 0x81
POSITIVE_SESSION_RESPONSE = 0x82
NEGATIVE_SESSION_RESPONSE = 0x83
RETARGET_SESSION_RESPONSE = 0x84
SESSION_KEEP_ALIVE = 0x85

NOT_LISTENING_ON_CALLED_NAME = 0x80
NOT_LISTENING_FOR_CALLING_NAME = 0x81
CALLED_NAME_NOT_PRESENT = 0x82
INSUFFICIENT_RESOURCES = 0x83
UNSPECIFIED_ERROR = 0x8F

ERROR_CODES = {
    NOT_LISTENING_ON_CALLED_NAME: "not listening on called name",
    NOT_LISTENING_FOR_CALLING_NAME: "not listening for calling name",
    CALLED_NAME_NOT_PRESENT: "called name not present",
    INSUFFICIENT_RESOURCES: "called name present, but insufficient resources",
    UNSPECIFIED_ERROR: "unspecified error",
}
"""What the error code of a negative session response says."""

KEEP_ALIVE = bytes([SESSION_KEEP_ALIVE, 0, 0, 0])
"""A whole keep-alive packet, for either side to send at any time."""
POSITIVE_RESPONSE = bytes([POSITIVE_SESSION_RESPONSE, 0, 0, 0])
"""A whole positive session response."""

_TYPES = frozenset({SESSION_MESSAGE, *range(SESSION_REQUEST, SESSION_KEEP_ALIVE + 1)})


class SessionHeader(NamedTuple):
    """The 4 bytes before every session packet, RFC 1002 4.3.1; *length* counts what follows."""

    type: int
    length: int


def decode_session_header(data: Buffer, offset: int = 0) -> SessionHeader:
    """Read the header of a session packet (port 139).

    Raises Malformed when it is cut off, its type is unknown or a reserved flag is set: what
    follows could not be told apart from noise.
    """
    if len(data) < offset + FRAME_HEADER_SIZE:
        raise Malformed("Session packet", "header is cut off", offset)
    packet_type, flags = data[offset], data[offset + 1]
    if packet_type not in _TYPES:
        raise Malformed("Session packet", f"type is 0x{packet_type:02X}", offset)
    if flags & 0xFE:
        raise Malformed("Session packet", f"flags are 0x{flags:02X}", offset)
    return SessionHeader(packet_type, flags << 16 | data[offset + 2] << 8 | data[offset + 3])


def encode_session_header(packet_type: int, length: int) -> bytes:
    """Return the header of a session packet. Raises LocalError beyond 17 bits of *length*."""
    if length > MAX_SESSION_LENGTH:
        raise LocalError(f"a session packet holds at most {MAX_SESSION_LENGTH} bytes, not {length}")
    return bytes([packet_type]) + length.to_bytes(3, "big")


def decode_direct_tcp_header(data: Buffer, offset: int = 0) -> int:
    """Return the length in a direct TCP header (port 445). Raises Malformed."""
    if len(data) < offset + FRAME_HEADER_SIZE:
        raise Malformed("Direct TCP packet", "header is cut off", offset)
    if data[offset]:
        raise Malformed("Direct TCP packet", f"starts with 0x{data[offset]:02X}, not 0", offset)
    return int.from_bytes(data[offset + 1 : offset + FRAME_HEADER_SIZE], "big")


def encode_direct_tcp_header(length: int) -> bytes:
    """Return the direct TCP header. Raises LocalError beyond 24 bits of *length*."""
    if length > MAX_DIRECT_LENGTH:
        raise LocalError(f"a message holds at most {MAX_DIRECT_LENGTH} bytes, not {length}")
    return length.to_bytes(FRAME_HEADER_SIZE, "big")


@dataclass(frozen=True, slots=True)
class SessionRequest:
    """SESSION REQUEST, RFC 1002 4.3.2: who calls whom."""

    called: NetbiosName
    calling: NetbiosName

    @classmethod
    def decode(cls, trailer: Buffer) -> SessionRequest:
        """Read what follows the session header. Raises Malformed, also for bytes left over."""
        called, at = decode_name(trailer)
        calling, end = decode_name(trailer, at)
        if end != len(trailer):
            raise Malformed("Session request", f"has {len(trailer) - end} bytes left over", end)
        return cls(called, calling)

    def encode(self) -> bytes:
        """Return the whole packet. Raises LocalError when a name does not fit."""
        trailer = encode_name(self.called) + encode_name(self.calling)
        return encode_session_header(SESSION_REQUEST, len(trailer)) + trailer


@dataclass(frozen=True, slots=True)
class NegativeSessionResponse:
    """NEGATIVE SESSION RESPONSE, RFC 1002 4.3.4; the sender closes the connection after it."""

    error_code: int

    @classmethod
    def decode(cls, trailer: Buffer) -> NegativeSessionResponse:
        """Read what follows the session header. Raises Malformed."""
        if len(trailer) != 1:
            raise Malformed("Negative session response", f"is {len(trailer)} bytes long, not 1")
        return cls(trailer[0])

    def encode(self) -> bytes:
        """Return the whole packet."""
        return encode_session_header(NEGATIVE_SESSION_RESPONSE, 1) + bytes([self.error_code])

    def __str__(self) -> str:
        return ERROR_CODES.get(self.error_code, f"error 0x{self.error_code:02X}")


@dataclass(frozen=True, slots=True)
class RetargetSessionResponse:
    """RETARGET SESSION RESPONSE, RFC 1002 4.3.5: try there instead."""

    address: IPv4Address
    port: int

    @classmethod
    def decode(cls, trailer: Buffer) -> RetargetSessionResponse:
        """Read what follows the session header. Raises Malformed."""
        if len(trailer) != 6:
            raise Malformed("Retarget session response", f"is {len(trailer)} bytes long, not 6")
        return cls(IPv4Address(bytes(trailer[:4])), int.from_bytes(trailer[4:], "big"))

    def encode(self) -> bytes:
        """Return the whole packet."""
        trailer = self.address.packed + self.port.to_bytes(2, "big")
        return encode_session_header(RETARGET_SESSION_RESPONSE, len(trailer)) + trailer
