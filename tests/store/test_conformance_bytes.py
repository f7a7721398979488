"""What every store promises in store/base.py: reading and writing."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from nethood.store import LocalStore, MemoryStore, Store
from tests.store.kit import folder, get, put, read, status


def test_reads_end_at_the_end(store: Store) -> None:
    put(store, "f", b"0123456789")
    node = store.open("f")
    assert read(node, 0, 100) == b"0123456789"
    assert read(node, 4, 3) == b"456"
    assert read(node, 10, 5) == b""
    assert read(node, 1 << 40, 5) == b""
    buffer = bytearray(4)
    assert node.read_into_nowait(memoryview(buffer), 8) in (2, None)
    node.close()


def test_read_into_leaves_the_rest_of_the_buffer(store: Store) -> None:
    put(store, "f", b"abc")
    node = store.open("f")
    buffer = bytearray(b"......")
    assert node.read_into(memoryview(buffer)[1:], 1) == 2
    assert buffer == b".bc..."
    node.close()


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_writes_grow_with_zeros(store: Store, kind: Callable[[bytes], bytes]) -> None:
    node = store.create("f", directory=False)
    assert node.write(kind(b"end"), 7) == 3
    assert node.write(kind(b"s"), 0) == 1
    assert node.write(kind(b""), 500) == 0
    node.close()
    assert get(store, "f") == b"s\0\0\0\0\0\0end"


def test_offsets_no_file_has(store: Store) -> None:
    node = store.create("f", directory=False)
    for offset in (1 << 63, (1 << 64) - 1):
        assert status(lambda o=offset: node.write(b"x", o)) == "STATUS_INVALID_PARAMETER"  # type: ignore[misc]
        assert (
            status(lambda o=offset: node.read_into(memoryview(bytearray(1)), o))  # type: ignore[misc]
            == "STATUS_INVALID_PARAMETER"
        )
    assert status(lambda: node.truncate(1 << 64)) == "STATUS_FILE_TOO_LARGE"
    assert node.info().size == 0
    node.close()


def test_truncate_both_ways(store: Store) -> None:
    put(store, "f", b"0123456789")
    node = store.open("f", write=True)
    node.truncate(4)
    assert node.info().size == 4
    node.truncate(6)
    node.close()
    assert get(store, "f") == b"0123\0\0"


def test_allocate_leaves_the_end_of_file(store: Store) -> None:
    put(store, "f", b"abc")
    node = store.open("f", write=True)
    node.allocate(100_000)
    assert node.info().size == 3
    if isinstance(store, MemoryStore) or (
        isinstance(store, LocalStore) and store.system.can_reserve
    ):
        assert node.info().allocation_size >= 100_000
    node.allocate(1)
    node.close()
    assert get(store, "f") == b"abc"


def test_allocate_more_than_there_is(store: Store) -> None:
    put(store, "f", b"abc")
    node = store.open("f", write=True)
    assert status(lambda: node.allocate(1 << 58)) in (
        "STATUS_DISK_FULL",
        "STATUS_FILE_TOO_LARGE",
    )
    node.close()
    assert get(store, "f") == b"abc"


def test_zero_stays_inside_the_file(store: Store) -> None:
    put(store, "f", b"x" * 200_000)
    node = store.open("f", write=True)
    node.zero(10, 150_000)
    node.zero(199_999, 50)
    node.zero(300_000, 50)
    assert node.info().size == 200_000
    node.close()
    expected = b"x" * 10 + bytes(150_000) + b"x" * 49_989 + b"\0"
    assert get(store, "f") == expected


def test_allocated_ranges_cover_the_data(store: Store) -> None:
    node = store.create("f", directory=False)
    node.write(b"a" * 4096, 0)
    node.write(b"b" * 4096, 1 << 20)
    end = (1 << 20) + 4096
    ranges = node.allocated_ranges(0, 1 << 40)
    covered = [(o, o + n) for o, n in ranges]
    assert any(a == 0 and b >= 4096 for a, b in covered)
    assert any(a <= 1 << 20 and b == end for a, b in covered)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(covered))
    if store.capabilities.sparse:
        assert len(ranges) == 2
    assert node.allocated_ranges(end, 10) == []
    assert node.allocated_ranges(10, 20) == [(10, 20)]
    node.close()


def test_copy_range(store: Store) -> None:
    data = bytes(range(256)) * 5000
    put(store, "a", data)
    source, target = store.open("a"), store.create("b", directory=False)
    assert store.copy_range(source, 100, target, 7, 1_000_000) == 1_000_000
    assert store.copy_range(source, len(data) - 5, target, 0, 50) == 5
    assert store.copy_range(source, 0, target, 0, 0) == 0
    source.close()
    target.close()
    assert get(store, "b") == data[-5:] + b"\0\0" + data[100:1_000_100]


def test_copy_range_inside_one_file(store: Store) -> None:
    put(store, "a", b"0123456789")
    node = store.open("a", write=True)
    assert store.copy_range(node, 0, node, 5, 5) == 5
    node.close()
    assert get(store, "a") == b"0123401234"


def test_flush(store: Store) -> None:
    folder(store, "d")
    node = store.create("d/f", directory=False)
    node.write(b"x", 0)
    node.flush()
    node.close()
    node = store.open("d")
    node.flush()
    node.close()
