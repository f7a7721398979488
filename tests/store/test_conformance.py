"""What every store promises in store/base.py."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.store import LocalStore, Node, Store

READONLY, HIDDEN, SYSTEM, DIRECTORY, ARCHIVE, NORMAL = 0x01, 0x02, 0x04, 0x10, 0x20, 0x80
TEMPORARY, SPARSE = 0x100, 0x200


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


# -- open and create


def test_root_is_a_directory(store: Store) -> None:
    node = store.open("")
    assert node.path == ""
    assert node.is_directory
    info = node.info()
    assert info.is_directory
    assert info.attributes & DIRECTORY
    assert info.file_id == node.file_id != 0
    assert node.is_empty()
    node.close()


def test_created_file_is_there(store: Store) -> None:
    node = store.create("a.txt", directory=False)
    assert (node.path, node.is_directory) == ("a.txt", False)
    assert node.write(b"hello", 0) == 5
    assert node.info().size == 5
    node.close()
    assert get(store, "a.txt") == b"hello"
    assert names(store) == ["a.txt"]


def test_info_at_open_is_what_info_says(store: Store) -> None:
    put(store, "a", b"123")
    folder(store, "d")
    for path in ("a", "d", ""):
        node = store.open(path)
        assert node.info_at_open() == node.info()
        node.close()


def test_created_directory_holds_files(store: Store) -> None:
    folder(store, "d")
    put(store, "d/x", b"1")
    folder(store, "d/e")
    put(store, "d/e/y", b"2")
    assert names(store, "d") == ["e", "x"]
    assert get(store, "d/e/y") == b"2"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("none", "STATUS_OBJECT_NAME_NOT_FOUND"),
        ("d/none", "STATUS_OBJECT_NAME_NOT_FOUND"),
        ("none/none", "STATUS_OBJECT_PATH_NOT_FOUND"),
        ("d/none/none", "STATUS_OBJECT_PATH_NOT_FOUND"),
        ("f/none", "STATUS_OBJECT_PATH_NOT_FOUND"),
        ("F/none", "STATUS_OBJECT_PATH_NOT_FOUND"),
        ("f/none/none", "STATUS_OBJECT_PATH_NOT_FOUND"),
    ],
)
def test_what_is_missing(store: Store, path: str, expected: str) -> None:
    put(store, "f")
    folder(store, "d")
    assert status(lambda: store.open(path)) == expected
    assert status(lambda: store.open(path, write=True)) == expected


def test_create_below_what_is_no_directory(store: Store) -> None:
    put(store, "f")
    for directory in (False, True):
        for path in ("f/x", "none/x"):
            assert (
                status(lambda p=path, d=directory: store.create(p, directory=d))  # type: ignore[misc]
                == "STATUS_OBJECT_PATH_NOT_FOUND"
            )


@pytest.mark.parametrize("taken", ["Name", "name", "NAME"])
@pytest.mark.parametrize("directory", [False, True])
def test_create_collides_in_any_case(store: Store, taken: str, directory: bool) -> None:
    put(store, "Name")
    assert (
        status(lambda: store.create(taken, directory=directory)) == "STATUS_OBJECT_NAME_COLLISION"
    )
    assert names(store) == ["Name"]


def test_root_cannot_be_created(store: Store) -> None:
    assert status(lambda: store.create("", directory=True)) == "STATUS_OBJECT_NAME_COLLISION"


@pytest.mark.parametrize(
    "path", ["..", ".", "../x", "d/..", "d/../../x", "d//x", "/d", "d/", "a\0"]
)
def test_paths_the_server_never_sends(store: Store, path: str) -> None:
    folder(store, "d")
    expected = {"STATUS_OBJECT_NAME_INVALID"}
    assert status(lambda: store.open(path)) in expected
    assert status(lambda: store.create(path, directory=False)) in expected


def test_open_directory_for_writing_is_an_open(store: Store) -> None:
    folder(store, "d")
    node = store.open("d", write=True)
    assert node.is_directory
    node.close()


def test_a_node_opened_for_reading_does_not_write(store: Store) -> None:
    put(store, "f", b"data")
    node = store.open("f")
    for call in (
        lambda: node.write(b"x", 0),
        lambda: node.truncate(0),
        lambda: node.allocate(100_000_000),
        lambda: node.zero(0, 2),
    ):
        assert status(call) == "STATUS_ACCESS_DENIED"
    node.close()
    assert get(store, "f") == b"data"


def test_close_twice_is_harmless(store: Store) -> None:
    put(store, "f")
    node = store.open("f")
    node.close()
    node.close()
    assert status(node.info) == "STATUS_FILE_CLOSED"


# -- case


@pytest.mark.parametrize("path", ["dir/sub/file.txt", "DIR/SUB/FILE.TXT", "Dir/sUB/File.txt"])
def test_look_up_ignores_case_and_keeps_it(store: Store, path: str) -> None:
    folder(store, "Dir")
    folder(store, "Dir/Sub")
    put(store, "Dir/Sub/File.txt", b"x")
    node = store.open(path)
    assert read(node, 0, 9) == b"x"
    assert node.path.lower() == "dir/sub/file.txt"
    if path != "dir/sub/file.txt":
        assert node.path == "Dir/Sub/File.txt"
    node.close()


def test_case_beyond_ascii(store: Store) -> None:
    put(store, "ÄÖÜ-straße-ŉ", b"x")
    assert get(store, "äöü-STRAßE-ŉ") == b"x"
    assert status(lambda: store.open("ÄÖÜ-STRASSE-ŉ")) == "STATUS_OBJECT_NAME_NOT_FOUND"


def test_create_below_another_case(store: Store) -> None:
    folder(store, "Dir")
    node = store.create("DIR/New", directory=False)
    assert node.path == "Dir/New"
    node.close()
    assert names(store, "dir") == ["New"]


def test_names_change_and_look_up_follows(store: Store) -> None:
    for turn in range(30):
        name = f"File{turn}"
        put(store, name, name.encode())
        assert get(store, name.upper()) == name.encode()
        node = store.open(name.lower())
        store.remove(node)
        node.close()
        assert status(lambda n=name: store.open(n.upper())) == "STATUS_OBJECT_NAME_NOT_FOUND"  # type: ignore[misc]


# -- bytes


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
    if not isinstance(store, LocalStore) or store.system.can_reserve:
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


# -- attributes and times


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


T0 = 132_000_000_000_000_000
"""A FILETIME in 2019."""


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


# -- directories


def test_entries_tell_what_open_tells(store: Store) -> None:
    put(store, "f", b"12345")
    put(store, ".hidden")
    folder(store, "d")
    root = store.open("")
    for entry in root.entries():
        node = store.open(entry.name)
        assert node.info() == entry.info
        node.close()
    root.close()


def test_entries_in_a_stable_order(store: Store) -> None:
    wanted = {f"file-{i}" for i in range(300)}
    for name in wanted:
        put(store, name)
    node = store.open("")
    first = [e.name for e in node.entries()]
    assert [e.name for e in node.entries()] == first
    assert set(first) == wanted
    assert len(first) == 300
    node.close()


def test_entries_are_lazy(store: Store) -> None:
    for name in ("a", "b", "c", "d"):
        put(store, name)
    root = store.open("")
    walk = root.entries()
    first = next(walk).name
    for name in {"a", "b", "c", "d"} - {first}:
        node = store.open(name)
        store.remove(node)
        node.close()
    put(store, "later")
    assert list(walk) == []
    root.close()


def test_two_walks_do_not_disturb_each_other(store: Store) -> None:
    for i in range(50):
        put(store, f"f{i}")
    root = store.open("")
    one, two = root.entries(), root.entries()
    seen = [(a.name, b.name) for a, b in zip(one, two, strict=True)]
    assert len(seen) == 50
    assert all(a == b for a, b in seen)
    root.close()


def test_is_empty(store: Store) -> None:
    folder(store, "d")
    node = store.open("d")
    assert node.is_empty()
    put(store, "d/x")
    assert not node.is_empty()
    node.close()


def test_a_file_has_no_entries(store: Store) -> None:
    put(store, "f")
    node = store.open("f")
    assert status(lambda: list(node.entries())) == "STATUS_INVALID_PARAMETER"
    node.close()


# -- rename


def move(store: Store, old: str, new: str, *, replace: bool = False) -> str:
    """Rename and close."""
    node = store.open(old)
    try:
        return store.rename(node, new, replace=replace)
    finally:
        node.close()


def test_rename(store: Store) -> None:
    put(store, "a", b"x")
    node = store.open("a")
    before = node.file_id
    assert store.rename(node, "B", replace=False) == "B"
    node.path = "B"
    assert node.info().file_id == before
    assert store.rename(node, "c", replace=False) == "c"
    node.close()
    assert names(store) == ["c"]
    assert get(store, "C") == b"x"
    assert status(lambda: store.open("a")) == "STATUS_OBJECT_NAME_NOT_FOUND"


def test_rename_into_another_directory(store: Store) -> None:
    put(store, "a", b"x")
    folder(store, "Dir")
    assert move(store, "a", "DIR/b") == "Dir/b"
    assert names(store) == ["Dir"]
    assert get(store, "Dir/b") == b"x"


def test_rename_directory_with_contents(store: Store) -> None:
    folder(store, "d")
    put(store, "d/f", b"x")
    assert get(store, "D/F") == b"x"
    assert move(store, "d", "e") == "e"
    assert get(store, "E/F") == b"x"
    assert status(lambda: store.open("d/f")) == "STATUS_OBJECT_PATH_NOT_FOUND"


def test_rename_changes_only_the_case(store: Store) -> None:
    put(store, "name", b"x")
    assert move(store, "name", "NAME") == "NAME"
    assert names(store) == ["NAME"]
    assert move(store, "NAME", "Name", replace=True) == "Name"
    assert names(store) == ["Name"]
    assert move(store, "Name", "Name") == "Name"
    assert names(store) == ["Name"]
    folder(store, "dir")
    assert move(store, "dir", "DIR") == "DIR"
    assert names(store) == ["DIR", "Name"]


@pytest.mark.parametrize("target", ["b", "B"])
def test_rename_onto_a_file(store: Store, target: str) -> None:
    put(store, "a", b"new")
    put(store, "b", b"old")
    assert status(lambda: move(store, "a", target)) == "STATUS_OBJECT_NAME_COLLISION"
    assert get(store, "b") == b"old"
    old = store.open("b")
    assert move(store, "a", target, replace=True) == target
    assert names(store) == [target]
    assert get(store, "b") == b"new"
    assert read(old, 0, 9) == b"old"
    old.close()


def test_rename_never_replaces_a_directory(store: Store) -> None:
    put(store, "a")
    folder(store, "d")
    folder(store, "e")
    for old in ("a", "e"):
        for new in ("d", "D"):
            assert (
                status(lambda o=old, n=new: move(store, o, n, replace=True))  # type: ignore[misc]
                == "STATUS_ACCESS_DENIED"
            )
            assert (
                status(lambda o=old, n=new: move(store, o, n))  # type: ignore[misc]
                == "STATUS_OBJECT_NAME_COLLISION"
            )
    assert status(lambda: move(store, "d", "a", replace=True)) == "STATUS_ACCESS_DENIED"
    assert names(store) == ["a", "d", "e"]


def test_rename_below_what_is_missing(store: Store) -> None:
    put(store, "a")
    assert status(lambda: move(store, "a", "none/b")) == "STATUS_OBJECT_PATH_NOT_FOUND"
    assert status(lambda: move(store, "a", "a/b")) == "STATUS_OBJECT_PATH_NOT_FOUND"
    assert names(store) == ["a"]


def test_rename_into_itself(store: Store) -> None:
    folder(store, "d")
    folder(store, "d/e")
    assert status(lambda: move(store, "d", "d/e/f")) == "STATUS_INVALID_PARAMETER"
    assert names(store, "d") == ["e"]


def test_rename_what_was_replaced_by_another_file(store: Store) -> None:
    put(store, "a", b"1")
    node = store.open("a")
    move(store, "a", "b")
    put(store, "a", b"2")
    assert status(lambda: store.rename(node, "c", replace=False)) == "STATUS_OBJECT_NAME_NOT_FOUND"
    node.close()
    assert names(store) == ["a", "b"]


def test_the_root_stays(store: Store) -> None:
    root = store.open("")
    assert status(lambda: store.rename(root, "x", replace=False)) == "STATUS_ACCESS_DENIED"
    assert status(lambda: store.remove(root)) == "STATUS_CANNOT_DELETE"
    root.close()


def test_many_renames_in_one_folder(store: Store) -> None:
    for i in range(20):
        put(store, f"f{i}")
    for i in range(20):
        move(store, f"f{i}", f"G{i}")
        assert status(lambda k=i: store.open(f"F{k}")) == "STATUS_OBJECT_NAME_NOT_FOUND"  # type: ignore[misc]
        store.open(f"g{i}").close()
    assert names(store) == sorted(f"G{i}" for i in range(20))


# -- remove and link


def drop(store: Store, path: str) -> None:
    """Remove and close."""
    node = store.open(path)
    try:
        store.remove(node)
    finally:
        node.close()


def test_remove_leaves_an_open_node_readable(store: Store) -> None:
    put(store, "a", b"bytes")
    node = store.open("a")
    store.remove(node)
    assert names(store) == []
    assert read(node, 0, 10) == b"bytes"
    assert node.info().link_count == 0
    assert status(lambda: store.remove(node)) == "STATUS_OBJECT_NAME_NOT_FOUND"
    node.close()


def test_remove_directory(store: Store) -> None:
    folder(store, "d")
    put(store, "d/f")
    assert status(lambda: drop(store, "d")) == "STATUS_DIRECTORY_NOT_EMPTY"
    drop(store, "D/F")
    drop(store, "D")
    assert names(store) == []


def test_remove_spares_another_file_of_that_name(store: Store) -> None:
    put(store, "a", b"1")
    node = store.open("a")
    drop(store, "a")
    put(store, "a", b"2")
    assert status(lambda: store.remove(node)) == "STATUS_OBJECT_NAME_NOT_FOUND"
    node.close()
    assert get(store, "a") == b"2"


def test_link(store: Store) -> None:
    put(store, "a", b"x")
    folder(store, "d")
    node = store.open("a")
    store.link(node, "D/b", replace=False)
    assert node.info().link_count == 2
    other = store.open("d/B")
    assert other.file_id == node.file_id
    other.close()
    drop(store, "a")
    assert node.info().link_count == 1
    node.close()
    assert get(store, "d/b") == b"x"


def test_link_onto_what_exists(store: Store) -> None:
    put(store, "a", b"new")
    put(store, "b", b"old")
    folder(store, "d")
    node = store.open("a")
    assert status(lambda: store.link(node, "B", replace=False)) == "STATUS_OBJECT_NAME_COLLISION"
    assert status(lambda: store.link(node, "d", replace=True)) == "STATUS_ACCESS_DENIED"
    store.link(node, "B", replace=True)
    store.link(node, "B", replace=True)
    assert node.info().link_count == 2
    node.close()
    assert names(store) == ["B", "a", "d"]
    assert get(store, "b") == b"new"


def test_rename_onto_a_link_to_itself(store: Store) -> None:
    put(store, "a", b"x")
    node = store.open("a")
    store.link(node, "b", replace=False)
    node.close()
    assert move(store, "a", "b", replace=True) == "b"
    assert names(store) == ["b"]
    node = store.open("b")
    assert node.info().link_count == 1
    node.close()


def test_directories_have_one_name(store: Store) -> None:
    folder(store, "d")
    node = store.open("d")
    assert status(lambda: store.link(node, "e", replace=False)) == "STATUS_FILE_IS_A_DIRECTORY"
    node.close()


# -- ids, volume


def test_file_ids(store: Store) -> None:
    for name in ("a", "b", "c"):
        put(store, name)
    folder(store, "d")
    ids = {e.name: e.info.file_id for e in store.open("").entries()}
    assert len(set(ids.values())) == 4
    assert all(0 < i < 1 << 64 for i in ids.values())
    node = store.open("A", write=True)
    node.write(b"xxx", 0)
    assert node.file_id == node.info().file_id == ids["a"]
    node.close()


def test_volume(store: Store) -> None:
    volume = store.volume()
    assert 0 <= volume.available <= volume.total
    assert volume.total > 0
    assert volume.allocation_unit >= 512
    assert 0 < volume.serial < 1 << 32
    assert volume.label
    assert volume.file_system == "NTFS"
    assert store.volume().serial == volume.serial


def test_names_of_all_kinds(store: Store) -> None:
    wanted = sorted([
        "plain", "with space", "näme", "日本語", "😀", "a.b.c", "x" * 200, ".dot", "semi;colon",
        "dash-", "%41", "$x", "{}", "[a]",
    ])  # fmt: skip
    for name in wanted:
        put(store, name, name.encode())
    assert names(store) == wanted
    for name in wanted:
        assert get(store, name) == name.encode()
