"""QUERY_INFO, [MS-SMB2] 2.2.37 and 2.2.38."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u8, u16, u32, u64, wire


@wire()
class QueryInfoRequest(Wire):
    """QUERY_INFO request, [MS-SMB2] 2.2.37."""

    structure_size: u16 = 41
    info_type: u8 = 0
    file_info_class: u8 = 0
    output_buffer_length: u32 = 0
    input_buffer_offset: u16 = 0
    reserved: u16 = 0
    input_buffer_length: u32 = 0
    additional_information: u32 = 0
    flags: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    input_buffer: Buffer = span("input_buffer_offset", "input_buffer_length")


@wire(base=0)
class QueryQuotaInfo(Wire):
    """SMB2_QUERY_QUOTA_INFO, [MS-SMB2] 2.2.37.1, up to its SidBuffer."""

    return_single: u8 = 0
    restart_scan: u8 = 0
    reserved: u16 = 0
    sid_list_length: u32 = 0
    start_sid_length: u32 = 0
    start_sid_offset: u32 = 0


@wire()
class QueryInfoResponse(Wire):
    """QUERY_INFO response, [MS-SMB2] 2.2.38."""

    structure_size: u16 = 9
    output_buffer_offset: u16 = 72
    output_buffer_length: u32 = 0
    output_buffer: Buffer = span("output_buffer_offset", "output_buffer_length")
