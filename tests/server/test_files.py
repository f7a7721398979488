"""Files and folders over the wire, alike on every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nethood import erref
from nethood.dtyp.access_mask import (
    DELETE,
    FILE_ALL_ACCESS,
    FILE_READ_ATTRIBUTES,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
)
from nethood.fscc.file_info import FileEndOfFileInformation, FileStandardInformation
from nethood.fscc.name_info import FileRenameInformation
from nethood.smb2 import constants as c
from nethood.smb2.create_contexts import (
    QueryMaximalAccessResponse,
    QueryOnDiskIdResponse,
    decode_contexts,
    encode_contexts,
)
from nethood.store import LocalStore, MemoryStore, Store
from tests.server.files import (
    END_OF_FILE,
    RENAME,
    SHARE_ALL,
    STANDARD,
    Client,
    Handle,
    create_request,
    set_request,
)
from tests.server.harness import Harness

NOT_FOUND = erref.STATUS_OBJECT_NAME_NOT_FOUND
PATH_NOT_FOUND = erref.STATUS_OBJECT_PATH_NOT_FOUND
COLLISION = erref.STATUS_OBJECT_NAME_COLLISION
DENIED = erref.STATUS_ACCESS_DENIED
SHARING = erref.STATUS_SHARING_VIOLATION
DELETED = erref.STATUS_DELETE_PENDING


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    made: Store = MemoryStore() if request.param == "memory" else LocalStore(tmp_path)
    yield made
    made.close()


@pytest.fixture
def harness(store: Store) -> Harness:
    """A server with that store as "public"."""
    return Harness({"public": store})


def standard(client: Client, name: str) -> FileStandardInformation:
    handle = client.open(name)
    found = FileStandardInformation.decode(client.query(handle, STANDARD))
    client.close(handle)
    return found


def test_what_is_written_is_read(client: Client) -> None:
    handle = client.create("a.txt")
    client.write(handle, b"0123456789")
    client.write(handle, b"abc", 4)
    client.write(handle, b"end", 20)
    assert client.read(handle) == b"0123abc789" + bytes(10) + b"end"
    assert client.read(handle, 3, 5) == b"bc7"
    client.read(handle, 1, 23, status=erref.STATUS_END_OF_FILE)
    client.close(handle)
    client.close(handle, status=erref.STATUS_FILE_CLOSED)
    assert client.get("A.TXT").endswith(b"end")


def test_megabytes_in_pieces(client: Client) -> None:
    client.echo(credits_wanted=2000)
    data = bytes(range(256)) * 12_289
    handle = client.create("big")
    for offset in range(0, len(data), 1 << 20):
        client.write(handle, data[offset : offset + (1 << 20)], offset)
    pieces = [client.read(handle, 999_983, at) for at in range(0, len(data), 999_983)]
    assert b"".join(pieces) == data
    reply = client.close(handle, flags=c.SMB2_CLOSE_FLAG_POSTQUERY_ATTRIB)
    assert reply.body.end_of_file == len(data)


def test_the_end_of_file_moves(client: Client) -> None:
    handle = client.create("a")
    client.write(handle, b"0123456789")
    client.set(handle, END_OF_FILE, FileEndOfFileInformation(end_of_file=4).encode())
    assert client.read(handle) == b"0123"
    client.set(handle, END_OF_FILE, FileEndOfFileInformation(end_of_file=6).encode())
    assert client.read(handle) == b"0123\0\0"
    assert standard(client, "a").end_of_file == 6


def test_a_tree_of_folders(client: Client) -> None:
    for name in ("a", "a\\b", "a\\b\\c"):
        client.close(client.mkdir(name))
    client.put("a\\b\\c\\file", b"deep")
    assert client.get("A\\B\\C\\FILE") == b"deep"
    assert client.names("a\\b") == ["c"]
    client.create("a\\x\\file", status=PATH_NOT_FOUND)
    client.create("a\\b\\c\\file\\x", status=PATH_NOT_FOUND)
    client.create("a", status=erref.STATUS_FILE_IS_A_DIRECTORY, options=c.FILE_NON_DIRECTORY_FILE)
    not_a_directory = erref.STATUS_NOT_A_DIRECTORY
    client.create("a\\b\\c\\file", status=not_a_directory, options=c.FILE_DIRECTORY_FILE)


def test_a_listing_of_many_pages(client: Client) -> None:
    expected = [f"file {index:04}.txt" for index in range(700)]
    for name in expected:
        client.close(client.create(name))
    assert sorted(client.names()) == expected
    assert sorted(client.names(pattern="file 00*")) == expected[:100]
    assert client.names(pattern="FILE 0042.TXT") == ["file 0042.txt"]
    assert client.names(pattern="nothing*") == []
    folder = client.open("")
    pages = 0
    while client.page(folder, room=1000) is not None:
        pages += 1
    assert pages > 70


DISPOSITIONS = [
    # disposition, status and action where nothing exists, status and action where a file does
    (c.FILE_SUPERSEDE, 0, c.FILE_CREATED, 0, c.FILE_SUPERSEDED),
    (c.FILE_OPEN, NOT_FOUND, None, 0, c.FILE_OPENED),
    (c.FILE_CREATE, 0, c.FILE_CREATED, COLLISION, None),
    (c.FILE_OPEN_IF, 0, c.FILE_CREATED, 0, c.FILE_OPENED),
    (c.FILE_OVERWRITE, NOT_FOUND, None, 0, c.FILE_OVERWRITTEN),
    (c.FILE_OVERWRITE_IF, 0, c.FILE_CREATED, 0, c.FILE_OVERWRITTEN),
]


@pytest.mark.parametrize(("disposition", "status", "action", "status2", "action2"), DISPOSITIONS)
def test_dispositions(
    client: Client,
    disposition: int,
    status: int,
    action: int | None,
    status2: int,
    action2: int | None,
) -> None:
    client.put("there", b"old")
    for name, wanted, made in (("new", status, action), ("there", status2, action2)):
        request = create_request(name, disposition=disposition)
        reply = client.call(c.SMB2_CREATE, request, status=wanted)
        if not wanted:
            assert reply.body.create_action == made
    kept = action2 in (None, c.FILE_OPENED)
    assert client.get("there") == b"old" if kept else standard(client, "there").end_of_file == 0


def test_create_contexts_are_answered(client: Client) -> None:
    client.put("a", b"x")
    contexts = encode_contexts([(b"MxAc", b""), (b"QFid", b""), (b"XXXX", b"unknown")])
    reply = client.call(c.SMB2_CREATE, create_request("a", contexts=contexts))
    answers = dict(decode_contexts(reply.body.create_contexts))
    assert set(answers) == {b"MxAc", b"QFid"}
    access = QueryMaximalAccessResponse.decode(answers[b"MxAc"])
    assert (access.query_status, access.maximal_access) == (0, FILE_ALL_ACCESS)
    first = QueryOnDiskIdResponse.decode(answers[b"QFid"])
    reply = client.call(c.SMB2_CREATE, create_request("A", contexts=contexts))
    again = QueryOnDiskIdResponse.decode(dict(decode_contexts(reply.body.create_contexts))[b"QFid"])
    assert first == again
    assert first.disk_file_id


def test_access_that_was_not_asked_for_is_not_had(client: Client) -> None:
    client.put("a", b"x")
    reader = client.open("a", access=FILE_READ_DATA)
    client.write(reader, b"y", status=DENIED)
    client.delete(reader, status=DENIED)
    writer = client.open("a", access=FILE_WRITE_DATA)
    client.read(writer, status=DENIED)
    looker = client.open("a", access=FILE_READ_ATTRIBUTES)
    client.read(looker, status=DENIED)
    assert client.get("a") == b"x"


def test_share_modes(harness: Harness, client: Client) -> None:
    other = harness.login(user="bob")
    held = client.create("a", share=c.FILE_SHARE_READ)
    other.open("a", access=FILE_READ_DATA, status=SHARING, share=c.FILE_SHARE_READ)
    other.open("a", access=FILE_WRITE_DATA, status=SHARING)
    other.close(other.open("a", access=FILE_READ_DATA))
    client.close(held)
    other.open("a", access=FILE_WRITE_DATA)


def test_delete_on_close(client: Client) -> None:
    handle = client.create("a", options=c.FILE_DELETE_ON_CLOSE)
    client.write(handle, b"x")
    assert client.names() == ["a"]
    client.close(handle)
    assert client.names() == []


def test_a_pending_delete_waits_for_the_last_close(harness: Harness, client: Client) -> None:
    other = harness.login()
    first, second = client.create("a"), other.open("a")
    client.delete(first)
    other.open("a", status=DELETED)
    client.create("A", status=DELETED)
    other.write(second, b"still here")
    client.close(first)
    assert client.names() == ["a"]
    other.close(second)
    assert client.names() == []
    client.create("a")


def test_a_pending_delete_is_taken_back(client: Client) -> None:
    handle = client.create("a")
    client.delete(handle)
    client.delete(handle, pending=False)
    client.close(handle)
    assert client.names() == ["a"]


def test_a_folder_that_is_not_empty_stays(client: Client) -> None:
    folder = client.mkdir("d")
    client.put("d\\a", b"")
    client.delete(folder, status=erref.STATUS_DIRECTORY_NOT_EMPTY)
    client.close(client.open("d\\a", options=c.FILE_DELETE_ON_CLOSE))
    client.delete(folder)
    client.close(folder)
    assert client.names() == []


def test_rename(client: Client) -> None:
    client.put("a", b"content")
    client.close(client.mkdir("d"))
    handle = client.open("a")
    client.rename(handle, "d\\b")
    assert client.read(handle) == b"content"
    client.close(handle)
    assert client.names() == ["d"]
    assert client.get("d\\b") == b"content"


def test_rename_keeps_the_case_it_is_given(client: Client) -> None:
    client.put("name", b"x")
    handle = client.open("NAME")
    client.rename(handle, "Name")
    client.close(handle)
    assert client.names() == ["Name"]


def test_rename_over_another_file(client: Client) -> None:
    client.put("a", b"new")
    client.put("b", b"old")
    handle = client.open("a")
    client.rename(handle, "B", status=COLLISION)
    assert client.get("b") == b"old"
    client.rename(handle, "B", replace=True)
    client.close(handle)
    assert client.names() == ["B"]
    assert client.get("b") == b"new"


def test_an_open_file_is_not_replaced(client: Client) -> None:
    client.put("a", b"new")
    client.put("b", b"old")
    held = client.open("b")
    handle = client.open("a")
    client.rename(handle, "b", replace=True, status=DENIED)
    assert client.read(held) == b"old"


def test_a_folder_is_renamed_with_what_is_in_it(client: Client) -> None:
    folder = client.mkdir("d")
    client.put("d\\a", b"x")
    client.rename(folder, "e")
    client.close(folder)
    assert client.get("e\\a") == b"x"
    client.open("d\\a", status=PATH_NOT_FOUND)


def test_changes_are_told(harness: Harness, client: Client) -> None:
    folder = client.open("", options=c.FILE_DIRECTORY_FILE, access=FILE_READ_DATA)
    other = harness.login()
    message_id = client.watch(folder)
    client.last_interim(message_id)
    handle = other.create("a")
    assert client.changes(message_id) == [(c.FILE_ACTION_ADDED, "a")]
    message_id = client.watch(folder)
    other.rename(handle, "b")
    assert client.changes(message_id)[:2] == [
        (c.FILE_ACTION_RENAMED_OLD_NAME, "a"),
        (c.FILE_ACTION_RENAMED_NEW_NAME, "b"),
    ]
    message_id = client.watch(folder, filter_=c.FILE_NOTIFY_CHANGE_FILE_NAME)
    other.delete(handle)
    other.close(handle)
    assert (c.FILE_ACTION_REMOVED, "b") in client.changes(message_id)


def test_changes_below_are_told_where_wanted(harness: Harness, client: Client) -> None:
    client.close(client.mkdir("d"))
    flat = client.open("", options=c.FILE_DIRECTORY_FILE)
    deep = client.open("", options=c.FILE_DIRECTORY_FILE)
    names = c.FILE_NOTIFY_CHANGE_FILE_NAME
    first = client.watch(flat, filter_=names)
    second = client.watch(deep, filter_=names, flags=c.SMB2_WATCH_TREE)
    harness.login().put("d\\a", b"")
    assert client.changes(second) == [(c.FILE_ACTION_ADDED, "d\\a")]
    assert client.find(first) is None


BAD_PATHS = [
    ("..", {erref.STATUS_OBJECT_NAME_INVALID, erref.STATUS_OBJECT_PATH_SYNTAX_BAD}),
    ("..\\secret", {erref.STATUS_OBJECT_PATH_SYNTAX_BAD, erref.STATUS_OBJECT_NAME_INVALID}),
    ("a\\..\\..\\secret", {erref.STATUS_OBJECT_PATH_SYNTAX_BAD, erref.STATUS_OBJECT_NAME_INVALID}),
    ("../secret", {erref.STATUS_OBJECT_NAME_INVALID}),
    ("/etc/passwd", {erref.STATUS_OBJECT_NAME_INVALID}),
    ("a\0b", {erref.STATUS_OBJECT_NAME_INVALID}),
    ("\\a", {erref.STATUS_INVALID_PARAMETER, erref.STATUS_OBJECT_NAME_INVALID}),
    ("a:stream", {erref.STATUS_OBJECT_NAME_INVALID, NOT_FOUND}),
]


@pytest.mark.parametrize(("path", "statuses"), BAD_PATHS, ids=[repr(p) for p, _ in BAD_PATHS])
def test_paths_that_lead_out(client: Client, tmp_path: Path, path: str, statuses: set[int]) -> None:
    client.close(client.mkdir("a"))
    before = sorted(p.name for p in tmp_path.parent.iterdir())
    for disposition in (c.FILE_OPEN, c.FILE_CREATE, c.FILE_OPEN_IF):
        request = create_request(path, disposition=disposition)
        reply = client.call(c.SMB2_CREATE, request, status=None)
        assert reply.status in statuses, erref.status_name(reply.status)
    handle = client.create("here")
    if path not in ("\\a", "a:stream"):
        assert rename_status(client, handle, path)
    assert sorted(p.name for p in tmp_path.parent.iterdir()) == before
    assert sorted(client.names()) == ["a", "here"]


def rename_status(client: Client, handle: Handle, path: str) -> int:
    data = FileRenameInformation(path, True).encode()
    return client.call(c.SMB2_SET_INFO, set_request(handle, RENAME, data), status=None).status


def test_a_file_that_is_shared_by_all(client: Client) -> None:
    handles = [client.create("a", share=SHARE_ALL) for _ in range(5)]
    for index, handle in enumerate(handles):
        client.write(handle, b"%d" % index, index)
    assert client.read(handles[0]) == b"01234"


def test_a_rename_needs_the_right_to_delete(client: Client) -> None:
    client.put("a", b"")
    handle = client.open("a", access=FILE_ALL_ACCESS & ~DELETE)
    client.rename(handle, "b", status=DENIED)
