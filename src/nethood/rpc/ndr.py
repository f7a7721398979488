"""NDR 2.0: the cursors that unmarshal and marshal the parameters of an operation (C706 14).

Alignment counts from the start of the stub. A pointer writes its referent identifier in place and
puts its referent off until the structure it stands in is complete; `resolve` then runs what was
put off, depth first, which is the order of C706 14.3.12.3. A top-level parameter ends with one
`resolve`. Reading takes either byte order, writing is always little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from nethood.dtyp.sid import MAX_SUB_AUTHORITIES, Sid
from nethood.errors import Malformed
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

_FIRST_REFERENT = 0x00020000
_MAX_DEPTH = 16


class Reader:
    """A bounded cursor over a stub or a PDU body. Everything it can't read raises Malformed."""

    __slots__ = ("_big_endian", "_data", "_deferred", "_depth", "_name", "_order", "offset")

    def __init__(
        self, data: Buffer, *, big_endian: bool = False, offset: int = 0, name: str = "RPC stub"
    ) -> None:
        self._data = data
        self._order = ">" if big_endian else "<"
        self._big_endian = big_endian
        self._name = name
        self._deferred: list[Callable[[], None]] = []
        self._depth = 0
        self.offset = offset

    @property
    def remaining(self) -> int:
        """How many bytes are left."""
        return max(0, len(self._data) - self.offset)

    def malformed(self, problem: str) -> Malformed:
        """Return the error that says what is wrong at the current offset."""
        return Malformed(self._name, problem, self.offset)

    def align(self, boundary: int) -> None:
        """Skip to the next multiple of *boundary*."""
        self.offset += -self.offset % boundary

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes, unaligned."""
        if size > self.remaining:
            raise self.malformed(f"needs {size} bytes, has {self.remaining}")
        start = self.offset
        self.offset = start + size
        return bytes(self._data[start : self.offset])

    def _number(self, code: str, size: int) -> int:
        self.align(size)
        value: int = struct.unpack(self._order + code, self.take(size))[0]
        return value

    def u8(self) -> int:
        """Return one octet."""
        return self._number("B", 1)

    def u16(self) -> int:
        """Return a short, or an enum without v1_enum ([MS-RPCE] 2.2.4.6)."""
        return self._number("H", 2)

    def u32(self) -> int:
        """Return a long."""
        return self._number("I", 4)

    def i32(self) -> int:
        """Return a signed long."""
        return self._number("i", 4)

    def pointer(self) -> bool:
        """Read a unique pointer's referent identifier; tell whether there is a referent."""
        return self.u32() != 0

    def defer(self, read: Callable[[], None]) -> None:
        """Put the reading of an embedded pointer's referent off until `resolve`."""
        self._deferred.append(read)

    def resolve(self) -> None:
        """Read the referents put off so far, each followed by those it points to."""
        if self._depth >= _MAX_DEPTH:
            raise self.malformed("pointers nest too deep")
        self._depth += 1
        pending, self._deferred = self._deferred, []
        for read in pending:
            read()
            self.resolve()
        self._depth -= 1

    def count(self, smallest_item: int) -> int:
        """Read a conformant array's maximum count, refusing one that can't fit in what is left."""
        count = self.u32()
        if count * smallest_item > self.remaining:
            raise self.malformed(f"an array of {count} items does not fit")
        return count

    def varying_chars(self) -> str:
        """Read a conformant varying array of wide characters, as it stands."""
        maximum, first, actual = self.u32(), self.u32(), self.u32()
        if first or actual > maximum:
            raise self.malformed(f"string of {actual} characters at {first} of {maximum}")
        data = self.take(2 * actual)
        return decode_utf16(_swapped(data) if self._big_endian else data)

    def text(self) -> str:
        """Read a ``[string]`` of wide characters, without its terminator."""
        text, terminator, _ = self.varying_chars().partition("\0")
        if not terminator:
            raise self.malformed("string without terminator")
        return text

    def optional_text(self) -> str | None:
        """Read a top-level ``[unique, string]`` parameter."""
        return self.text() if self.pointer() else None

    def optional_u32(self) -> int | None:
        """Read a top-level ``[unique]`` pointer to a long."""
        return self.u32() if self.pointer() else None

    def uuid(self) -> bytes:
        """Read a UUID; return its 16 bytes as they stand in little-endian form."""
        self.align(4)
        fields = struct.unpack(self._order + "IHH", self.take(8))
        return struct.pack("<IHH", *fields) + self.take(8)

    def context_handle(self) -> bytes:
        """Read a context handle: 20 bytes, in little-endian form whatever the peer's order."""
        return struct.pack("<I", self.u32()) + self.uuid()

    def sid(self) -> Sid:
        """Read an RPC_SID ([MS-DTYP] 2.4.2.3)."""
        count = self.count(4)
        head = self.take(8)
        if head[0] != 1 or head[1] != count or count > MAX_SUB_AUTHORITIES:
            raise self.malformed(f"SID of revision {head[0]} with {head[1]} of {count} parts")
        parts = struct.unpack(f"{self._order}{count}I", self.take(4 * count))
        return Sid(int.from_bytes(head[2:], "big"), parts)


def _swapped(data: bytes) -> bytes:
    swapped = bytearray(len(data))
    swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
    return bytes(swapped)


class Writer:
    """Builds a stub, little-endian."""

    __slots__ = ("_buffer", "_deferred", "_referent")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._deferred: list[Callable[[], None]] = []
        self._referent = _FIRST_REFERENT

    def getvalue(self) -> bytes:
        """Return what has been written; nothing may be put off any more."""
        if self._deferred:
            raise AssertionError("a pointer's referent was never written")
        return bytes(self._buffer)

    def align(self, boundary: int) -> None:
        """Pad with zeros to the next multiple of *boundary*."""
        self._buffer += bytes(-len(self._buffer) % boundary)

    def raw(self, data: bytes) -> None:
        """Append bytes as they are, unaligned."""
        self._buffer += data

    def u8(self, value: int) -> None:
        """Append one octet."""
        self._buffer.append(value)

    def u16(self, value: int) -> None:
        """Append a short, or an enum without v1_enum."""
        self.align(2)
        self._buffer += struct.pack("<H", value)

    def u32(self, value: int) -> None:
        """Append a long."""
        self.align(4)
        self._buffer += struct.pack("<I", value)

    def i32(self, value: int) -> None:
        """Append a signed long."""
        self.align(4)
        self._buffer += struct.pack("<i", value)

    def pointer(self, write: Callable[[], None] | None) -> None:
        """Append a unique pointer: null, or one whose referent *write* appends at `resolve`."""
        if write is None:
            self.u32(0)
            return
        self.u32(self._referent)
        self._referent += 4
        self._deferred.append(write)

    def resolve(self) -> None:
        """Write the referents put off so far, each followed by those it points to."""
        pending, self._deferred = self._deferred, []
        for write in pending:
            write()
            self.resolve()

    def optional_u32(self, value: int | None) -> None:
        """Append a top-level ``[unique]`` pointer to a long."""
        self.pointer(None if value is None else lambda: self.u32(value))
        self.resolve()

    def varying_chars(self, text: str, maximum: int | None = None) -> None:
        """Append a conformant varying array of wide characters, of *maximum* or as many as fit."""
        data = encode_utf16(text)
        actual = len(data) // 2
        self.align(4)
        self._buffer += struct.pack("<III", actual if maximum is None else maximum, 0, actual)
        self._buffer += data

    def text(self, text: str) -> None:
        """Append a ``[string]`` of wide characters and its terminator, both counted."""
        self.varying_chars(text + "\0")

    def conformant_bytes(self, data: bytes) -> None:
        """Append a conformant array of octets."""
        self.u32(len(data))
        self._buffer += data

    def sid(self, sid: Sid) -> None:
        """Append an RPC_SID ([MS-DTYP] 2.4.2.3)."""
        self.u32(len(sid.sub_authorities))
        self._buffer += sid.encode()

    def unicode_string(self, text: str | None) -> None:
        """Append an RPC_UNICODE_STRING ([MS-DTYP] 2.3.10); its characters follow at `resolve`."""
        size = len(encode_utf16(text)) if text else 0
        self.align(4)
        self._buffer += struct.pack("<HH", size, size)
        self.pointer(None if text is None else lambda: self.varying_chars(text))
