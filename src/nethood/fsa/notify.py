"""CHANGE_NOTIFY: who watches which directory, and what there is to tell.

[MS-FSA] 2.1.4.1 and 2.1.5.11, [MS-SMB2] 3.3.5.19. The first request on an Open fixes what it
watches and how much may be kept for it between requests; from then on changes are collected until
the Open closes. A request is completed with all that was collected; the oldest waiting one comes
first. What does not fit is dropped, and NOTIFY_ENUM_DIR tells the client to look for itself.

Paths are relative to the store's root, names in completions to the watched directory, with "\\".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from nethood import erref
from nethood.dtyp.access_mask import FILE_LIST_DIRECTORY
from nethood.errors import StatusError
from nethood.fsa import flags as f
from nethood.fsa.opens import Open
from nethood.text import upcase

MAX_KEPT = 65_536
"""Bytes of events kept for one Open, however large the client's buffer."""
_REPLACED = (
    f.FILE_NOTIFY_CHANGE_ATTRIBUTES
    | f.FILE_NOTIFY_CHANGE_SIZE
    | f.FILE_NOTIFY_CHANGE_LAST_WRITE
    | f.FILE_NOTIFY_CHANGE_LAST_ACCESS
    | f.FILE_NOTIFY_CHANGE_CREATION
    | f.FILE_NOTIFY_CHANGE_SECURITY
    | f.FILE_NOTIFY_CHANGE_EA
)
_RENAMED = f.FILE_NOTIFY_CHANGE_ATTRIBUTES | f.FILE_NOTIFY_CHANGE_CREATION

Change = tuple[int, str]
"""FILE_ACTION_* and the name of what changed."""


class Completion(NamedTuple):
    """One request that is done: the server answers it with *status* and *changes*."""

    request: Any
    status: int
    """SUCCESS, NOTIFY_ENUM_DIR, NOTIFY_CLEANUP or DELETE_PENDING."""
    changes: Sequence[Change]


_NONE: Sequence[Completion] = ()


class _Watch:
    """What one Open watches ([MS-FSA] 2.1.1.8)."""

    __slots__ = ("capacity", "changes", "filter", "folded", "open", "overflow", "size", "waiting")

    def __init__(self, opened: Open, folded: str, filter_: int, capacity: int) -> None:
        self.open = opened
        self.folded = folded
        self.filter = filter_
        self.capacity = capacity
        self.changes: list[Change] = []
        self.size = 0
        self.overflow = False
        self.waiting: deque[tuple[Any, int]] = deque()

    def add(self, action: int, name: str) -> None:
        if self.overflow:
            return
        change = (action, name)
        # Windows and Samba tell of modifications in a row once.
        if action == f.FILE_ACTION_MODIFIED and self.changes and self.changes[-1] == change:
            return
        self.size = encoded_size(self.size, name)
        if self.size > self.capacity:
            self.overflow = True
            self.changes = []
        else:
            self.changes.append(change)

    def take(self, request: Any, buffer_size: int) -> Completion:
        """Complete *request* with all that was collected."""
        changes, fits = self.changes, not self.overflow and self.size <= buffer_size
        self.changes, self.size, self.overflow = [], 0, False
        if fits:
            return Completion(request, erref.STATUS_SUCCESS, changes)
        return Completion(request, erref.STATUS_NOTIFY_ENUM_DIR, ())

    def end(self, status: int) -> list[Completion]:
        """Complete all requests with *status*."""
        ended = [Completion(request, status, ()) for request, _ in self.waiting]
        self.waiting.clear()
        return ended


class NotifyTable:
    """The watched directories of one store."""

    __slots__ = ("_by_open", "_deep", "_flat")

    def __init__(self) -> None:
        self._by_open: dict[Open, _Watch] = {}
        # By the folded path of the directory: watches of it alone, and of all below it.
        self._flat: dict[str, list[_Watch]] = {}
        self._deep: dict[str, list[_Watch]] = {}

    def __bool__(self) -> bool:
        """Whether anybody watches."""
        return bool(self._by_open)

    def watch(
        self, opened: Open, filter_: int, watch_tree: bool, buffer_size: int, request: Any
    ) -> Completion | None:
        """Enter a request, or complete it at once where there is something to tell.

        *filter_*: FILE_NOTIFY_CHANGE_* bits, which like *watch_tree* count only on the first
        request of an Open; *buffer_size*: bytes of FILE_NOTIFY_INFORMATION the answer may have;
        *request*: whatever the server wants to get back. Raises StatusError: INVALID_PARAMETER
        where the Open is of no directory, ACCESS_DENIED without FILE_LIST_DIRECTORY.
        """
        if not opened.file.is_directory:
            raise StatusError(erref.STATUS_INVALID_PARAMETER, "only directories are watched")
        if not opened.granted_access & FILE_LIST_DIRECTORY:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "watching takes FILE_LIST_DIRECTORY")
        if opened.delete_on_close or opened.directory_marked_deleted or opened.delete_pending:
            return Completion(request, erref.STATUS_DELETE_PENDING, ())
        watch = self._by_open.get(opened)
        if watch is None:
            watch = self._enter(opened, filter_, watch_tree, buffer_size)
        if watch.changes or watch.overflow:
            return watch.take(request, buffer_size)
        watch.waiting.append((request, buffer_size))
        return None

    def report(self, path: str, action: int, filter_match: int) -> Sequence[Completion]:
        """Tell all who watch that *path* changed; return the requests this completes.

        *filter_match*: the FILE_NOTIFY_CHANGE_* bits that stand for the change.
        """
        if not self._by_open:
            return _NONE
        touched: dict[_Watch, None] = {}
        self._collect(path, action, filter_match, touched)
        return _flush(touched)

    def report_rename(
        self, old_path: str, new_path: str, *, is_directory: bool, replaced: str | None = None
    ) -> Sequence[Completion]:
        """Tell of a rename; both halves come in one answer ([MS-FSA] 2.1.5.15.12).

        *replaced*: the path, as it was stored, of the file that had to give way.
        """
        if not self._by_open:
            return _NONE
        names = f.FILE_NOTIFY_CHANGE_DIR_NAME if is_directory else f.FILE_NOTIFY_CHANGE_FILE_NAME
        same_directory = upcase(_parent(old_path)) == upcase(_parent(new_path))
        gone, come = f.FILE_ACTION_REMOVED, f.FILE_ACTION_ADDED
        if same_directory and replaced != new_path:
            gone = f.FILE_ACTION_RENAMED_OLD_NAME
            come = f.FILE_ACTION_RENAMED_NEW_NAME
        touched: dict[_Watch, None] = {}
        if replaced is not None and replaced != new_path:
            self._collect(replaced, f.FILE_ACTION_REMOVED, f.FILE_NOTIFY_CHANGE_FILE_NAME, touched)
        self._collect(old_path, gone, names, touched)
        if replaced == new_path:
            self._collect(new_path, f.FILE_ACTION_MODIFIED, _REPLACED, touched)
        else:
            self._collect(new_path, come, names, touched)
            if not is_directory:
                # To those who watch no names, Windows tells it as a file with other attributes.
                self._collect(new_path, f.FILE_ACTION_MODIFIED, _RENAMED, touched, unless=names)
        return _flush(touched)

    def directory_deleted(self, opens: Sequence[Open]) -> Sequence[Completion]:
        """End all watching by *opens*, those of a directory that was marked deleted.

        Their requests are completed with DELETE_PENDING, and so is any that still comes.
        """
        completions: list[Completion] = []
        for opened in opens:
            opened.directory_marked_deleted = True
            watch = self._remove(opened)
            if watch is not None:
                completions += watch.end(erref.STATUS_DELETE_PENDING)
        return completions

    def directory_renamed(self, old_path: str, new_path: str) -> None:
        """Let those who watch *old_path* or what is below it watch it under its new name."""
        old, new = upcase(old_path), upcase(new_path)
        if not self._by_open or old == new:
            return
        for table in (self._flat, self._deep):
            for folded in [p for p in table if p == old or p.startswith(old + "/")]:
                moved = table.pop(folded)
                for watch in moved:
                    watch.folded = new + folded[len(old) :]
                table.setdefault(moved[0].folded, []).extend(moved)

    def close(self, opened: Open) -> Sequence[Completion]:
        """End the watching of an Open that closes; its requests get NOTIFY_CLEANUP."""
        if not self._by_open:
            return _NONE
        watch = self._remove(opened)
        return watch.end(erref.STATUS_NOTIFY_CLEANUP) if watch is not None else _NONE

    def cancel(self, opened: Open, request: Any) -> bool:
        """Take a waiting request back; False if it no longer waits. The Open goes on watching."""
        watch = self._by_open.get(opened)
        if watch is None:
            return False
        for i, (other, _) in enumerate(watch.waiting):
            if other is request:
                del watch.waiting[i]
                return True
        return False

    def _enter(self, opened: Open, filter_: int, watch_tree: bool, buffer_size: int) -> _Watch:
        watch = _Watch(opened, opened.folded, filter_, min(buffer_size, MAX_KEPT))
        self._by_open[opened] = watch
        table = self._deep if watch_tree else self._flat
        table.setdefault(watch.folded, []).append(watch)
        return watch

    def _remove(self, opened: Open) -> _Watch | None:
        watch = self._by_open.pop(opened, None)
        if watch is None:
            return None
        for table in (self._flat, self._deep):
            watches = table.get(watch.folded, [])
            if watch in watches:
                watches.remove(watch)
                if not watches:
                    del table[watch.folded]
        return watch

    def _collect(
        self,
        path: str,
        action: int,
        filter_match: int,
        touched: dict[_Watch, None],
        *,
        unless: int = 0,
    ) -> None:
        """Keep a change for all watches that it concerns: never the directory itself.

        Those with a bit of *unless* in their filter have heard of it already.
        """
        folded = upcase(path)
        parent = directory = _parent(folded)
        while folded:
            watches = self._deep.get(directory, [])
            if directory == parent:
                watches = [*watches, *self._flat.get(directory, [])]
            name = path[len(directory) + 1 if directory else 0 :].replace("/", "\\")
            for watch in watches:
                if watch.filter & filter_match and not watch.filter & unless:
                    watch.add(action, name)
                    touched[watch] = None
            if not directory:
                return
            directory = _parent(directory)


def encoded_size(size: int, name: str) -> int:
    """Return how large a list of FILE_NOTIFY_INFORMATION of *size* bytes is with *name* added."""
    units = len(name) if name.isascii() else len(name.encode("utf-16-le", "surrogatepass")) // 2
    return (size + 3 & ~3) + 12 + 2 * units


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _flush(touched: dict[_Watch, None]) -> Sequence[Completion]:
    return [
        watch.take(*watch.waiting.popleft())
        for watch in touched
        if watch.waiting and (watch.changes or watch.overflow)
    ]
