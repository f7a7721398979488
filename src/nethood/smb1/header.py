"""The SMB header, [MS-CIFS] 2.2.3.1 with the additions of [MS-SMB] 2.2.3.1.

Signatures are not known here.
"""

from __future__ import annotations

from nethood.smb1 import constants as c
from nethood.wire import Wire, raw4, raw8, u8, u16, u32, wire

HEADER_SIZE = 32
PROTOCOL = b"\xffSMB"


@wire(base=0)
class Header(Wire):
    """The header before every SMB1 message, [MS-CIFS] 2.2.3.1.

    `status` is an NTSTATUS where SMB_FLAGS2_NT_STATUS is set in `flags2`, otherwise an SMB error
    class in its lowest byte and an error code in its highest two ([MS-CIFS] 2.2.1.5).
    """

    protocol_id: raw4 = PROTOCOL
    command: u8 = 0
    status: u32 = 0
    flags: u8 = c.SMB_FLAGS_CASE_INSENSITIVE | c.SMB_FLAGS_CANONICALIZED_PATHS
    flags2: u16 = c.SMB_FLAGS2_LONG_NAMES | c.SMB_FLAGS2_NT_STATUS | c.SMB_FLAGS2_UNICODE
    pid_high: u16 = 0
    security_features: raw8 = bytes(8)
    reserved: u16 = 0
    tid: u16 = 0
    pid_low: u16 = 0
    uid: u16 = 0
    mid: u16 = 0

    @property
    def has_unicode(self) -> bool:
        """Whether strings in this message are UTF-16LE."""
        return bool(self.flags2 & c.SMB_FLAGS2_UNICODE)

    @property
    def has_nt_status(self) -> bool:
        """Whether `status` is an NTSTATUS."""
        return bool(self.flags2 & c.SMB_FLAGS2_NT_STATUS)

    @property
    def is_reply(self) -> bool:
        """Whether a server sent it."""
        return bool(self.flags & c.SMB_FLAGS_REPLY)
