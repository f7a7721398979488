"""NetBIOS names and how they stand on the wire: RFC 1001 14 and RFC 1002 4.1.

A name is 15 bytes and a suffix, in an optional scope. First-level encoding makes the 16 bytes 32
letters; second-level encoding makes these and the scope the labels of a domain name. Names are
bytes in the sender's OEM code page; text here is their Latin-1 reading, which loses nothing.
Name service packets may shorten a name by a pointer to an earlier one; session and datagram
packets may not, so there are two decoders.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from nethood.errors import LocalError, Malformed
from nethood.wire import Buffer

NAME_SIZE = 16
ENCODED_SIZE = 2 * NAME_SIZE
MAX_ENCODED_NAME = 255
_MAX_LABEL = 63
_MAX_POINTERS = 8
_POINTER = 0xC0
_LETTERS = b"ABCDEFGHIJKLMNOP"
_TO_LETTERS = bytes.maketrans(b"0123456789abcdef", _LETTERS)
_TO_HEX = bytes(b"0123456789abcdef"[c - 0x41] if c in _LETTERS else 0x78 for c in range(256))


@dataclass(frozen=True, slots=True)
class NetbiosName:
    """A NetBIOS name: up to 15 characters without the padding, its suffix, its scope."""

    name: str
    suffix: int = 0
    scope: str = ""

    def __str__(self) -> str:
        dotted = f".{self.scope}" if self.scope else ""
        return f"{self.name}<{self.suffix:02X}>{dotted}"

    def to_bytes(self) -> bytes:
        """Return the 16 bytes, blank-padded; ``*`` alone with zeros, as node status has it.

        Raises LocalError when the name does not fit.
        """
        try:
            raw = self.name.encode("latin-1")
        except UnicodeEncodeError:
            raise LocalError(f"{self.name!r} is no NetBIOS name: it leaves Latin-1") from None
        if len(raw) > NAME_SIZE - 1:
            raise LocalError(f"{self.name!r} is no NetBIOS name: it is longer than 15 characters")
        padding = b"\0" if raw == b"*" else b" "
        return raw.ljust(NAME_SIZE - 1, padding) + bytes([self.suffix])

    @classmethod
    def from_bytes(cls, raw: bytes, scope: str = "") -> NetbiosName:
        """Read the 16 bytes *raw*; trailing blanks and zeros are padding."""
        return cls(raw[:-1].rstrip(b" \0").decode("latin-1"), raw[-1], scope)


NULL_NAME = NetbiosName("", 0, ".")
"""No name at all, one zero byte on the wire: what a WACK without a name holds, RFC 1002 4.2.16."""


def encode_first_level(raw: bytes) -> bytes:
    """Return the 32 letters A to P that stand for the 16 bytes *raw* (RFC 1001 14.1)."""
    return raw.hex().encode().translate(_TO_LETTERS)


def decode_first_level(letters: Buffer) -> bytes:
    """Return the 16 bytes the 32 *letters* stand for. Raises Malformed."""
    if len(letters) != ENCODED_SIZE:
        raise Malformed("NetBIOS name", f"is {len(letters)} letters long, not 32")
    try:
        return bytes.fromhex(bytes(letters).translate(_TO_HEX).decode("ascii"))
    except ValueError:
        raise Malformed("NetBIOS name", "holds letters outside A to P") from None


@lru_cache(maxsize=1024)
def encode_name(name: NetbiosName) -> bytes:
    """Return *name* in second-level encoding, scope and closing zero included.

    Raises LocalError when name or scope do not fit.
    """
    if name == NULL_NAME:
        return b"\0"
    encoded = bytearray([ENCODED_SIZE]) + encode_first_level(name.to_bytes())
    for label in name.scope.split(".") if name.scope else ():
        raw = label.encode("latin-1", "replace")
        if not 0 < len(raw) <= _MAX_LABEL:
            raise LocalError(f"{name.scope!r} is no NetBIOS scope: a label has 1 to 63 characters")
        encoded += bytes([len(raw)]) + raw
    encoded.append(0)
    if len(encoded) > MAX_ENCODED_NAME:
        raise LocalError(f"{name.scope!r} is no NetBIOS scope: it is too long")
    return bytes(encoded)


def decode_name(data: Buffer, offset: int = 0) -> tuple[NetbiosName, int]:
    """Read a second-level encoded name; return it and where it ends.

    Session and datagram packets hold no pointers (RFC 1002 4.1), so a pointer is Malformed here,
    as is a name that is cut off or longer than 255 bytes.
    """
    return _decode(data, offset, pointers=0)


def decode_compressed_name(data: Buffer, offset: int = 0) -> tuple[NetbiosName, int]:
    """Read a name of the name service packet *data*; return it and where it ends.

    As `decode_name`, but label pointers are followed: each must lead backwards, and a name has at
    most 8. A lone zero is NULL_NAME. Raises Malformed.
    """
    end = offset + ENCODED_SIZE + 2
    if len(data) >= end and data[offset] == ENCODED_SIZE and not data[end - 1]:
        return _plain_name(bytes(data[offset + 1 : end - 1])), end
    return _decode(data, offset, pointers=_MAX_POINTERS)


@lru_cache(maxsize=1024)
def _plain_name(letters: bytes) -> NetbiosName:
    return NetbiosName.from_bytes(decode_first_level(letters))


def _decode(data: Buffer, offset: int, pointers: int) -> tuple[NetbiosName, int]:
    labels: list[bytes] = []
    at, end, size = offset, 0, 0
    while True:
        label, after = _next_label(data, at, pointers=bool(pointers))
        if label is None:
            pointers -= 1
            end = end or at + 2
            at = after
            continue
        if not label:
            break
        size += after - at
        if size >= MAX_ENCODED_NAME:
            raise Malformed("NetBIOS name", "is longer than 255 bytes", at)
        labels.append(label)
        at = after
    return _assemble(labels, offset, allow_null=pointers > 0), end or after


def _next_label(data: Buffer, at: int, *, pointers: bool) -> tuple[bytes | None, int]:
    """Return the label at *at* and where it ends, or None and where a pointer leads."""
    if at >= len(data):
        raise Malformed("NetBIOS name", "is cut off", at)
    length = data[at]
    if length >= _POINTER and pointers:
        target = int.from_bytes(data[at : at + 2], "big") & 0x3FFF
        if at + 2 > len(data) or target >= at:
            raise Malformed("NetBIOS name", "has a pointer that does not lead backwards", at)
        return None, target
    end = at + 1 + length
    if length > _MAX_LABEL or end > len(data):
        raise Malformed("NetBIOS name", f"has a label of {length} bytes", at)
    return bytes(data[at + 1 : end]), end


def _assemble(labels: list[bytes], offset: int, *, allow_null: bool) -> NetbiosName:
    if not labels:
        if allow_null:
            return NULL_NAME
        raise Malformed("NetBIOS name", "is empty", offset)
    if any(b"." in label for label in labels[1:]):
        raise Malformed("NetBIOS name", "has a dot inside a label of its scope", offset)
    scope = b".".join(labels[1:]).decode("latin-1")
    return NetbiosName.from_bytes(decode_first_level(labels[0]), scope)
