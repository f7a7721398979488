"""A real folder behind the protocol: links that lead out, the disk's end, and bytes on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from nethood import erref
from nethood.errors import StatusError
from nethood.smb2 import constants as c
from nethood.smb2.simple import FlushRequest
from nethood.store import LocalStore, MemoryStore, Node
from tests.server.files import Client, create_request, write_request
from tests.server.harness import Harness, connection_of, transport_of
from tests.store.kit import small_disk

FULL = erref.STATUS_DISK_FULL


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shared folder; beside it lies a secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_text("secret")
    shared = tmp_path / "shared"
    shared.mkdir()
    return shared


@pytest.fixture
def local(folder: Path) -> Iterator[Client]:
    """Alice, connected to that folder."""
    store = LocalStore(folder)
    yield Harness({"public": store}).login()
    store.close()


def statuses(client: Client, name: str) -> set[int]:
    """Return how CREATE answers to *name*, with every disposition."""
    found = set()
    for disposition in range(6):
        request = create_request(name, disposition=disposition)
        found.add(client.call(c.SMB2_CREATE, request, status=None).status)
    return found


LINKS = {"abs": "{}/secret", "rel": "../secret", "up": "..", "root": "/", "deep": "d/../../secret"}


@pytest.mark.parametrize("kind", LINKS)
def test_a_link_that_leads_out_is_not_followed(local: Client, folder: Path, kind: str) -> None:
    (folder / "d").mkdir()
    (folder / "link").symlink_to(LINKS[kind].format(folder.parent))
    for name in ("link\\file", "link\\new", "link\\secret\\file"):
        assert 0 not in statuses(local, name)
    assert (folder.parent / "secret" / "file").read_text() == "secret"
    assert os.listdir(folder.parent / "secret") == ["file"]


def test_a_link_to_a_file_outside(local: Client, folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "secret" / "file")
    for disposition in (c.FILE_OPEN, c.FILE_OVERWRITE, c.FILE_OVERWRITE_IF, c.FILE_SUPERSEDE):
        reply = local.call(
            c.SMB2_CREATE, create_request("link", disposition=disposition), status=None
        )
        assert reply.status
    assert (folder.parent / "secret" / "file").read_text() == "secret"


def test_a_link_inside_is_followed(local: Client, folder: Path) -> None:
    (folder / "d").mkdir()
    (folder / "d" / "file").write_text("inside")
    (folder / "link").symlink_to("d")
    assert local.get("link\\file") == b"inside"


def test_what_is_written_lies_in_the_folder(local: Client, folder: Path) -> None:
    local.put("Grüße.txt", b"hello")
    assert (folder / "Grüße.txt").read_bytes() == b"hello"
    (folder / "from outside").write_bytes(b"x")
    assert sorted(local.names()) == ["Grüße.txt", "from outside"]


# FLUSH and write-through


class Spy:
    """Counts the fsyncs of a process, by the inode they are for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inodes: list[int] = []
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self.wrap(getattr(os, name)))

    def wrap(self, real: object) -> object:
        def spying(fd: int) -> None:
            self.inodes.append(os.fstat(fd).st_ino)
            assert callable(real)
            real(fd)

        return spying


def test_flush_reaches_the_disk(
    local: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = local.create("a")
    local.write(handle, b"x")
    spy = Spy(monkeypatch)
    local.flush(handle)
    assert (folder / "a").stat().st_ino in spy.inodes


def test_write_through_reaches_the_disk(
    local: Client, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = local.create("a")
    through = local.create("b", options=c.FILE_WRITE_THROUGH)
    spy = Spy(monkeypatch)
    local.write(handle, b"x")
    assert not spy.inodes
    local.write(handle, b"x", flags=c.SMB2_WRITEFLAG_WRITE_THROUGH)
    assert (folder / "a").stat().st_ino in spy.inodes
    local.write(through, b"x")
    assert (folder / "b").stat().st_ino in spy.inodes


def test_flush_waits_for_the_store(harness: Harness, client: Client) -> None:
    """The answer says that the bytes are there: it may not come before they are."""
    handle = client.create("a")
    harness.clock.threads_are_busy = True
    message_id = client.send(c.SMB2_FLUSH, FlushRequest(**handle.ids))
    assert client.find(message_id) is None
    assert len(harness.clock.in_threads) == 1
    harness.clock.run_threads()
    client.wait(message_id)


def test_a_flush_that_fails_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    handle = client.create("a")

    def fail(node: Node) -> None:
        raise StatusError(FULL)

    monkeypatch.setattr(type(_node(client, handle.volatile)), "flush", fail)
    client.flush(handle, status=FULL)


def _node(client: Client, volatile: int) -> Node:
    (session,) = connection_of(client).core.session_table.values()
    node: Node = session.open_table[volatile].node
    return node


# A full disk


@pytest.fixture(params=["tmpfs", "memory"])
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Client]:
    """Alice, connected to a mebibyte."""
    if request.param == "memory":
        yield Harness({"public": MemoryStore(capacity=1 << 20)}).login()
        return
    mount = tmp_path / "small"
    mount.mkdir()
    with small_disk(mount):
        store = LocalStore(mount)
        client = Harness({"public": store}).login()
        try:
            yield client
        finally:
            transport_of(client).abort("the test is over")
            store.close()


def test_a_full_disk_says_so_and_leaves_old_data_whole(small: Client) -> None:
    small.echo(credits_wanted=500)
    old = bytes(range(256)) * 1000
    small.put("old", old[:65_536])
    handle = small.create("new")
    answers = []
    for offset in range(0, 2 << 20, 65_536):
        reply = small.call(c.SMB2_WRITE, write_request(handle, b"n" * 65_536, offset), status=None)
        answers.append(reply.status)
    assert answers[0] == 0
    assert answers[-1] == FULL
    assert set(answers) == {0, FULL}
    assert small.get("old") == old[:65_536]
    held = small.open("old")
    small.write(held, b"y" * 65_536, 65_530, status=FULL)
    assert small.read(held, 65_530) == old[:65_530]
    small.delete(handle)
    small.close(handle)
    small.write(held, b"y" * 65_536, 65_530)
    assert small.read(held, 6, 65_530) == b"y" * 6
