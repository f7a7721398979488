"""The remote management interface that every endpoint serves beside its own (C706 appendix Q).

It says which interfaces the endpoint has. It stops nothing and counts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from nethood.rpc.call import Call, Interface, Operation
from nethood.rpc.pdu import Syntax
from nethood.rpc.status import ERROR_ACCESS_DENIED, ERROR_SUCCESS

MGMT = Syntax.parse("afa8bd80-7d8a-11c9-bef4-08002b102989", 1)
_MAX_STATISTICS = 4
_TRUE = 1


def with_management(*interfaces: Interface) -> tuple[Interface, ...]:
    """Return *interfaces* and the management interface that tells of them all."""
    syntaxes = (*(interface.syntax for interface in interfaces), MGMT)
    return (*interfaces, Interface("mgmt", MGMT, _operations(syntaxes)))


def _operations(syntaxes: Sequence[Syntax]) -> dict[int, Operation]:
    def inq_if_ids(call: Call) -> int:
        return rpc_mgmt_inq_if_ids(call, syntaxes)

    return {
        0: inq_if_ids,
        1: rpc_mgmt_inq_stats,
        2: rpc_mgmt_is_server_listening,
        3: rpc_mgmt_stop_server_listening,
        4: rpc_mgmt_inq_princ_name,
    }


def rpc_mgmt_inq_if_ids(call: Call, syntaxes: Sequence[Syntax]) -> int:
    """rpc__mgmt_inq_if_ids (0): the interfaces of this endpoint."""
    writer = call.writer

    def if_id(syntax: Syntax) -> None:
        writer.align(4)
        writer.raw(syntax.encode())

    def if_id_vector() -> None:
        writer.u32(len(syntaxes))
        writer.u32(len(syntaxes))
        for syntax in syntaxes:
            writer.pointer(partial(if_id, syntax))

    writer.pointer(if_id_vector)
    writer.resolve()
    return ERROR_SUCCESS


def rpc_mgmt_inq_stats(call: Call) -> int:
    """rpc__mgmt_inq_stats (1): calls in and out, packets in and out; none is counted."""
    count = min(call.reader.u32(), _MAX_STATISTICS)
    call.writer.u32(count)
    call.writer.u32(count)
    call.writer.raw(bytes(4 * count))
    return ERROR_SUCCESS


def rpc_mgmt_is_server_listening(call: Call) -> int:
    """rpc__mgmt_is_server_listening (2): the status comes first, the answer is returned."""
    call.writer.u32(ERROR_SUCCESS)
    return _TRUE


def rpc_mgmt_stop_server_listening(call: Call) -> int:
    """rpc__mgmt_stop_server_listening (3): not for anybody."""
    return ERROR_ACCESS_DENIED


def rpc_mgmt_inq_princ_name(call: Call) -> int:
    """rpc__mgmt_inq_princ_name (4): no security provider serves here, so there is no name."""
    call.reader.u32()
    size = call.reader.u32()
    terminator = b"\0" if size else b""
    for value in (size, 0, len(terminator)):
        call.writer.u32(value)
    call.writer.raw(terminator)
    return ERROR_ACCESS_DENIED
