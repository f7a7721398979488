"""The table of open files: sharing, deletion and renaming among all opens of one store.

[MS-FSA] 2.1.5.1.2 (opening), 2.1.5.5 phases 1 and 3 (closing), 2.1.5.15.3 (disposition),
2.1.5.15.12 (renaming) and 2.1.4.2 (open files below a directory). Nothing here touches the store:
what is true of names and attributes comes in as arguments, what must happen to them goes out as
results. Paths are relative to the store's root, so two shares of one store share one table.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any

from nethood import erref
from nethood.dtyp.access_mask import DELETE
from nethood.errors import StatusError
from nethood.fsa.flags import FILE_SHARE_READ, FILE_SHARE_WRITE
from nethood.fsa.opens import ClosedFile, File, Open
from nethood.fsa.sharing import conflicts, sharing_class
from nethood.text import upcase

_CLOSED = ClosedFile(False, False, False)
_CLOSED_LAST = ClosedFile(True, False, False)
_CLOSED_AND_MARKED = ClosedFile(False, False, True)


class FileTable:
    """All open files of one store, by key and by path."""

    __slots__ = ("_by_key", "_by_path", "_deleted")

    def __init__(self) -> None:
        self._by_key: dict[Hashable, File] = {}
        self._by_path: dict[str, File] = {}
        self._deleted = 0

    def __len__(self) -> int:
        """Count the files that are open."""
        return len(self._by_key)

    def find(self, path: str) -> File | None:
        """Return the open file that has the name *path* in any case, if there is one.

        Where a store holds names that differ only by case, the one that was opened last.
        """
        return self._by_path.get(upcase(path))

    def find_key(self, key: Hashable) -> File | None:
        """Return the open file that the store knows by *key*, if there is one."""
        return self._by_key.get(key)

    def files(self) -> Iterator[File]:
        """Walk all open files; the table must not change meanwhile."""
        return iter(self._by_key.values())

    def open(
        self,
        key: Hashable,
        path: str,
        granted_access: int,
        share_access: int,
        *,
        is_directory: bool = False,
        options: int = 0,
        delete_on_close: bool = False,
        extra_access: int = 0,
        context: Any = None,
    ) -> Open:
        """Enter one more Open. Raises StatusError: DELETE_PENDING, SHARING_VIOLATION.

        *granted_access* is free of generic rights and of MAXIMUM_ALLOWED. *extra_access* are rights
        that must be shared by others but are not kept: what overwriting takes
        (create.overwrite_access()), so that nobody empties a file another holds for himself.
        """
        folded = path.upper() if path.isascii() else upcase(path)
        uses = sharing_class(granted_access)
        file = self._by_key.get(key)
        if file is None:
            file = self._by_key[key] = self._by_path[folded] = File(key, is_directory)
            file.uses = uses
            file.shared = share_access if uses else 7
        else:
            needs = sharing_class(granted_access | extra_access) if extra_access else uses
            self._join(file, folded, uses, needs, share_access)
        opened = Open(
            file,
            path,
            folded,
            granted_access,
            share_access,
            uses,
            options,
            delete_on_close,
            context,
        )
        file.opens.append(opened)
        return opened

    def check_sharing(self, file: File, granted_access: int, share_access: int) -> None:
        """Raise StatusError(SHARING_VIOLATION) where an Open with these could not be had now."""
        uses = sharing_class(granted_access)
        if uses and file.uses & ~share_access | uses & ~file.shared:
            _confirm_conflict(file, uses, share_access)

    def check_delete_pending(self, path: str) -> None:
        """Raise StatusError(DELETE_PENDING) if *path* or a directory above it is marked deleted.

        The look-up of [MS-FSA] 2.1.5.1 phase 6; call it before anything is created.
        """
        if not self._deleted:
            return
        folded = upcase(path)
        while folded:
            file = self._by_path.get(folded)
            if file is not None and file.deleted_links and folded in file.deleted_links:
                raise StatusError(erref.STATUS_DELETE_PENDING, f"{path!r} is being deleted")
            folded = folded.rpartition("/")[0]

    def close(self, opened: Open, *, directory_empty: bool = True) -> ClosedFile:
        """Take *opened* out and return what is left to do.

        *directory_empty* matters where delete_on_close is set on a directory: one that is not empty
        stays ([MS-FSA] 2.1.5.5 phase 1), as the root always does.
        """
        file = opened.file
        opens = file.opens
        opens.remove(opened)
        marked = False
        if opened.delete_on_close and opened.folded and (directory_empty or not file.is_directory):
            marked = self._mark(file, opened.folded)
        if not opens:
            return self._forget(file, opened.folded)
        file.stale = True
        if any(other.folded == opened.folded for other in opens):
            return _CLOSED_AND_MARKED if marked else _CLOSED
        return ClosedFile(False, self._forget_link(file, opened.folded), False)

    def set_delete_pending(
        self,
        opened: Open,
        pending: bool,
        *,
        read_only: bool = False,
        directory_empty: bool = True,
    ) -> None:
        """Mark the name of *opened* deleted, or unmark it ([MS-FSA] 2.1.5.15.3).

        *read_only*: FILE_ATTRIBUTE_READONLY is set. *directory_empty* matters for directories.
        Raises StatusError: ACCESS_DENIED without DELETE access or for the root, CANNOT_DELETE,
        DIRECTORY_NOT_EMPTY.
        """
        if not opened.granted_access & DELETE:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "DELETE access was not granted")
        file = opened.file
        if not pending:
            self._unmark(file, opened.folded)
            return
        if read_only:
            raise StatusError(erref.STATUS_CANNOT_DELETE, "the file is read-only")
        if not opened.folded:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "a share's root cannot be deleted")
        if file.is_directory and not directory_empty:
            raise StatusError(erref.STATUS_DIRECTORY_NOT_EMPTY, "the directory is not empty")
        self._mark(file, opened.folded)

    def check_rename(self, opened: Open, new_path: str) -> None:
        """Raise StatusError unless *opened* may take the name *new_path* now.

        ACCESS_DENIED: DELETE was not granted, the name is marked deleted, it is the root, or opens
        exist below the directory. SHARING_VIOLATION: the directory of the new name is open with
        DELETE or without sharing writes ([MS-FSA] 2.1.5.15.12 and note 185).
        Where the new name belongs to another file, call check_replace() too.
        """
        if not opened.granted_access & DELETE:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "DELETE access was not granted")
        self.check_target_directory(new_path)
        if opened.delete_pending or not opened.folded:
            raise StatusError(erref.STATUS_ACCESS_DENIED, "what is being deleted keeps its name")
        if opened.file.is_directory and self._blocks_directory(opened, new_path):
            raise StatusError(erref.STATUS_ACCESS_DENIED, "files below the directory are open")

    def check_target_directory(self, new_path: str) -> None:
        """Raise StatusError(SHARING_VIOLATION) if the directory of *new_path* takes no new names.

        Renaming and linking open it to add a name, without sharing DELETE (notes 183 and 185).
        """
        parent = self._by_path.get(upcase(new_path).rpartition("/")[0])
        if parent is not None:
            self.check_sharing(parent, _ADD_TO_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE)

    def check_replace(
        self, key: Hashable, path: str, *, is_directory: bool, read_only: bool, replace: bool
    ) -> None:
        """Raise StatusError unless the existing file *key* at *path* may give up its name.

        OBJECT_NAME_COLLISION without *replace*; ACCESS_DENIED for a directory, a read-only file
        and one that is open; DELETE_PENDING ([MS-FSA] 2.1.5.15.12).
        """
        if not replace:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION, f"{path!r} exists")
        if is_directory or read_only:
            raise StatusError(erref.STATUS_ACCESS_DENIED, f"{path!r} cannot be replaced")
        file = self._by_key.get(key)
        if file is None:
            return
        if file.deleted_links and upcase(path) in file.deleted_links:
            raise StatusError(erref.STATUS_DELETE_PENDING, f"{path!r} is being deleted")
        raise StatusError(erref.STATUS_ACCESS_DENIED, f"{path!r} is open")

    def rename(self, opened: Open, new_path: str) -> None:
        """Give all opens of the name of *opened*, and all below it, their new paths.

        *new_path* is the path as the store now has it. Call it when the store has renamed.
        """
        old, new = opened.folded, upcase(new_path)
        self._move(opened.file, old, new_path)
        if opened.file.is_directory:
            below = old + "/"
            for folded in [f for f in self._by_path if f.startswith(below)]:
                self._move_below(self._by_path[folded], folded, len(old), new_path)
        if old != new:
            if self._by_path.get(old) is opened.file:
                del self._by_path[old]
            self._by_path[new] = opened.file

    def opens_below(self, path: str) -> bool:
        """Tell whether anything below the directory *path* is open ([MS-FSA] 2.1.4.2)."""
        below = upcase(path) + "/" if path else ""
        return any(folded.startswith(below) and folded != "" for folded in self._by_path)

    def _join(self, file: File, folded: str, uses: int, needs: int, share_access: int) -> None:
        if file.deleted_links and folded in file.deleted_links:
            raise StatusError(erref.STATUS_DELETE_PENDING, "the file is being deleted")
        if needs and file.uses & ~share_access | needs & ~file.shared:
            _confirm_conflict(file, needs, share_access)
        if uses:
            file.uses |= uses
            file.shared &= share_access
        self._by_path[folded] = file

    def _mark(self, file: File, folded: str) -> bool:
        if file.deleted_links is None:
            file.deleted_links = set()
        if folded in file.deleted_links:
            return False
        file.deleted_links.add(folded)
        self._deleted += 1
        return True

    def _unmark(self, file: File, folded: str) -> bool:
        if file.deleted_links is None or folded not in file.deleted_links:
            return False
        file.deleted_links.remove(folded)
        if not file.deleted_links:
            file.deleted_links = None
        self._deleted -= 1
        return True

    def _forget(self, file: File, folded: str) -> ClosedFile:
        del self._by_key[file.key]
        if file.deleted_links is None:
            if self._by_path.get(folded) is file:
                del self._by_path[folded]
            return _CLOSED_LAST
        return ClosedFile(True, self._forget_link(file, folded), False)

    def _forget_link(self, file: File, folded: str) -> bool:
        # In a store that tells case apart, two files may share one folded path.
        if self._by_path.get(folded) is file:
            del self._by_path[folded]
        return self._unmark(file, folded)

    def _blocks_directory(self, opened: Open, new_path: str) -> bool:
        into_itself = upcase(new_path).startswith(opened.folded + "/")
        return into_itself or self.opens_below(opened.path)

    def _move(self, file: File, old: str, new_path: str) -> None:
        new = upcase(new_path)
        for other in file.opens:
            if other.folded == old:
                other.path, other.folded = new_path, new
        if file.deleted_links and old in file.deleted_links:
            file.deleted_links.remove(old)
            file.deleted_links.add(new)

    def _move_below(self, file: File, folded: str, length: int, new_root: str) -> None:
        named = next((o for o in file.opens if o.folded == folded), None)
        if named is None:
            return
        new_path = new_root + named.path[length:]
        self._move(file, folded, new_path)
        del self._by_path[folded]
        self._by_path[upcase(new_path)] = file


_ADD_TO_DIRECTORY = 0x00000002
"""FILE_ADD_FILE; FILE_ADD_SUBDIRECTORY is of the same sharing class."""


def _confirm_conflict(file: File, uses: int, share_access: int) -> None:
    """Raise SHARING_VIOLATION unless the conflict was with opens that have gone since.

    A close leaves what the file's opens use and share as it was, so that it need not walk them all.
    """
    if file.stale:
        _refresh(file)
    if conflicts(uses, share_access, file.uses, file.shared):
        raise StatusError(erref.STATUS_SHARING_VIOLATION, "another open of the file excludes this")


def _refresh(file: File) -> None:
    uses, shared = 0, 7
    for opened in file.opens:
        if opened.uses:
            uses |= opened.uses
            shared &= opened.share_access
    file.uses, file.shared, file.stale = uses, shared, False
