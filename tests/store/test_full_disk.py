"""A full disk says so, and what was there before stays whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.store import LocalStore, MemoryStore, Node, Store
from tests.store.kit import small_disk


@pytest.fixture(params=["tmpfs", "memory"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of one mebibyte."""
    if request.param == "memory":
        yield MemoryStore(capacity=1 << 20)
        return
    folder = tmp_path / "small"
    folder.mkdir()
    with small_disk(folder):
        store = LocalStore(folder)
        yield store
        store.close()


def fill(node: Node) -> None:
    """Write two mebibytes."""
    for offset in range(0, 2 << 20, 65536):
        node.write(b"n" * 65536, offset)


def test_writing_more_than_fits(small: Store) -> None:
    old = small.create("old", directory=False)
    old.write(b"o" * 300_000, 0)
    new = small.create("new", directory=False)
    with pytest.raises(StatusError) as caught:
        fill(new)
    assert caught.value.status == erref.STATUS_DISK_FULL
    with pytest.raises(StatusError) as caught:
        old.write(b"x" * 600_000, 299_999)
    assert caught.value.status == erref.STATUS_DISK_FULL
    buffer = bytearray(300_000)
    assert old.read_into(memoryview(buffer), 0) == 300_000
    assert buffer[:299_999] == b"o" * 299_999
    old.write(b"p" * 1000, 0)
    small.remove(new)
    new.close()
    old.write(b"q" * 300_000, 300_000)
    assert old.info().size == 600_000
    old.close()


def test_reserving_more_than_fits(small: Store) -> None:
    node = small.create("f", directory=False)
    node.write(b"data", 0)
    for size in (2 << 20, 1 << 40):
        with pytest.raises(StatusError) as caught:
            node.allocate(size)
        assert caught.value.status in (erref.STATUS_DISK_FULL, erref.STATUS_FILE_TOO_LARGE)
    node.allocate(500_000)
    assert node.info().size == 4
    other = small.create("g", directory=False)
    with pytest.raises(StatusError) as caught:
        other.allocate(900_000)
    assert caught.value.status == erref.STATUS_DISK_FULL
    node.write(b"x" * 500_000, 0)
    node.close()
    other.close()


def test_volume_tells_what_is_left(small: Store) -> None:
    before = small.volume()
    assert before.total == 1 << 20
    node = small.create("f", directory=False)
    node.write(bytes(409_600), 0)
    assert before.available - small.volume().available >= 409_600
    small.remove(node)
    node.close()
    assert small.volume().available == before.available
