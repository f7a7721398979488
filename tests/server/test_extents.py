"""FSCTL_DUPLICATE_EXTENTS_TO_FILE, FSCTL_FILE_LEVEL_TRIM and the locks of server-side copies."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from nethood import erref
from nethood.dtyp.access_mask import FILE_READ_ATTRIBUTES, FILE_READ_DATA
from nethood.fscc.fsctl import DuplicateExtentsData
from nethood.smb2 import constants as c
from nethood.smb2.ioctl_payloads import SrvCopychunk, SrvCopychunkCopy, SrvCopychunkResponse
from nethood.store import LocalStore, MemoryStore, Store
from tests.server.files import Client, Handle, ioctl_request
from tests.server.harness import Harness

PAGE = 4096
DUPLICATE, TRIM = c.FSCTL_DUPLICATE_EXTENTS_TO_FILE, c.FSCTL_FILE_LEVEL_TRIM
INVALID = erref.STATUS_INVALID_PARAMETER
ONE, TWO, THREE = (bytes([n]) * PAGE for n in b"123")


@pytest.fixture(params=["memory", "local"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    """Alice, at a server with a store of each kind."""
    store: Store = MemoryStore() if request.param == "memory" else LocalStore(tmp_path)
    return Harness({"public": store}).login()


def make(client: Client, name: str, *pages: bytes) -> Handle:
    """Make a file of some pages and keep it open."""
    handle = client.create(name)
    for number, page in enumerate(pages):
        client.write(handle, page, number * PAGE)
    return handle


def request(source: Handle, start: int, target: int, length: int) -> bytes:
    """Return SMB2_DUPLICATE_EXTENTS_DATA."""
    return DuplicateExtentsData(source.persistent, source.volatile, start, target, length).encode()


def test_pages_are_duplicated(client: Client) -> None:
    source = make(client, "source", ONE, TWO, THREE)
    target = make(client, "target", THREE, THREE, THREE)
    client.ioctl(DUPLICATE, request(source, PAGE, 0, 2 * PAGE), target)
    assert client.read(target) == TWO + THREE + THREE
    assert client.read(source) == ONE + TWO + THREE


def test_the_end_of_file_stays_where_it_is(client: Client) -> None:
    source, target = make(client, "source", ONE, TWO), make(client, "target", THREE)
    client.ioctl(DUPLICATE, request(source, 0, 0, 2 * PAGE), target)
    assert client.read(target) == ONE


def test_inside_one_file(client: Client) -> None:
    file = make(client, "file", ONE, TWO, THREE)
    client.ioctl(DUPLICATE, request(file, 0, 2 * PAGE, PAGE), file)
    assert client.read(file) == ONE + TWO + ONE
    overlapping = request(file, 0, PAGE, 2 * PAGE)
    client.ioctl(DUPLICATE, overlapping, file, status=erref.STATUS_NOT_SUPPORTED)


@pytest.mark.parametrize(
    ("start", "target", "length", "status"),
    [
        (0, 0, 0, erref.STATUS_SUCCESS),
        (1, 0, PAGE, INVALID),
        (0, 1, PAGE, INVALID),
        (0, 0, PAGE + 1, INVALID),
        (0, -PAGE, PAGE, INVALID),
        (0, 0, 1 << 62, INVALID),
        (PAGE, 0, 2 * PAGE, erref.STATUS_NOT_SUPPORTED),
    ],
)
def test_what_is_not_whole_pages_of_the_source(
    client: Client, start: int, target: int, length: int, status: int
) -> None:
    source, into = make(client, "source", ONE, TWO), make(client, "target", THREE)
    client.ioctl(DUPLICATE, request(source, start, target, length), into, status=status)
    assert client.read(into) == THREE


def test_the_source_must_be_open_and_readable(client: Client) -> None:
    target = make(client, "target", ONE)
    source = make(client, "source", TWO)
    unreadable = client.open("source", access=FILE_READ_ATTRIBUTES)
    client.ioctl(DUPLICATE, request(unreadable, 0, 0, PAGE), target, status=INVALID)
    client.close(source)
    gone = request(source, 0, 0, PAGE)
    client.ioctl(DUPLICATE, gone, target, status=erref.STATUS_INVALID_HANDLE)
    client.ioctl(DUPLICATE, gone[:-1], target, status=erref.STATUS_BUFFER_TOO_SMALL)


def test_the_target_must_be_writable(client: Client) -> None:
    source = make(client, "source", ONE)
    make(client, "target", TWO)
    target = client.open("target", access=FILE_READ_DATA | FILE_READ_ATTRIBUTES)
    data = request(source, 0, 0, PAGE)
    client.ioctl(DUPLICATE, data, target, status=erref.STATUS_ACCESS_DENIED)


def test_a_sparse_source_needs_a_sparse_target(tmp_path: Path) -> None:
    client = Harness({"public": LocalStore(tmp_path)}).login()
    source, target = make(client, "source", ONE), make(client, "target", TWO)
    client.ioctl(c.FSCTL_SET_SPARSE, b"\1", source)
    data = request(source, 0, 0, PAGE)
    client.ioctl(DUPLICATE, data, target, status=erref.STATUS_NOT_SUPPORTED)
    client.ioctl(c.FSCTL_SET_SPARSE, b"\1", target)
    client.ioctl(DUPLICATE, data, target)
    assert client.read(target) == ONE


def trimmed(*ranges: tuple[int, int]) -> bytes:
    """Return FILE_LEVEL_TRIM."""
    return struct.pack("<II", 0, len(ranges)) + b"".join(struct.pack("<QQ", *r) for r in ranges)


def test_trim_gives_whole_pages_back(client: Client) -> None:
    file = make(client, "file", ONE, TWO, THREE)
    answer = client.ioctl(TRIM, trimmed((10, 2 * PAGE), (2 * PAGE + 1, 1 << 40)), file, room=4)
    assert answer == b"\2\0\0\0"
    assert client.read(file) == ONE + bytes(PAGE) + THREE


@pytest.mark.parametrize(
    ("data", "room"), [(b"", 4), (trimmed(), 4), (trimmed((0, PAGE)), 3), (trimmed((0, 1))[:-1], 4)]
)
def test_trim_of_nothing(client: Client, data: bytes, room: int) -> None:
    file = make(client, "file", ONE)
    client.ioctl(TRIM, data, file, room=room, status=INVALID)
    assert client.read(file) == ONE


@pytest.mark.parametrize("locked", ["source", "target"])
def test_a_server_side_copy_respects_locks(client: Client, locked: str) -> None:
    handles = {"source": make(client, "source", ONE), "target": make(client, "target", TWO)}
    client.lock(client.open(locked), (0, 10, c.SMB2_LOCKFLAG_EXCLUSIVE_LOCK))
    key = client.ioctl(c.FSCTL_SRV_REQUEST_RESUME_KEY, handle=handles["source"])[:24]
    copy = SrvCopychunkCopy(key, [SrvCopychunk(0, 0, PAGE)]).encode()
    asked = ioctl_request(c.FSCTL_SRV_COPYCHUNK, copy, handles["target"])
    reply = client.call(c.SMB2_IOCTL, asked, status=erref.STATUS_FILE_LOCK_CONFLICT)
    assert SrvCopychunkResponse.decode(reply.body.output).chunks_written == 0
    assert client.read(client.open("target"), 10, PAGE - 10) == TWO[:10]


def test_a_source_closed_while_it_is_copied_stays_readable(tmp_path: Path) -> None:
    harness = Harness({"public": LocalStore(tmp_path)})
    client = harness.login()
    source, target = make(client, "source", ONE), make(client, "target", TWO)
    harness.clock.threads_are_busy = True
    asked = ioctl_request(DUPLICATE, request(source, 0, 0, PAGE), target)
    copying = client.send(c.SMB2_IOCTL, asked)
    client.close(source)
    other = make(client, "other", THREE)  # might well get the descriptor the source had
    harness.clock.run_threads()
    client.wait(copying)
    harness.clock.threads_are_busy = False
    assert client.read(target) == ONE
    assert client.read(other) == THREE
