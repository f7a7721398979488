"""CHANGE_NOTIFY, [MS-SMB2] 2.2.35 and 2.2.36; the list it returns is in fscc/notify.py."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u16, u32, u64, wire


@wire()
class ChangeNotifyRequest(Wire):
    """CHANGE_NOTIFY request, [MS-SMB2] 2.2.35."""

    structure_size: u16 = 32
    flags: u16 = 0
    output_buffer_length: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    completion_filter: u32 = 0
    reserved: u32 = 0


@wire()
class ChangeNotifyResponse(Wire):
    """CHANGE_NOTIFY response, [MS-SMB2] 2.2.36."""

    structure_size: u16 = 9
    output_buffer_offset: u16 = 72
    output_buffer_length: u32 = 0
    output_buffer: Buffer = span("output_buffer_offset", "output_buffer_length")
