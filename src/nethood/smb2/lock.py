"""LOCK, [MS-SMB2] 2.2.26 and 2.2.27."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.smb2.header import HEADER_SIZE
from nethood.wire import Buffer, Wire, u16, wire

_FIXED = Struct("<HHIQQ")
_STRUCTURE_SIZE = 48
_ELEMENT = Struct("<QQII")


class LockElement(NamedTuple):
    """SMB2_LOCK_ELEMENT, [MS-SMB2] 2.2.26.1; offset and length in bytes."""

    offset: int
    length: int
    flags: int
    reserved: int = 0


@dataclass(slots=True)
class LockRequest:
    """LOCK request, [MS-SMB2] 2.2.26; `lock_sequence` is number (low 4 bits) and index."""

    locks: list[LockElement] = field(default_factory=list)
    persistent: int = 0
    volatile: int = 0
    lock_sequence: int = 0

    @property
    def lock_sequence_number(self) -> int:
        """LockSequenceNumber."""
        return self.lock_sequence & 0xF

    @property
    def lock_sequence_index(self) -> int:
        """LockSequenceIndex."""
        return self.lock_sequence >> 4

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> LockRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        start = offset + _FIXED.size
        if len(data) < start:
            raise Malformed("LockRequest", "is cut off", offset)
        size, count, sequence, persistent, volatile = _FIXED.unpack_from(data, offset)
        if size != _STRUCTURE_SIZE:
            raise Malformed("LockRequest", f"StructureSize is {size}", offset)
        end = start + count * _ELEMENT.size
        if end > len(data):
            raise Malformed("LockRequest", f"has no room for {count} locks", start)
        locks = [LockElement(*each) for each in _ELEMENT.iter_unpack(data[start:end])]
        return cls(locks, persistent, volatile, sequence)

    def encode(self) -> bytes:
        """Return the body, to stand right behind a header."""
        fixed = _FIXED.pack(
            _STRUCTURE_SIZE, len(self.locks), self.lock_sequence, self.persistent, self.volatile
        )
        return fixed + b"".join(_ELEMENT.pack(*each) for each in self.locks)


@wire()
class LockResponse(Wire):
    """LOCK response, [MS-SMB2] 2.2.27."""

    structure_size: u16 = 4
    reserved: u16 = 0
