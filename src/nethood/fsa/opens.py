"""File and Open: what the server knows of files while somebody has them open.

[MS-FSA] 2.1.1.3 and 2.1.1.6, cut down to what decides who may do what. One File stands for one file
of a store, however many names it has (hard links) and however many clients hold it; one Open for
one successful CREATE. Both belong to the FileTable that made them.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from nethood.fsa.locks import LockTable


class File:
    """One file or directory with at least one Open."""

    __slots__ = (
        "deleted_links",
        "is_directory",
        "key",
        "locks",
        "opens",
        "shared",
        "stale",
        "uses",
    )

    def __init__(self, key: Hashable, is_directory: bool) -> None:
        self.key = key
        """What the store knows the file by; equal for all its names."""
        self.is_directory = is_directory
        self.opens: list[Open] = []
        """All opens, in the order they were made."""
        self.locks: LockTable | None = None
        """Byte-range locks; None while there is none."""
        self.deleted_links: set[str] | None = None
        """Folded paths of the names that go away when their last Open does."""
        # The next three belong to FileTable: the union of the classes in use, the intersection
        # of those shared, and whether an Open has gone since these were worked out.
        self.uses = 0
        self.shared = 7
        self.stale = False


class Open:
    """One open of one name of a file ([MS-FSA] 2.1.1.6)."""

    __slots__ = (
        "context",
        "delete_on_close",
        "directory_marked_deleted",
        "file",
        "folded",
        "granted_access",
        "options",
        "path",
        "share_access",
        "uses",
    )

    def __init__(
        self,
        file: File,
        path: str,
        folded: str,
        granted_access: int,
        share_access: int,
        uses: int,
        options: int,
        delete_on_close: bool,
        context: Any,
    ) -> None:
        self.file = file
        self.path = path
        """Relative to the root of the store, as the name is stored; follows renames."""
        self.folded = folded
        """The path in capitals: what the tables are searched by."""
        self.granted_access = granted_access
        self.share_access = share_access
        self.uses = uses
        """The classes of rights in use, see sharing.sharing_class()."""
        self.options = options
        """CreateOptions as the client sent them."""
        self.delete_on_close = delete_on_close
        self.directory_marked_deleted = False
        """ChangeNotifyDirectoryMarkedDeleted: no watching any more, even if the mark goes again."""
        self.context = context
        """Whatever the server wants to find again here."""

    @property
    def delete_pending(self) -> bool:
        """Whether the name this was opened by goes away at its last close."""
        deleted = self.file.deleted_links
        return deleted is not None and self.folded in deleted


class ClosedFile(NamedTuple):
    """What a close leaves to be done."""

    last: bool
    """No Open of this file remains."""
    delete: bool
    """The name has to be removed from the store now: this was its last Open."""
    now_pending: bool
    """This close, with DELETE_ON_CLOSE, has marked the name deleted and others still hold it."""
