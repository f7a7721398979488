"""SESSION_SETUP, [MS-SMB2] 2.2.5 and 2.2.6."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u8, u16, u32, u64, wire


@wire()
class SessionSetupRequest(Wire):
    """SESSION_SETUP request, [MS-SMB2] 2.2.5."""

    structure_size: u16 = 25
    flags: u8 = 0
    security_mode: u8 = 0
    capabilities: u32 = 0
    channel: u32 = 0
    security_buffer_offset: u16 = 0
    security_buffer_length: u16 = 0
    previous_session_id: u64 = 0
    security_buffer: Buffer = span("security_buffer_offset", "security_buffer_length", empty=1)


@wire()
class SessionSetupResponse(Wire):
    """SESSION_SETUP response, [MS-SMB2] 2.2.6."""

    structure_size: u16 = 9
    session_flags: u16 = 0
    security_buffer_offset: u16 = 72
    security_buffer_length: u16 = 0
    security_buffer: Buffer = span("security_buffer_offset", "security_buffer_length")
