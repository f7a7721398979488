"""QUERY_DIRECTORY: what is in a folder, page by page ([MS-SMB2] 3.3.5.18, [MS-FSA] 2.1.5.6.3)."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nethood.dtyp.access_mask import FILE_LIST_DIRECTORY
from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_FILES,
    STATUS_NO_SUCH_FILE,
    STATUS_OBJECT_NAME_INVALID,
)
from nethood.errors import StatusError
from nethood.fsa.patterns import Matcher, compile_pattern, is_wildcard
from nethood.fscc.dir_info import DirectoryEntry, encode_entries, fixed_size
from nethood.server.handlers.io import check_charge
from nethood.server.opens import FileOpen, find_file
from nethood.server.results import Outcome, Result
from nethood.smb2.query_directory import QueryDirectoryRequest
from nethood.store.base import split
from nethood.text import decode_utf16

if TYPE_CHECKING:
    from nethood.server.connection import ClientConnection
    from nethood.smb2.server import Request

_RESTART_SCANS, _RETURN_SINGLE_ENTRY, _REOPEN = 0x01, 0x02, 0x10
_RESPONSE = struct.Struct("<HHI")
_LONGEST_PATTERN = 255
MOST_AT_ONCE = 256 * 1024
"""Bytes of one answer, however much room the client gives: some 2,000 entries take 12 ms, and
everybody else waits for them."""


class Cursor:
    """Where a listing stands: its pattern, fixed by the first query, and what comes next."""

    __slots__ = ("entries", "is_fresh", "lock", "matches", "pattern", "pending")

    def __init__(self, opened: FileOpen, pattern: str) -> None:
        self.lock = threading.Lock()
        """Held while a page is made: clients ask for the next before they have this one."""
        self.pattern = pattern
        self.matches: Matcher = compile_pattern(pattern)
        self.pending: DirectoryEntry | None = None
        self.is_fresh = True
        self.entries = _walk(opened, pattern, self.matches)


def _walk(opened: FileOpen, pattern: str, matches: Matcher) -> Iterator[DirectoryEntry]:
    """Yield what matches: "." and ".." first, then the store's entries in its order."""
    if not is_wildcard(pattern):
        found = _look_up(opened, pattern)
        return iter((found,) if found else ())
    if pattern == "*":
        return _all(opened)
    return (entry for entry in _all(opened) if matches(entry[0]))


def _all(opened: FileOpen) -> Iterator[DirectoryEntry]:
    info = opened.node.info()
    yield ".", info
    yield "..", info
    yield from opened.node.entries()


def _look_up(opened: FileOpen, name: str) -> DirectoryEntry | None:
    """Return the one entry of that name: no need to walk the folder for it."""
    if name in (".", ".."):
        return name, opened.node.info()
    folder = opened.node.path
    try:
        node = opened.files.store.open(f"{folder}/{name}" if folder else name)
    except StatusError:
        return None
    try:
        return split(node.path)[1], node.info()
    finally:
        node.close()


def handle_query_directory(connection: ClientConnection, request: Request) -> Outcome:
    """Return the next entries of a listing; where a disk may be slow, from a thread."""
    asked = QueryDirectoryRequest.decode(request.message, 64)
    opened = find_file(request, asked.persistent, asked.volatile)
    fixed_size(asked.file_information_class)
    if not opened.is_directory:
        raise StatusError(STATUS_INVALID_PARAMETER)
    if not opened.granted_access & FILE_LIST_DIRECTORY:
        raise StatusError(STATUS_ACCESS_DENIED)
    check_charge(connection, request, asked.output_buffer_length)
    cursor = _cursor(opened, asked)
    if opened.files.can_block:
        return connection.server.run_on(lambda: _page(cursor, asked), opened)
    return _page(cursor, asked)


def _page(cursor: Cursor, asked: QueryDirectoryRequest) -> Result:
    """Return the next page of a listing. Raises StatusError where there is none."""
    with cursor.lock:
        listing = encode_entries(
            asked.file_information_class,
            cursor.entries,
            min(asked.output_buffer_length, MOST_AT_ONCE),
            pending=cursor.pending,
            single=asked.flags & _RETURN_SINGLE_ENTRY != 0,
        )
        cursor.pending = listing.pending
        is_fresh, cursor.is_fresh = cursor.is_fresh, cursor.is_fresh and not listing.taken
    if not listing.taken:
        raise StatusError(STATUS_NO_SUCH_FILE if is_fresh else STATUS_NO_MORE_FILES)
    body = _RESPONSE.pack(9, 72, len(listing.data)) + listing.data
    return (listing.status, body) if listing.status else body


def _cursor(opened: FileOpen, asked: QueryDirectoryRequest) -> Cursor:
    """Return the handle's listing, begun or begun anew where that is asked for."""
    cursor: Cursor | None = opened.cursor
    if cursor is not None and not asked.flags & (_RESTART_SCANS | _REOPEN):
        return cursor
    pattern = decode_utf16(asked.file_name)
    if len(pattern) > _LONGEST_PATTERN or any(c in pattern for c in "\\/:"):
        raise StatusError(STATUS_OBJECT_NAME_INVALID)
    if not pattern:
        # A restart without a pattern goes on with the one there was.
        pattern = cursor.pattern if cursor is not None else "*"
    fresh = Cursor(opened, pattern)
    if cursor is not None and not asked.flags & _REOPEN:
        fresh.is_fresh = cursor.is_fresh
    opened.cursor = fresh
    return fresh
