"""The server service: shares, sessions, connections, opens, time ([MS-SRVS] 3.1.4).

Everything is read only: what would change the server is answered ERROR_ACCESS_DENIED.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from nethood.rpc.call import Call, Interface, Operation
from nethood.rpc.enumeration import (
    EnumRequest,
    Level,
    read_enum_request,
    write_info,
    write_no_page,
    write_page,
)
from nethood.rpc.host import (
    STYPE_DISKTREE,
    ConnectionFacts,
    Host,
    OpenFacts,
    SessionFacts,
    ShareFacts,
)
from nethood.rpc.layout import BLOB, I32, TEXT, U32
from nethood.rpc.names import netpr_name_canonicalize, netpr_name_compare, netpr_name_validate
from nethood.rpc.pdu import Syntax
from nethood.rpc.status import (
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_LEVEL,
    ERROR_INVALID_PARAMETER,
    ERROR_NOT_SUPPORTED,
    ERROR_SUCCESS,
    NERR_CLIENT_NAME_NOT_FOUND,
    NERR_DEVICE_NOT_SHARED,
    NERR_FILE_ID_NOT_FOUND,
    NERR_INVALID_COMPUTER,
    NERR_NET_NAME_NOT_FOUND,
    NERR_USER_NOT_FOUND,
)
from nethood.text import upcase

T = TypeVar("T")

PLATFORM_ID_NT = 500
_MAX_QUALIFIER = 1023
_SESS_GUEST = 1


# Shares


def _share_502(share: ShareFacts) -> tuple[Any, ...]:
    return (*_share_2(share), share.security_descriptor)


def _share_2(share: ShareFacts) -> tuple[Any, ...]:
    users = (share.max_users, share.current_users)
    return (share.name, share.type, share.comment, 0, *users, share.path, "")


def _share_503(share: ShareFacts) -> tuple[Any, ...]:
    return (*_share_2(share), "*", share.security_descriptor)


_SHARE_2 = (TEXT, U32, TEXT, U32, U32, U32, TEXT, TEXT)
_STICKY_SHARE_LEVELS: dict[int, Level[ShareFacts]] = {
    0: Level((TEXT,), lambda s: (s.name,)),
    1: Level((TEXT, U32, TEXT), lambda s: (s.name, s.type, s.comment)),
    2: Level(_SHARE_2, _share_2),
    502: Level((*_SHARE_2, BLOB), _share_502),
    503: Level((*_SHARE_2, TEXT, BLOB), _share_503),
}
_SHARE_LEVELS: dict[int, Level[ShareFacts]] = {
    **_STICKY_SHARE_LEVELS,
    501: Level((TEXT, U32, TEXT, U32), lambda s: (s.name, s.type, s.comment, s.flags)),
}
_SHARE_INFO_LEVELS: dict[int, Level[ShareFacts]] = {
    **_SHARE_LEVELS,
    1004: Level((TEXT,), lambda s: (s.comment,)),
    1005: Level((U32,), lambda s: (s.flags,)),
    1006: Level((U32,), lambda s: (s.max_users,)),
}
_SECURITY_DESCRIPTOR_LEVEL = 1501
"""For setting only."""
_PUBLIC_SHARE_LEVELS = (0, 1, 1004, 1005)


def _visible(host: Host, share: ShareFacts) -> ShareFacts:
    """Return the share without what only administrators may know.

    Deviates: Windows refuses levels 2, 502 and 503 to others whole; rpcclient asks for level 2
    and 502 unless told otherwise, so everybody who logged on gets these without the path and the
    security descriptor.
    """
    if host.caller.is_admin:
        return share
    return ShareFacts(
        name=share.name,
        type=share.type,
        comment=share.comment,
        max_users=share.max_users,
        current_users=share.current_users,
        hidden=share.hidden,
        flags=share.flags,
    )


def _may_see_share_level(host: Host, level: int) -> bool:
    return level in _PUBLIC_SHARE_LEVELS or not host.caller.is_anonymous


def _enumerate_shares(call: Call, levels: Mapping[int, Level[ShareFacts]]) -> int:
    call.reader.optional_text()
    request = read_enum_request(call.reader, levels)
    if not _may_see_share_level(call.host, request.level):
        return write_no_page(call.writer, request, ERROR_ACCESS_DENIED)
    shares = [_visible(call.host, share) for share in call.host.shares() if not share.hidden]
    return write_page(call.writer, request, levels, shares)


def netr_share_enum(call: Call) -> int:
    """NetrShareEnum (15), [MS-SRVS] 3.1.4.8."""
    return _enumerate_shares(call, _SHARE_LEVELS)


def netr_share_enum_sticky(call: Call) -> int:
    """NetrShareEnumSticky (36), [MS-SRVS] 3.1.4.9: every share here is sticky."""
    return _enumerate_shares(call, _STICKY_SHARE_LEVELS)


def _find_share(host: Host, name: str) -> ShareFacts | None:
    wanted = upcase(name)
    return next((share for share in host.shares() if upcase(share.name) == wanted), None)


def netr_share_get_info(call: Call) -> int:
    """NetrShareGetInfo (16), [MS-SRVS] 3.1.4.10."""
    call.reader.optional_text()
    name, level = call.reader.text(), call.reader.u32()
    status, share = _share_info(call.host, name, level)
    write_info(call.writer, level, _SHARE_INFO_LEVELS, share, (_SECURITY_DESCRIPTOR_LEVEL,))
    return status


def _share_info(host: Host, name: str, level: int) -> tuple[int, ShareFacts | None]:
    if not name:
        return ERROR_INVALID_PARAMETER, None
    if level not in _SHARE_INFO_LEVELS:
        return ERROR_INVALID_LEVEL, None
    if not _may_see_share_level(host, level):
        return ERROR_ACCESS_DENIED, None
    share = _find_share(host, name)
    if share is None:
        return NERR_NET_NAME_NOT_FOUND, None
    return ERROR_SUCCESS, _visible(host, share)


def netr_share_check(call: Call) -> int:
    """NetrShareCheck (20), [MS-SRVS] 3.1.4.16: is there a share with this path?

    Paths are as the caller sees them: who is shown none can't find out which there are.
    """
    call.reader.optional_text()
    device, host = upcase(call.reader.text()), call.host
    shares = [] if host.caller.is_anonymous else host.shares()
    found = next((s for s in shares if upcase(_visible(host, s).path) == device), None)
    call.writer.u32(found.type if found else STYPE_DISKTREE)
    return ERROR_SUCCESS if found else NERR_DEVICE_NOT_SHARED


# Sessions, connections, opens


def _session_2(session: SessionFacts) -> tuple[Any, ...]:
    return (*_session_1(session), session.client_type)


def _session_1(session: SessionFacts) -> tuple[Any, ...]:
    return (
        session.client,
        session.user,
        session.opens,
        session.seconds_active,
        session.seconds_idle,
        _SESS_GUEST if session.is_guest else 0,
    )


_SESSION_1 = (TEXT, TEXT, U32, U32, U32, U32)
_SESSION_LEVELS: dict[int, Level[SessionFacts]] = {
    0: Level((TEXT,), lambda s: (s.client,)),
    1: Level(_SESSION_1, _session_1),
    2: Level((*_SESSION_1, TEXT), _session_2),
    10: Level(
        (TEXT, TEXT, U32, U32), lambda s: (s.client, s.user, s.seconds_active, s.seconds_idle)
    ),
    502: Level((*_SESSION_1, TEXT, TEXT), lambda s: (*_session_2(s), s.transport)),
}
_CONNECTION_LEVELS: dict[int, Level[ConnectionFacts]] = {
    0: Level((U32,), lambda c: (c.id,)),
    1: Level(
        (U32, U32, U32, U32, U32, TEXT, TEXT),
        lambda c: (c.id, c.type, c.opens, c.users, c.seconds, c.user, c.share),
    ),
}
_FILE_LEVELS: dict[int, Level[OpenFacts]] = {
    2: Level((U32,), lambda o: (o.id,)),
    3: Level((U32, U32, U32, TEXT, TEXT), lambda o: (o.id, o.permissions, o.locks, o.path, o.user)),
}


def _page_for_users(
    call: Call, request: EnumRequest, levels: Mapping[int, Level[T]], items: Callable[[], list[T]]
) -> int:
    """Answer an enumeration that nobody may make without having logged on."""
    if call.host.caller.is_anonymous:
        return write_no_page(call.writer, request, ERROR_ACCESS_DENIED)
    return write_page(call.writer, request, levels, items())


def netr_session_enum(call: Call) -> int:
    """NetrSessionEnum (12), [MS-SRVS] 3.1.4.5."""
    reader = call.reader
    reader.optional_text()
    client, user = reader.optional_text() or "", reader.optional_text() or ""
    request = read_enum_request(reader, _SESSION_LEVELS)
    problem = _qualifier_problem(client, user)
    if problem:
        return write_no_page(call.writer, request, problem)
    found = _matching_sessions(call.host, client, user)
    if not found and (client or user) and not call.host.caller.is_anonymous:
        status = NERR_USER_NOT_FOUND if user else NERR_CLIENT_NAME_NOT_FOUND
        return write_no_page(call.writer, request, status)
    return _page_for_users(call, request, _SESSION_LEVELS, lambda: found)


def _qualifier_problem(client: str, user: str) -> int:
    if client and not client.startswith("\\\\"):
        return NERR_INVALID_COMPUTER
    return ERROR_INVALID_PARAMETER if max(len(client), len(user)) > _MAX_QUALIFIER else 0


def _matching_sessions(host: Host, client: str, user: str) -> list[SessionFacts]:
    wanted_client, wanted_user = upcase(client.lstrip("\\")), upcase(user)
    return [
        session
        for session in host.sessions()
        if (not wanted_client or upcase(session.client.lstrip("\\")) == wanted_client)
        and (not wanted_user or upcase(session.user) == wanted_user)
    ]


def netr_connection_enum(call: Call) -> int:
    """NetrConnectionEnum (8), [MS-SRVS] 3.1.4.1: by share, or by ``\\\\client``."""
    reader = call.reader
    reader.optional_text()
    qualifier = reader.optional_text() or ""
    request = read_enum_request(reader, _CONNECTION_LEVELS)
    if not qualifier:
        return write_no_page(call.writer, request, ERROR_INVALID_PARAMETER)
    if not qualifier.startswith("\\\\") and _find_share(call.host, qualifier) is None:
        return write_no_page(call.writer, request, NERR_NET_NAME_NOT_FOUND)
    wanted = upcase(qualifier)

    def matching() -> list[ConnectionFacts]:
        return [
            c
            for c in call.host.connections()
            if wanted in (upcase(c.share), "\\\\" + upcase(c.client.lstrip("\\")))
        ]

    return _page_for_users(call, request, _CONNECTION_LEVELS, matching)


def netr_file_enum(call: Call) -> int:
    """NetrFileEnum (9), [MS-SRVS] 3.1.4.2: below a path, of a user."""
    reader = call.reader
    reader.optional_text()
    path, user = upcase(reader.optional_text() or ""), upcase(reader.optional_text() or "")
    request = read_enum_request(reader, _FILE_LEVELS)

    def matching() -> list[OpenFacts]:
        return [
            o
            for o in call.host.opens()
            if upcase(o.path).startswith(path) and user in ("", upcase(o.user))
        ]

    return _page_for_users(call, request, _FILE_LEVELS, matching)


def netr_file_get_info(call: Call) -> int:
    """NetrFileGetInfo (10), [MS-SRVS] 3.1.4.3."""
    call.reader.optional_text()
    file_id, level = call.reader.u32(), call.reader.u32()
    found, status = None, ERROR_SUCCESS
    if level not in _FILE_LEVELS:
        status = ERROR_INVALID_LEVEL
    elif call.host.caller.is_anonymous:
        status = ERROR_ACCESS_DENIED
    else:
        found = next((o for o in call.host.opens() if o.id == file_id), None)
        status = ERROR_SUCCESS if found else NERR_FILE_ID_NOT_FOUND
    write_info(call.writer, level, _FILE_LEVELS, found)
    return status


# The server


def _server_100(host: Host) -> tuple[Any, ...]:
    return (PLATFORM_ID_NT, host.server_name)


def _server_101(host: Host) -> tuple[Any, ...]:
    return (*_server_100(host), *host.version, host.server_type, host.comment)


def _server_102(host: Host) -> tuple[Any, ...]:
    """No limit of users, no automatic disconnect, not hidden, announced every 240 s."""
    return (*_server_101(host), 0xFFFFFFFF, -1, 0, 240, 3000, 0, "C:\\")


def _server_502(_host: Host) -> tuple[Any, ...]:
    """The tuning of Windows' server: there are no such knobs here, all are 0."""
    return (0,) * 18


def _server_503(host: Host) -> tuple[Any, ...]:
    return (*_server_502(host), host.domain, *(0,) * 23)


_SERVER_101 = (U32, TEXT, U32, U32, U32, TEXT)
_SERVER_102 = (*_SERVER_101, U32, I32, I32, U32, U32, U32, TEXT)
_SERVER_LEVELS: dict[int, Level[Host]] = {
    100: Level((U32, TEXT), _server_100),
    101: Level(_SERVER_101, _server_101),
    102: Level(_SERVER_102, _server_102),
    103: Level((*_SERVER_102, U32), lambda host: (*_server_102(host), 0)),
    502: Level((U32,) * 18, _server_502),
    503: Level((*(U32,) * 18, TEXT, *(U32,) * 23), _server_503),
    1005: Level((TEXT,), lambda host: (host.comment,)),
}
_PUBLIC_SERVER_LEVELS = (100, 101)
_UNSERVED_SERVER_LEVELS = frozenset((599, 1010, 1016, 1017, 1018, 1107, *range(1501, 1557)))


def netr_server_get_info(call: Call) -> int:
    """NetrServerGetInfo (21), [MS-SRVS] 3.1.4.17."""
    call.reader.optional_text()
    level = call.reader.u32()
    status = ERROR_SUCCESS
    if level not in _SERVER_LEVELS:
        status = ERROR_INVALID_LEVEL
    elif level not in _PUBLIC_SERVER_LEVELS and call.host.caller.is_anonymous:
        status = ERROR_ACCESS_DENIED
    write_info(
        call.writer, level, _SERVER_LEVELS, None if status else call.host, _UNSERVED_SERVER_LEVELS
    )
    return status


def netr_remote_tod(call: Call) -> int:
    """NetrRemoteTOD (28), [MS-SRVS] 3.1.4.21: the time, in UTC, and the time zone."""
    call.reader.optional_text()
    writer, host = call.writer, call.host
    now_ns = host.now_unix_ns()
    seconds = now_ns // 1_000_000_000
    now = datetime.fromtimestamp(seconds, UTC)

    def time_of_day_info() -> None:
        for value in (seconds, host.uptime_ms(), now.hour, now.minute, now.second):
            writer.u32(value & 0xFFFFFFFF)
        writer.u32(now_ns % 1_000_000_000 // 10_000_000)
        writer.i32(-host.utc_offset_s() // 60)
        tick_in_tenths_of_ms = 310
        for value in (tick_in_tenths_of_ms, now.day, now.month, now.year, now.isoweekday() % 7):
            writer.u32(value)

    writer.pointer(time_of_day_info)
    writer.resolve()
    return ERROR_SUCCESS


def netr_server_disk_enum(call: Call) -> int:
    """NetrServerDiskEnum (23), [MS-SRVS] 3.1.4.19: no drive letters are known here."""
    reader, writer = call.reader, call.writer
    reader.optional_text()
    level = reader.u32()
    writer.u32(0)
    writer.pointer(None)
    writer.u32(0)
    writer.pointer(None)
    if level:
        return ERROR_INVALID_LEVEL
    return ERROR_ACCESS_DENIED if call.host.caller.is_anonymous else ERROR_SUCCESS


_TRANSPORT_LEVELS: dict[int, Level[tuple[Any, ...]]] = {n: Level((), tuple) for n in range(4)}


def netr_server_transport_enum(call: Call) -> int:
    """NetrServerTransportEnum (26), [MS-SRVS] 3.1.4.24: none can be added or removed by RPC."""
    call.reader.optional_text()
    request = read_enum_request(call.reader, _TRANSPORT_LEVELS)
    return _page_for_users(call, request, _TRANSPORT_LEVELS, list)


# What nobody may do


def denied(call: Call) -> int:
    """Refuse an operation whose only [out] parameter is its return value."""
    return ERROR_ACCESS_DENIED


def denied_with_pointer(call: Call) -> int:
    """Refuse an operation with one pointer as [out] parameter, ParmErr for instance."""
    call.writer.pointer(None)
    return ERROR_ACCESS_DENIED


def _denied_with_handle(call: Call) -> int:
    call.writer.raw(bytes(20))
    return ERROR_ACCESS_DENIED


def netr_dfs_get_version(call: Call) -> int:
    """NetrDfsGetVersion (43), [MS-SRVS] 3.1.4.35: there is no DFS here."""
    call.writer.u32(0)
    return ERROR_NOT_SUPPORTED


_DENIED: Sequence[int] = (11, 13, 18, 19, 25, 27, 40, 41, 53, 54, 56, 57)
"""FileClose, SessionDel, ShareDel(Sticky), TransportAdd/Del(Ex), SetFileSecurity, Alias..."""
_DENIED_WITH_POINTER: Sequence[int] = (14, 17, 22, 39)
"""ShareAdd, ShareSetInfo, ServerSetInfo, GetFileSecurity."""

OPERATIONS: dict[int, Operation] = {
    **dict.fromkeys(_DENIED, denied),
    **dict.fromkeys(_DENIED_WITH_POINTER, denied_with_pointer),
    8: netr_connection_enum,
    9: netr_file_enum,
    10: netr_file_get_info,
    12: netr_session_enum,
    15: netr_share_enum,
    16: netr_share_get_info,
    20: netr_share_check,
    21: netr_server_get_info,
    23: netr_server_disk_enum,
    26: netr_server_transport_enum,
    28: netr_remote_tod,
    33: netpr_name_validate,
    34: netpr_name_canonicalize,
    35: netpr_name_compare,
    36: netr_share_enum_sticky,
    37: _denied_with_handle,
    43: netr_dfs_get_version,
}

SRVSVC = Interface("srvsvc", Syntax.parse("4b324fc8-1670-01d3-1278-5a47bf6ee188", 3), OPERATIONS)
