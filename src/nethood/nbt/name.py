"""NetBIOS names and how they stand on the wire: RFC 1001 14 and RFC 1002 4.1.

A name is 15 bytes and a suffix, in an optional scope. First-level encoding makes the 16 bytes 32
letters; second-level encoding makes these and the scope the labels of a domain name. Names are
bytes in the sender's OEM code page; text here is their Latin-1 reading, which loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from nethood.errors import LocalError, Malformed
from nethood.wire import Buffer

NAME_SIZE = 16
ENCODED_SIZE = 2 * NAME_SIZE
MAX_ENCODED_NAME = 255
_MAX_LABEL = 63
_A = 0x41
_LETTERS = {c: i for i, c in enumerate(b"ABCDEFGHIJKLMNOP")}


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


def encode_first_level(raw: bytes) -> bytes:
    """Return the 32 letters A to P that stand for the 16 bytes *raw* (RFC 1001 14.1)."""
    encoded = bytearray()
    for byte in raw:
        encoded += bytes((_A + (byte >> 4), _A + (byte & 0xF)))
    return bytes(encoded)


def decode_first_level(letters: Buffer) -> bytes:
    """Return the 16 bytes the 32 *letters* stand for. Raises Malformed."""
    if len(letters) != ENCODED_SIZE:
        raise Malformed("NetBIOS name", f"is {len(letters)} letters long, not 32")
    nibbles = [_LETTERS.get(letter, -1) for letter in letters]
    if min(nibbles) < 0:
        raise Malformed("NetBIOS name", "holds letters outside A to P", nibbles.index(-1))
    return bytes(high << 4 | low for high, low in zip(nibbles[::2], nibbles[1::2], strict=True))


def encode_name(name: NetbiosName) -> bytes:
    """Return *name* in second-level encoding, scope and closing zero included.

    Raises LocalError when name or scope do not fit.
    """
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

    Session packets hold no pointers (RFC 1002 4.3.2), so a pointer is Malformed here, as is a name
    that is cut off or longer than 255 bytes.
    """
    labels = []
    at = offset
    while True:
        if at >= len(data):
            raise Malformed("NetBIOS name", "is cut off", at)
        length = data[at]
        at += 1
        if not length:
            break
        if length > _MAX_LABEL or at + length > len(data) or at + length - offset >= 255:
            raise Malformed("NetBIOS name", f"has a label of {length} bytes", at - 1)
        labels.append(bytes(data[at : at + length]))
        at += length
    if not labels:
        raise Malformed("NetBIOS name", "is empty", offset)
    scope = b".".join(labels[1:]).decode("latin-1")
    return NetbiosName.from_bytes(decode_first_level(labels[0]), scope), at
