"""The local security authority: names to SIDs and back, and what machine this is.

[MS-LSAT] 3.1.4 and the part of [MS-LSAD] 3.1.4 that clients of a file server call. There are no
secrets, trusts, privileges or account objects here; asking for them is answered, not served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from nethood.dtyp.acl import Acl, allow
from nethood.dtyp.security_descriptor import SACL_SECURITY_INFORMATION, SecurityDescriptor
from nethood.dtyp.sid import BUILTIN_ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM, Sid
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER,
    STATUS_INVALID_SERVER_STATE,
    STATUS_NO_MORE_ENTRIES,
    STATUS_NONE_MAPPED,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SOME_NOT_MAPPED,
    STATUS_SUCCESS,
)
from nethood.rpc.call import Call, Interface, Operation, RpcFault
from nethood.rpc.host import SidNameUse
from nethood.rpc.layout import (
    BLOB,
    I32,
    SID,
    U16,
    U32,
    UNICODE,
    Layout,
    Row,
    read_array,
    read_container,
    write_array,
    write_container,
    write_row,
)
from nethood.rpc.ndr import Reader, Writer
from nethood.rpc.pdu import Syntax
from nethood.rpc.principals import Domain, Principal, account_domain, find_name, find_sid
from nethood.rpc.status import NCA_S_FAULT_CONTEXT_MISMATCH

MAX_NAMES = 1000
MAX_SIDS = 20480
_MAX_ENTRIES = 32
"""LSAPR_REFERENCED_DOMAIN_LIST.MaxEntries; ignored by clients."""
_LOOKUP_WKSTA = 1
_LOCAL_ONLY = 0x80000000
_NO_RID = 0xFFFFFFFF
_NULL_HANDLE = bytes(20)
_CHANGING_ACCESS = 0x500D07F8
"""Rights that would change the policy: POLICY_TRUST_ADMIN to SERVER_ADMIN, DELETE, WRITE_DAC,
WRITE_OWNER, GENERIC_WRITE and GENERIC_ALL ([MS-LSAD] 2.2.1.1.2)."""


class Policy(NamedTuple):
    """An open policy object."""

    granted_access: int


# Handles


def _policy(call: Call) -> Policy:
    """Read the PolicyHandle. Raises RpcFault where the association has no such handle."""
    found = call.handles.get(call.reader.context_handle())
    if not isinstance(found, Policy):
        raise RpcFault(NCA_S_FAULT_CONTEXT_MISMATCH)
    return found


def lsar_close(call: Call) -> int:
    """LsarClose (0), [MS-LSAD] 3.1.4.9.4."""
    if call.handles.pop(call.reader.context_handle(), None) is None:
        raise RpcFault(NCA_S_FAULT_CONTEXT_MISMATCH)
    call.writer.raw(_NULL_HANDLE)
    return STATUS_SUCCESS


def lsar_open_policy2(call: Call) -> int:
    """LsarOpenPolicy2 (44), [MS-LSAD] 3.1.4.4.1."""
    call.reader.optional_text()
    return _open_policy(call)


def lsar_open_policy(call: Call) -> int:
    """LsarOpenPolicy (6), [MS-LSAD] 3.1.4.4.2: the system's name is a single character here."""
    if call.reader.pointer():
        call.reader.u16()
    return _open_policy(call)


def _open_policy(call: Call) -> int:
    has_root = _read_object_attributes(call.reader)
    desired_access = call.reader.u32()
    status = STATUS_SUCCESS
    caller = call.host.caller
    if has_root:
        status = STATUS_INVALID_PARAMETER
    elif caller.is_anonymous or (desired_access & _CHANGING_ACCESS and not caller.is_admin):
        status = STATUS_ACCESS_DENIED
    opened = not status
    call.writer.raw(call.new_handle(Policy(desired_access)) if opened else _NULL_HANDLE)
    return status


def _read_object_attributes(reader: Reader) -> bool:
    """Read LSAPR_OBJECT_ATTRIBUTES ([MS-LSAT] 2.2.9); tell whether it names a root directory."""
    reader.u32()
    has_root, has_name = reader.pointer(), reader.pointer()
    reader.u32()
    has_descriptor, has_quality = reader.pointer(), reader.pointer()
    if has_descriptor:
        raise reader.malformed("a policy is not opened with a security descriptor")
    if has_root:
        reader.u8()
    if has_name:
        _skip_string(reader)
    if has_quality:
        reader.u32()
        reader.u16()
        reader.take(2)
    return has_root


def _skip_string(reader: Reader) -> None:
    """Read a STRING ([MS-LSAT] 2.2.2) and forget it."""
    reader.align(4)
    reader.u16()
    reader.u16()
    if reader.pointer():
        reader.u32()
        reader.u32()
        reader.take(reader.u32())


_POLICY_ALL_ACCESS = 0x000F0FFF
_POLICY_EXECUTE = 0x00020801


def lsar_query_security_object(call: Call) -> int:
    """LsarQuerySecurityObject (3), [MS-LSAD] 3.1.4.9.1: administrators all, others look up."""
    _policy(call)
    wanted, writer = call.reader.u32(), call.writer
    if wanted & SACL_SECURITY_INFORMATION:
        writer.pointer(None)
        return STATUS_ACCESS_DENIED
    dacl = Acl(
        [allow(BUILTIN_ADMINISTRATORS, _POLICY_ALL_ACCESS), allow(EVERYONE, _POLICY_EXECUTE)]
    )
    whole = SecurityDescriptor(BUILTIN_ADMINISTRATORS, LOCAL_SYSTEM, dacl)
    descriptor = whole.select(wanted).encode()
    writer.pointer(lambda: write_row(writer, (BLOB,), (descriptor,)))
    writer.resolve()
    return STATUS_SUCCESS


# Policy information


def _primary_domain(call: Call, writer: Writer) -> None:
    write_row(writer, (UNICODE, SID), (call.host.domain, None))


def _account_domain(call: Call, writer: Writer) -> None:
    write_row(writer, (UNICODE, SID), account_domain(call.host))


def _server_role(_call: Call, writer: Writer) -> None:
    primary = 3
    writer.u16(primary)


def _dns_domain(call: Call, writer: Writer) -> None:
    write_row(writer, (UNICODE, UNICODE, UNICODE), (call.host.domain, "", ""))
    writer.raw(bytes(16))
    writer.pointer(None)


_INFORMATION: dict[int, Callable[[Call, Writer], None]] = {
    3: _primary_domain,
    4: lambda _call, writer: writer.unicode_string(None),
    5: _account_domain,
    6: _server_role,
    7: lambda _call, writer: write_row(writer, (UNICODE, UNICODE), (None, None)),
    12: _dns_domain,
    13: _dns_domain,
    14: _account_domain,
}
_AUDIT_CLASSES = (1, 2, 11)


def lsar_query_information_policy(call: Call) -> int:
    """LsarQueryInformationPolicy (7) and ...Policy2 (46), [MS-LSAD] 3.1.4.4.3."""
    _policy(call)
    number = call.reader.u16()
    write = _INFORMATION.get(number)
    writer = call.writer
    if write is None:
        writer.pointer(None)
        return STATUS_ACCESS_DENIED if number in _AUDIT_CLASSES else STATUS_INVALID_PARAMETER

    def policy_information() -> None:
        # ms_union: the arm has the alignment of the widest arm, which holds a hyper.
        writer.u16(number)
        writer.align(8)
        write(call, writer)

    writer.pointer(policy_information)
    writer.resolve()
    return STATUS_SUCCESS


# Look-ups


class _Domains:
    """The ReferencedDomains of one answer."""

    def __init__(self) -> None:
        self._index: dict[Domain, int] = {}

    def add(self, domain: Domain) -> int:
        return self._index.setdefault(domain, len(self._index))

    def write(self, writer: Writer) -> None:
        """Append the top-level pointer to LSAPR_REFERENCED_DOMAIN_LIST ([MS-LSAT] 2.2.12)."""
        rows = list(self._index)

        def referenced_domain_list() -> None:
            write_container(writer, (UNICODE, SID), rows)
            writer.u32(_MAX_ENTRIES)

        writer.pointer(referenced_domain_list)
        writer.resolve()


def _write_answer(
    call: Call, domains: _Domains, layout: Layout, rows: Iterable[Row], mapped: int
) -> int:
    kept = list(rows)
    domains.write(call.writer)
    call.writer.u32(len(kept))
    call.writer.pointer(lambda: write_array(call.writer, layout, kept))
    call.writer.resolve()
    call.writer.u32(mapped)
    if mapped == len(kept):
        return STATUS_SUCCESS
    return STATUS_SOME_NOT_MAPPED if mapped else STATUS_NONE_MAPPED


def _write_no_answer(call: Call, status: int) -> int:
    call.writer.pointer(None)
    call.writer.u32(0)
    call.writer.pointer(None)
    call.writer.u32(0)
    return status


class _Form(NamedTuple):
    """How one of the look-up calls puts its entries."""

    layout: Layout
    entry: Callable[[Principal | None, int], Row]
    has_options: bool


def _rid(found: Principal | None) -> int:
    if found is None:
        return 0
    return _NO_RID if found.use == SidNameUse.DOMAIN else found.sid.rid


def _use(found: Principal | None) -> int:
    return SidNameUse.UNKNOWN if found is None else found.use


_NAME_FORMS = {
    14: _Form((U16, U32, I32), lambda p, d: (_use(p), _rid(p), d), has_options=False),
    58: _Form((U16, U32, I32, U32), lambda p, d: (_use(p), _rid(p), d, 0), has_options=True),
    68: _Form(
        (U16, SID, I32, U32), lambda p, d: (_use(p), p.sid if p else None, d, 0), has_options=True
    ),
}


def _lookup_names(call: Call, form: _Form) -> int:
    reader = call.reader
    policy = _policy(call)
    if reader.u32() > MAX_NAMES:
        raise reader.malformed("Count is above 1000")
    names = [row[0] or "" for row in read_array(reader, (UNICODE,))]
    read_container(reader, form.layout)
    level, _mapped = reader.u16(), reader.u32()
    options = reader.u32() if form.has_options else 0
    status = _lookup_problem(policy, level)
    if status or (options & _LOCAL_ONLY and level != _LOOKUP_WKSTA):
        return _write_no_answer(call, status or STATUS_INVALID_PARAMETER)
    domains, rows, mapped = _Domains(), [], 0
    for name in names:
        found = find_name(call.host, name)
        principal, index = _place(found, domains)
        mapped += principal is not None
        rows.append(form.entry(principal, index))
    return _write_answer(call, domains, form.layout, rows, mapped)


def _lookup_problem(policy: Policy, level: int) -> int:
    """Return what speaks against a look-up; 1 to 7 are LSAP_LOOKUP_LEVEL ([MS-LSAT] 2.2.16).

    Deviates: a machine that is no domain controller refuses all levels but the first for SIDs;
    here each is served from the same tables, for there is no wider scope to keep out of.
    """
    return STATUS_SUCCESS if 1 <= level <= 7 else STATUS_INVALID_PARAMETER


def _place(found: Principal | Domain | None, domains: _Domains) -> tuple[Principal | None, int]:
    if found is None:
        return None, -1
    if isinstance(found, Principal):
        return found, domains.add(found.domain)
    return None, domains.add(found)


def lsar_lookup_names(call: Call) -> int:
    """LsarLookupNames (14), [MS-LSAT] 3.1.4.8."""
    return _lookup_names(call, _NAME_FORMS[14])


def lsar_lookup_names2(call: Call) -> int:
    """LsarLookupNames2 (58), [MS-LSAT] 3.1.4.7."""
    return _lookup_names(call, _NAME_FORMS[58])


def lsar_lookup_names3(call: Call) -> int:
    """LsarLookupNames3 (68), [MS-LSAT] 3.1.4.6."""
    return _lookup_names(call, _NAME_FORMS[68])


_NAME = (U16, UNICODE, I32)
_NAME_EX = (U16, UNICODE, I32, U32)


def _lookup_sids(call: Call, layout: Layout) -> int:
    reader = call.reader
    policy = _policy(call)
    sids = [row[0] for row in read_container(reader, (SID,))]
    read_container(reader, layout)
    level = reader.u16()
    status = _lookup_problem(policy, level)
    if status or None in sids or len(sids) > MAX_SIDS:
        return _write_no_answer(call, status or STATUS_INVALID_PARAMETER)
    domains, rows, mapped = _Domains(), [], 0
    for sid in sids:
        found = find_sid(call.host, sid)
        principal, index = _place(found, domains)
        mapped += principal is not None
        name = principal.name if principal else _unknown_name(sid, index, level)
        rows.append((_use(principal), name, index, 0)[: len(layout)])
    return _write_answer(call, domains, layout, rows, mapped)


def _unknown_name(sid: Sid, domain_index: int, level: int) -> str:
    """Return what stands for a SID without a name, [MS-LSAT] 3.1.4.9."""
    if level != _LOOKUP_WKSTA:
        return ""
    if domain_index >= 0:
        return f"{sid.rid:08X}"
    return str(sid)


def lsar_lookup_sids(call: Call) -> int:
    """LsarLookupSids (15), [MS-LSAT] 3.1.4.11."""
    return _lookup_sids(call, _NAME)


def lsar_lookup_sids2(call: Call) -> int:
    """LsarLookupSids2 (57), [MS-LSAT] 3.1.4.10."""
    return _lookup_sids(call, _NAME_EX)


def lsar_lookup_on_controllers_only(call: Call) -> int:
    """LsarLookupSids3 (76) and LsarLookupNames4 (77): not valid on a machine like this."""
    return _write_no_answer(call, STATUS_INVALID_SERVER_STATE)


def lsar_get_user_name(call: Call) -> int:
    """LsarGetUserName (45), [MS-LSAT] 3.1.4.4: who the caller is."""
    reader, writer, caller = call.reader, call.writer, call.host.caller
    reader.optional_text()
    _read_string_pointer(reader)
    wants_domain = reader.pointer()
    if wants_domain:
        _read_string_pointer(reader)
    user, domain = caller.user, caller.domain or call.host.server_name
    if caller.is_anonymous:
        user, domain = "ANONYMOUS LOGON", "NT AUTHORITY"
    writer.pointer(lambda: writer.unicode_string(user))
    writer.resolve()
    if wants_domain:
        writer.pointer(lambda: writer.pointer(lambda: writer.unicode_string(domain)))
    else:
        writer.pointer(None)
    writer.resolve()
    return STATUS_SUCCESS


def _read_string_pointer(reader: Reader) -> None:
    if reader.pointer():
        row: list[object] = []
        UNICODE.read(reader, row)
        reader.resolve()


# What is not here


def _nothing_to_enumerate(call: Call) -> int:
    """Answer LsarEnumerate*: an enumeration context, an empty buffer, no more entries."""
    _policy(call)
    call.writer.u32(0)
    call.writer.u32(0)
    call.writer.pointer(None)
    return STATUS_NO_MORE_ENTRIES


def _no_accounts_with_right(call: Call) -> int:
    _policy(call)
    call.writer.u32(0)
    call.writer.pointer(None)
    return STATUS_NO_MORE_ENTRIES


def _no_rights(call: Call) -> int:
    _policy(call)
    call.writer.u32(0)
    call.writer.pointer(None)
    return STATUS_OBJECT_NAME_NOT_FOUND


def _no_such_object(call: Call) -> int:
    _policy(call)
    call.writer.raw(_NULL_HANDLE)
    return STATUS_OBJECT_NAME_NOT_FOUND


def _creation_denied(call: Call) -> int:
    _policy(call)
    call.writer.raw(_NULL_HANDLE)
    return STATUS_ACCESS_DENIED


def _denied(call: Call) -> int:
    _policy(call)
    return STATUS_ACCESS_DENIED


def _no_domain_policy(call: Call) -> int:
    _policy(call)
    call.writer.pointer(None)
    return STATUS_OBJECT_NAME_NOT_FOUND


OPERATIONS: dict[int, Operation] = {
    **dict.fromkeys((2, 11, 13, 50), _nothing_to_enumerate),  # privileges, accounts, trusts
    **dict.fromkeys((10, 16), _creation_denied),  # LsarCreateAccount, LsarCreateSecret
    **dict.fromkeys((17, 28), _no_such_object),  # LsarOpenAccount, LsarOpenSecret
    **dict.fromkeys((4, 8, 37, 38, 47, 54), _denied),  # LsarSet..., LsarAdd/RemoveAccountRights
    0: lsar_close,
    3: lsar_query_security_object,
    6: lsar_open_policy,
    7: lsar_query_information_policy,
    14: lsar_lookup_names,
    15: lsar_lookup_sids,
    35: _no_accounts_with_right,
    36: _no_rights,
    44: lsar_open_policy2,
    45: lsar_get_user_name,
    46: lsar_query_information_policy,
    53: _no_domain_policy,
    57: lsar_lookup_sids2,
    58: lsar_lookup_names2,
    68: lsar_lookup_names3,
    76: lsar_lookup_on_controllers_only,
    77: lsar_lookup_on_controllers_only,
}

LSARPC = Interface("lsarpc", Syntax.parse("12345778-1234-abcd-ef00-0123456789ab", 0), OPERATIONS)
