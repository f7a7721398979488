"""What a browser wants done: frames to send, NetBIOS names to hold. The shell does it.

Names are pairs of text and suffix: the browser knows nothing of how they stand on the wire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class BrowseName(NamedTuple):
    """A NetBIOS name, [MS-BRWS] 2.1.1: its text without padding, and its suffix."""

    name: str
    suffix: int


MSBROWSE = BrowseName("\x01\x02__MSBROWSE__\x02", 0x01)
"""The group of all local masters on a subnet."""

MAILSLOT_BROWSE = "\\MAILSLOT\\BROWSE"
MAILSLOT_LANMAN = "\\MAILSLOT\\LANMAN"

WORKSTATION = 0x00
DOMAIN_MASTER = 0x1B
MASTER = 0x1D
ELECTIONS = 0x1E
SERVER = 0x20


@dataclass(frozen=True, slots=True)
class Send:
    """Write *data* to the mailslot of *destination*, from the host's name with suffix 00.

    Without an *address* it is broadcast on the subnet, as a direct group datagram: the names it
    goes to are held by many, or by a master whose address need not be known.
    """

    data: bytes
    destination: BrowseName
    address: str | None = None
    mailslot: str = MAILSLOT_BROWSE


@dataclass(frozen=True, slots=True)
class RegisterName:
    """Claim *name*; a unique name that is refused comes back through `Browser.name_refused`."""

    name: BrowseName
    is_group: bool


@dataclass(frozen=True, slots=True)
class ReleaseName:
    """Give *name* up."""

    name: BrowseName
    is_group: bool


Action = Send | RegisterName | ReleaseName
