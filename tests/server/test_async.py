"""What waits: interim answers, CANCEL by either id, and answers that come in their own time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nethood import erref
from nethood.fscc.dir_info import decode_entries
from nethood.smb2 import constants as c
from nethood.smb2.query_directory import QueryDirectoryRequest
from nethood.smb2.read import ReadRequest
from nethood.smb2.simple import EchoRequest, FlushRequest
from nethood.store.memory import MemoryStore
from tests.server.client import DIALECTS
from tests.server.files import Client, Handle, write_request
from tests.server.harness import Harness, connection_of, is_dropped, transport_of

CANCELLED = erref.STATUS_CANCELLED
EXCLUSIVE = c.SMB2_LOCKFLAG_EXCLUSIVE_LOCK
SHARED = c.SMB2_LOCKFLAG_SHARED_LOCK
AT_ONCE = c.SMB2_LOCKFLAG_FAIL_IMMEDIATELY
UNLOCK = c.SMB2_LOCKFLAG_UNLOCK


def watching(client: Client) -> tuple[Handle, int]:
    """Return a directory handle and the id of a CHANGE_NOTIFY that waits on it."""
    folder = client.open("", options=c.FILE_DIRECTORY_FILE)
    return folder, client.watch(folder)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_interim_answer_tells_of_the_wait(harness: Harness, dialect: int) -> None:
    client = harness.login(dialect)
    _, message_id = watching(client)
    interim = client.last_interim(message_id)
    assert interim.header.async_id != 0
    assert interim.header.credits > 0
    assert not interim.is_signed
    client.create("a")
    final = client.wait(message_id)
    assert final.is_async
    assert final.header.async_id == interim.header.async_id
    assert final.header.credits == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("by_async_id", [True, False])
def test_cancel(harness: Harness, dialect: int, by_async_id: bool) -> None:
    client = harness.login(dialect)
    _, message_id = watching(client)
    interim = client.last_interim(message_id)
    client.cancel(message_id, interim.header.async_id if by_async_id else 0)
    client.wait(message_id, CANCELLED)
    assert not connection_of(client).async_table
    client.create("a")
    assert not transport_of(client).sent


def test_only_what_was_meant_is_cancelled(client: Client) -> None:
    folder, first = watching(client)
    second = client.watch(folder)
    client.cancel(second, client.last_interim(second).header.async_id)
    client.wait(second, CANCELLED)
    assert client.find(first) is None
    client.create("a")
    assert client.changes(first)


@pytest.mark.parametrize("async_id", [0, 99, 2**64 - 1])
def test_a_cancel_of_nothing_is_not_answered(client: Client, async_id: int) -> None:
    client.cancel(12345, async_id)
    assert not transport_of(client).sent
    client.echo()


def test_a_cancel_uses_no_credit(client: Client) -> None:
    before = client.credits
    for _ in range(before + 5):
        client.cancel(0)
    client.echo(credits_wanted=1)
    assert client.credits == before


@pytest.mark.parametrize("by_async_id", [True, False])
def test_a_cancel_with_a_wrong_signature_cancels_nothing(client: Client, by_async_id: bool) -> None:
    _, message_id = watching(client)
    async_id = client.last_interim(message_id).header.async_id
    client.cancel(message_id, async_id if by_async_id else 0, sign=False)
    assert client.find(message_id) is None
    assert not is_dropped(client)


def test_another_session_does_not_cancel_by_async_id(harness: Harness, client: Client) -> None:
    _, message_id = watching(client)
    async_id = client.last_interim(message_id).header.async_id
    alice = client.session
    client.login("bob", "hunter2")
    client.cancel(message_id, async_id)
    client.session = alice
    assert client.find(message_id) is None


def test_a_connection_that_ends_forgets_what_waits(harness: Harness, client: Client) -> None:
    watching(client)
    connection = connection_of(client)
    transport_of(client).abort("gone")
    assert not connection.async_table
    other = harness.login()
    other.create("a")


def test_logoff_ends_what_waits(client: Client) -> None:
    _, message_id = watching(client)
    client.last_interim(message_id)
    logoff = client.logoff()
    assert logoff.status == 0
    reply = client.find(message_id)
    assert reply is not None
    assert reply.status in (erref.STATUS_NOTIFY_CLEANUP, CANCELLED)
    assert not connection_of(client).async_table


def test_closing_the_directory_ends_its_watch(client: Client) -> None:
    folder, message_id = watching(client)
    client.close(folder)
    client.wait(message_id, erref.STATUS_NOTIFY_CLEANUP)


# Locks


def test_a_lock_waits_until_it_is_granted(harness: Harness) -> None:
    first, second = harness.login(), harness.login(user="bob")
    held, wanted = first.create("a"), second.create("a")
    first.lock(held, (0, 100, EXCLUSIVE | AT_ONCE))
    message_id = second.send(c.SMB2_LOCK, second.lock_request(wanted, (50, 10, EXCLUSIVE)))
    second.last_interim(message_id)
    assert second.find(message_id) is None
    first.lock(held, (0, 100, UNLOCK))
    assert second.wait(message_id).is_signed
    first.lock(held, (50, 1, EXCLUSIVE | AT_ONCE), status=erref.STATUS_LOCK_NOT_GRANTED)


def test_a_lock_that_may_not_wait_fails(harness: Harness) -> None:
    first, second = harness.login(), harness.login()
    held, wanted = first.create("a"), second.create("a")
    first.lock(held, (0, 100, SHARED | AT_ONCE))
    second.lock(wanted, (0, 1, SHARED | AT_ONCE))
    second.lock(wanted, (1, 1, EXCLUSIVE | AT_ONCE), status=erref.STATUS_LOCK_NOT_GRANTED)


def test_a_lost_connection_gives_its_locks_back(harness: Harness) -> None:
    first, second = harness.login(), harness.login()
    held, wanted = first.create("a"), second.create("a")
    first.lock(held, (0, 100, EXCLUSIVE | AT_ONCE))
    message_id = second.send(c.SMB2_LOCK, second.lock_request(wanted, (0, 1, EXCLUSIVE)))
    second.last_interim(message_id)
    transport_of(first).abort("gone")
    second.wait(message_id)


def test_a_cancelled_lock_is_not_held(harness: Harness) -> None:
    first, second = harness.login(), harness.login()
    held, wanted = first.create("a"), second.create("a")
    first.lock(held, (0, 100, EXCLUSIVE | AT_ONCE))
    message_id = second.send(c.SMB2_LOCK, second.lock_request(wanted, (0, 1, EXCLUSIVE)))
    second.cancel(message_id)
    second.wait(message_id, CANCELLED)
    first.close(held)
    first.lock(first.open("a"), (0, 1, EXCLUSIVE | AT_ONCE))


def test_locks_bar_reading_and_writing_of_others(harness: Harness) -> None:
    first, second = harness.login(), harness.login()
    held, other = first.create("a"), second.create("a")
    first.write(held, b"0123456789")
    first.lock(held, (2, 3, EXCLUSIVE | AT_ONCE), (8, 1, SHARED | AT_ONCE))
    conflict = erref.STATUS_FILE_LOCK_CONFLICT
    second.read(other, 4, status=conflict)
    second.write(other, b"x", 4, status=conflict)
    second.write(other, b"x", 8, status=conflict)
    assert second.read(other, 2) == b"01"
    assert second.read(other, 2, 8) == b"89"
    assert first.read(held, 10) == b"0123456789"


# Threads


def test_a_flush_that_waits_holds_up_nobody(harness: Harness, client: Client) -> None:
    handle = client.create("a")
    client.write(handle, b"x")
    harness.clock.threads_are_busy = True
    message_id = client.send(c.SMB2_FLUSH, FlushRequest(**handle.ids))
    client.echo()
    assert client.read(handle) == b"x"
    assert not client.pending
    harness.clock.run_threads()
    assert not client.wait(message_id).is_async


def test_the_pages_of_a_slow_folder_hold_up_nobody() -> None:
    store = MemoryStore()
    store.capabilities = replace(store.capabilities, blocking=frozenset({"entries"}))
    harness = Harness({"public": store})
    client = harness.login()
    names = [f"file {index:03}" for index in range(60)]
    for name in names:
        client.close(client.create(name))
    folder = client.open("", options=c.FILE_DIRECTORY_FILE)
    harness.clock.threads_are_busy = True
    query = QueryDirectoryRequest(
        file_information_class=1, output_buffer_length=4000, file_name=b"*\0", **folder.ids
    )
    pages = [client.send(c.SMB2_QUERY_DIRECTORY, query) for _ in range(2)]
    client.echo()
    assert not client.pending
    harness.clock.run_threads()
    found = [
        entry.file_name
        for page in pages
        for entry in decode_entries(1, client.wait(page).body.output_buffer)
    ]
    assert len(found) > 60 / 2
    assert len(set(found)) == len(found)


def test_a_file_closed_while_a_thread_works_on_it(harness: Harness, client: Client) -> None:
    handle = client.create("a")
    harness.clock.threads_are_busy = True
    message_id = client.send(c.SMB2_FLUSH, FlushRequest(**handle.ids))
    client.close(handle)
    harness.clock.run_threads()
    client.wait(message_id)


def test_a_write_in_a_thread_does_not_depend_on_the_frame(harness: Harness, client: Client) -> None:
    """The frame's memory is used again at once; the harness overwrites it."""
    handle = client.create("a")
    harness.clock.threads_are_busy = True
    through = c.SMB2_WRITEFLAG_WRITE_THROUGH
    message_id = client.send(c.SMB2_WRITE, write_request(handle, b"mine" * 9, flags=through))
    client.send(c.SMB2_ECHO, EchoRequest())
    harness.clock.run_threads()
    client.wait(message_id)
    assert client.read(handle) == b"mine" * 9


def test_a_pipe_read_waits_for_something_to_read(client: Client) -> None:
    client.tree_connect("IPC$")
    pipe = client.open("srvsvc")
    message_id = client.send(c.SMB2_READ, ReadRequest(length=1024, **pipe.ids))
    client.last_interim(message_id)
    client.cancel(message_id)
    client.wait(message_id, CANCELLED)
    again = client.send(c.SMB2_READ, ReadRequest(length=1024, **pipe.ids))
    client.last_interim(again)
    client.close(pipe)
    reply = client.wait(again, None)
    assert reply.status in (CANCELLED, erref.STATUS_PIPE_BROKEN)
