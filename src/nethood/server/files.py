"""The open files of each store: what joins fsa's decisions, the store's bytes and the watchers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nethood.erref import (
    STATUS_DIRECTORY_NOT_EMPTY,
    STATUS_NOTIFY_ENUM_DIR,
    STATUS_OBJECT_NAME_NOT_FOUND,
    STATUS_RANGE_NOT_LOCKED,
    STATUS_SUCCESS,
)
from nethood.errors import StatusError
from nethood.fsa import locks
from nethood.fsa.notify import Completion, NotifyTable
from nethood.fsa.table import FileTable
from nethood.fscc.notify import (
    FILE_ACTION_MODIFIED,
    FILE_ACTION_REMOVED,
    FILE_NOTIFY_CHANGE_DIR_NAME,
    FILE_NOTIFY_CHANGE_FILE_NAME,
    FILE_NOTIFY_CHANGE_LAST_WRITE,
    FILE_NOTIFY_CHANGE_SIZE,
    Change,
    encode_changes,
)
from nethood.server.opens import FileOpen, PipeOpen
from nethood.server.results import Result
from nethood.server.short_names import ShortNames
from nethood.store.base import Node, Store

if TYPE_CHECKING:
    from nethood.server.core import ServerCore

_EMPTY_NOTIFY = b"\x09\x00\x00\x00\x00\x00\x00\x00\x00"


class ShareFiles:
    """Everything open in one store; the shares of a store have one of these together."""

    __slots__ = ("can_block", "short_names", "store", "table", "threads_until", "watches")

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self.store = store
        self.short_names = ShortNames(store, now)
        self.table = FileTable()
        self.watches = NotifyTable()
        self.can_block = bool(store.capabilities.blocking)
        """Whether the store lies on something that may keep a caller waiting."""
        self.threads_until = 0.0
        """Until when writes go to threads, because the disk has been slow."""

    def report(self, path: str, action: int, change: int) -> None:
        """Tell those who watch that something happened to *path*."""
        if self.watches:
            complete_notify(self.watches.report(path, action, change))

    def report_name(self, node: Node, action: int) -> None:
        """Tell those who watch that a name came or went."""
        if self.watches:
            change = (
                FILE_NOTIFY_CHANGE_DIR_NAME if node.is_directory else FILE_NOTIFY_CHANGE_FILE_NAME
            )
            self.report(node.path, action, change)

    def report_write(self, path: str, *, size_changed: bool) -> None:
        """Tell those who watch that a file's content changed."""
        if self.watches:
            change = FILE_NOTIFY_CHANGE_LAST_WRITE
            if size_changed:
                change |= FILE_NOTIFY_CHANGE_SIZE
            self.report(path, FILE_ACTION_MODIFIED, change)

    def report_metadata(self, path: str, change: int) -> None:
        """Tell those who watch of other attributes or times: *change* says which."""
        if change:
            self.report(path, FILE_ACTION_MODIFIED, change)


class Files:
    """The open files of a server, by store, and the volatile ids its clients know them by."""

    def __init__(self, core: ServerCore) -> None:
        self._core = core
        self._by_store: dict[int, ShareFiles] = {}
        self._next_id = 1

    def of(self, store: Store) -> ShareFiles:
        """Return what is open in *store*."""
        files = self._by_store.get(id(store))
        if files is None:
            files = self._by_store[id(store)] = ShareFiles(store, self._core.loop_time)
        return files

    def add(self, opened: FileOpen | PipeOpen) -> None:
        """Give *opened* its FileId and enter it in its session."""
        volatile = self._next_id
        self._next_id = volatile + 1
        opened.volatile = volatile
        opened.persistent = volatile ^ 0x5A5A0000_00000000
        opened.session.open_table[volatile] = opened

    def close(self, opened: FileOpen | PipeOpen) -> None:
        """Close *opened*, and remove its file where that was asked for."""
        opened.session.open_table.pop(opened.volatile, None)
        if isinstance(opened, PipeOpen):
            close_pipe(opened)
        else:
            close_file(opened)


def close_pipe(opened: PipeOpen) -> None:
    """Close a pipe; a READ that waits for it is cancelled."""
    opened.pipe.close()
    if opened.waiting is not None:
        opened.waiting.cancel()


def close_file(opened: FileOpen) -> None:
    """Take an open file apart: watches, locks, sharing, the name if it goes, the node."""
    files, node, fsa = opened.files, opened.node, opened.fsa
    empty = True
    if node.is_directory:
        complete_notify(files.watches.close(fsa))
        empty = not fsa.delete_on_close or node.is_empty()
    elif fsa.file.locks is not None:
        closed_locks = locks.close(fsa)
        answer_locks(closed_locks.granted, b"\x04\x00\x00\x00")
        answer_locks(closed_locks.failed, (STATUS_RANGE_NOT_LOCKED, b""))
    closed = files.table.close(fsa, directory_empty=empty)
    if closed.now_pending and node.is_directory:
        complete_notify(files.watches.directory_deleted(fsa.file.opens))
    if closed.delete:
        _remove(files, node)
    elif opened.was_written:
        files.report_write(node.path, size_changed=False)
    opened.closed = True
    fsa.context = None  # without this cycle a closed file is freed at once
    if not opened.in_threads:
        node.close()


def change_content(opened: FileOpen, work: Callable[[], object]) -> None:
    """Do *work*, which changes a file's content, and keep LastWriteTime where a client has set it.

    [MS-FSA] 2.1.4.17: a time set through an open is not touched by what that open does later.
    """
    if not opened.keeps_write_time:
        work()
        return
    before = opened.node.info().last_write_time
    work()
    opened.node.set_times(last_write_time=before)


def answer_locks(waiting: Sequence[locks.Pending], result: Result) -> None:
    """Answer lock requests that have waited."""
    for pending in waiting:
        pending.context.complete(result)


def complete_notify(completions: Sequence[Completion]) -> None:
    """Answer those who wait for a change."""
    for completion in completions:
        completion.request.complete(notify_result(completion, completion.request.room))


def notify_result(completion: Completion, room: int) -> Result:
    """Return the answer to a CHANGE_NOTIFY whose client gave *room* bytes for it."""
    if completion.status != STATUS_SUCCESS:
        body = _EMPTY_NOTIFY if completion.status == STATUS_NOTIFY_ENUM_DIR else b""
        return completion.status, body
    changes = encode_changes((Change(a, n) for a, n in completion.changes), room)
    if not changes:
        return STATUS_NOTIFY_ENUM_DIR, _EMPTY_NOTIFY
    return b"\x09\x00\x48\x00" + len(changes).to_bytes(4, "little") + changes


def _remove(files: ShareFiles, node: Node) -> None:
    try:
        files.store.remove(node)
    except StatusError as error:
        # Somebody outside was faster, or filled the folder: there is nobody left to tell.
        if error.status not in (STATUS_OBJECT_NAME_NOT_FOUND, STATUS_DIRECTORY_NOT_EMPTY):
            return
    else:
        files.short_names.removed(node.path)
        files.report_name(node, FILE_ACTION_REMOVED)
