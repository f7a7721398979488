"""Look-up without regard to case, while others change the folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.store import LocalStore
from nethood.store.names_cache import NamesCache
from nethood.store.portable import PortableSystem

LATE = 1 << 62
"""A time long after any test."""


class Clock:
    """A clock that the test sets."""

    def __init__(self, now_ns: int = LATE) -> None:
        self.now_ns = now_ns

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    """A clock at a time when every folder is long settled."""
    return Clock()


def cache_of(folder: Path, clock: Clock, **limits: int) -> tuple[NamesCache, int]:
    """Return a cache and the descriptor of its folder."""
    system = PortableSystem(os.fspath(folder), follow=False)
    return NamesCache(system, now_ns=clock, **limits), system.root_fd


def shown(found: tuple[str, bytes] | None) -> str | None:
    """Return the name as shown."""
    return found[0] if found else None


def test_settled_folders_are_read_once(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "Name").touch()
    cache, fd = cache_of(tmp_path, clock)
    for _ in range(5):
        assert cache.find(fd, "nAME") == ("Name", b"Name")
        assert cache.find(fd, "none") is None
    assert cache.scans == 1


def test_a_change_by_others_is_seen(tmp_path: Path, clock: Clock) -> None:
    cache, fd = cache_of(tmp_path, clock)
    assert cache.find(fd, "name") is None
    (tmp_path / "Name").touch()
    assert shown(cache.find(fd, "name")) == "Name"
    os.rename(tmp_path / "Name", tmp_path / "NAME")
    assert shown(cache.find(fd, "name")) == "NAME"
    (tmp_path / "NAME").unlink()
    assert cache.find(fd, "name") is None


def test_what_was_read_within_a_tick_is_read_again(tmp_path: Path, clock: Clock) -> None:
    cache, fd = cache_of(tmp_path, clock)
    clock.now_ns = tmp_path.stat().st_ctime_ns + 1_000_000
    cache.find(fd, "x")
    cache.find(fd, "x")
    assert cache.scans == 2
    clock.now_ns += 50_000_000
    cache.find(fd, "x")
    cache.find(fd, "x")
    assert cache.scans == 3


def test_our_own_changes_cost_no_reading(tmp_path: Path, clock: Clock) -> None:
    cache, fd = cache_of(tmp_path, clock)
    for i in range(100):
        clock.now_ns = tmp_path.stat().st_ctime_ns + 1_000_000
        assert cache.find(fd, f"NAME{i}") is None
        (tmp_path / f"name{i}").touch()
        cache.changed(fd, added=f"name{i}")
        assert shown(cache.find(fd, f"NAME{i}")) == f"name{i}"
    assert cache.scans < 6
    for i in range(100):
        assert cache.is_current(fd)
        (tmp_path / f"name{i}").unlink()
        cache.changed(fd, removed=f"name{i}")
        assert cache.find(fd, f"NAME{i}") is None
    assert cache.scans < 6


def test_a_folder_we_change_is_read_once_a_second(tmp_path: Path, clock: Clock) -> None:
    cache, fd = cache_of(tmp_path, clock)
    cache.find(fd, "x")
    cache.changed(fd, added="x")
    before = cache.scans
    clock.now_ns += 999_000_000
    cache.find(fd, "y")
    assert cache.scans == before
    clock.now_ns += 2_000_000
    cache.find(fd, "y")
    assert cache.scans == before + 1
    assert cache.find(fd, "x") is None


def test_names_that_differ_only_by_case(tmp_path: Path, clock: Clock) -> None:
    for name in ("b", "name", "Name", "NAME"):
        (tmp_path / name).touch()
    if len(os.listdir(tmp_path)) < 4:
        pytest.skip("this file system ignores case")
    cache, fd = cache_of(tmp_path, clock)
    assert shown(cache.find(fd, "nAME")) == "NAME"
    for name in ("name", "Name", "NAME"):
        assert shown(cache.find(fd, name)) == name
    (tmp_path / "NAME").unlink()
    cache.changed(fd, removed="NAME")
    assert shown(cache.find(fd, "nAME")) == "Name"


@pytest.mark.parametrize(("limit", "kept"), [("max_folders", 3), ("max_names", 2)])
def test_limits(tmp_path: Path, clock: Clock, limit: str, kept: int) -> None:
    fds = []
    for i in range(6):
        (tmp_path / f"d{i}").mkdir()
        (tmp_path / f"d{i}" / "one").touch()
        (tmp_path / f"d{i}" / "two").touch()
        fds.append(os.open(tmp_path / f"d{i}", os.O_RDONLY))
    cache, _ = cache_of(tmp_path, clock, **{limit: 3 if limit == "max_folders" else 5})
    for fd in fds:
        cache.find(fd, "ONE")
    before = cache.scans
    for fd in fds[-kept:]:
        assert shown(cache.find(fd, "TWO")) == "two"
    assert cache.scans == before
    assert shown(cache.find(fds[0], "TWO")) == "two"
    assert cache.scans == before + 1
    for fd in fds:
        os.close(fd)


def test_a_folder_beyond_the_limit_is_still_served(tmp_path: Path, clock: Clock) -> None:
    for i in range(20):
        (tmp_path / f"name{i}").touch()
    cache, fd = cache_of(tmp_path, clock, max_names=5)
    assert shown(cache.find(fd, "NAME7")) == "name7"


def status(store: LocalStore, path: str) -> str:
    """Return the status that opening ends with."""
    with pytest.raises(StatusError) as caught:
        store.open(path)
    return erref.status_name(caught.value.status)


def opened(store: LocalStore, path: str) -> str:
    """Return the stored path of what *path* opens."""
    node = store.open(path)
    node.close()
    return node.path


def test_store_sees_what_others_do(local: LocalStore, share: Path) -> None:
    for turn in range(50):
        (share / f"File{turn}").touch()
        assert opened(local, f"FILE{turn}") == f"File{turn}"
        (share / f"File{turn}").rename(share / f"fILE{turn}")
        assert opened(local, f"FILE{turn}") == f"fILE{turn}"
        (share / f"fILE{turn}").unlink()
        assert status(local, f"FILE{turn}") == "STATUS_OBJECT_NAME_NOT_FOUND"


def test_exact_match_wins_in_every_component(local: LocalStore, share: Path) -> None:
    for folder in ("dir", "Dir", "DIR"):
        (share / folder).mkdir()
        (share / folder / f"only-{folder}").touch()
        for name in ("file", "FILE"):
            (share / folder / name).touch()
    assert opened(local, "Dir/FILE") == "Dir/FILE"
    assert opened(local, "Dir/File") == "Dir/FILE"
    assert opened(local, "dIR/file") == "DIR/file"
    assert opened(local, "Dir/ONLY-DIR") == "Dir/only-Dir"
    assert opened(local, "dIR/only-DIR") == "DIR/only-DIR"


def test_folder_that_may_be_passed_through_but_not_read(local: LocalStore, share: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs another user to be")
    (share / "d").mkdir(mode=0o711)
    (share / "d" / "file").touch()
    share.chmod(0o755)
    for parent in share.parents[:3]:
        parent.chmod(0o755)
    os.seteuid(65534)
    try:
        assert opened(local, "d/file") == "d/file"
        assert status(local, "d/FILE") == "STATUS_OBJECT_NAME_NOT_FOUND"
        node = local.open("d")
        assert node.info().is_directory
        with pytest.raises(StatusError):
            list(node.entries())
        node.close()
    finally:
        os.seteuid(0)


def test_filling_a_folder_reads_it_rarely(local: LocalStore, share: Path) -> None:
    local.create("d", directory=True).close()
    for i in range(2000):
        local.create(f"d/file{i}", directory=False).close()
    # once a second, and at the beginning
    assert local.names.scans < 30
    assert len(os.listdir(share / "d")) == 2000
    assert opened(local, "D/FILE1999") == "d/file1999"
