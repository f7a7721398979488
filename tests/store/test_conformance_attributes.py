"""What every store promises in store/base.py: attributes and times."""

from __future__ import annotations

import pytest

from nethood.store import Node, Store
from tests.store.kit import (
    ARCHIVE,
    DIRECTORY,
    HIDDEN,
    NORMAL,
    READONLY,
    SPARSE,
    SYSTEM,
    T0,
    TEMPORARY,
    folder,
    put,
)


def attributes_of(store: Store, path: str) -> int:
    """Return the attributes a fresh open shows."""
    node = store.open(path)
    try:
        assert node.info_at_open().attributes == node.info().attributes
        return node.info().attributes
    finally:
        node.close()


def test_attributes_to_begin_with(store: Store) -> None:
    put(store, "f")
    put(store, ".dot")
    folder(store, "d")
    folder(store, "d/.dot")
    assert attributes_of(store, "f") == ARCHIVE
    assert attributes_of(store, ".dot") == ARCHIVE | HIDDEN
    assert attributes_of(store, "d") == DIRECTORY
    assert attributes_of(store, "d/.dot") == DIRECTORY | HIDDEN


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0, NORMAL),
        (NORMAL, NORMAL),
        (ARCHIVE, ARCHIVE),
        (READONLY, READONLY),
        (HIDDEN | SYSTEM, HIDDEN | SYSTEM),
        (READONLY | HIDDEN | SYSTEM | ARCHIVE, READONLY | HIDDEN | SYSTEM | ARCHIVE),
        (SPARSE | ARCHIVE, SPARSE | ARCHIVE),
        (DIRECTORY | 0x40 | 0x400 | 0x80000000, NORMAL),
    ],
)
def test_attributes_are_kept(store: Store, given: int, shown: int) -> None:
    put(store, "f")
    node = store.open("f")
    other = store.open("F")
    node.set_attributes(given)
    assert node.info().attributes == shown
    assert other.info().attributes == shown
    node.close()
    other.close()
    assert attributes_of(store, "f") == shown
    (entry,) = store.open("").entries()
    assert entry.info.attributes == shown


def test_attributes_of_a_directory(store: Store) -> None:
    folder(store, "d")
    node = store.open("d")
    node.set_attributes(HIDDEN)
    node.close()
    assert attributes_of(store, "d") == DIRECTORY | HIDDEN
    node = store.open("d")
    node.set_attributes(NORMAL)
    node.close()
    assert attributes_of(store, "d") == DIRECTORY


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (0, ARCHIVE),
        (NORMAL, ARCHIVE),
        (HIDDEN, HIDDEN | ARCHIVE),
        (READONLY | TEMPORARY, READONLY | TEMPORARY | ARCHIVE),
    ],
)
def test_attributes_given_at_creation(store: Store, given: int, shown: int) -> None:
    node = store.create("f", directory=False, attributes=given)
    assert node.info_at_open().attributes == shown
    assert node.write(b"x", 0) == 1
    node.close()
    assert attributes_of(store, "f") == shown
    store.create("d", directory=True, attributes=given).close()
    assert attributes_of(store, "d") == (shown & ~ARCHIVE) | DIRECTORY


def test_all_four_times_are_kept(store: Store) -> None:
    put(store, "f", b"x")
    node = store.open("f")
    node.set_times(
        creation_time=T0 + 1, last_access_time=T0 + 2, last_write_time=T0 + 3, change_time=T0 + 4
    )
    times = (T0 + 1, T0 + 2, T0 + 3, T0 + 4)

    def seen(node: Node) -> tuple[int, int, int, int]:
        i = node.info()
        return i.creation_time, i.last_access_time, i.last_write_time, i.change_time

    assert seen(node) == times
    node.set_attributes(HIDDEN)
    assert seen(node) == times
    node.close()
    node = store.open("f")
    assert seen(node) == times
    node.close()
    assert attributes_of(store, "f") == HIDDEN


def test_one_time_leaves_the_others(store: Store) -> None:
    put(store, "f", b"x")
    node = store.open("f")
    node.set_times(creation_time=T0, last_access_time=T0, last_write_time=T0)
    node.set_times(last_write_time=T0 + 70)
    info = node.info()
    assert (info.creation_time, info.last_access_time) == (T0, T0)
    assert info.last_write_time == T0 + 70
    node.set_times(last_access_time=T0 + 90)
    assert node.info().last_write_time == T0 + 70
    assert node.info().last_access_time == T0 + 90
    node.close()


def test_times_before_1970(store: Store) -> None:
    early = 100_000_000_000_000_123
    put(store, "f")
    node = store.open("f")
    node.set_times(last_write_time=early, creation_time=early)
    info = node.info()
    assert info.creation_time == early
    assert info.last_write_time == early
    node.close()


def test_change_time_set_outlives_later_writes_of_that_node(store: Store) -> None:
    node = store.create("f", directory=False)
    node.set_times(change_time=T0)
    node.write(b"x", 0)
    node.truncate(9)
    assert node.info().change_time == T0
    node.close()
    node = store.open("f")
    assert node.info().change_time == T0
    node.close()


def test_times_move_with_writes(store: Store) -> None:
    put(store, "f", b"x")
    node = store.open("f", write=True)
    node.set_times(last_write_time=T0)
    node.write(b"y", 0)
    assert node.info().last_write_time > T0
    node.close()


def test_directory_times(store: Store) -> None:
    folder(store, "d")
    node = store.open("d")
    node.set_times(creation_time=T0, last_write_time=T0 + 10, change_time=T0 + 20)
    node.close()
    (entry,) = store.open("").entries()
    assert entry.info.creation_time == T0
    assert entry.info.last_write_time == T0 + 10
    assert entry.info.change_time == T0 + 20
