"""Self-relative security descriptors: [MS-DTYP] 2.4.6, and the parts SMB2 asks for, 2.4.7."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from nethood.dtyp.acl import (
    SYSTEM_MANDATORY_LABEL_ACE_TYPE,
    SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE,
    SYSTEM_SCOPED_POLICY_ID_ACE_TYPE,
    Ace,
    Acl,
    canonical,
)
from nethood.dtyp.sid import Sid
from nethood.errors import Malformed
from nethood.wire import Buffer

OWNER_SECURITY_INFORMATION = 0x00000001
GROUP_SECURITY_INFORMATION = 0x00000002
DACL_SECURITY_INFORMATION = 0x00000004
SACL_SECURITY_INFORMATION = 0x00000008
LABEL_SECURITY_INFORMATION = 0x00000010
ATTRIBUTE_SECURITY_INFORMATION = 0x00000020
SCOPE_SECURITY_INFORMATION = 0x00000040
BACKUP_SECURITY_INFORMATION = 0x00010000
UNPROTECTED_SACL_SECURITY_INFORMATION = 0x10000000
UNPROTECTED_DACL_SECURITY_INFORMATION = 0x20000000
PROTECTED_SACL_SECURITY_INFORMATION = 0x40000000
PROTECTED_DACL_SECURITY_INFORMATION = 0x80000000

SE_OWNER_DEFAULTED = 0x0001
SE_GROUP_DEFAULTED = 0x0002
SE_DACL_PRESENT = 0x0004
SE_DACL_DEFAULTED = 0x0008
SE_SACL_PRESENT = 0x0010
SE_SACL_DEFAULTED = 0x0020
SE_DACL_TRUSTED = 0x0040
SE_SERVER_SECURITY = 0x0080
SE_DACL_AUTO_INHERIT_REQ = 0x0100
SE_SACL_AUTO_INHERIT_REQ = 0x0200
SE_DACL_AUTO_INHERITED = 0x0400
SE_SACL_AUTO_INHERITED = 0x0800
SE_DACL_PROTECTED = 0x1000
SE_SACL_PROTECTED = 0x2000
SE_RM_CONTROL_VALID = 0x4000
SE_SELF_RELATIVE = 0x8000

_OWNER_FLAGS = SE_OWNER_DEFAULTED
_GROUP_FLAGS = SE_GROUP_DEFAULTED
_DACL_FLAGS = (
    SE_DACL_PRESENT
    | SE_DACL_DEFAULTED
    | SE_DACL_TRUSTED
    | SE_DACL_AUTO_INHERIT_REQ
    | SE_DACL_AUTO_INHERITED
    | SE_DACL_PROTECTED
)
_SACL_FLAGS = (
    SE_SACL_PRESENT
    | SE_SACL_DEFAULTED
    | SE_SACL_AUTO_INHERIT_REQ
    | SE_SACL_AUTO_INHERITED
    | SE_SACL_PROTECTED
)
_SACL_ACE_TYPES = {
    LABEL_SECURITY_INFORMATION: SYSTEM_MANDATORY_LABEL_ACE_TYPE,
    ATTRIBUTE_SECURITY_INFORMATION: SYSTEM_RESOURCE_ATTRIBUTE_ACE_TYPE,
    SCOPE_SECURITY_INFORMATION: SYSTEM_SCOPED_POLICY_ID_ACE_TYPE,
}
_EVERYTHING = (
    OWNER_SECURITY_INFORMATION
    | GROUP_SECURITY_INFORMATION
    | DACL_SECURITY_INFORMATION
    | SACL_SECURITY_INFORMATION
)
_FIXED = struct.Struct("<BBHIIII")
_REVISION = 1


@dataclass(slots=True)
class SecurityDescriptor:
    """Owner, group and lists; None is a part that is not there.

    A DACL that is None while SE_DACL_PRESENT is set in *control* is a NULL DACL: all access.
    SE_SELF_RELATIVE and, for lists that are there, their PRESENT flags follow from the rest.
    """

    owner: Sid | None = None
    group: Sid | None = None
    dacl: Acl | None = None
    sacl: Acl | None = None
    control: int = 0
    sbz1: int = 0

    def encode(self) -> bytes:
        """Return the self-relative form: header, owner, group, SACL, DACL."""
        parts = [p.encode() if p else b"" for p in (self.owner, self.group)]
        parts += [b"" if acl is None else acl.encode() for acl in (self.sacl, self.dacl)]
        offsets = []
        at = _FIXED.size
        for part in parts:
            offsets.append(at if part else 0)
            at += len(part)
        head = _FIXED.pack(_REVISION, self.sbz1, self._control(), *offsets)
        return b"".join((head, *parts))

    def _control(self) -> int:
        control = self.control | SE_SELF_RELATIVE
        if self.dacl is not None:
            control |= SE_DACL_PRESENT
        if self.sacl is not None:
            control |= SE_SACL_PRESENT
        return control

    @classmethod
    def decode(cls, data: Buffer) -> SecurityDescriptor:
        """Read the self-relative form. Raises Malformed."""
        if len(data) < _FIXED.size:
            raise Malformed("SECURITY_DESCRIPTOR", f"needs {_FIXED.size} bytes, has {len(data)}")
        revision, sbz1, control, owner, group, sacl, dacl = _FIXED.unpack_from(data)
        if revision != _REVISION or not control & SE_SELF_RELATIVE:
            raise Malformed("SECURITY_DESCRIPTOR", f"revision {revision}, control 0x{control:04X}")
        for offset in (owner, group, sacl, dacl):
            if 0 < offset < _FIXED.size:
                raise Malformed("SECURITY_DESCRIPTOR", "an offset points into its header", offset)
        return cls(
            owner=Sid.decode(data, owner) if owner else None,
            group=Sid.decode(data, group) if group else None,
            dacl=Acl.decode(data, dacl) if dacl and control & SE_DACL_PRESENT else None,
            sacl=Acl.decode(data, sacl) if sacl and control & SE_SACL_PRESENT else None,
            control=control & ~SE_SELF_RELATIVE,
            sbz1=sbz1,
        )

    def select(self, security_information: int) -> SecurityDescriptor:
        """Return the parts that a query for *security_information* gets ([MS-SMB2] 3.3.5.20.3)."""
        wanted = security_information
        if wanted & BACKUP_SECURITY_INFORMATION:
            wanted |= _EVERYTHING
        chosen = SecurityDescriptor()
        if wanted & OWNER_SECURITY_INFORMATION:
            chosen.owner = self.owner
            chosen.control |= self.control & _OWNER_FLAGS
        if wanted & GROUP_SECURITY_INFORMATION:
            chosen.group = self.group
            chosen.control |= self.control & _GROUP_FLAGS
        if wanted & DACL_SECURITY_INFORMATION:
            chosen.dacl = self.dacl
            chosen.control |= self.control & _DACL_FLAGS
        chosen.sacl = self._select_sacl(wanted)
        if chosen.sacl is not None:
            chosen.control |= self.control & _SACL_FLAGS
        return chosen

    def _select_sacl(self, wanted: int) -> Acl | None:
        if self.sacl is None or wanted & SACL_SECURITY_INFORMATION:
            return self.sacl
        types = {ace_type for bit, ace_type in _SACL_ACE_TYPES.items() if wanted & bit}
        if not types:
            return None
        kept = [ace for ace in self.sacl.aces if ace.ace_type in types]
        return Acl(kept, self.sacl.revision)

    def apply(self, other: SecurityDescriptor, security_information: int) -> SecurityDescriptor:
        """Return this descriptor with the parts of *other* that *security_information* names."""
        info = security_information
        result = SecurityDescriptor(
            self.owner, self.group, self.dacl, self.sacl, self.control, self.sbz1
        )
        if info & OWNER_SECURITY_INFORMATION:
            result.owner = other.owner
            result.control = _mixed(result.control, other.control, _OWNER_FLAGS)
        if info & GROUP_SECURITY_INFORMATION:
            result.group = other.group
            result.control = _mixed(result.control, other.control, _GROUP_FLAGS)
        if info & DACL_SECURITY_INFORMATION:
            result.dacl = other.dacl
            result.control = _mixed(result.control, other.control, _DACL_FLAGS)
        if info & SACL_SECURITY_INFORMATION:
            result.sacl = other.sacl
            result.control = _mixed(result.control, other.control, _SACL_FLAGS)
        return result


def _mixed(control: int, other: int, flags: int) -> int:
    return control & ~flags | other & flags


def build(owner: Sid, group: Sid, aces: Iterable[Ace], control: int = 0) -> SecurityDescriptor:
    """Return a descriptor with a DACL of *aces* put into canonical order."""
    return SecurityDescriptor(owner, group, Acl(canonical(aces)), control=control | SE_DACL_PRESENT)
