"""The messages that say little more than their command.

LOGOFF, TREE_DISCONNECT, FLUSH, ECHO, CANCEL: [MS-SMB2] 2.2.7, 2.2.11, 2.2.17, 2.2.28, 2.2.30.
"""

from __future__ import annotations

from nethood.wire import Wire, u16, u32, u64, wire


@wire()
class LogoffRequest(Wire):
    """LOGOFF request, [MS-SMB2] 2.2.7."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class LogoffResponse(Wire):
    """LOGOFF response, [MS-SMB2] 2.2.8."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class TreeDisconnectRequest(Wire):
    """TREE_DISCONNECT request, [MS-SMB2] 2.2.11."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class TreeDisconnectResponse(Wire):
    """TREE_DISCONNECT response, [MS-SMB2] 2.2.12."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class FlushRequest(Wire):
    """FLUSH request, [MS-SMB2] 2.2.17."""

    structure_size: u16 = 24
    reserved1: u16 = 0
    reserved2: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0


@wire()
class FlushResponse(Wire):
    """FLUSH response, [MS-SMB2] 2.2.18."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class EchoRequest(Wire):
    """ECHO request, [MS-SMB2] 2.2.28."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class EchoResponse(Wire):
    """ECHO response, [MS-SMB2] 2.2.29."""

    structure_size: u16 = 4
    reserved: u16 = 0


@wire()
class CancelRequest(Wire):
    """CANCEL request, [MS-SMB2] 2.2.30; it has no response."""

    structure_size: u16 = 4
    reserved: u16 = 0
