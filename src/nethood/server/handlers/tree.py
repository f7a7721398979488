"""TREE_CONNECT, TREE_DISCONNECT and ECHO ([MS-SMB2] 3.3.5.7, 3.3.5.8, 3.3.5.17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_ALL_ACCESS, FILE_GENERIC_EXECUTE, FILE_GENERIC_READ
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_BAD_NETWORK_NAME,
    STATUS_INSUFFICIENT_RESOURCES,
)
from nethood.errors import ProtocolViolation, StatusError
from nethood.server.options import Share
from nethood.smb2.constants import (
    DIALECT_3_1_1,
    SMB2_SHARE_TYPE_DISK,
    SMB2_SHARE_TYPE_PIPE,
    SMB2_SHAREFLAG_ENCRYPT_DATA,
    SMB2_SHAREFLAG_NO_CACHING,
)
from nethood.smb2.server import Request
from nethood.smb2.session import Session, TreeConnect
from nethood.smb2.tree_connect import TreeConnectRequest, TreeConnectResponse
from nethood.text import decode_utf16

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection

_TREE_DISCONNECT_RESPONSE = b"\x04\x00\x00\x00"
_ECHO_RESPONSE = b"\x04\x00\x00\x00"
_LONGEST_PATH = 1024
_READ_ONLY_ACCESS = FILE_GENERIC_READ | FILE_GENERIC_EXECUTE


class PipeShare:
    """What IPC$ is: a share of named pipes."""

    name = "IPC$"
    comment = "Remote IPC"


PIPE_SHARE = PipeShare()


def handle_tree_connect(connection: ClientConnection, request: Request) -> bytes:
    r"""Connect a session to the share that ``\\server\share`` names."""
    session = request.session
    assert session is not None
    protected = request.is_signed or request.is_encrypted
    if connection.core.dialect == DIALECT_3_1_1 and not protected and not session.is_anonymous:
        raise ProtocolViolation("an unsigned TREE_CONNECT in dialect 3.1.1")
    asked = TreeConnectRequest.decode(request.message)
    path = decode_utf16(asked.path)
    name = path.rstrip("\\").rpartition("\\")[2]
    if len(path) > _LONGEST_PATH or not name:
        raise StatusError(STATUS_BAD_NETWORK_NAME)
    if len(session.tree_connect_table) >= connection.server.options.limits.trees_per_session:
        raise StatusError(STATUS_INSUFFICIENT_RESOURCES)
    if name.upper() == "IPC$":
        return _connect_pipes(connection, request, session)
    return _connect_disk(connection, request, session, name)


def _connect_pipes(connection: ClientConnection, request: Request, session: Session) -> bytes:
    _add_tree(connection, request, session, PIPE_SHARE, FILE_ALL_ACCESS)
    return TreeConnectResponse(
        share_type=SMB2_SHARE_TYPE_PIPE,
        share_flags=SMB2_SHAREFLAG_NO_CACHING,
        maximal_access=FILE_ALL_ACCESS,
    ).encode()


def _connect_disk(
    connection: ClientConnection, request: Request, session: Session, name: str
) -> bytes:
    server = connection.server
    share = server.shares.get(name.upper())
    if share is None:
        raise StatusError(STATUS_BAD_NETWORK_NAME)
    user = session.account.name if session.account is not None else ""
    if not share.allows(user):
        server.tree_refused(connection, session, share, "the share is not for this user")
        raise StatusError(STATUS_ACCESS_DENIED)
    if share.encrypt and session.server_to_client is None:
        server.tree_refused(connection, session, share, "the share requires encryption")
        raise StatusError(STATUS_ACCESS_DENIED)
    access = _READ_ONLY_ACCESS if share.read_only else FILE_ALL_ACCESS
    tree = _add_tree(connection, request, session, share, access)
    tree.encrypt_data = share.encrypt
    tree.files = server.files.of(share.store)
    server.tree_connected(connection, session, share)
    return TreeConnectResponse(
        share_type=SMB2_SHARE_TYPE_DISK,
        share_flags=SMB2_SHAREFLAG_ENCRYPT_DATA if share.encrypt else 0,
        maximal_access=access,
    ).encode()


def _add_tree(
    connection: ClientConnection,
    request: Request,
    session: Session,
    share: Share | PipeShare,
    access: int,
) -> TreeConnect:
    tree = TreeConnect(session, connection.server.new_tree_id(session), share, access)
    session.tree_connect_table[tree.tree_id] = tree
    request.tree_id = tree.tree_id
    request.tree = tree
    return tree


def handle_tree_disconnect(connection: ClientConnection, request: Request) -> bytes:
    """Close everything opened through the tree, and the tree."""
    session, tree = request.session, request.tree
    assert session is not None
    assert tree is not None
    connection.server.close_tree(connection, session, tree)
    request.tree = None
    return _TREE_DISCONNECT_RESPONSE


def handle_echo(connection: ClientConnection, request: Request) -> bytes:
    """Say that the connection is alive."""
    return _ECHO_RESPONSE
