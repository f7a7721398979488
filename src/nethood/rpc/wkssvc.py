"""The workstation service: who this machine is ([MS-WKST] 3.2.4).

What would change the machine is answered ERROR_ACCESS_DENIED.
"""

from __future__ import annotations

from typing import Any

from nethood.rpc.call import Call, Interface, Operation
from nethood.rpc.enumeration import (
    Level,
    read_enum_request,
    write_info,
    write_no_page,
    write_page,
)
from nethood.rpc.host import Host
from nethood.rpc.layout import TEXT, U32, UNICODE, write_container
from nethood.rpc.pdu import Syntax
from nethood.rpc.srvsvc import PLATFORM_ID_NT, denied, denied_with_pointer
from nethood.rpc.status import (
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_LEVEL,
    ERROR_INVALID_PARAMETER,
    ERROR_SUCCESS,
)

_NET_SETUP_WORKGROUP_NAME = 2


def _wksta_100(host: Host) -> tuple[Any, ...]:
    return (PLATFORM_ID_NT, host.server_name, host.domain, *host.version)


def _wksta_101(host: Host) -> tuple[Any, ...]:
    return (*_wksta_100(host), "")


_WKSTA_100 = (U32, TEXT, TEXT, U32, U32)
_WKSTA_LEVELS: dict[int, Level[Host]] = {
    100: Level(_WKSTA_100, _wksta_100),
    101: Level((*_WKSTA_100, TEXT), _wksta_101),
    102: Level((*_WKSTA_100, TEXT, U32), lambda h: (*_wksta_101(h), len(h.sessions()))),
}
_ADMIN_LEVEL = 102
_UNSERVED_LEVELS = (502, 1013, 1018, 1046)


def netr_wksta_get_info(call: Call) -> int:
    """NetrWkstaGetInfo (0), [MS-WKST] 3.2.4.1: 100 for all, 101 for users, 102 for admins."""
    call.reader.optional_text()
    level, caller = call.reader.u32(), call.host.caller
    status = ERROR_SUCCESS
    if level not in _WKSTA_LEVELS:
        status = ERROR_INVALID_LEVEL
    elif (level > 100 and caller.is_anonymous) or (level == _ADMIN_LEVEL and not caller.is_admin):
        status = ERROR_ACCESS_DENIED
    write_info(call.writer, level, _WKSTA_LEVELS, None if status else call.host, _UNSERVED_LEVELS)
    return status


_USER_LEVELS: dict[int, Level[str]] = {
    0: Level((TEXT,), lambda user: (user,)),
    1: Level((TEXT, TEXT, TEXT, TEXT), lambda user: (user, "", "", "")),
}
_TRANSPORT_LEVELS: dict[int, Level[str]] = {
    0: Level((U32, U32, TEXT, TEXT, U32), lambda name: (0, 0, name, "", 0)),
}


def netr_wksta_user_enum(call: Call) -> int:
    """NetrWkstaUserEnum (2), [MS-WKST] 3.2.4.3: nobody sits at this machine, for all it knows."""
    call.reader.optional_text()
    request = read_enum_request(call.reader, _USER_LEVELS)
    if not call.host.caller.is_admin:
        return write_no_page(call.writer, request, ERROR_ACCESS_DENIED)
    return write_page(call.writer, request, _USER_LEVELS, [])


def netr_wksta_transport_enum(call: Call) -> int:
    """NetrWkstaTransportEnum (5), [MS-WKST] 3.2.4.4: there is no redirector here."""
    call.reader.optional_text()
    request = read_enum_request(call.reader, _TRANSPORT_LEVELS)
    if call.host.caller.is_anonymous:
        return write_no_page(call.writer, request, ERROR_ACCESS_DENIED)
    return write_page(call.writer, request, _TRANSPORT_LEVELS, [])


def netr_get_join_information(call: Call) -> int:
    """NetrGetJoinInformation (20), [MS-WKST] 3.2.4.12: a member of a workgroup."""
    writer, domain = call.writer, call.host.domain
    if call.host.caller.is_anonymous:
        writer.pointer(None)
        writer.u16(0)
        return ERROR_ACCESS_DENIED
    writer.pointer(lambda: writer.text(domain))
    writer.resolve()
    writer.u16(_NET_SETUP_WORKGROUP_NAME)
    return ERROR_SUCCESS


def netr_enumerate_computer_names(call: Call) -> int:
    """NetrEnumerateComputerNames (30), [MS-WKST] 3.2.4.21: primary 0, alternate 1, all 2."""
    reader, writer = call.reader, call.writer
    reader.optional_text()
    name_type, _reserved = reader.u16(), reader.u32()
    if call.host.caller.is_anonymous or name_type > 2:
        writer.pointer(None)
        return ERROR_ACCESS_DENIED if name_type <= 2 else ERROR_INVALID_PARAMETER
    names = [] if name_type == 1 else [(call.host.server_name,)]
    writer.pointer(lambda: write_container(writer, (UNICODE,), names))
    writer.resolve()
    return ERROR_SUCCESS


_DENIED = (7, 10, 22, 23, 24, 25, 27, 28, 29, 31, 32, 33, 34, 35, 36, 37)
"""TransportDel, UseDel, and what joins, renames or validates names."""
_DENIED_WITH_POINTER = (1, 6, 8)
"""WkstaSetInfo, TransportAdd, UseAdd."""

OPERATIONS: dict[int, Operation] = {
    **dict.fromkeys(_DENIED, denied),
    **dict.fromkeys(_DENIED_WITH_POINTER, denied_with_pointer),
    0: netr_wksta_get_info,
    2: netr_wksta_user_enum,
    5: netr_wksta_transport_enum,
    20: netr_get_join_information,
    30: netr_enumerate_computer_names,
}

WKSSVC = Interface("wkssvc", Syntax.parse("6bffd098-a112-3610-9833-46c3f87e345a", 1), OPERATIONS)
