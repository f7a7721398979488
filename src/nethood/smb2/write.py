"""WRITE, [MS-SMB2] 2.2.21 and 2.2.22."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u16, u32, u64, wire


@wire()
class WriteRequest(Wire):
    """WRITE request, [MS-SMB2] 2.2.21; `length` is the length of `data`."""

    structure_size: u16 = 49
    data_offset: u16 = 112
    length: u32 = 0
    offset: u64 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    channel: u32 = 0
    remaining_bytes: u32 = 0
    write_channel_info_offset: u16 = 0
    write_channel_info_length: u16 = 0
    flags: u32 = 0
    write_channel_info: Buffer = span("write_channel_info_offset", "write_channel_info_length")
    data: Buffer = span("data_offset", "length")


@wire()
class WriteResponse(Wire):
    """WRITE response, [MS-SMB2] 2.2.22."""

    structure_size: u16 = 17
    reserved: u16 = 0
    count: u32 = 0
    remaining: u32 = 0
    write_channel_info_offset: u16 = 0
    write_channel_info_length: u16 = 0
