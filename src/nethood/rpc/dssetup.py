"""What role this machine has in a domain: DsRolerGetPrimaryDomainInformation ([MS-DSSP] 3.2.5).

Windows asks it on \\PIPE\\lsarpc before it shows whom a file may be given to.
"""

from __future__ import annotations

from nethood.rpc.call import Call, Interface, Operation
from nethood.rpc.layout import TEXT, U16, U32, write_row
from nethood.rpc.pdu import Syntax
from nethood.rpc.status import ERROR_INVALID_PARAMETER, ERROR_SUCCESS

_BASIC, _UPGRADE_STATUS, _OPERATION_STATE = 1, 2, 3
_STANDALONE_SERVER = 2


def ds_roler_get_primary_domain_information(call: Call) -> int:
    """DsRolerGetPrimaryDomainInformation (0), [MS-DSSP] 3.2.5.1: a server in a workgroup."""
    level, writer, domain = call.reader.u16(), call.writer, call.host.domain
    if level not in (_BASIC, _UPGRADE_STATUS, _OPERATION_STATE):
        writer.pointer(None)
        return ERROR_INVALID_PARAMETER

    def information() -> None:
        writer.u16(level)
        writer.align(4)
        if level == _BASIC:
            write_row(
                writer,
                (U16, U32, TEXT, TEXT, TEXT),
                (_STANDALONE_SERVER, 0, domain, None, None),
            )
            writer.raw(bytes(16))
        elif level == _UPGRADE_STATUS:
            write_row(writer, (U32, U16), (0, 0))
        else:
            writer.u16(0)

    writer.pointer(information)
    writer.resolve()
    return ERROR_SUCCESS


OPERATIONS: dict[int, Operation] = {0: ds_roler_get_primary_domain_information}

DSSETUP = Interface("dssetup", Syntax.parse("3919286a-b10c-11d0-9ba8-00c04fd92ef5", 0), OPERATIONS)
