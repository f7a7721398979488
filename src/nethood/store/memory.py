"""A store that lives in memory: for tests, for fixtures, and as the plainest example of a store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from nethood import erref
from nethood.errors import StatusError
from nethood.filetime import from_unix_ns
from nethood.store.base import Capabilities, Entry, Info, Node, Store, Volume, check_times, split
from nethood.text import upcase

_KEPT = 0x001A_3327
"""READONLY HIDDEN SYSTEM ARCHIVE TEMPORARY SPARSE OFFLINE NOT_CONTENT_INDEXED NO_SCRUB PINNED
UNPINNED ([MS-FSCC] 2.6)."""
_HIDDEN, _DIRECTORY, _ARCHIVE, _NORMAL = 0x02, 0x10, 0x20, 0x80
_UNIT = 4096
_MAX_OFFSET = (1 << 63) - 1
MAX_SIZE = 1 << 32
"""The largest file; a store in memory is no place for more."""


def _now() -> int:
    return from_unix_ns(time.time_ns())


class _File:
    """What a name means: a file's bytes or a directory's entries."""

    __slots__ = (
        "attributes",
        "changed",
        "children",
        "created",
        "data",
        "file_id",
        "links",
        "parent",
        "read",
        "reserved",
        "written",
    )

    def __init__(self, file_id: int, now: int, *, directory: bool) -> None:
        self.file_id = file_id
        self.attributes: int | None = None
        """What was set; None for what is made up from the name."""
        self.created = self.read = self.written = self.changed = now
        self.links = 1
        self.data = bytearray()
        self.reserved = 0
        self.children: dict[str, tuple[str, _File]] | None = {} if directory else None
        """Name as given and file, by the name in upper case; None for a file."""
        self.parent: _File | None = None
        """The directory a directory lies in; None for the root and for what was removed."""

    def made_up(self, name: str) -> int:
        """Return the attributes of a file that was given none."""
        archive = 0 if self.children is not None else _ARCHIVE
        return archive | _HIDDEN if name.startswith(".") else archive

    def set_attributes(self, attributes: int, name: str) -> None:
        """Keep *attributes*, unless they are those made up for *name*."""
        kept = attributes & _KEPT
        self.attributes = None if kept == self.made_up(name) else kept

    def info(self, name: str) -> Info:
        """Return what is true now of the file called *name*."""
        attributes = self.made_up(name) if self.attributes is None else self.attributes
        if self.children is not None:
            size = allocated = 0
            attributes |= _DIRECTORY
        else:
            size = len(self.data)
            allocated = self.allocated()
            attributes = attributes or _NORMAL
        return Info(
            self.file_id,
            self.children is not None,
            size,
            allocated,
            self.created,
            self.read,
            self.written,
            self.changed,
            attributes,
            self.links,
        )

    def allocated(self) -> int:
        """Return the bytes this file takes of the store's capacity."""
        return -(-max(len(self.data), self.reserved) // _UNIT) * _UNIT


class MemoryNode(Node):
    """One opened file or directory."""

    __slots__ = ("_change_time", "_closed", "_store", "_writable", "file")

    def __init__(self, store: MemoryStore, path: str, file: _File, *, writable: bool) -> None:
        self._store = store
        self._writable = writable
        self._closed = False
        self._change_time = 0
        self.path = path
        self.file = file
        self.file_id = file.file_id
        self.is_directory = file.children is not None

    def info(self) -> Info:
        """Return what is true now."""
        self._refuse_if_closed()
        return self.file.info(split(self.path)[1])

    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill *buffer* from *offset*; return the bytes read, fewer only at the end of file."""
        self._refuse_if_closed()
        if self.is_directory:
            raise StatusError(erref.STATUS_FILE_IS_A_DIRECTORY)
        _check_range(offset)
        with memoryview(self.file.data) as data:
            piece = data[offset : offset + len(buffer)]
            count = len(piece)
            buffer[:count] = piece
            piece.release()
        return count

    def read_into_nowait(self, buffer: memoryview, offset: int) -> int | None:
        """Read as `read_into` does: memory never waits."""
        return self.read_into(buffer, offset)

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> int:
        """Write all of *data* at *offset*, growing the file."""
        self._refuse_if_not_writable()
        _check_range(offset)
        if not len(data):
            return 0
        end = offset + len(data)
        content = self.file.data
        if end > len(content):
            self._store.resize(self.file, end, self.file.reserved)
        content[offset:end] = data
        self._touch()
        return len(data)

    def truncate(self, size: int) -> None:
        """Set the end of file; what is gained reads as zeros."""
        self._refuse_if_not_writable()
        shrinks = size < len(self.file.data)
        self._store.resize(self.file, size, 0 if shrinks else self.file.reserved)
        self._touch()

    def _touch(self) -> None:
        self.file.written = self._store.now()
        self._touch_change()

    def _touch_change(self) -> None:
        self.file.changed = self._change_time or self._store.now()

    def allocate(self, size: int) -> None:
        """Reserve room for *size* bytes without moving the end of file."""
        self._refuse_if_not_writable()
        if size > self.file.reserved:
            self._store.resize(self.file, len(self.file.data), size)

    def zero(self, offset: int, length: int) -> None:
        """Make a range inside the file read as zeros."""
        self._refuse_if_not_writable()
        length = min(length, len(self.file.data) - offset)
        if length > 0:
            self.file.data[offset : offset + length] = bytes(length)
            self._touch()

    def allocated_ranges(self, offset: int, length: int) -> list[tuple[int, int]]:
        """Return the given range as far as it lies inside the file."""
        self._refuse_if_closed()
        end = min(offset + length, len(self.file.data))
        return [(offset, end - offset)] if offset < end else []

    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set those times that are given, and keep them."""
        self._refuse_if_closed()
        self._store.refuse_if_read_only()
        check_times(creation_time, last_access_time, last_write_time, change_time)
        file = self.file
        file.created = file.created if creation_time is None else creation_time
        file.read = file.read if last_access_time is None else last_access_time
        file.written = file.written if last_write_time is None else last_write_time
        if change_time is not None:
            self._change_time = change_time
        self._touch_change()

    def set_attributes(self, attributes: int) -> None:
        """Keep READONLY, HIDDEN, SYSTEM, ARCHIVE, SPARSE and their kin; the rest is ignored."""
        self._refuse_if_closed()
        self._store.refuse_if_read_only()
        self.file.set_attributes(attributes, split(self.path)[1])
        self._touch_change()

    def flush(self) -> None:
        """Do nothing: there is no device."""
        self._refuse_if_closed()

    def entries(self) -> Iterator[Entry]:
        """Walk a directory in the order its entries were made."""
        if self.file.children is None:
            raise StatusError(erref.STATUS_INVALID_PARAMETER)
        return self._walk(self.file.children)

    def _walk(self, children: dict[str, tuple[str, _File]]) -> Iterator[Entry]:
        for key, (name, file) in list(children.items()):
            if key in children and children[key][1] is file:
                yield Entry(name, file.info(name))

    def is_empty(self) -> bool:
        """Tell whether a directory holds nothing."""
        self._refuse_if_closed()
        return not self.file.children

    def close(self) -> None:
        """Release the node; the file stays."""
        self._closed = True

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise StatusError(erref.STATUS_FILE_CLOSED)

    def _refuse_if_not_writable(self) -> None:
        self._refuse_if_closed()
        if not self._writable:
            raise StatusError(erref.STATUS_ACCESS_DENIED)


class MemoryStore(Store):
    """A tree of files in memory; it is gone with the object."""

    def __init__(
        self,
        *,
        capacity: int = 1 << 30,
        now: Callable[[], int] = _now,
        label: str = "memory",
        read_only: bool = False,
    ) -> None:
        """Make an empty store for *capacity* bytes; *now* returns the time as a FILETIME."""
        self.capacity = capacity
        self.now = now
        self.read_only = read_only
        self._label = label
        self._used = 0
        self._next_id = 1
        self._root = self._new_file(directory=True)
        self.capabilities = Capabilities(
            hard_links=True,
            read_only=read_only,
            persistent_file_ids=False,
            blocking=frozenset(),
        )

    def refuse_if_read_only(self) -> None:
        """Raise StatusError(MEDIA_WRITE_PROTECTED) where the store may not be changed."""
        if self.read_only:
            raise StatusError(erref.STATUS_MEDIA_WRITE_PROTECTED)

    def resize(self, file: _File, size: int, reserved: int) -> None:
        """Make *file* that size, or raise StatusError(DISK_FULL) and leave it alone."""
        if size > MAX_SIZE:
            raise StatusError(erref.STATUS_FILE_TOO_LARGE)
        more = -(-max(size, reserved) // _UNIT) * _UNIT - file.allocated()
        if more > 0 and more > self.capacity - self._used:
            raise StatusError(erref.STATUS_DISK_FULL)
        content = file.data
        if size > len(content):
            content.extend(bytes(size - len(content)))
        else:
            del content[size:]
        file.reserved = reserved
        if file.links:
            self._used += more

    def _forget_name(self, file: _File) -> None:
        file.links -= 1
        if not file.links:
            self._used -= file.allocated()

    def _new_file(self, *, directory: bool) -> _File:
        file = _File(self._next_id, self.now(), directory=directory)
        self._next_id += 1
        return file

    def open(self, path: str, *, write: bool = False) -> Node:
        """Open what exists, for reading and metadata, and for writing bytes if *write*."""
        if write:
            self.refuse_if_read_only()
        if not path:
            return MemoryNode(self, "", self._root, writable=False)
        parent, stored_parent, name = self._parent_of(path)
        found = _children(parent).get(upcase(name))
        if found is None:
            raise StatusError(erref.STATUS_OBJECT_NAME_NOT_FOUND)
        stored, file = found
        writable = write and file.children is None
        return MemoryNode(self, _joined(stored_parent, stored), file, writable=writable)

    def _parent_of(self, path: str) -> tuple[_File, str, str]:
        """Return the directory *path* lies in, that one's path as stored, and the last name."""
        *folders, last = path.split("/")
        if any(n in ("", ".", "..") or "\0" in n for n in (*folders, last)):
            raise StatusError(erref.STATUS_OBJECT_NAME_INVALID)
        current, stored_path = self._root, []
        for name in folders:
            found = (current.children or {}).get(upcase(name))
            if found is None or found[1].children is None:
                raise StatusError(erref.STATUS_OBJECT_PATH_NOT_FOUND)
            stored, current = found
            stored_path.append(stored)
        return current, "/".join(stored_path), last

    def create(self, path: str, *, directory: bool, attributes: int = 0) -> Node:
        """Make a new file (open for writing) or directory; the name is kept as given."""
        self.refuse_if_read_only()
        if not path:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        parent, stored_parent, name = self._parent_of(path)
        if upcase(name) in _children(parent):
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        file = self._new_file(directory=directory)
        file.set_attributes(attributes | file.made_up(name), name)
        self._enter(parent, name, file)
        return MemoryNode(self, _joined(stored_parent, name), file, writable=not directory)

    def _enter(self, parent: _File, name: str, file: _File) -> None:
        _children(parent)[upcase(name)] = (name, file)
        if file.children is not None:
            file.parent = parent
        parent.written = parent.changed = self.now()

    def _leave(self, parent: _File, name: str) -> None:
        _, file = _children(parent).pop(upcase(name))
        file.parent = None
        parent.written = parent.changed = self.now()

    def rename(self, node: Node, path: str, *, replace: bool) -> str:
        """Move *node* to *path*, its new name kept as given; return the path as stored."""
        self.refuse_if_read_only()
        if not path or not node.path:
            raise StatusError(erref.STATUS_ACCESS_DENIED)
        file = _file(node)
        source, _, old = self._parent_of(node.path)
        target, stored_target, name = self._parent_of(path)
        _refuse_unless_named(source, old, file)
        found = _children(target).get(upcase(name))
        itself = target is source and upcase(name) == upcase(old)
        if found is not None and not itself:
            _refuse_replacing(file, found[1], replace)
            self._forget_name(found[1])
        _refuse_inside_itself(file, target)
        self._leave(source, old)
        self._enter(target, name, file)
        file.changed = self.now()
        return _joined(stored_target, name)

    def link(self, node: Node, path: str, *, replace: bool) -> None:
        """Give a file one more name."""
        self.refuse_if_read_only()
        if not path:
            raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
        file = _file(node)
        if file.children is not None:
            raise StatusError(erref.STATUS_FILE_IS_A_DIRECTORY)
        parent, _, own = self._parent_of(node.path)
        target, _, name = self._parent_of(path)
        _refuse_unless_named(parent, own, file)
        found = _children(target).get(upcase(name))
        if found is not None:
            _refuse_replacing(file, found[1], replace)
            if found[1] is file:
                return
            self._forget_name(found[1])
        file.links += 1
        file.changed = self.now()
        self._enter(target, name, file)

    def remove(self, node: Node) -> None:
        """Take away the name *node* was opened by; an open node stays readable."""
        self.refuse_if_read_only()
        if not node.path:
            raise StatusError(erref.STATUS_CANNOT_DELETE)
        parent, _, name = self._parent_of(node.path)
        file = _file(node)
        _refuse_unless_named(parent, name, file)
        if file.children:
            raise StatusError(erref.STATUS_DIRECTORY_NOT_EMPTY)
        self._leave(parent, name)
        self._forget_name(file)

    def volume(self) -> Volume:
        """Return the capacity and what is left of it."""
        return Volume(
            total=self.capacity,
            available=max(0, self.capacity - self._used),
            allocation_unit=_UNIT,
            serial=0x6D656D30,
            label=self._label,
            file_system="NTFS",
            creation_time=self._root.created,
        )


def _file(node: Node) -> _File:
    if not isinstance(node, MemoryNode):
        raise TypeError("a node of another store")
    return node.file


def _children(file: _File) -> dict[str, tuple[str, _File]]:
    if file.children is None:
        raise StatusError(erref.STATUS_OBJECT_PATH_NOT_FOUND)
    return file.children


def _refuse_unless_named(parent: _File, name: str, file: _File) -> None:
    """Raise StatusError(OBJECT_NAME_NOT_FOUND) where *name* does not mean *file*."""
    found = _children(parent).get(upcase(name))
    if found is None or found[0] != name or found[1] is not file:
        raise StatusError(erref.STATUS_OBJECT_NAME_NOT_FOUND)


def _refuse_inside_itself(file: _File, target: _File) -> None:
    folder: _File | None = target
    while folder is not None:
        if folder is file:
            raise StatusError(erref.STATUS_INVALID_PARAMETER, "a directory can't hold itself")
        folder = folder.parent


def _refuse_replacing(file: _File, existing: _File, replace: bool) -> None:
    if not replace:
        raise StatusError(erref.STATUS_OBJECT_NAME_COLLISION)
    if file.children is not None or existing.children is not None:
        raise StatusError(erref.STATUS_ACCESS_DENIED, "a directory can't be replaced")


def _joined(parent: str, name: str) -> str:
    return f"{parent}/{name}" if parent else name


def _check_range(offset: int) -> None:
    if not 0 <= offset <= _MAX_OFFSET:
        raise StatusError(erref.STATUS_INVALID_PARAMETER)
