"""Which function answers which command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from nethood.server.handlers.create import handle_create
from nethood.server.handlers.directory import handle_query_directory
from nethood.server.handlers.io import handle_close, handle_flush, handle_read, handle_write
from nethood.server.handlers.ioctl import handle_ioctl
from nethood.server.handlers.lock import handle_lock
from nethood.server.handlers.negotiate import handle_negotiate
from nethood.server.handlers.notify import handle_change_notify
from nethood.server.handlers.oplock import handle_oplock_break
from nethood.server.handlers.query_info import handle_query_info
from nethood.server.handlers.session import handle_logoff, handle_session_setup
from nethood.server.handlers.set_info import handle_set_info
from nethood.server.handlers.tree import handle_echo, handle_tree_connect, handle_tree_disconnect
from nethood.server.results import Outcome
from nethood.smb2 import constants as c
from nethood.smb2.server import Request

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection

Handler: TypeAlias = Callable[["ClientConnection", Request], Outcome]

HANDLERS: dict[int, Handler] = {
    c.SMB2_NEGOTIATE: handle_negotiate,
    c.SMB2_SESSION_SETUP: handle_session_setup,
    c.SMB2_LOGOFF: handle_logoff,
    c.SMB2_TREE_CONNECT: handle_tree_connect,
    c.SMB2_TREE_DISCONNECT: handle_tree_disconnect,
    c.SMB2_CREATE: handle_create,
    c.SMB2_CLOSE: handle_close,
    c.SMB2_FLUSH: handle_flush,
    c.SMB2_READ: handle_read,
    c.SMB2_WRITE: handle_write,
    c.SMB2_LOCK: handle_lock,
    c.SMB2_IOCTL: handle_ioctl,
    c.SMB2_ECHO: handle_echo,
    c.SMB2_QUERY_DIRECTORY: handle_query_directory,
    c.SMB2_CHANGE_NOTIFY: handle_change_notify,
    c.SMB2_QUERY_INFO: handle_query_info,
    c.SMB2_SET_INFO: handle_set_info,
    c.SMB2_OPLOCK_BREAK: handle_oplock_break,
}
