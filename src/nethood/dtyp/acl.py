"""Access control entries and lists: [MS-DTYP] 2.4.4 and 2.4.5."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from nethood.dtyp.sid import Sid
from nethood.errors import Malformed
from nethood.wire import Buffer

ACCESS_ALLOWED_ACE_TYPE = 0x00
ACCESS_DENIED_ACE_TYPE = 0x01
SYSTEM_AUDIT_ACE_TYPE = 0x02
ACCESS_ALLOWED_OBJECT_ACE_TYPE = 0x05
ACCESS_DENIED_OBJECT_ACE_TYPE = 0x06
SYSTEM_AUDIT_OBJECT_ACE_TYPE = 0x07
ACCESS_ALLOWED_CALLBACK_ACE_TYPE = 0x09
ACCESS_DENIED_CALLBACK_ACE_TYPE = 0x0A
SYSTEM_MANDATORY_LABEL_ACE_TYPE = 0x11
SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE = 0x12
SYSTEM_SCOPED_POLICY_ID_ACE_TYPE = 0x13

OBJECT_INHERIT_ACE = 0x01
CONTAINER_INHERIT_ACE = 0x02
NO_PROPAGATE_INHERIT_ACE = 0x04
INHERIT_ONLY_ACE = 0x08
INHERITED_ACE = 0x10
SUCCESSFUL_ACCESS_ACE_FLAG = 0x40
FAILED_ACCESS_ACE_FLAG = 0x80

ACL_REVISION = 2
ACL_REVISION_DS = 4

MASK_AND_SID_TYPES = frozenset(
    {
        ACCESS_ALLOWED_ACE_TYPE,
        ACCESS_DENIED_ACE_TYPE,
        SYSTEM_AUDIT_ACE_TYPE,
        SYSTEM_MANDATORY_LABEL_ACE_TYPE,
        SYSTEM_SCOPED_POLICY_ID_ACE_TYPE,
    }
)
"""The types that are a mask and a SID and nothing else."""

_ACE = struct.Struct("<BBH")
_MASK = struct.Struct("<I")
_ACL = struct.Struct("<BBHHH")


class Ace(NamedTuple):
    """One entry that allows, denies, audits or labels: a type, flags, a mask and a SID."""

    ace_type: int
    mask: int
    sid: Sid
    ace_flags: int = 0

    def encode(self) -> bytes:
        """Return it as it stands on the wire."""
        size = _ACE.size + _MASK.size + self.sid.size
        head = _ACE.pack(self.ace_type, self.ace_flags, size)
        return head + _MASK.pack(self.mask) + self.sid.encode()


class RawAce(NamedTuple):
    """An entry of any other type, kept as it came: *body* is what follows its header."""

    ace_type: int
    body: bytes
    ace_flags: int = 0

    def encode(self) -> bytes:
        """Return it as it came."""
        return _ACE.pack(self.ace_type, self.ace_flags, _ACE.size + len(self.body)) + self.body


AnyAce = Ace | RawAce


def allow(sid: Sid, mask: int, ace_flags: int = 0) -> Ace:
    """Return an ACCESS_ALLOWED_ACE."""
    return Ace(ACCESS_ALLOWED_ACE_TYPE, mask, sid, ace_flags)


def deny(sid: Sid, mask: int, ace_flags: int = 0) -> Ace:
    """Return an ACCESS_DENIED_ACE."""
    return Ace(ACCESS_DENIED_ACE_TYPE, mask, sid, ace_flags)


@dataclass(slots=True)
class Acl:
    """An ACL: its entries in the order they are tried."""

    aces: list[AnyAce] = field(default_factory=list)
    revision: int = ACL_REVISION

    def encode(self) -> bytes:
        """Return the list with its header; at most 65,535 bytes."""
        body = b"".join(ace.encode() for ace in self.aces)
        return _ACL.pack(self.revision, 0, _ACL.size + len(body), len(self.aces), 0) + body

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Acl:
        """Read the list at *offset*. Raises Malformed."""
        if offset < 0 or len(data) - offset < _ACL.size:
            raise Malformed("ACL", f"needs {_ACL.size} bytes", offset)
        revision, _, size, count, _ = _ACL.unpack_from(data, offset)
        if revision not in (ACL_REVISION, ACL_REVISION_DS):
            raise Malformed("ACL", f"AclRevision is {revision}", offset)
        end = offset + size
        if size < _ACL.size or end > len(data):
            raise Malformed("ACL", f"AclSize is {size}", offset)
        return cls(_decode_aces(data, offset + _ACL.size, end, count), revision)


def _decode_aces(data: Buffer, at: int, end: int, count: int) -> list[AnyAce]:
    aces: list[AnyAce] = []
    for _ in range(count):
        if end - at < _ACE.size:
            raise Malformed("ACL", f"has fewer entries than {count}", at)
        ace_type, ace_flags, size = _ACE.unpack_from(data, at)
        if size < _ACE.size or at + size > end:
            raise Malformed("ACE", f"AceSize is {size}", at)
        aces.append(_decode_ace(ace_type, ace_flags, bytes(data[at + _ACE.size : at + size])))
        at += size
    return aces


def _decode_ace(ace_type: int, ace_flags: int, body: bytes) -> AnyAce:
    if ace_type not in MASK_AND_SID_TYPES:
        return RawAce(ace_type, body, ace_flags)
    if len(body) < _MASK.size:
        raise Malformed("ACE", f"{len(body)} bytes hold no mask")
    (mask,) = _MASK.unpack_from(body)
    # What follows the SID is not interpreted, [MS-DTYP] 2.4.4.1.
    return Ace(ace_type, mask, Sid.decode(body, _MASK.size), ace_flags)


def canonical(aces: Iterable[Ace]) -> list[AnyAce]:
    """Return explicit before inherited entries, denials first among each ([MS-DTYP] 2.4.5)."""
    return sorted(
        aces,
        key=lambda a: (bool(a.ace_flags & INHERITED_ACE), a.ace_type != ACCESS_DENIED_ACE_TYPE),
    )
