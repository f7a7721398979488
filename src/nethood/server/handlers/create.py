"""CREATE of files and directories ([MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1)."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from nethood.dtyp.access_mask import (
    FILE_ADD_FILE,
    FILE_APPEND_DATA,
    FILE_WRITE_DATA,
    MAXIMUM_ALLOWED,
    map_generic,
)
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_BAD_IMPERSONATION_LEVEL,
    STATUS_EAS_NOT_SUPPORTED,
    STATUS_INSUFFICIENT_RESOURCES,
    STATUS_INVALID_PARAMETER,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_NAME_INVALID,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_SUCCESS,
)
from nethood.errors import StatusError
from nethood.fsa import create as rules
from nethood.fsa.names import ParsedPath, parse_path
from nethood.fscc.attributes import (
    FILE_ATTRIBUTE_ARCHIVE,
    FILE_ATTRIBUTE_DIRECTORY,
    FILE_ATTRIBUTE_NORMAL,
    FILE_ATTRIBUTE_READONLY,
    SETTABLE_ATTRIBUTES,
)
from nethood.fscc.notify import FILE_ACTION_ADDED
from nethood.server.handlers.pipe import open_pipe
from nethood.server.handlers.tree import PipeShare
from nethood.server.opens import FileOpen
from nethood.smb2 import constants as c
from nethood.smb2.create import CreateRequest
from nethood.smb2.create_contexts import (
    AllocationSize,
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
    decode_contexts,
    encode_contexts,
)
from nethood.text import decode_utf16
from nethood.wire import Buffer

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.server.files import ShareFiles
    from nethood.smb2.server import Request
    from nethood.smb2.session import TreeConnect
    from nethood.store.base import Info, Node

_RESPONSE = struct.Struct("<HBBIQQQQQQIIQQII")
_CONTEXTS_AT = 64 + _RESPONSE.size
_WRITES = FILE_WRITE_DATA | FILE_APPEND_DATA
_OVERWRITES = (c.FILE_SUPERSEDE, c.FILE_OVERWRITE, c.FILE_OVERWRITE_IF)
_CREATES = (c.FILE_SUPERSEDE, c.FILE_CREATE, c.FILE_OPEN_IF, c.FILE_OVERWRITE_IF)

Contexts = dict[bytes, Buffer]


class Asked(NamedTuple):
    """A CREATE request, its numbers checked and its name understood."""

    path: str
    desired_access: int
    attributes: int
    share_access: int
    disposition: int
    options: int
    allocation_size: int


def handle_create(connection: ClientConnection, request: Request) -> bytes:
    """Open or make what the client names."""
    ask = CreateRequest.decode(request.message, 64)
    tree = request.tree
    assert tree is not None
    name = decode_utf16(ask.name)
    session = tree.session
    if len(session.open_table) >= connection.server.options.limits.opens_per_session:
        connection.server.emit(
            "warning",
            f"{connection.peer[0]} holds {len(session.open_table)} open files, the most allowed",
            connection,
        )
        raise StatusError(STATUS_INSUFFICIENT_RESOURCES)
    if isinstance(tree.share, PipeShare):
        return open_pipe(connection, request, name, ask)
    contexts = _contexts(ask) if ask.create_contexts else None
    asked = _asked(request, ask, name, contexts)
    files: ShareFiles = tree.files
    opened, action, info = _open(connection, tree, files, asked)
    connection.server.files.add(opened)
    request.open = opened
    answer = _answer_contexts(opened, info, contexts) if contexts else b""
    return _response(opened, action, info, answer)


def _contexts(ask: CreateRequest) -> Contexts:
    """Return the create contexts by name; unknown ones are ignored, repeated ones refused."""
    listed = decode_contexts(ask.create_contexts)
    contexts = {name: data for name, data in listed}
    if c.SMB2_CREATE_TIMEWARP_TOKEN in contexts:
        raise StatusError(STATUS_OBJECT_NAME_NOT_FOUND)
    for reconnect in (
        c.SMB2_CREATE_DURABLE_HANDLE_RECONNECT,
        c.SMB2_CREATE_DURABLE_HANDLE_RECONNECT_V2,
    ):
        if reconnect in contexts:
            raise StatusError(STATUS_OBJECT_NAME_NOT_FOUND)
    if len(contexts.get(c.SMB2_CREATE_EA_BUFFER, b"")):
        raise StatusError(STATUS_EAS_NOT_SUPPORTED)
    return contexts


def _asked(request: Request, ask: CreateRequest, name: str, contexts: Contexts | None) -> Asked:
    """Check a request in the order of [MS-SMB2] 3.3.5.9; raises StatusError."""
    if request.flags & c.SMB2_FLAGS_DFS_OPERATIONS:
        name = "\\".join(name.lstrip("\\").split("\\")[2:])
    if ask.impersonation_level > c.IMPERSONATION_DELEGATE:
        raise StatusError(STATUS_BAD_IMPERSONATION_LEVEL)
    parsed = parse_path(name)
    desired_access, options = _numbers(
        ask.desired_access,
        ask.file_attributes,
        ask.share_access,
        ask.create_disposition,
        ask.create_options,
    )
    if parsed.stream or parsed.must_be_directory or parsed.stream_type:
        options = _unusual_name(parsed, ask.create_disposition, options)
    allocation = 0
    if contexts and c.SMB2_CREATE_ALLOCATION_SIZE in contexts:
        allocation = AllocationSize.decode(contexts[c.SMB2_CREATE_ALLOCATION_SIZE]).allocation_size
    return Asked(
        parsed.path,
        desired_access,
        ask.file_attributes,
        ask.share_access,
        ask.create_disposition,
        options,
        allocation,
    )


@lru_cache(maxsize=1024)
def _numbers(
    desired_access: int, attributes: int, share_access: int, disposition: int, options: int
) -> tuple[int, int]:
    """Check the numbers of a CREATE; return the access without generic rights, and the options.

    Clients ask in a handful of ways: remembered, the checks cost next to nothing.
    """
    rules.check_create_options(desired_access, attributes, share_access, disposition, options)
    if options & c.FILE_DIRECTORY_FILE and options & c.FILE_NON_DIRECTORY_FILE:
        raise StatusError(STATUS_INVALID_PARAMETER)
    return map_generic(desired_access), options & ~rules.IGNORED_OPTIONS


def _unusual_name(parsed: ParsedPath, disposition: int, options: int) -> int:
    """Settle names with a stream or a trailing separator; return the options they imply."""
    if parsed.stream:
        # Stores hold no named streams yet: none exists, and none can be made.
        if disposition in (c.FILE_OPEN, c.FILE_OVERWRITE):
            raise StatusError(STATUS_OBJECT_NAME_NOT_FOUND)
        raise StatusError(STATUS_OBJECT_NAME_INVALID)
    if parsed.must_be_directory:
        if options & c.FILE_NON_DIRECTORY_FILE:
            raise StatusError(STATUS_OBJECT_NAME_INVALID)
        return options | c.FILE_DIRECTORY_FILE
    if parsed.stream_type == "$INDEX_ALLOCATION":
        return options | c.FILE_DIRECTORY_FILE
    return options | c.FILE_NON_DIRECTORY_FILE


def _open(
    connection: ClientConnection, tree: TreeConnect, files: ShareFiles, asked: Asked
) -> tuple[FileOpen, int, Info]:
    """Open what exists, or make it; return it with the CreateAction and what is true of it."""
    if "~" in asked.path:
        asked = asked._replace(path=files.short_names.long_path(asked.path))
    files.table.check_delete_pending(asked.path)
    if asked.disposition == c.FILE_CREATE and asked.path:
        return _make(connection, tree, files, asked)
    try:
        node = _open_node(files, asked)
    except StatusError as error:
        if error.status != STATUS_OBJECT_NAME_NOT_FOUND or asked.disposition not in _CREATES:
            raise
    else:
        return _take(connection, tree, files, asked, node)
    try:
        return _make(connection, tree, files, asked)
    except StatusError as error:
        if error.status != STATUS_OBJECT_NAME_COLLISION:
            raise
    # Somebody made it between the look and the attempt.
    return _take(connection, tree, files, asked, _open_node(files, asked))


def _open_node(files: ShareFiles, asked: Asked) -> Node:
    writes = asked.desired_access & _WRITES or asked.disposition in _OVERWRITES
    if writes:
        return files.store.open(asked.path, write=True)
    if asked.desired_access & MAXIMUM_ALLOWED:
        try:
            return files.store.open(asked.path, write=True)
        except StatusError as error:
            if error.status != STATUS_ACCESS_DENIED:
                raise
    return files.store.open(asked.path)


def _take(
    connection: ClientConnection, tree: TreeConnect, files: ShareFiles, asked: Asked, node: Node
) -> tuple[FileOpen, int, Info]:
    """Open an existing file or directory, and overwrite it where that is asked for."""
    try:
        info = node.info_at_open()
        granted, action = _grant(
            asked.desired_access,
            tree.maximal_access,
            asked.disposition,
            asked.options,
            asked.attributes,
            info.attributes,
            not asked.path,
        )
        overwrites = asked.disposition in _OVERWRITES
        opened = _enter(connection, tree, files, asked, node, granted, overwrites=overwrites)
    except StatusError:
        node.close()
        raise
    if overwrites:
        try:
            info = _overwrite(files, asked, node)
        except StatusError:
            opened.fsa.delete_on_close = False
            files.table.close(opened.fsa)
            node.close()
            raise
    return opened, action, info


@lru_cache(maxsize=4096)
def _grant(
    desired_access: int,
    maximal_access: int,
    disposition: int,
    options: int,
    attributes: int,
    file_attributes: int,
    is_root: bool,
) -> tuple[int, int]:
    """Check what exists against what is asked ([MS-FSA] 2.1.5.1.2.1).

    Returns the access it gets, and the CreateAction.

    *attributes* are the client's, *file_attributes* the file's. Nothing but numbers, so that what
    was worked out for one file need not be for the next.
    """
    is_directory = file_attributes & FILE_ATTRIBUTE_DIRECTORY != 0
    rules.check_type(is_directory, disposition, options, is_root=is_root)
    rules.check_existing(desired_access, options, file_attributes, is_directory=is_directory)
    extra = 0
    if disposition in _OVERWRITES:
        rules.check_overwrite(attributes, file_attributes)
        extra = rules.overwrite_access(disposition)
    read_only = file_attributes & FILE_ATTRIBUTE_READONLY != 0 and not is_directory
    granted = rules.grant_access(desired_access, maximal_access, read_only=read_only, extra=extra)
    return granted, rules.disposition_action(disposition, True)


def _overwrite(files: ShareFiles, asked: Asked, node: Node) -> Info:
    node.truncate(0)
    node.set_attributes(_new_attributes(asked, is_directory=False))
    if asked.allocation_size:
        node.allocate(asked.allocation_size)
    files.report_write(node.path, size_changed=True)
    return node.info()


def _make(
    connection: ClientConnection, tree: TreeConnect, files: ShareFiles, asked: Asked
) -> tuple[FileOpen, int, Info]:
    """Create a file or directory ([MS-FSA] 2.1.5.1.1)."""
    is_directory = asked.options & c.FILE_DIRECTORY_FILE != 0
    action = rules.disposition_action(asked.disposition, False)
    rules.check_new(asked.attributes, asked.options, is_directory=is_directory)
    if not tree.maximal_access & FILE_ADD_FILE:
        raise StatusError(STATUS_ACCESS_DENIED)
    granted = rules.grant_access(asked.desired_access, tree.maximal_access)
    attributes = _new_attributes(asked, is_directory=is_directory)
    node = files.store.create(asked.path, directory=is_directory, attributes=attributes)
    try:
        if asked.allocation_size and not is_directory:
            node.allocate(asked.allocation_size)
        opened = _enter(connection, tree, files, asked, node, granted)
    except StatusError:
        files.store.remove(node)
        node.close()
        raise
    files.report_name(node, FILE_ACTION_ADDED)
    info = node.info() if asked.allocation_size else node.info_at_open()
    return opened, action, info


def _new_attributes(asked: Asked, *, is_directory: bool) -> int:
    attributes = asked.attributes & SETTABLE_ATTRIBUTES & ~FILE_ATTRIBUTE_NORMAL
    return attributes if is_directory else attributes | FILE_ATTRIBUTE_ARCHIVE


def _enter(
    connection: ClientConnection,
    tree: TreeConnect,
    files: ShareFiles,
    asked: Asked,
    node: Node,
    granted: int,
    *,
    overwrites: bool = False,
) -> FileOpen:
    fsa = files.table.open(
        node.file_id,
        node.path,
        granted,
        asked.share_access,
        is_directory=node.is_directory,
        options=asked.options,
        delete_on_close=asked.options & c.FILE_DELETE_ON_CLOSE != 0,
        extra_access=rules.overwrite_access(asked.disposition) if overwrites else 0,
    )
    opened = FileOpen(connection, tree, files, node, fsa, asked.options)
    fsa.context = opened
    opened.write_through = asked.options & c.FILE_WRITE_THROUGH != 0
    return opened


def _response(opened: FileOpen, action: int, info: Info, contexts: bytes) -> bytes:
    fixed = _RESPONSE.pack(
        89,
        c.SMB2_OPLOCK_LEVEL_NONE,
        0,
        action,
        info.creation_time,
        info.last_access_time,
        info.last_write_time,
        info.change_time,
        info.allocation_size,
        info.size,
        info.attributes,
        0,
        opened.persistent,
        opened.volatile,
        _CONTEXTS_AT if contexts else 0,
        len(contexts),
    )
    return fixed + contexts if contexts else fixed


def _answer_contexts(opened: FileOpen, info: Info, contexts: Contexts) -> bytes:
    """Return the response contexts: maximal access and on-disk id, where asked for."""
    answers: list[tuple[bytes, Buffer]] = []
    if c.SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST in contexts:
        access = rules.grant_access(
            MAXIMUM_ALLOWED,
            opened.tree.maximal_access,
            read_only=info.attributes & FILE_ATTRIBUTE_READONLY != 0 and not info.is_directory,
        )
        answer = QueryMaximalAccessResponse(query_status=STATUS_SUCCESS, maximal_access=access)
        answers.append((c.SMB2_CREATE_QUERY_MAXIMAL_ACCESS_REQUEST, answer.encode()))
    if c.SMB2_CREATE_QUERY_ON_DISK_ID in contexts:
        volume = opened.files.store.volume().serial
        on_disk = QueryOnDiskIdResponse(disk_file_id=info.file_id, volume_id=volume)
        answers.append((c.SMB2_CREATE_QUERY_ON_DISK_ID, on_disk.encode()))
    return encode_contexts(answers) if answers else b""
