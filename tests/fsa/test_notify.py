"""Change notification: what smbtorture's smb2.notify expects, and the rules of [MS-FSA] 2.1.4.1."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from nethood import erref
from nethood.dtyp import access_mask as am
from nethood.errors import StatusError
from nethood.fsa import flags as f
from nethood.fsa.notify import MAX_KEPT, Change, Completion, NotifyTable, encoded_size
from nethood.fsa.opens import Open
from nethood.fsa.table import FileTable

NAME = f.FILE_NOTIFY_CHANGE_FILE_NAME | f.FILE_NOTIFY_CHANGE_DIR_NAME
FILE, DIR = f.FILE_NOTIFY_CHANGE_FILE_NAME, f.FILE_NOTIFY_CHANGE_DIR_NAME
ATTRIBUTES = f.FILE_NOTIFY_CHANGE_ATTRIBUTES
ADDED, REMOVED, MODIFIED, OLD, NEW = 1, 2, 3, 4, 5
OK, ENUM_DIR = erref.STATUS_SUCCESS, erref.STATUS_NOTIFY_ENUM_DIR


class World:
    """A table of open directories and one of watches."""

    def __init__(self) -> None:
        self.files = FileTable()
        self.notify = NotifyTable()

    def open(self, path: str, access: int = 0x1F01FF, *, is_directory: bool = True) -> Open:
        return self.files.open(path.lower(), path, access, 7, is_directory=is_directory)

    def watch(
        self,
        opened: Open,
        request: str,
        filter_: int = NAME,
        *,
        tree: bool = False,
        size: int = 1000,
    ) -> Completion | None:
        return self.notify.watch(opened, filter_, tree, size, request)


@pytest.fixture
def world() -> World:
    return World()


def flat(completions: Sequence[Completion]) -> list[tuple[str, int, list[Change]]]:
    return [(c.request, c.status, list(c.changes)) for c in completions]


def test_a_waiting_request_is_completed(world: World) -> None:
    d = world.open("dir")
    assert world.watch(d, "r1") is None
    done = world.notify.report("dir/File", ADDED, FILE)
    assert flat(done) == [("r1", OK, [(ADDED, "File")])]
    assert flat(world.notify.report("dir/File", REMOVED, FILE)) == []


def test_changes_are_kept_between_requests(world: World) -> None:
    d = world.open("dir")
    world.watch(d, "r1")
    assert world.notify.cancel(d, "r1")
    assert not world.notify.cancel(d, "r1")
    for action in (ADDED, REMOVED, ADDED, REMOVED):
        assert flat(world.notify.report("dir/sub", action, DIR)) == []
    done = world.watch(d, "r2")
    assert done is not None
    assert flat([done]) == [
        ("r2", OK, [(ADDED, "sub"), (REMOVED, "sub"), (ADDED, "sub"), (REMOVED, "sub")])
    ]
    assert world.watch(d, "r3") is None


def test_requests_are_completed_one_by_one(world: World) -> None:
    d = world.open("dir")
    world.watch(d, "r1")
    world.watch(d, "r2")
    assert flat(world.notify.report("dir/a", ADDED, FILE)) == [("r1", OK, [(ADDED, "a")])]
    assert flat(world.notify.report("dir/b", ADDED, FILE)) == [("r2", OK, [(ADDED, "b")])]


def test_the_first_request_fixes_the_watch(world: World) -> None:
    d = world.open("dir")
    assert world.watch(d, "r1", ATTRIBUTES, tree=True) is None
    assert world.watch(d, "r2", NAME, tree=False) is None
    assert flat(world.notify.report("dir/new", ADDED, FILE)) == []
    done = world.notify.report("dir/sub/x", MODIFIED, ATTRIBUTES)
    assert flat(done) == [("r1", OK, [(MODIFIED, "sub\\x")])]


@pytest.mark.parametrize(
    ("watched", "tree", "path", "name"),
    [
        ("", False, "f", "f"),
        ("", False, "d/f", None),
        ("", True, "d/e/f", "d\\e\\f"),
        ("d", False, "D/F", "F"),
        ("d", False, "d/e/f", None),
        ("D/é", True, "d/É/x/y", "x\\y"),
        ("d", True, "dd/f", None),
        ("d", True, "e", None),
        # never of the directory itself
        ("d", True, "d", None),
        ("d", False, "d", None),
        ("", True, "", None),
    ],
)
def test_who_hears_of_what(
    world: World, watched: str, tree: bool, path: str, name: str | None
) -> None:
    world.watch(world.open(watched), "r", tree=tree)
    done = flat(world.notify.report(path, ADDED, FILE))
    assert done == ([] if name is None else [("r", OK, [(ADDED, name)])])


@pytest.mark.parametrize("bit", range(12))
def test_the_filter(world: World, bit: int) -> None:
    d = world.open("d")
    world.watch(d, "r", 1 << bit)
    assert not world.notify.report("d/f", MODIFIED, 0xFFF & ~(1 << bit))
    assert world.notify.report("d/f", MODIFIED, 1 << bit | 1 << 11)


def test_a_filter_without_valid_bits_waits_for_ever(world: World) -> None:
    d = world.open("d")
    world.watch(d, "r", 0xFFFFF000)
    assert not world.notify.report("d/f", MODIFIED, 0xFFF)
    assert flat(world.notify.close(d)) == [("r", erref.STATUS_NOTIFY_CLEANUP, [])]


def test_all_who_watch_hear(world: World) -> None:
    for request, path, tree in [("a", "", True), ("b", "d", False), ("c", "d", True)]:
        world.watch(world.open(path), request, tree=tree)
    done = flat(world.notify.report("d/f", ADDED, FILE))
    assert sorted(done) == [
        ("a", OK, [(ADDED, "d\\f")]),
        ("b", OK, [(ADDED, "f")]),
        ("c", OK, [(ADDED, "f")]),
    ]


class TestRename:
    def test_within_a_directory(self, world: World) -> None:
        d = world.open("d")
        world.watch(d, "r")
        done = world.notify.report_rename("d/old", "D/New", is_directory=False)
        assert flat(done) == [("r", OK, [(OLD, "old"), (NEW, "New")])]

    def test_to_another_directory(self, world: World) -> None:
        for path in ("d", "e"):
            world.watch(world.open(path), path)
        world.watch(world.open(""), "top", tree=True)
        done = flat(world.notify.report_rename("d/x", "e/y", is_directory=True))
        assert sorted(done) == [
            ("d", OK, [(REMOVED, "x")]),
            ("e", OK, [(ADDED, "y")]),
            ("top", OK, [(REMOVED, "d\\x"), (ADDED, "e\\y")]),
        ]

    @pytest.mark.parametrize("is_directory", [True, False])
    def test_counts_as_a_name_of_its_kind(self, world: World, is_directory: bool) -> None:
        world.watch(world.open("d"), "dirs", DIR)
        world.watch(world.open("D"), "files", FILE)
        done = world.notify.report_rename("d/a", "d/b", is_directory=is_directory)
        assert [c.request for c in done] == ["dirs" if is_directory else "files"]

    def test_replacing_the_very_name(self, world: World) -> None:
        world.watch(world.open("d"), "r", NAME | ATTRIBUTES)
        done = world.notify.report_rename("d/a", "d/b", is_directory=False, replaced="d/b")
        assert flat(done) == [("r", OK, [(REMOVED, "a"), (MODIFIED, "b")])]

    def test_replacing_a_name_of_other_case(self, world: World) -> None:
        world.watch(world.open("d"), "r")
        done = world.notify.report_rename("d/a", "d/b", is_directory=False, replaced="d/B")
        assert flat(done) == [("r", OK, [(REMOVED, "B"), (OLD, "a"), (NEW, "b")])]

    def test_what_is_watched_moves(self, world: World) -> None:
        d, below = world.open("a/d"), world.open("a/d/e")
        world.watch(d, "d", tree=True)
        world.watch(below, "e")
        world.notify.directory_renamed("A/D", "x")
        assert flat(world.notify.report("a/d/e/f", ADDED, FILE)) == []
        assert sorted(flat(world.notify.report("X/e/f", ADDED, FILE))) == [
            ("d", OK, [(ADDED, "e\\f")]),
            ("e", OK, [(ADDED, "f")]),
        ]
        world.notify.close(d)
        world.notify.close(below)
        assert not world.notify.report("x/f", ADDED, FILE)


class TestOverflow:
    def test_more_than_the_first_buffer_holds(self, world: World) -> None:
        d = world.open("d")
        world.watch(d, "r1")
        world.notify.cancel(d, "r1")
        for i in range(100):
            world.notify.report(f"d/test{i}.txt", ADDED, DIR)
        done = world.watch(d, "r2")
        assert done == ("r2", ENUM_DIR, ())
        assert world.watch(d, "r3") is None
        assert flat(world.notify.report("d/x", ADDED, FILE)) == [("r3", OK, [(ADDED, "x")])]

    def test_a_later_buffer_too_small(self, world: World) -> None:
        d = world.open("d")
        world.watch(d, "r1")
        assert flat(world.notify.report("d/x", ADDED, FILE)) == [("r1", OK, [(ADDED, "x")])]
        world.watch(d, "r2", size=0)
        assert flat(world.notify.report("d/x", ADDED, FILE)) == [("r2", ENUM_DIR, [])]
        world.watch(d, "r3", size=1000)
        assert flat(world.notify.report("d/x", ADDED, FILE)) == [("r3", OK, [(ADDED, "x")])]

    def test_a_first_buffer_too_small_is_too_small_for_ever(self, world: World) -> None:
        d = world.open("d")
        for request, size in (("r1", 1), ("r2", 1000)):
            world.watch(d, request, size=size)
            assert flat(world.notify.report("d/x", ADDED, FILE)) == [(request, ENUM_DIR, [])]

    def test_the_exact_size(self, world: World) -> None:
        # two names of 3 and 4 letters: 12 + 6, padded to 20, and 12 + 8 more
        for size, status in ((40, OK), (39, ENUM_DIR)):
            d = world.open("d")
            world.watch(d, "r", size=size)
            done = world.notify.report_rename("d/abc", "d/abcd", is_directory=False)
            assert [c.status for c in done] == [status]
            world.notify.close(d)

    def test_what_is_kept_is_bounded(self, world: World) -> None:
        d = world.open("d")
        world.watch(d, "r1", size=1 << 30)
        world.notify.cancel(d, "r1")
        for i in range(MAX_KEPT // 14 + 1):
            world.notify.report(f"d/{i % 10}", ADDED, FILE)
        done = world.watch(d, "r2", size=1 << 30)
        assert done is not None
        assert done.status == ENUM_DIR

    def test_sizes(self) -> None:
        assert encoded_size(0, "a") == 14
        assert encoded_size(14, "é") == 30
        assert encoded_size(0, "😀") == 16


def test_modifications_in_a_row_are_told_once(world: World) -> None:
    d = world.open("d")
    world.watch(d, "r1", 0xFFF)
    world.notify.cancel(d, "r1")
    for path, action in (("d/f", MODIFIED), ("d/f", MODIFIED), ("d/g", MODIFIED), ("d/f", 3)):
        world.notify.report(path, action, ATTRIBUTES)
    done = world.watch(d, "r2")
    assert done is not None
    assert list(done.changes) == [(MODIFIED, "f"), (MODIFIED, "g"), (MODIFIED, "f")]


class TestEnd:
    def test_close_ends_all_requests(self, world: World) -> None:
        d = world.open("d")
        world.watch(d, "r1")
        world.watch(d, "r2")
        cleanup = erref.STATUS_NOTIFY_CLEANUP
        assert flat(world.notify.close(d)) == [("r1", cleanup, []), ("r2", cleanup, [])]
        assert flat(world.notify.close(d)) == []
        assert flat(world.notify.report("d/x", ADDED, FILE)) == []

    def test_the_directory_is_marked_deleted(self, world: World) -> None:
        watcher, other = world.open("d"), world.open("d")
        world.watch(watcher, "r1")
        world.files.set_delete_pending(other, True)
        pending = erref.STATUS_DELETE_PENDING
        done = world.notify.directory_deleted(watcher.file.opens)
        assert flat(done) == [("r1", pending, [])]
        again = world.watch(watcher, "r2")
        assert again == ("r2", pending, ())
        world.files.set_delete_pending(other, False)
        assert world.watch(watcher, "r3") == ("r3", pending, ())
        assert world.watch(world.open("d"), "r4") is None
        assert flat(world.notify.close(watcher)) == []

    def test_an_open_that_deletes_on_close_does_not_wait(self, world: World) -> None:
        d = world.files.open(1, "d", 0x1F01FF, 7, is_directory=True, delete_on_close=True)
        assert world.watch(d, "r") == ("r", erref.STATUS_DELETE_PENDING, ())


def test_only_directories_that_may_be_listed(world: World) -> None:
    file = world.open("f", is_directory=False)
    with pytest.raises(StatusError) as caught:
        world.watch(file, "r")
    assert caught.value.status == erref.STATUS_INVALID_PARAMETER
    blind = world.open("d", am.FILE_READ_ATTRIBUTES)
    with pytest.raises(StatusError) as caught:
        world.watch(blind, "r")
    assert caught.value.status == erref.STATUS_ACCESS_DENIED


def test_the_depths_of_smb2_notify_tree(world: World) -> None:
    """Two changes in each of twenty watched directories: who counts how many."""
    base = "test_notify"
    dirs: list[tuple[str, bool, int, int]] = [
        ("/abc", True, NAME, 30),
        ("/zqy", True, NAME, 8),
        ("/atsy", True, NAME, 4),
        ("/abc/foo", True, NAME, 2),
        ("/abc/blah", True, NAME, 13),
        ("/abc/blah", False, NAME, 7),
        ("/abc/blah/a", True, NAME, 2),
        ("/abc/blah/b", True, NAME, 2),
        ("/abc/blah/c", True, NAME, 2),
        ("/abc/fooblah", True, NAME, 2),
        ("/zqy/xx", True, NAME, 2),
        ("/zqy/yyy", True, NAME, 2),
        ("", True, NAME, 40),
        ("", True, NAME, 40),
        ("", False, NAME, 6),
        ("/atsy", False, NAME, 4),
        ("/abc", True, NAME, 24),
        ("/abc", False, FILE, 0),
        ("/abc", True, FILE, 0),
        ("/abc", True, NAME, 24),
    ]
    made: set[str] = set()
    opens = []
    for i, (path, tree, filter_, _) in enumerate(dirs):
        if path not in made:
            made.add(path)
            world.notify.report(base + path, ADDED, DIR)
        opens.append(world.open(base + path))
        world.watch(opens[i], "r", filter_, tree=tree, size=20_000)
        assert world.notify.cancel(opens[i], "r")
    for path, *_ in dirs:
        world.notify.report(f"{base}{path}/test.dir", ADDED, DIR)
        world.notify.report(f"{base}{path}/test.dir", REMOVED, DIR)
    counted = []
    for i, opened in enumerate(opens):
        done = world.watch(opened, f"s{i}", size=20_000)
        counted.append(len(done.changes) if done else 0)
    assert counted == [expected for *_, expected in dirs]
