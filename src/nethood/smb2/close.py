"""CLOSE, [MS-SMB2] 2.2.15 and 2.2.16."""

from __future__ import annotations

from nethood.wire import Wire, u16, u32, u64, wire


@wire()
class CloseRequest(Wire):
    """CLOSE request, [MS-SMB2] 2.2.15."""

    structure_size: u16 = 24
    flags: u16 = 0
    reserved: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0


@wire()
class CloseResponse(Wire):
    """CLOSE response, [MS-SMB2] 2.2.16; times are FILETIMEs, 0 without POSTQUERY_ATTRIB."""

    structure_size: u16 = 60
    flags: u16 = 0
    reserved: u32 = 0
    creation_time: u64 = 0
    last_access_time: u64 = 0
    last_write_time: u64 = 0
    change_time: u64 = 0
    allocation_size: u64 = 0
    end_of_file: u64 = 0
    file_attributes: u32 = 0
