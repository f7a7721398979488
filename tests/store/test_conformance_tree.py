"""What every store promises in store/base.py: listing, renaming, removing, linking."""

from __future__ import annotations

import pytest

from nethood.store import Store
from tests.store.kit import drop, folder, get, move, names, put, read, status


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
