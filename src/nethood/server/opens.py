"""What a client has opened: a file or directory with its place in the tables, or a named pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nethood.erref import (
    STATUS_FILE_CLOSED,
    STATUS_INVALID_DEVICE_REQUEST,
)
from nethood.errors import StatusError
from nethood.smb2.constants import RELATED_FILE_ID, SMB2_FLAGS_RELATED_OPERATIONS

if TYPE_CHECKING:
    from nethood.fsa.opens import Open as FsaOpen
    from nethood.rpc.pipe import Pipe
    from nethood.server.connection import ClientConnection
    from nethood.server.files import ShareFiles
    from nethood.server.options import Share
    from nethood.smb2.server import Request
    from nethood.smb2.session import Session, TreeConnect
    from nethood.store.base import Node


class FileOpen:
    """An open file or directory ([MS-SMB2] 3.3.1.10): the store's node and fsa's open, together."""

    __slots__ = (
        "closed",
        "connection",
        "create_options",
        "cursor",
        "files",
        "fsa",
        "granted_access",
        "in_threads",
        "is_directory",
        "keeps_write_time",
        "node",
        "persistent",
        "position",
        "session",
        "share",
        "tree",
        "volatile",
        "was_written",
        "write_through",
    )
    create_options: int
    granted_access: int
    position: int

    def __init__(
        self,
        connection: ClientConnection,
        tree: TreeConnect,
        files: ShareFiles,
        node: Node,
        fsa: FsaOpen,
        create_options: int,
    ) -> None:
        self.connection = connection
        self.session: Session = tree.session
        self.tree = tree
        self.share: Share = tree.share
        self.files = files
        self.node = node
        self.fsa = fsa
        self.granted_access = fsa.granted_access
        self.is_directory = node.is_directory
        self.create_options = create_options
        self.persistent = 0
        self.volatile = 0
        self.position = 0
        self.closed = False
        self.in_threads = 0
        """How many threads use the node now; it is closed when none does any more."""
        self.cursor: Any = None
        self.keeps_write_time = False
        """The client has set LastWriteTime through this open: what it writes leaves it alone."""
        self.was_written = False
        self.write_through = False


class PipeOpen:
    """An open named pipe of IPC$."""

    __slots__ = (
        "connection",
        "granted_access",
        "name",
        "persistent",
        "pipe",
        "session",
        "tree",
        "volatile",
        "waiting",
    )

    def __init__(
        self, connection: ClientConnection, tree: TreeConnect, name: str, pipe: Pipe, access: int
    ) -> None:
        self.connection = connection
        self.session: Session = tree.session
        self.tree = tree
        self.name = name
        self.pipe = pipe
        self.granted_access = access
        self.persistent = 0
        self.volatile = 0
        self.waiting: Any = None
        """The PipeRead that waits for the pipe to have something."""


def find_open(request: Request, persistent: int, volatile: int) -> FileOpen | PipeOpen:
    """Return what a FileId means in *request*; remember it for a related element after it.

    Raises StatusError(FILE_CLOSED) for an id that is not open, and in a related element whose
    predecessor failed, the predecessor's status ([MS-SMB2] 3.3.5.2.7.2).
    """
    opened: FileOpen | PipeOpen | None = request.open
    if volatile == RELATED_FILE_ID and request.flags & SMB2_FLAGS_RELATED_OPERATIONS:
        if opened is None:
            raise StatusError(request.inherited_failure or STATUS_FILE_CLOSED)
        if opened.volatile in opened.session.open_table:
            return opened
        raise StatusError(STATUS_FILE_CLOSED)
    session = request.session
    table: dict[int, FileOpen | PipeOpen] = session.open_table if session is not None else {}
    opened = table.get(volatile)
    if opened is None or opened.persistent != persistent or opened.tree is not request.tree:
        raise StatusError(STATUS_FILE_CLOSED)
    request.open = opened
    return opened


def find_file(request: Request, persistent: int, volatile: int) -> FileOpen:
    """Return the open file or directory a FileId means; a pipe is INVALID_DEVICE_REQUEST."""
    opened = find_open(request, persistent, volatile)
    if type(opened) is not FileOpen:
        raise StatusError(STATUS_INVALID_DEVICE_REQUEST)
    return opened
