"""Opens, deletion and renaming: examples, and a state machine against a plain model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from nethood import erref
from nethood.dtyp import access_mask as am
from nethood.errors import StatusError
from nethood.fsa.opens import ClosedFile, Open
from nethood.fsa.table import FileTable

READ, WRITE, DELETE = am.FILE_READ_DATA, am.FILE_WRITE_DATA, am.DELETE
R, W, D, RWD = 1, 2, 4, 7


def status_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    try:
        call(*args, **kwargs)
    except StatusError as error:
        return error.status
    return erref.STATUS_SUCCESS


@pytest.fixture
def table() -> FileTable:
    return FileTable()


def test_one_file_for_all_its_opens(table: FileTable) -> None:
    a = table.open(1, "Dir/File", READ, RWD, context="a")
    b = table.open(1, "dir/file", READ, RWD, options=0x40)
    assert a.file is b.file is table.find("DIR/FILE") is table.find_key(1)
    assert (a.path, b.path, a.context, b.options) == ("Dir/File", "dir/file", "a", 0x40)
    assert list(table.files()) == [a.file]
    assert table.close(a) == ClosedFile(last=False, delete=False, now_pending=False)
    assert table.close(b) == ClosedFile(last=True, delete=False, now_pending=False)
    assert len(table) == 0
    assert table.find("dir/file") is None


def test_sharing_follows_those_who_are_left(table: FileTable) -> None:
    selfish = table.open(1, "f", READ, 0)
    attributes = table.open(1, "f", am.FILE_READ_ATTRIBUTES, 0)
    assert status_of(table.open, 1, "f", READ, RWD) == erref.STATUS_SHARING_VIOLATION
    table.close(selfish)
    reader = table.open(1, "f", READ, R)
    assert status_of(table.open, 1, "f", WRITE, RWD) == erref.STATUS_SHARING_VIOLATION
    assert status_of(table.open, 1, "f", READ, RWD) == erref.STATUS_SUCCESS
    table.close(attributes)
    table.close(reader)
    assert status_of(table.check_sharing, table.find_key(1), WRITE, R) == 0


def test_overwriting_needs_more_than_it_keeps(table: FileTable) -> None:
    alone = table.open(1, "f", READ, R)
    violation = erref.STATUS_SHARING_VIOLATION
    assert status_of(table.open, 1, "f", READ, RWD, extra_access=WRITE) == violation
    assert status_of(table.open, 1, "f", 0x80, RWD, extra_access=DELETE) == violation
    assert status_of(table.open, 1, "f", READ, RWD, extra_access=0x100) == erref.STATUS_SUCCESS
    table.close(alone)
    table.open(1, "f", READ, RWD, extra_access=WRITE)
    # What was needed for a moment keeps nobody from reading alone.
    assert status_of(table.open, 1, "f", READ, R) == erref.STATUS_SUCCESS


class TestDeletion:
    def test_the_name_goes_with_the_last_open(self, table: FileTable) -> None:
        a = table.open(1, "f", DELETE, RWD)
        b = table.open(1, "f", READ, RWD)
        table.set_delete_pending(a, True)
        assert a.delete_pending
        assert b.delete_pending
        assert status_of(table.open, 1, "f", READ, RWD) == erref.STATUS_DELETE_PENDING
        assert table.close(a) == ClosedFile(False, False, False)
        assert status_of(table.open, 1, "f", READ, RWD) == erref.STATUS_DELETE_PENDING
        assert table.close(b) == ClosedFile(last=True, delete=True, now_pending=False)
        table.check_delete_pending("f")

    def test_it_can_be_taken_back(self, table: FileTable) -> None:
        a = table.open(1, "f", DELETE, RWD)
        table.set_delete_pending(a, True)
        table.set_delete_pending(a, False)
        table.set_delete_pending(a, False)
        assert not a.delete_pending
        assert table.close(a) == ClosedFile(True, False, False)

    def test_delete_on_close_takes_effect_with_that_open(self, table: FileTable) -> None:
        a = table.open(1, "f", DELETE, RWD, delete_on_close=True)
        b = table.open(1, "f", READ, RWD)
        assert not b.delete_pending
        assert table.close(a) == ClosedFile(last=False, delete=False, now_pending=True)
        assert b.delete_pending
        assert table.close(b) == ClosedFile(last=True, delete=True, now_pending=False)

    def test_a_full_directory_outlives_delete_on_close(self, table: FileTable) -> None:
        d = table.open(1, "d", DELETE, RWD, is_directory=True, delete_on_close=True)
        assert table.close(d, directory_empty=False) == ClosedFile(True, False, False)
        d = table.open(1, "d", DELETE, RWD, is_directory=True, delete_on_close=True)
        assert table.close(d, directory_empty=True) == ClosedFile(True, True, False)

    def test_the_root_stays(self, table: FileTable) -> None:
        root = table.open(1, "", DELETE, RWD, is_directory=True, delete_on_close=True)
        assert status_of(table.set_delete_pending, root, True) == erref.STATUS_ACCESS_DENIED
        assert table.close(root) == ClosedFile(True, False, False)

    @pytest.mark.parametrize(
        ("access", "facts", "status"),
        [
            (READ, {}, erref.STATUS_ACCESS_DENIED),
            (DELETE, {"read_only": True}, erref.STATUS_CANNOT_DELETE),
            (DELETE, {"directory_empty": False}, erref.STATUS_DIRECTORY_NOT_EMPTY),
            (DELETE, {}, erref.STATUS_SUCCESS),
        ],
    )
    def test_checks(
        self, table: FileTable, access: int, facts: dict[str, bool], status: int
    ) -> None:
        opened = table.open(1, "d", access, RWD, is_directory=True)
        assert status_of(table.set_delete_pending, opened, True, **facts) == status
        assert opened.delete_pending is (status == 0)

    def test_unmarking_takes_delete_access_too(self, table: FileTable) -> None:
        reader = table.open(1, "f", READ, RWD)
        status = status_of(table.set_delete_pending, reader, False)
        assert status == erref.STATUS_ACCESS_DENIED

    def test_below_a_directory_that_goes(self, table: FileTable) -> None:
        d = table.open(1, "a/D", DELETE, RWD, is_directory=True)
        table.check_delete_pending("a/d/new")
        table.set_delete_pending(d, True)
        for path in ("a/d", "A/D/new", "a/d/x/y"):
            assert status_of(table.check_delete_pending, path) == erref.STATUS_DELETE_PENDING
        for path in ("a", "a/dd", "a/new", ""):
            table.check_delete_pending(path)

    def test_each_hard_link_for_itself(self, table: FileTable) -> None:
        one = table.open(1, "one", DELETE, RWD)
        two = table.open(1, "two", READ, RWD)
        assert one.file is two.file
        table.set_delete_pending(one, True)
        assert not two.delete_pending
        assert status_of(table.open, 1, "one", READ, RWD) == erref.STATUS_DELETE_PENDING
        table.close(table.open(1, "two", READ, RWD))
        assert table.close(one) == ClosedFile(last=False, delete=True, now_pending=False)
        assert table.find("one") is None
        assert table.find("two") is two.file
        assert table.close(two) == ClosedFile(True, False, False)


class TestRename:
    def test_paths_follow(self, table: FileTable) -> None:
        a = table.open(1, "d/old", DELETE, RWD)
        b = table.open(1, "D/OLD", READ, RWD)
        table.check_rename(a, "e/New")
        table.rename(a, "e/New")
        assert a.path == b.path == "e/New"
        assert table.find("d/old") is None
        assert table.find("e/new") is a.file
        table.set_delete_pending(a, True)
        assert status_of(table.open, 1, "e/new", READ, RWD) == erref.STATUS_DELETE_PENDING
        table.close(a)
        assert table.close(b).delete

    def test_case_alone(self, table: FileTable) -> None:
        a = table.open(1, "name", DELETE, RWD)
        table.check_rename(a, "NAME")
        table.rename(a, "NAME")
        assert a.path == "NAME"
        assert table.find("name") is a.file
        assert table.close(a).last
        assert table.find("name") is None

    def test_all_below_a_directory_follows(self, table: FileTable) -> None:
        d = table.open(1, "Dir", DELETE, RWD, is_directory=True)
        inside = table.open(2, "Dir/Sub/File", READ, RWD)
        beside = table.open(3, "Dir2/x", READ, RWD)
        table.rename(d, "other/place")
        assert inside.path == "other/place/Sub/File"
        assert table.find("other/PLACE/sub/file") is inside.file
        assert table.find("dir/sub/file") is None
        assert beside.path == "Dir2/x"
        for opened in (d, inside, beside):
            assert table.close(opened).last
        assert len(table) == 0

    def test_takes_delete_access(self, table: FileTable) -> None:
        opened = table.open(1, "f", READ | WRITE, RWD)
        assert status_of(table.check_rename, opened, "g") == erref.STATUS_ACCESS_DENIED

    def test_not_of_what_is_deleted(self, table: FileTable) -> None:
        opened = table.open(1, "f", DELETE, RWD)
        table.set_delete_pending(opened, True)
        assert status_of(table.check_rename, opened, "g") == erref.STATUS_ACCESS_DENIED

    def test_not_of_the_root(self, table: FileTable) -> None:
        opened = table.open(1, "", DELETE, RWD, is_directory=True)
        table.open(2, "x/y", READ, RWD)
        assert status_of(table.check_rename, opened, "x/g") == erref.STATUS_ACCESS_DENIED

    @pytest.mark.parametrize("below", ["d/f", "D/sub/f"])
    def test_not_of_a_directory_with_open_files(self, table: FileTable, below: str) -> None:
        d = table.open(1, "d", DELETE, RWD, is_directory=True)
        table.open(3, "dd/f", READ, RWD)
        table.check_rename(d, "e")
        opened = table.open(2, below, am.FILE_READ_ATTRIBUTES, RWD)
        assert status_of(table.check_rename, d, "e") == erref.STATUS_ACCESS_DENIED
        table.close(opened)
        table.check_rename(d, "e")

    def test_not_into_itself(self, table: FileTable) -> None:
        d = table.open(1, "d", DELETE, RWD, is_directory=True)
        # It is open itself, with DELETE: Windows too speaks of sharing here.
        assert status_of(table.check_rename, d, "D/e") == erref.STATUS_SHARING_VIOLATION
        assert status_of(table.check_rename, d, "D/e/f") == erref.STATUS_ACCESS_DENIED
        table.check_rename(d, "dd")

    @pytest.mark.parametrize(
        ("access", "share", "status"),
        [
            # what smbtorture's smb2.rename does to the parent directory
            (DELETE | READ | WRITE, RWD, erref.STATUS_SHARING_VIOLATION),
            (DELETE | READ | WRITE, 0, erref.STATUS_SHARING_VIOLATION),
            (READ | WRITE, RWD, erref.STATUS_SUCCESS),
            (READ | WRITE, 0, erref.STATUS_SHARING_VIOLATION),
            (READ | WRITE, R | W, erref.STATUS_SUCCESS),
            (0x00100080, 0, erref.STATUS_SUCCESS),
        ],
    )
    def test_the_open_parent(self, table: FileTable, access: int, share: int, status: int) -> None:
        table.open(1, "d", access, share, is_directory=True)
        opened = table.open(2, "d/file.txt", DELETE, 0)
        assert status_of(table.check_rename, opened, "D/newname.txt") == status
        assert status_of(table.check_rename, opened, "newname.txt") == erref.STATUS_SUCCESS

    @pytest.mark.parametrize(
        ("facts", "status"),
        [
            ({"replace": False}, erref.STATUS_OBJECT_NAME_COLLISION),
            ({"replace": False, "is_directory": True}, erref.STATUS_OBJECT_NAME_COLLISION),
            ({"is_directory": True}, erref.STATUS_ACCESS_DENIED),
            ({"read_only": True}, erref.STATUS_ACCESS_DENIED),
            ({}, erref.STATUS_SUCCESS),
        ],
    )
    def test_replacing(self, table: FileTable, facts: dict[str, bool], status: int) -> None:
        facts = {"replace": True, "is_directory": False, "read_only": False, **facts}
        assert status_of(table.check_replace, 2, "target", **facts) == status

    def test_replacing_what_is_open(self, table: FileTable) -> None:
        target = table.open(2, "target", DELETE, RWD)

        def replacing() -> int:
            return status_of(
                table.check_replace,
                2,
                "Target",
                is_directory=False,
                read_only=False,
                replace=True,
            )

        assert replacing() == erref.STATUS_ACCESS_DENIED
        table.set_delete_pending(target, True)
        assert replacing() == erref.STATUS_DELETE_PENDING
        table.close(target)
        assert replacing() == erref.STATUS_SUCCESS


def test_names_that_differ_by_case_only(table: FileTable) -> None:
    lower, upper = table.open(1, "a", READ, 0), table.open(2, "A", READ, 0)
    assert lower.file is not upper.file
    assert table.close(lower).last
    assert table.find("a") is upper.file
    assert table.close(upper).last
    assert table.find("a") is None


NAMES = ["a", "b", "d", "d/x", "d/y"]


class Opens(RuleBasedStateMachine):
    """The table against a model: a list of opens and a set of names marked deleted."""

    opened = Bundle("opened")

    def __init__(self) -> None:
        super().__init__()
        self.table = FileTable()
        self.alive: list[Open] = []
        self.keys = {name: number for number, name in enumerate(NAMES)}
        self.next_key = len(NAMES)
        self.marked: set[int] = set()

    @rule(
        target=opened,
        name=st.sampled_from(NAMES),
        access=st.sampled_from([READ, WRITE, DELETE, READ | WRITE | DELETE, 0x80]),
        share=st.integers(0, 7),
        delete_on_close=st.booleans(),
    )
    def open(self, name: str, access: int, share: int, delete_on_close: bool) -> Open | None:
        # As a store looks names up: in any case, and giving them as they are stored.
        name = next((n for n in self.keys if n.lower() == name.lower()), name)
        key = self.keys.setdefault(name, self.next_key)
        self.next_key += 1
        expected = 0
        if key in self.marked:
            expected = erref.STATUS_DELETE_PENDING
        elif any(self.excludes(o, access, share) for o in self.alive if o.file.key == key):
            expected = erref.STATUS_SHARING_VIOLATION
        made: list[Open] = []

        def attempt() -> None:
            opened = self.table.open(
                key,
                name,
                access,
                share,
                is_directory=name == "d",
                delete_on_close=delete_on_close,
            )
            made.append(opened)

        assert status_of(attempt) == expected
        self.alive += made
        return made[0] if made else None

    @staticmethod
    def excludes(other: Open, access: int, share: int) -> bool:
        uses = [(READ, 1), (WRITE, 2), (DELETE, 4)]
        if not access & 0x10003 or not other.granted_access & 0x10003:
            return False
        return any(
            (access & right and not other.share_access & bit)
            or (other.granted_access & right and not share & bit)
            for right, bit in uses
        )

    @rule(opened=consumes(opened), directory_empty=st.booleans())
    def close(self, opened: Open | None, directory_empty: bool) -> None:
        if opened is None:
            return
        key, path = opened.file.key, opened.path
        assert isinstance(key, int)
        self.alive.remove(opened)
        others = any(o.file.key == key for o in self.alive)
        marks = opened.delete_on_close and (directory_empty or not opened.file.is_directory)
        was_marked = key in self.marked
        if marks:
            self.marked.add(key)
        deleted = key in self.marked and not others
        result = self.table.close(opened, directory_empty=directory_empty)
        assert result == ClosedFile(not others, deleted, marks and others and not was_marked)
        if deleted:
            self.marked.discard(key)
            del self.keys[path]

    @rule(opened=opened, pending=st.booleans())
    def dispose(self, opened: Open | None, pending: bool) -> None:
        if opened is None:
            return
        status = status_of(self.table.set_delete_pending, opened, pending)
        if not opened.granted_access & DELETE:
            assert status == erref.STATUS_ACCESS_DENIED
            return
        assert status == 0
        assert isinstance(opened.file.key, int)
        (self.marked.add if pending else self.marked.discard)(opened.file.key)

    @rule(opened=opened, new=st.sampled_from(["a", "B", "c", "d/z", "e"]))
    def rename(self, opened: Open | None, new: str) -> None:
        if opened is None or opened.file.is_directory:
            return
        if new.lower() in {n.lower() for n in self.keys} - {opened.path.lower()}:
            return  # taken: replacing is tested by examples
        parent = [o for o in self.alive if o.path == "d"] if new.startswith("d/") else []
        key = opened.file.key
        expected = 0
        if not opened.granted_access & DELETE:
            expected = erref.STATUS_ACCESS_DENIED
        elif any(self.excludes(o, WRITE, 3) for o in parent):
            expected = erref.STATUS_SHARING_VIOLATION
        elif key in self.marked:
            expected = erref.STATUS_ACCESS_DENIED
        assert status_of(self.table.check_rename, opened, new) == expected
        if expected:
            return
        old = opened.path
        self.table.rename(opened, new)
        number = self.keys.pop(old)
        self.keys[new] = number
        assert all(o.path == new for o in self.alive if o.file.key == key)

    @invariant()
    def agrees(self) -> None:
        files = {o.file.key: o.file for o in self.alive}
        assert {file.key: file for file in self.table.files()} == files
        for opened in self.alive:
            assert opened in opened.file.opens
            assert self.table.find(opened.path.swapcase()) is opened.file
            assert opened.delete_pending is (opened.file.key in self.marked)
        for name in NAMES:
            if not any(o.path.lower() == name for o in self.alive):
                assert self.table.find(name) is None
        pending = {o.path for o in self.alive if o.delete_pending}
        for path in ("a", "d", "d/new", "d/x"):
            above = {path, "d"} if path.startswith("d/") else {path}
            status = erref.STATUS_DELETE_PENDING if above & pending else 0
            assert status_of(self.table.check_delete_pending, path) == status
        below = any(o.path.startswith("d/") for o in self.alive)
        assert self.table.opens_below("d") is below


TestOpens = Opens.TestCase
TestOpens.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
