"""Who may do what by a DACL: the access check of [MS-DTYP] 2.5.3.2, without object trees,
conditions, integrity levels and central policies, which files on a share do not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from nethood.dtyp.access_mask import (
    ACCESS_SYSTEM_SECURITY,
    FILE_ALL_ACCESS,
    MAXIMUM_ALLOWED,
    READ_CONTROL,
    WRITE_DAC,
    WRITE_OWNER,
    map_generic,
)
from nethood.dtyp.acl import (
    ACCESS_ALLOWED_ACE_TYPE,
    ACCESS_DENIED_ACE_TYPE,
    INHERIT_ONLY_ACE,
    Ace,
    Acl,
    AnyAce,
)
from nethood.dtyp.security_descriptor import SecurityDescriptor
from nethood.dtyp.sid import OWNER_RIGHTS, Sid
from nethood.erref import STATUS_ACCESS_DENIED, STATUS_PRIVILEGE_NOT_HELD
from nethood.errors import StatusError


def check_access(
    descriptor: SecurityDescriptor,
    sids: Set[Sid],
    desired_access: int,
    *,
    may_take_ownership: bool = False,
    may_manage_security: bool = False,
) -> int:
    """Return the rights granted to whoever holds *sids*: the user's own, and all groups'.

    *desired_access* may hold generic rights and MAXIMUM_ALLOWED. The two flags are the privileges
    SeTakeOwnership and SeSecurity. Raises StatusError: ACCESS_DENIED, or PRIVILEGE_NOT_HELD for
    ACCESS_SYSTEM_SECURITY without its privilege.
    """
    desired = map_generic(desired_access)
    granted = 0
    if desired & ACCESS_SYSTEM_SECURITY:
        if not may_manage_security:
            raise StatusError(STATUS_PRIVILEGE_NOT_HELD)
        granted |= ACCESS_SYSTEM_SECURITY
    allowed = allowed_access(descriptor, sids)
    if may_take_ownership:
        allowed |= WRITE_OWNER
    if desired & MAXIMUM_ALLOWED:
        granted |= allowed
        desired &= ~MAXIMUM_ALLOWED
        if not allowed:
            raise StatusError(STATUS_ACCESS_DENIED)
    if desired & ~(allowed | granted):
        raise StatusError(STATUS_ACCESS_DENIED)
    return granted | desired


def allowed_access(descriptor: SecurityDescriptor, sids: Set[Sid]) -> int:
    """Return every right the DACL gives to whoever holds *sids*.

    The first entry that names a right decides it. No DACL allows all; the owner may read and
    change it, unless an entry for OWNER RIGHTS says otherwise.
    Deviates: the pseudocode lets any denial win over MAXIMUM_ALLOWED; Windows grants it what it
    would grant one by one, and so does this.
    """
    if descriptor.dacl is None:
        return FILE_ALL_ACCESS
    held = set(sids)
    allowed = denied = 0
    if descriptor.owner in sids:
        if _names_owner_rights(descriptor.dacl):
            held.add(OWNER_RIGHTS)
        else:
            allowed = READ_CONTROL | WRITE_DAC
    for ace in _effective(descriptor.dacl.aces):
        if ace.sid not in held:
            continue
        mask = map_generic(ace.mask)
        if ace.ace_type == ACCESS_ALLOWED_ACE_TYPE:
            allowed |= mask & ~denied
        elif ace.ace_type == ACCESS_DENIED_ACE_TYPE:
            denied |= mask & ~allowed
    return allowed


def _names_owner_rights(dacl: Acl) -> bool:
    return any(ace.sid == OWNER_RIGHTS for ace in _effective(dacl.aces))


def _effective(aces: Iterable[AnyAce]) -> Iterator[Ace]:
    """Yield the entries that say something about the object itself."""
    return (a for a in aces if isinstance(a, Ace) and not a.ace_flags & INHERIT_ONLY_ACE)
