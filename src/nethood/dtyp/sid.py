"""Security identifiers: [MS-DTYP] 2.4.2."""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.wire import Buffer

MAX_SUB_AUTHORITIES = 15
_REVISION = 1
_HEAD = struct.Struct(">BBHI")
_TEXT = re.compile(
    r"S-1-(0x[0-9A-F]{12}|0|[1-9]\d{0,9})((?:-(?:0|[1-9]\d{0,9})){1,15})", re.I | re.A
)
_U32 = 0xFFFFFFFF


class Sid(NamedTuple):
    """One SID: who issued it and the path to the principal below."""

    identifier_authority: int
    sub_authorities: tuple[int, ...]

    def __str__(self) -> str:
        authority = self.identifier_authority
        shown = str(authority) if authority <= _U32 else f"0x{authority:012X}"
        return "-".join(("S-1", shown, *map(str, self.sub_authorities)))

    @property
    def rid(self) -> int:
        """The last sub-authority, 0 where there is none."""
        return self.sub_authorities[-1] if self.sub_authorities else 0

    @property
    def size(self) -> int:
        """The bytes it takes on the wire."""
        return _HEAD.size + 4 * len(self.sub_authorities)

    def child(self, *sub_authorities: int) -> Sid:
        """Return the SID below this one: a domain's with a RID is an account's."""
        return Sid(self.identifier_authority, self.sub_authorities + sub_authorities)

    def encode(self) -> bytes:
        """Return the packet form, [MS-DTYP] 2.4.2.2."""
        subs = self.sub_authorities
        authority = self.identifier_authority
        head = _HEAD.pack(_REVISION, len(subs), authority >> 32, authority & _U32)
        return head + struct.pack(f"<{len(subs)}I", *subs)

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Sid:
        """Read the packet form at *offset*; its `size` tells where it ends. Raises Malformed."""
        if offset < 0 or len(data) - offset < _HEAD.size:
            raise Malformed("SID", f"needs {_HEAD.size} bytes", offset)
        revision, count, high, low = _HEAD.unpack_from(data, offset)
        if revision != _REVISION or count > MAX_SUB_AUTHORITIES:
            raise Malformed("SID", f"revision {revision}, {count} sub-authorities", offset)
        if len(data) - offset < _HEAD.size + 4 * count:
            raise Malformed("SID", f"{count} sub-authorities do not fit", offset)
        return cls(high << 32 | low, struct.unpack_from(f"<{count}I", data, offset + _HEAD.size))

    @classmethod
    def parse(cls, text: str) -> Sid:
        """Return the SID written as "S-1-...". Raises ValueError."""
        match = _TEXT.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no SID: expected S-1-<authority>-<number>...")
        written, rest = match.groups()
        authority = int(written, 16) if written[:2] in ("0x", "0X") else int(written)
        subs = tuple(int(part) for part in rest[1:].split("-"))
        if any(sub > _U32 for sub in subs):
            raise ValueError(f"{text!r} is no SID: a number in it exceeds 32 bits")
        return cls(authority, subs)


_NT = 5

NULL_SID = Sid(0, (0,))
EVERYONE = Sid(1, (0,))
LOCAL = Sid(2, (0,))
CREATOR_OWNER = Sid(3, (0,))
CREATOR_GROUP = Sid(3, (1,))
OWNER_RIGHTS = Sid(3, (4,))
NETWORK = Sid(_NT, (2,))
INTERACTIVE = Sid(_NT, (4,))
ANONYMOUS = Sid(_NT, (7,))
PRINCIPAL_SELF = Sid(_NT, (10,))
AUTHENTICATED_USERS = Sid(_NT, (11,))
LOCAL_SYSTEM = Sid(_NT, (18,))
LOCAL_SERVICE = Sid(_NT, (19,))
NETWORK_SERVICE = Sid(_NT, (20,))
BUILTIN_DOMAIN = Sid(_NT, (32,))
BUILTIN_ADMINISTRATORS = Sid(_NT, (32, 544))
BUILTIN_USERS = Sid(_NT, (32, 545))
BUILTIN_GUESTS = Sid(_NT, (32, 546))
BUILTIN_BACKUP_OPERATORS = Sid(_NT, (32, 551))
NTLM_AUTHENTICATION = Sid(_NT, (64, 10))
ML_MEDIUM = Sid(16, (8192,))
ML_HIGH = Sid(16, (12288,))

# The SIDs by which Samba and its clients name users and groups that exist only in Unix.
UNIX_USERS = Sid(22, (1,))
UNIX_GROUPS = Sid(22, (2,))

DOMAIN_USER_RID_ADMIN = 500
DOMAIN_USER_RID_GUEST = 501
DOMAIN_GROUP_RID_USERS = 513

WELL_KNOWN: dict[Sid, tuple[str, str]] = {
    NULL_SID: ("", "NULL SID"),
    EVERYONE: ("", "Everyone"),
    LOCAL: ("", "LOCAL"),
    CREATOR_OWNER: ("", "CREATOR OWNER"),
    CREATOR_GROUP: ("", "CREATOR GROUP"),
    OWNER_RIGHTS: ("", "OWNER RIGHTS"),
    NETWORK: ("NT AUTHORITY", "NETWORK"),
    INTERACTIVE: ("NT AUTHORITY", "INTERACTIVE"),
    ANONYMOUS: ("NT AUTHORITY", "ANONYMOUS LOGON"),
    PRINCIPAL_SELF: ("NT AUTHORITY", "SELF"),
    AUTHENTICATED_USERS: ("NT AUTHORITY", "Authenticated Users"),
    LOCAL_SYSTEM: ("NT AUTHORITY", "SYSTEM"),
    LOCAL_SERVICE: ("NT AUTHORITY", "LOCAL SERVICE"),
    NETWORK_SERVICE: ("NT AUTHORITY", "NETWORK SERVICE"),
    BUILTIN_ADMINISTRATORS: ("BUILTIN", "Administrators"),
    BUILTIN_USERS: ("BUILTIN", "Users"),
    BUILTIN_GUESTS: ("BUILTIN", "Guests"),
    BUILTIN_BACKUP_OPERATORS: ("BUILTIN", "Backup Operators"),
    NTLM_AUTHENTICATION: ("NT AUTHORITY", "NTLM Authentication"),
}
"""Domain and name of the SIDs that are the same everywhere, for look-ups."""
