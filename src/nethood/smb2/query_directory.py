"""QUERY_DIRECTORY, [MS-SMB2] 2.2.33 and 2.2.34; the entries are [MS-FSCC] 2.4's."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u8, u16, u32, u64, wire


@wire()
class QueryDirectoryRequest(Wire):
    """QUERY_DIRECTORY request, [MS-SMB2] 2.2.33; `file_name` is the pattern in UTF-16LE."""

    structure_size: u16 = 33
    file_information_class: u8 = 0
    flags: u8 = 0
    file_index: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    file_name_offset: u16 = 0
    file_name_length: u16 = 0
    output_buffer_length: u32 = 0
    file_name: Buffer = span("file_name_offset", "file_name_length", empty=1)


@wire()
class QueryDirectoryResponse(Wire):
    """QUERY_DIRECTORY response, [MS-SMB2] 2.2.34."""

    structure_size: u16 = 9
    output_buffer_offset: u16 = 72
    output_buffer_length: u32 = 0
    output_buffer: Buffer = span("output_buffer_offset", "output_buffer_length")
