"""Whom this machine knows by name and by SID: the views of [MS-LSAT] 3.1.1.1.

The predefined names, the BUILTIN aliases, the machine's account domain and the accounts in it.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from nethood.dtyp.sid import BUILTIN_DOMAIN, DOMAIN_GROUP_RID_USERS, Sid
from nethood.rpc.host import Account, Host, SidNameUse
from nethood.text import upcase


class Domain(NamedTuple):
    """A domain as LSAPR_REFERENCED_DOMAIN_LIST names it."""

    name: str
    sid: Sid


class Principal(NamedTuple):
    """A row of the views: a name, its SID, what it is, and its domain."""

    name: str
    sid: Sid
    use: SidNameUse
    domain: Domain


_NT_AUTHORITY = {
    1: "DIALUP",
    2: "NETWORK",
    3: "BATCH",
    4: "INTERACTIVE",
    6: "SERVICE",
    7: "ANONYMOUS LOGON",
    8: "PROXY",
    9: "ENTERPRISE DOMAIN CONTROLLERS",
    10: "SELF",
    11: "Authenticated Users",
    12: "RESTRICTED",
    13: "TERMINAL SERVER USER",
    14: "REMOTE INTERACTIVE LOGON",
    15: "This Organization",
    17: "IUSR",
    18: "SYSTEM",
    19: "LOCAL SERVICE",
    20: "NETWORK SERVICE",
    33: "WRITE RESTRICTED",
    1000: "Other Organization",
}
_BUILTIN = {
    544: "Administrators",
    545: "Users",
    546: "Guests",
    547: "Power Users",
    550: "Print Operators",
    551: "Backup Operators",
    552: "Replicator",
    555: "Remote Desktop Users",
    556: "Network Configuration Operators",
    558: "Performance Monitor Users",
    559: "Performance Log Users",
    562: "Distributed COM Users",
    569: "Cryptographic Operators",
    573: "Event Log Readers",
    580: "Remote Management Users",
}
_CREATOR = {
    0: "CREATOR OWNER",
    1: "CREATOR GROUP",
    2: "CREATOR OWNER SERVER",
    3: "CREATOR GROUP SERVER",
    4: "OWNER RIGHTS",
}
_AUTHENTICATION = {
    10: "NTLM Authentication",
    14: "SChannel Authentication",
    21: "Digest Authentication",
}
_LABEL = {
    0: "Untrusted Mandatory Level",
    4096: "Low Mandatory Level",
    8192: "Medium Mandatory Level",
    12288: "High Mandatory Level",
    16384: "System Mandatory Level",
    20480: "Protected Process Mandatory Level",
}
_NT = 5
_PREDEFINED: tuple[tuple[str, Sid, SidNameUse, dict[int, str]], ...] = (
    ("", Sid(0, ()), SidNameUse.WELL_KNOWN_GROUP, {0: "NULL SID"}),
    ("", Sid(1, ()), SidNameUse.WELL_KNOWN_GROUP, {0: "Everyone"}),
    ("", Sid(2, ()), SidNameUse.WELL_KNOWN_GROUP, {0: "LOCAL", 1: "CONSOLE LOGON"}),
    ("", Sid(3, ()), SidNameUse.WELL_KNOWN_GROUP, _CREATOR),
    ("NT AUTHORITY", Sid(_NT, ()), SidNameUse.WELL_KNOWN_GROUP, _NT_AUTHORITY),
    ("NT AUTHORITY", Sid(_NT, (64,)), SidNameUse.WELL_KNOWN_GROUP, _AUTHENTICATION),
    ("BUILTIN", BUILTIN_DOMAIN, SidNameUse.ALIAS, _BUILTIN),
    ("Mandatory Label", Sid(16, ()), SidNameUse.LABEL, _LABEL),
)
_DOMAINS = (
    Domain("NT Pseudo Domain", Sid(_NT, ())),
    Domain("BUILTIN", BUILTIN_DOMAIN),
    Domain("Internet$", Sid(7, ())),
    Domain("Mandatory Label", Sid(16, ())),
)


@cache
def _predefined() -> tuple[Principal, ...]:
    rows = [
        Principal(name, sid.child(rid), use, Domain(domain, sid))
        for domain, sid, use, members in _PREDEFINED
        for rid, name in members.items()
    ]
    domains = [Principal(d.name, d.sid, SidNameUse.DOMAIN, d) for d in _DOMAINS]
    return (*rows, *domains)


@cache
def _predefined_by_sid() -> dict[Sid, Principal]:
    return {row.sid: row for row in _predefined()}


@cache
def _predefined_by_name() -> dict[tuple[str, str], Principal]:
    return {(upcase(row.domain.name), upcase(row.name)): row for row in _predefined()}


@cache
def _predefined_isolated() -> dict[str, Principal]:
    return {upcase(row.name): row for row in reversed(_predefined())}


def account_domain(host: Host) -> Domain:
    """Return the machine's own domain."""
    return Domain(host.server_name, host.machine_sid)


def _of_account(account: Account, own: Domain) -> Principal:
    if not account.domain:
        return Principal(account.name, account.sid, account.use, own)
    domain = Domain(account.domain, parent(account.sid))
    return Principal(account.name, account.sid, account.use, domain)


def _none_group(domain: Domain) -> Principal:
    """Return the primary group of every account of a machine that is in no domain."""
    sid = domain.sid.child(DOMAIN_GROUP_RID_USERS)
    return Principal("None", sid, SidNameUse.GROUP, domain)


def parent(sid: Sid) -> Sid:
    """Return the SID of the domain *sid* is in."""
    return Sid(sid.identifier_authority, sid.sub_authorities[:-1])


def _in_account_domain(host: Host, name: str) -> Principal | None:
    domain = account_domain(host)
    if upcase(name) in ("", upcase(domain.name)):
        return Principal(domain.name, domain.sid, SidNameUse.DOMAIN, domain)
    account = host.account_by_name(name)
    if account is not None:
        return _of_account(account, domain)
    return _none_group(domain) if upcase(name) == "NONE" else None


def find_name(host: Host, text: str) -> Principal | Domain | None:
    """Look a name up, ``name`` or ``DOMAIN\\name``, ignoring case ([MS-LSAT] 3.1.4.5).

    Returns the Domain alone where a domain is known and has no such name. ``DOMAIN\\`` is the
    domain itself, and so is, as in Windows, no name at all: BUILTIN.
    """
    domain_name, backslash, name = text.rpartition("\\")
    if not text:
        return _predefined_by_sid()[BUILTIN_DOMAIN]
    if not backslash:
        return _predefined_isolated().get(upcase(text)) or _in_account_domain(host, text)
    domain = account_domain(host)
    if upcase(domain_name) == upcase(domain.name):
        return _in_account_domain(host, name) or domain
    key = upcase(domain_name)
    found = _predefined_by_name().get((key, upcase(name) or key))
    if found is not None:
        return found
    known = (row.domain for row in _predefined() if row.domain.name)
    return next((d for d in known if upcase(d.name) == key), None)


def find_sid(host: Host, sid: Sid) -> Principal | Domain | None:
    """Look a SID up; the Domain alone where only that is known ([MS-LSAT] 3.1.4.9)."""
    found = _predefined_by_sid().get(sid)
    if found is not None:
        return found
    domain = account_domain(host)
    if sid == domain.sid:
        return Principal(domain.name, domain.sid, SidNameUse.DOMAIN, domain)
    account = host.account_by_sid(sid)
    if account is not None:
        return _of_account(account, domain)
    above = parent(sid)
    if above == domain.sid:
        return _none_group(domain) if sid.rid == DOMAIN_GROUP_RID_USERS else domain
    return _DOMAINS[1] if above == BUILTIN_DOMAIN else None
