"""SET_INFO, [MS-SMB2] 2.2.39 and 2.2.40."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u8, u16, u32, u64, wire


@wire()
class SetInfoRequest(Wire):
    """SET_INFO request, [MS-SMB2] 2.2.39."""

    structure_size: u16 = 33
    info_type: u8 = 0
    file_info_class: u8 = 0
    buffer_length: u32 = 0
    buffer_offset: u16 = 96
    reserved: u16 = 0
    additional_information: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    buffer: Buffer = span("buffer_offset", "buffer_length", empty=1)


@wire()
class SetInfoResponse(Wire):
    """SET_INFO response, [MS-SMB2] 2.2.40."""

    structure_size: u16 = 2
