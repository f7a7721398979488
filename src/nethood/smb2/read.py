"""READ, [MS-SMB2] 2.2.19 and 2.2.20."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u8, u16, u32, u64, wire

READ_RESPONSE_DATA_OFFSET = 80
"""Where the data of a READ response starts, counted from its header."""


@wire()
class ReadRequest(Wire):
    """READ request, [MS-SMB2] 2.2.19."""

    structure_size: u16 = 49
    padding: u8 = READ_RESPONSE_DATA_OFFSET
    flags: u8 = 0
    length: u32 = 0
    offset: u64 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    minimum_count: u32 = 0
    channel: u32 = 0
    remaining_bytes: u32 = 0
    read_channel_info_offset: u16 = 0
    read_channel_info_length: u16 = 0
    read_channel_info: Buffer = span(
        "read_channel_info_offset", "read_channel_info_length", empty=1
    )


@wire()
class ReadResponse(Wire):
    """READ response, [MS-SMB2] 2.2.20; `flags` is Reserved2 before 3.1.1."""

    structure_size: u16 = 17
    data_offset: u8 = READ_RESPONSE_DATA_OFFSET
    reserved: u8 = 0
    data_length: u32 = 0
    data_remaining: u32 = 0
    flags: u32 = 0
    data: Buffer = span("data_offset", "data_length")
