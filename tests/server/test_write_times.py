"""Times a client sets hold against what it writes later ([MS-FSA] 2.1.5.15.2, 2.1.4.17)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nethood import erref
from nethood.fscc.file_info import (
    FileAllocationInformation,
    FileBasicInformation,
    FileEndOfFileInformation,
    FileModeInformation,
    FilePositionInformation,
)
from nethood.smb2 import constants as c
from nethood.store import LocalStore, MemoryStore, Store
from tests.server.files import BASIC, END_OF_FILE, Client, Handle
from tests.server.harness import Harness

TIME = 132_000_000_000_000_000
ALLOCATION, MODE, POSITION = 19, 16, 14


@pytest.fixture(params=["memory", "local"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Client:
    """Alice, at a server with a store of each kind."""
    store: Store = MemoryStore() if request.param == "memory" else LocalStore(tmp_path)
    return Harness({"public": store}).login()


def set_write_time(client: Client, handle: Handle, time: int) -> None:
    """Set LastWriteTime and nothing else."""
    client.set(handle, BASIC, FileBasicInformation(0, 0, time, 0, 0).encode())


def write_time(client: Client, handle: Handle) -> int:
    """Return LastWriteTime."""
    return int(FileBasicInformation.decode(client.query(handle, BASIC)).last_write_time)


def test_a_time_that_was_set_stays_when_its_handle_writes(client: Client) -> None:
    handle = client.create("file")
    set_write_time(client, handle, TIME)
    client.write(handle, b"data")
    client.write(handle, b"more", flags=c.SMB2_WRITEFLAG_WRITE_THROUGH)
    client.set(handle, END_OF_FILE, FileEndOfFileInformation(3).encode())
    client.set(handle, ALLOCATION, FileAllocationInformation(1).encode())
    assert write_time(client, handle) == TIME
    client.close(handle)
    assert client.get("file") == b"m"
    assert write_time(client, client.open("file")) == TIME


def test_another_handle_moves_it(client: Client) -> None:
    handle, other = client.create("file"), client.open("file")
    set_write_time(client, handle, TIME)
    client.write(other, b"data")
    moved = write_time(client, handle)
    assert moved > TIME
    client.write(handle, b"data")
    assert write_time(client, handle) == moved


def test_minus_one_holds_the_time_and_minus_two_lets_it_go(client: Client) -> None:
    handle, other = client.create("file"), client.open("file")
    set_write_time(client, other, TIME)
    set_write_time(client, handle, -1)
    client.write(handle, b"data")
    assert write_time(client, handle) == TIME
    set_write_time(client, handle, -2)
    assert write_time(client, handle) == TIME
    client.write(handle, b"data")
    assert write_time(client, handle) > TIME


def test_other_values_below_zero_are_refused(client: Client) -> None:
    handle = client.create("file")
    data = FileBasicInformation(0, 0, -3, 0, 0).encode()
    client.set(handle, BASIC, data, status=erref.STATUS_INVALID_PARAMETER)


def test_the_mode_of_a_handle_can_be_changed(client: Client) -> None:
    handle = client.create("file")
    client.set(handle, MODE, FileModeInformation(c.FILE_WRITE_THROUGH).encode())
    assert FileModeInformation.decode(client.query(handle, MODE)).mode == c.FILE_WRITE_THROUGH
    data = FileModeInformation(c.FILE_DIRECTORY_FILE).encode()
    client.set(handle, MODE, data, status=erref.STATUS_INVALID_PARAMETER)
    client.set(handle, MODE, FileModeInformation(0).encode())
    assert FileModeInformation.decode(client.query(handle, MODE)).mode == 0


def test_a_read_moves_the_position(client: Client) -> None:
    handle = client.create("file")
    client.write(handle, b"0123456789")
    assert client.read(handle, 4, 3) == b"3456"
    position = FilePositionInformation.decode(client.query(handle, POSITION))
    assert position.current_byte_offset == 7
