"""CREATE, [MS-SMB2] 2.2.13 and 2.2.14; the contexts are in create_contexts.py."""

from __future__ import annotations

from nethood.wire import Buffer, Wire, span, u8, u16, u32, u64, wire


@wire()
class CreateRequest(Wire):
    """CREATE request, [MS-SMB2] 2.2.13; `name` is UTF-16LE and relative to the share.

    Every known client keeps 8 bytes for an empty name, and so does encoding.
    `create_contexts` is the raw chain: `create_contexts.decode_contexts` reads it.
    """

    structure_size: u16 = 57
    security_flags: u8 = 0
    requested_oplock_level: u8 = 0
    impersonation_level: u32 = 2
    smb_create_flags: u64 = 0
    reserved: u64 = 0
    desired_access: u32 = 0
    file_attributes: u32 = 0
    share_access: u32 = 0
    create_disposition: u32 = 0
    create_options: u32 = 0
    name_offset: u16 = 120
    name_length: u16 = 0
    create_contexts_offset: u32 = 0
    create_contexts_length: u32 = 0
    name: Buffer = span("name_offset", "name_length", align=8, empty=8)
    create_contexts: Buffer = span("create_contexts_offset", "create_contexts_length", align=8)


@wire()
class CreateResponse(Wire):
    """CREATE response, [MS-SMB2] 2.2.14; times are FILETIMEs."""

    structure_size: u16 = 89
    oplock_level: u8 = 0
    flags: u8 = 0
    create_action: u32 = 0
    creation_time: u64 = 0
    last_access_time: u64 = 0
    last_write_time: u64 = 0
    change_time: u64 = 0
    allocation_size: u64 = 0
    end_of_file: u64 = 0
    file_attributes: u32 = 0
    reserved2: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    create_contexts_offset: u32 = 0
    create_contexts_length: u32 = 0
    create_contexts: Buffer = span("create_contexts_offset", "create_contexts_length", align=8)
