"""What every store promises in store/base.py: opening, creating, names, ids."""

from __future__ import annotations

import pytest

from nethood.store import Store
from tests.store.kit import DIRECTORY, folder, get, names, put, read, status


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
