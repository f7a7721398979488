"""Which change a CHANGE_NOTIFY filter tells of ([MS-FSA] 2.1.5.15.2, .4, .12)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nethood import erref
from nethood.dtyp.access_mask import FILE_LIST_DIRECTORY
from nethood.fsa import flags as f
from nethood.fscc.file_info import FileBasicInformation, FileEndOfFileInformation
from nethood.smb2 import constants as c
from tests.server.files import BASIC, END_OF_FILE, Client, Handle

TIME = 132_000_000_000_000_000
Change = Callable[[Client, Handle], None]


def basic(**fields: int) -> Change:
    """Return what sets some fields of FileBasicInformation and leaves the others."""
    zeros = dict.fromkeys(
        (
            "creation_time",
            "last_access_time",
            "last_write_time",
            "change_time",
            "file_attributes",
        ),
        0,
    )
    data = FileBasicInformation(**{**zeros, **fields}).encode()
    return lambda client, handle: client.set(handle, BASIC, data)


def resize(client: Client, handle: Handle) -> None:
    """Move the end of file."""
    client.set(handle, END_OF_FILE, FileEndOfFileInformation(7).encode())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (basic(file_attributes=2), f.FILE_NOTIFY_CHANGE_ATTRIBUTES),
        (basic(creation_time=TIME), f.FILE_NOTIFY_CHANGE_CREATION),
        (basic(last_access_time=TIME), f.FILE_NOTIFY_CHANGE_LAST_ACCESS),
        (basic(last_write_time=TIME), f.FILE_NOTIFY_CHANGE_LAST_WRITE),
        (basic(change_time=TIME), 0),
        (basic(last_write_time=-1), 0),
        (resize, f.FILE_NOTIFY_CHANGE_SIZE | f.FILE_NOTIFY_CHANGE_LAST_WRITE),
        (
            lambda client, handle: client.write(handle, b"x"),
            f.FILE_NOTIFY_CHANGE_SIZE | f.FILE_NOTIFY_CHANGE_LAST_WRITE,
        ),
    ],
)
def test_each_filter_tells_of_its_changes_only(client: Client, change: Change, told: int) -> None:
    found = 0
    for bit in range(12):
        handle = client.create(f"file{bit}")
        root = client.open("", options=c.FILE_DIRECTORY_FILE)
        watch = client.watch(root, filter_=1 << bit)
        change(client, handle)
        reply = client.find(watch)
        if reply is None:
            client.cancel(watch)
            client.wait(watch, erref.STATUS_CANCELLED)
        else:
            client.unread.append(reply)
            assert client.changes(watch) == [(f.FILE_ACTION_MODIFIED, f"file{bit}")]
            found |= 1 << bit
        client.close(root)
        client.close(handle)
    assert found == told


def test_a_renamed_file_is_also_one_with_other_attributes(client: Client) -> None:
    attributes, names = f.FILE_NOTIFY_CHANGE_ATTRIBUTES, f.FILE_NOTIFY_CHANGE_FILE_NAME
    file, folder = client.create("one"), client.mkdir("folder")
    watches = [
        client.watch(client.open("", access=FILE_LIST_DIRECTORY), filter_=filter_)
        for filter_ in (attributes, attributes | names)
    ]
    client.rename(folder, "moved")
    client.rename(file, "two")
    assert client.changes(watches[0]) == [(f.FILE_ACTION_MODIFIED, "two")]
    assert client.changes(watches[1]) == [
        (f.FILE_ACTION_RENAMED_OLD_NAME, "one"),
        (f.FILE_ACTION_RENAMED_NEW_NAME, "two"),
    ]
