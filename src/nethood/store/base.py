"""What a share is made of: the interface between the server and whatever keeps its files.

A store keeps bytes, names and attributes; who may open what with whom is decided above it, in
fsa/. Paths are relative to the share's root, separated by "/", "" for the root itself; the server
has already refused what [MS-FSCC] 2.1.5 forbids, "." and ".." included. Look-up ignores case and
keeps it: an exact match wins, then the first match in sorted order.

All calls are synchronous and thread-safe for different nodes. A store says in its capabilities
which of them may wait for a device; the server runs those in a thread. Failures are StatusError.
Times are FILETIMEs, sizes are bytes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from nethood import erref
from nethood.errors import StatusError


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a store can do, so that the server can degrade honestly."""

    sparse: bool = False
    hard_links: bool = False
    read_only: bool = False
    persistent_file_ids: bool = True
    blocking: frozenset[str] = field(default_factory=lambda: frozenset({"flush"}))
    """Names of Node and Store methods that may wait for a device."""


@dataclass(slots=True)
class Info:
    """What a store knows of one file or directory."""

    file_id: int
    """Stable while the file exists, unique in its store (64 bits, never 0)."""
    is_directory: bool
    size: int
    allocation_size: int
    creation_time: int
    last_access_time: int
    last_write_time: int
    change_time: int
    attributes: int
    """FILE_ATTRIBUTE_* ([MS-FSCC] 2.6), FILE_ATTRIBUTE_DIRECTORY included."""
    link_count: int = 1
    owner: int = 0
    """A number that stands for the owner: the user id of a POSIX file, 0 where there is none."""


class Entry(NamedTuple):
    """One directory entry: its name as stored, and what is known of it."""

    name: str
    info: Info


@dataclass(slots=True)
class Volume:
    """The size and identity of what a store lies on ([MS-FSCC] 2.5); sizes in bytes."""

    total: int
    available: int
    allocation_unit: int
    serial: int
    label: str
    file_system: str
    creation_time: int = 0


class Node(ABC):
    """One opened file or directory. The server closes each node exactly once."""

    __slots__ = ("file_id", "is_directory", "path")

    path: str
    """Relative to the root, with the names as stored; the server updates it after a rename."""
    file_id: int
    is_directory: bool

    @abstractmethod
    def info(self) -> Info:
        """Return what is true now."""

    def info_at_open(self) -> Info:
        """Return what was true when the node was opened or created, without asking again where
        the store still knows it; meant for the answer to that very request."""
        return self.info()

    @abstractmethod
    def read_into(self, buffer: memoryview, offset: int) -> int:
        """Fill *buffer* from *offset*; return the bytes read, fewer only at the end of file."""

    def read_into_nowait(self, buffer: memoryview, offset: int) -> int | None:
        """Do as `read_into` does if that needs no waiting for a device; else return None."""
        return None

    @abstractmethod
    def write(self, data: bytes | bytearray | memoryview, offset: int) -> int:
        """Write all of *data* at *offset*, growing the file. Raises StatusError(DISK_FULL)."""

    @abstractmethod
    def truncate(self, size: int) -> None:
        """Set the end of file; what is gained reads as zeros."""

    @abstractmethod
    def allocate(self, size: int) -> None:
        """Reserve room for *size* bytes without moving the end of file; best effort but for a full
        disk, which raises StatusError(DISK_FULL)."""

    @abstractmethod
    def zero(self, offset: int, length: int) -> None:
        """Make a range inside the file read as zeros, freeing it where the store is sparse."""

    @abstractmethod
    def allocated_ranges(self, offset: int, length: int) -> list[tuple[int, int]]:
        """Return the (offset, length) pairs inside the given range that hold data."""

    @abstractmethod
    def set_times(
        self,
        *,
        creation_time: int | None = None,
        last_access_time: int | None = None,
        last_write_time: int | None = None,
        change_time: int | None = None,
    ) -> None:
        """Set those times that are given, and keep them."""

    @abstractmethod
    def set_attributes(self, attributes: int) -> None:
        """Keep READONLY, HIDDEN, SYSTEM, ARCHIVE, SPARSE and their kin; the rest is ignored.

        NORMAL or 0 takes them all away.
        """

    @abstractmethod
    def flush(self) -> None:
        """Return when the node's bytes and metadata have reached the device."""

    @abstractmethod
    def entries(self) -> Iterator[Entry]:
        """Walk a directory lazily and in a stable order, without "." and ".."; an entry that
        vanishes meanwhile is left out."""

    @abstractmethod
    def is_empty(self) -> bool:
        """Tell whether a directory holds nothing."""

    @abstractmethod
    def close(self) -> None:
        """Release the node; the file stays."""


class Store(ABC):
    """A tree of files. One object may serve several shares and many clients."""

    capabilities: Capabilities

    @abstractmethod
    def open(self, path: str, *, write: bool = False) -> Node:
        """Open what exists, for reading and metadata, and for writing bytes if *write*.

        Raises StatusError: OBJECT_NAME_NOT_FOUND (last name), OBJECT_PATH_NOT_FOUND (one before
        it, or a file in its place), ACCESS_DENIED, and so on.
        """

    @abstractmethod
    def create(self, path: str, *, directory: bool, attributes: int = 0) -> Node:
        """Make a new file (open for writing) or directory; the name is kept as given.

        A file gets ARCHIVE beside *attributes*, and whatever the store makes up for its name.
        Raises StatusError(OBJECT_NAME_COLLISION) where any case of the name exists.
        """

    @abstractmethod
    def rename(self, node: Node, path: str, *, replace: bool) -> str:
        """Move *node* to *path*, its new name kept as given; return the path as stored.

        With *replace* an existing file (never a directory) is replaced atomically; without it
        its presence raises StatusError(OBJECT_NAME_COLLISION). A change of case alone is allowed.
        """

    @abstractmethod
    def link(self, node: Node, path: str, *, replace: bool) -> None:
        """Give a file one more name. Raises StatusError(NOT_SUPPORTED) where it can't be done."""

    @abstractmethod
    def remove(self, node: Node) -> None:
        """Take away the name *node* was opened by; an open node stays readable.

        Raises StatusError(DIRECTORY_NOT_EMPTY) and, where the name now belongs to another
        file, OBJECT_NAME_NOT_FOUND.
        """

    @abstractmethod
    def volume(self) -> Volume:
        """Return size and identity of what the store lies on."""

    def copy_range(
        self, source: Node, source_offset: int, target: Node, target_offset: int, length: int
    ) -> int:
        """Copy bytes between two open nodes of this store; return how many were copied."""
        buffer = memoryview(bytearray(min(length, 1 << 20)))
        done = 0
        while done < length:
            view = buffer[: min(len(buffer), length - done)]
            count = source.read_into(view, source_offset + done)
            if count == 0:
                break
            target.write(view[:count], target_offset + done)
            done += count
        return done

    def close(self) -> None:  # noqa: B027 - most stores have nothing to release
        """Release the store itself."""


def split(path: str) -> tuple[str, str]:
    """Return the parent's path and the last name of *path*."""
    parent, _, name = path.rpartition("/")
    return parent, name


def join(names: Sequence[str]) -> str:
    """Return the path made of *names*."""
    return "/".join(n for n in names if n)


def check_times(*times: int | None) -> None:
    """Raise StatusError(INVALID_PARAMETER) where a time to set is no FILETIME ([MS-DTYP] 2.3.3)."""
    if any(time is not None and not 0 <= time < 1 << 63 for time in times):
        raise StatusError(erref.STATUS_INVALID_PARAMETER)
