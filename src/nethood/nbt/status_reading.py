"""What a name table means: the computer, its workgroup, who is logged in, and its roles.

By Microsoft's convention of suffixes, [MS-BRWS] 2.1.1.1; nothing in the protocol vouches for it.
"""

from __future__ import annotations

from nethood.nbt.node_status import NodeStatus, StatusName
from nethood.nbt.suffix import (
    BROWSER_ELECTIONS,
    DOMAIN_CONTROLLERS,
    DOMAIN_MASTER_BROWSER,
    FILE_SERVER,
    MASTER_BROWSER,
    MESSENGER,
    MSBROWSE,
    RAS_SERVER,
    WORKSTATION,
)

IIS_GROUP = "INet~Services"
IIS_PREFIX = "IS~"

_ROLES = (
    (DOMAIN_MASTER_BROWSER, False, "domain master browser (primary domain controller)"),
    (DOMAIN_CONTROLLERS, True, "domain controller"),
    (MASTER_BROWSER, False, "master browser"),
    (BROWSER_ELECTIONS, True, "takes part in browser elections"),
    (FILE_SERVER, False, "file server"),
    (RAS_SERVER, False, "remote access server"),
)


def computer_name(status: NodeStatus) -> str:
    """Return what the node calls itself: its file server or workstation name; "" for none."""
    for suffix in (FILE_SERVER, WORKSTATION):
        for entry in status.names:
            if entry.suffix == suffix and not entry.is_group and not _is_iis(entry):
                return entry.name
    return ""


def workgroup_name(status: NodeStatus) -> str:
    """Return the node's workgroup or domain; "" for none."""
    for suffix in (WORKSTATION, DOMAIN_CONTROLLERS, BROWSER_ELECTIONS):
        for entry in status.names:
            if entry.suffix == suffix and entry.is_group and not _is_iis(entry):
                return entry.name
    return ""


def user_names(status: NodeStatus) -> list[str]:
    """Return the messenger names that are not the computer's or workgroup's: people logged in."""
    others = {computer_name(status), workgroup_name(status)}
    return [
        entry.name
        for entry in status.names
        if entry.suffix == MESSENGER
        and not entry.is_group
        and entry.name.rstrip("$") not in others
        and entry.name not in others
    ]


def roles(status: NodeStatus) -> list[str]:
    """Return what the node does on its network, the weightiest first."""
    held = {
        (entry.suffix, entry.is_group)
        for entry in status.names
        if not _is_iis(entry) and entry.name != MSBROWSE
    }
    found = [role for suffix, is_group, role in _ROLES if (suffix, is_group) in held]
    if any(_is_iis(entry) for entry in status.names):
        found.append("web server (IIS)")
    return found


def _is_iis(entry: StatusName) -> bool:
    return entry.name == IIS_GROUP or entry.name.startswith(IIS_PREFIX)
