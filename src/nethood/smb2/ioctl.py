"""IOCTL, [MS-SMB2] 2.2.31 and 2.2.32; payloads of SMB2's own FSCTLs are in ioctl_payloads.py."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u16, u32, u64, wire


@wire()
class IoctlRequest(Wire):
    """IOCTL request, [MS-SMB2] 2.2.31."""

    structure_size: u16 = 57
    reserved: u16 = 0
    ctl_code: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    input_offset: u32 = 120
    input_count: u32 = 0
    max_input_response: u32 = 0
    output_offset: u32 = 0
    output_count: u32 = 0
    max_output_response: u32 = 0
    flags: u32 = 0
    reserved2: u32 = 0
    input: Buffer = span("input_offset", "input_count")
    output: Buffer = span("output_offset", "output_count", align=8)


@wire()
class IoctlResponse(Wire):
    """IOCTL response, [MS-SMB2] 2.2.32; output follows input at the next multiple of 8."""

    structure_size: u16 = 49
    reserved: u16 = 0
    ctl_code: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    input_offset: u32 = 112
    input_count: u32 = 0
    output_offset: u32 = 112
    output_count: u32 = 0
    flags: u32 = 0
    reserved2: u32 = 0
    input: Buffer = span("input_offset", "input_count")
    output: Buffer = span("output_offset", "output_count", align=8)
