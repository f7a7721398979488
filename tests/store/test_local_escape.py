"""A path never leaves the share, whatever lies in it and whoever changes it meanwhile."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.store import LocalStore
from nethood.store.portable import PortableSystem

DENIED = "STATUS_ACCESS_DENIED"
NOT_FOUND = "STATUS_OBJECT_NAME_NOT_FOUND"
INVALID = "STATUS_OBJECT_NAME_INVALID"


def status(call: Callable[[], object]) -> str:
    """Return the name of the status that *call* fails with."""
    with pytest.raises(StatusError) as caught:
        call()
    return erref.status_name(caught.value.status)


def content(store: LocalStore, path: str) -> bytes:
    """Return the first bytes of a file."""
    node = store.open(path)
    try:
        buffer = bytearray(100)
        return bytes(buffer[: node.read_into(memoryview(buffer), 0)])
    finally:
        node.close()


def listed(store: LocalStore, path: str = "") -> list[str]:
    """Return the names shown, sorted."""
    node = store.open(path)
    try:
        return sorted(e.name for e in node.entries())
    finally:
        node.close()


@pytest.fixture
def outside(tmp_path: Path, share: Path) -> Path:
    """A folder beside the share, with a secret in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_text("secret")
    (folder / "sub").mkdir()
    (tmp_path / "share-not").mkdir()
    (tmp_path / "share-not" / "secret").write_text("secret")
    return folder


LINKS_OUT = {
    "file-absolute": "{outside}/secret",
    "file-relative": "../outside/secret",
    "folder-absolute": "{outside}",
    "folder-relative": "../outside",
    "parent": "..",
    "deep": "in/../../outside/secret",
    "there-and-back": "../share/in/file",
    "prefix": "{outside}/../share-not/secret",
    "sibling": "{share}-not/secret",
    "absolute-and-up": "{share}/in/../../outside/secret",
    "root": "/",
    "proc": "/proc/self/root",
    "proc-cwd": "/proc/self/cwd",
}


@pytest.mark.parametrize("kind", LINKS_OUT)
def test_links_out_are_refused(local: LocalStore, share: Path, outside: Path, kind: str) -> None:
    (share / "in").mkdir()
    (share / "in" / "file").write_text("fine")
    (share / "link").symlink_to(LINKS_OUT[kind].format(outside=outside, share=share))
    for path in ("link", "LINK"):
        assert status(lambda p=path: local.open(p)) == DENIED  # type: ignore[misc]
        assert status(lambda p=path: local.open(p, write=True)) == DENIED  # type: ignore[misc]
    for path in ("link/secret", "link/sub", "link/x"):
        assert status(lambda p=path: local.open(p)) in (DENIED, "STATUS_OBJECT_PATH_NOT_FOUND")  # type: ignore[misc]
        assert status(lambda p=path: local.create(p, directory=False)) in (  # type: ignore[misc]
            DENIED,
            "STATUS_OBJECT_PATH_NOT_FOUND",
        )
    assert status(lambda: local.create("link", directory=False)) == "STATUS_OBJECT_NAME_COLLISION"
    assert listed(local) == ["in"]
    assert (outside / "secret").read_text() == "secret"
    assert sorted(os.listdir(outside)) == ["secret", "sub"]


def test_a_chain_of_links_out(local: LocalStore, share: Path, outside: Path) -> None:
    (share / "one").symlink_to("two")
    (share / "two").symlink_to(share / "three")
    (share / "three").symlink_to(outside / "secret")
    assert status(lambda: local.open("one")) == DENIED
    assert listed(local) == []


def test_links_inside_are_followed(local: LocalStore, share: Path) -> None:
    (share / "a" / "b").mkdir(parents=True)
    (share / "a" / "file").write_text("data")
    (share / "rel").symlink_to("a/file")
    (share / "abs").symlink_to(share / "a" / "file")
    (share / "a" / "b" / "up").symlink_to("../file")
    (share / "a" / "b" / "abs-up").symlink_to(share / "a" / "b" / ".." / "file")
    (share / "dir").symlink_to(share / "a")
    (share / "chain").symlink_to("dir/b/up")
    (share / "self").symlink_to(share)
    for path in ("rel", "abs", "a/b/up", "a/b/abs-up", "dir/file", "dir/b/up", "chain"):
        assert content(local, path) == b"data"
        assert content(local, path.upper()) == b"data"
    assert content(local, "self/self/rel") == b"data"
    assert listed(local) == ["a", "abs", "chain", "dir", "rel", "self"]
    assert listed(local, "dir/b") == ["abs-up", "up"]
    node = local.create("dir/new", directory=False)
    node.close()
    assert (share / "a" / "new").exists()
    (entry,) = (e for e in local.open("").entries() if e.name == "abs")
    node = local.open("a/file")
    assert entry.info == node.info()
    node.close()


def test_links_never_followed(share: Path) -> None:
    share.mkdir()
    (share / "file").write_text("data")
    (share / "link").symlink_to("file")
    (share / "abs").symlink_to(share / "file")
    (share / "dir").symlink_to(share)
    for system in (None, PortableSystem):
        store = LocalStore(share, follow_symlinks="never", system=system)
        assert listed(store) == ["file"]
        for path in ("link", "abs", "dir", "LINK"):
            assert status(lambda p=path, s=store: s.open(p)) == DENIED  # type: ignore[misc]
        assert status(lambda s=store: s.open("dir/file")) in (  # type: ignore[misc]
            DENIED,
            "STATUS_OBJECT_PATH_NOT_FOUND",
        )
        store.close()


def test_loops_and_broken_links(local: LocalStore, share: Path) -> None:
    (share / "loop").symlink_to("loop")
    (share / "abs-loop").symlink_to(share / "abs-loop")
    (share / "broken").symlink_to("nowhere")
    (share / "abs-broken").symlink_to(share / "nowhere")
    for path in ("loop", "abs-loop", "broken", "abs-broken", "BROKEN"):
        assert status(lambda p=path: local.open(p)) == DENIED  # type: ignore[misc]
        assert (
            status(lambda p=path: local.create(p, directory=False))  # type: ignore[misc]
            == "STATUS_OBJECT_NAME_COLLISION"
        )
    assert listed(local) == []
    assert not (share / "nowhere").exists()


def test_removing_and_renaming_a_link_leaves_its_target(local: LocalStore, share: Path) -> None:
    (share / "file").write_text("data")
    (share / "dir").mkdir()
    for name, target in (("one", "file"), ("two", "file"), ("three", "dir")):
        (share / name).symlink_to(target)
    node = local.open("one")
    local.remove(node)
    node.close()
    node = local.open("two")
    assert local.rename(node, "moved", replace=False) == "moved"
    node.close()
    node = local.open("three")
    local.remove(node)
    node.close()
    assert sorted(os.listdir(share)) == ["dir", "file", "moved"]
    assert (share / "moved").is_symlink()


@pytest.mark.parametrize(
    "name", [".\uf029", "\uf029", "d/\uf029", "d/.\uf029/x", "d/.\uf029/.\uf029/outside/secret"]
)
def test_stand_ins_do_not_make_dots(local: LocalStore, share: Path, name: str) -> None:
    (share / "d").mkdir()
    assert status(lambda: local.open(name)) == INVALID
    assert status(lambda: local.create(name, directory=True)) == INVALID


def test_surrogates_do_not_make_slashes(local: LocalStore) -> None:
    for name in ("a\udc2fb", "\udc2e\udc2e", "\ud800", "a\udfffb"):
        assert status(lambda n=name: local.open(n)) == INVALID  # type: ignore[misc]


def test_what_is_no_file_is_not_served(
    local: LocalStore, share: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(share / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(share)
        listener.bind("socket")
        for name in ("fifo", "socket", "FIFO"):
            for write in (False, True):
                assert status(lambda n=name, w=write: local.open(n, write=w)) == DENIED  # type: ignore[misc]
            assert (
                status(lambda n=name: local.create(n, directory=False))  # type: ignore[misc]
                == "STATUS_OBJECT_NAME_COLLISION"
            )
        assert listed(local) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_devices_are_not_served(local: LocalStore, share: Path) -> None:
    os.mknod(share / "null", 0o020666, os.makedev(1, 3))
    assert status(lambda: local.open("null")) == DENIED
    assert listed(local) == []


def test_links_swapped_while_they_are_looked_up(
    local: LocalStore, share: Path, tmp_path: Path, outside: Path
) -> None:
    """A folder turns into a link out and back, all the time."""
    (share / "real").mkdir()
    (share / "real" / "secret").write_text("public")
    (share / "swap").symlink_to("real")
    (tmp_path / "link").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        turn = 0
        while not stop.is_set():
            turn += 1
            passing = tmp_path / "passing"
            passing.symlink_to(outside if turn % 2 else "real")
            passing.replace(share / "swap")

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = {"public": 0, "refused": 0}
    try:
        for _ in range(1500):
            outcomes[_attempt(local, "swap/secret")] += 1
    finally:
        stop.set()
        thread.join()
    assert outcomes["public"] + outcomes["refused"] == 1500
    assert (outside / "secret").read_text() == "secret"
    assert sorted(os.listdir(outside)) == ["secret", "sub"]


def test_folders_swapped_for_links(local: LocalStore, share: Path, outside: Path) -> None:
    """A true folder and a link out trade names, all the time."""
    (share / "a").mkdir()
    (share / "a" / "secret").write_text("public")
    (share / "b").symlink_to(outside)
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(share / "a", share / "c")
            os.rename(share / "b", share / "a")
            os.rename(share / "a", share / "b")
            os.rename(share / "c", share / "a")

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for turn in range(1500):
            _attempt(local, "a/secret")
            if turn % 10 == 0:
                _attempt_to_create(local, f"a/new{turn}")
    finally:
        stop.set()
        thread.join()
    assert sorted(os.listdir(outside)) == ["secret", "sub"]


def _attempt(local: LocalStore, path: str) -> str:
    """Return what is read there; the secret fails the test."""
    try:
        data = content(local, path)
    except StatusError:
        return "refused"
    assert data == b"public"
    return data.decode()


def _attempt_to_create(local: LocalStore, path: str) -> None:
    try:
        local.create(path, directory=False).close()
    except StatusError:
        return


def test_the_share_itself_may_be_moved(local: LocalStore, share: Path, tmp_path: Path) -> None:
    (share / "file").write_text("data")
    share.rename(tmp_path / "moved")
    share.mkdir()
    (share / "file").write_text("other")
    assert content(local, "file") == b"data"


def test_no_descriptor_is_left_open(local: LocalStore, share: Path, outside: Path) -> None:
    (share / "d").mkdir()
    (share / "d" / "f").write_text("x")
    (share / "out").symlink_to(outside)
    (share / "abs").symlink_to(share / "d")
    os.mkfifo(share / "fifo")

    def everything() -> None:
        for path in ("d/f", "D/F", "none", "none/x", "out/x", "fifo", "abs/f", "d/f/x", "ABS/none"):
            with suppress(StatusError):
                local.open(path).close()
            with suppress(StatusError):
                local.create(path, directory=False).close()
        listed(local)
        for path in ("none", "abs/none"):
            node = local.open(path)
            node.path = local.rename(node, "D/moved", replace=True)
            local.link(node, "d/linked", replace=True)
            local.remove(node)
            node.close()

    everything()
    before = len(os.listdir("/proc/self/fd"))
    everything()
    assert len(os.listdir("/proc/self/fd")) == before
