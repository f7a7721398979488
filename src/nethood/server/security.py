"""The security descriptor a file shows: its true owner, and what the share lets users do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_ALL_ACCESS, FILE_GENERIC_EXECUTE, FILE_GENERIC_READ
from nethood.dtyp.acl import CONTAINER_INHERIT_ACE, OBJECT_INHERIT_ACE, allow
from nethood.dtyp.security_descriptor import SecurityDescriptor, build
from nethood.dtyp.sid import (
    AUTHENTICATED_USERS,
    DOMAIN_GROUP_RID_USERS,
    LOCAL_SYSTEM,
    UNIX_USERS,
    Sid,
)
from nethood.server.system import system_user_name

if TYPE_CHECKING:
    from nethood.server.core import ServerCore
    from nethood.server.opens import FileOpen

_READ_ONLY = FILE_GENERIC_READ | FILE_GENERIC_EXECUTE
_INHERITED = OBJECT_INHERIT_ACE | CONTAINER_INHERIT_ACE


def security_descriptor(core: ServerCore, opened: FileOpen) -> SecurityDescriptor:
    """Return the descriptor of an open file.

    The owner is the server's user of the same name as the file's owner in the system, and otherwise
    the Unix user itself. Every user of the share may do what the share lets him, and the list says
    just that: stores keep no access lists of their own yet.
    """
    owner = _owner(core, opened.node.info().owner)
    flags = _INHERITED if opened.is_directory else 0
    access = _READ_ONLY if opened.share.read_only else FILE_ALL_ACCESS
    aces = [
        allow(owner, access, flags),
        allow(LOCAL_SYSTEM, FILE_ALL_ACCESS, flags),
        allow(AUTHENTICATED_USERS, access, flags),
    ]
    return build(owner, core.machine_sid.child(DOMAIN_GROUP_RID_USERS), aces)


def _owner(core: ServerCore, uid: int) -> Sid:
    name = system_user_name(uid)
    account = core.users.lookup(name) if name else None
    if account is not None:
        return core.machine_sid.child(account.rid)
    return UNIX_USERS.child(uid)
