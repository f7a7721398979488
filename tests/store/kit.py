"""What the tests of every store share: short calls, and the values they look for."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.store import Node, Store

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE, NORMAL = 0x01, 0x02, 0x04, 0x10, 0x20, 0x80
TEMPORARY, SPARSE = 0x100, 0x200
T0 = 132_000_000_000_000_000
"""A FILETIME in 2019."""


def put(store: Store, path: str, data: bytes = b"") -> None:
    """Make a file."""
    node = store.create(path, directory=False)
    node.write(data, 0)
    node.close()


def folder(store: Store, path: str) -> None:
    """Make a directory."""
    store.create(path, directory=True).close()


def get(store: Store, path: str) -> bytes:
    """Return a file's bytes."""
    node = store.open(path)
    try:
        return read(node, 0, node.info().size)
    finally:
        node.close()


def read(node: Node, offset: int, length: int) -> bytes:
    """Return what read_into gives."""
    buffer = bytearray(length)
    return bytes(buffer[: node.read_into(memoryview(buffer), offset)])


def names(store: Store, path: str = "") -> list[str]:
    """Return the names in a directory, sorted."""
    node = store.open(path)
    try:
        return sorted(e.name for e in node.entries())
    finally:
        node.close()


def status(call: Callable[[], object]) -> str:
    """Return the name of the status that *call* fails with."""
    with pytest.raises(StatusError) as caught:
        call()
    return erref.status_name(caught.value.status)


def move(store: Store, old: str, new: str, *, replace: bool = False) -> str:
    """Rename and close."""
    node = store.open(old)
    try:
        return store.rename(node, new, replace=replace)
    finally:
        node.close()


def drop(store: Store, path: str) -> None:
    """Remove and close."""
    node = store.open(path)
    try:
        store.remove(node)
    finally:
        node.close()


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a file system of one mebibyte at *folder*; skip the test without the right to."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", os.fspath(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("no right to mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", os.fspath(folder)], check=True)
