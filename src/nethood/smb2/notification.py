"""SERVER_TO_CLIENT notification, [MS-SMB2] 2.2.44."""

from __future__ import annotations

from nethood.smb2.constants import SMB_NOTIFY_SESSION_CLOSED
from nethood.wire import Wire, u16, u32, wire


@wire()
class ServerToClientNotification(Wire):
    """Server to Client Notification, [MS-SMB2] 2.2.44.1, holding SMB2_NOTIFY_SESSION_CLOSED.

    The size is what the one structure defined so far makes it: 8 bytes and its 4.
    """

    structure_size: u16 = 12
    reserved: u16 = 0
    notification_type: u32 = SMB_NOTIFY_SESSION_CLOSED
    session_closed_reserved: u32 = 0
