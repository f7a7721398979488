"""The limits of docs/limits.md that need no socket: all a peer makes the server hold is bounded."""

from __future__ import annotations

import pytest

from nethood import erref
from nethood.server.options import Limits, Options
from nethood.smb2 import constants as c
from nethood.smb2.read import ReadRequest
from nethood.smb2.session_setup import SessionSetupRequest
from nethood.smb2.simple import EchoRequest
from tests.server.files import Client, create_request, read_request, write_request
from tests.server.harness import Harness, connection_of, is_dropped, transport_of

TOO_MUCH = erref.STATUS_INSUFFICIENT_RESOURCES
INVALID = erref.STATUS_INVALID_PARAMETER


def limited(**limits: int) -> Harness:
    return Harness(options=Options(limits=Limits(**limits)))


def test_sessions_per_connection() -> None:
    harness = limited(sessions_per_connection=3)
    client = harness.connect()
    client.negotiate()
    for _ in range(3):
        client.login()
    token = SessionSetupRequest(security_buffer=b"NTLMSSP\0")
    client.call(c.SMB2_SESSION_SETUP, token, session_id=0, sign=False, status=TOO_MUCH)
    client.logoff()
    client.session = None
    client.login()


def test_sessions_in_progress_count_too() -> None:
    harness = limited(sessions_per_connection=5)
    client = harness.connect()
    client.negotiate()
    for _ in range(5):
        token = SessionSetupRequest(security_buffer=_ntlm_negotiate())
        client.call(c.SMB2_SESSION_SETUP, token, status=erref.STATUS_MORE_PROCESSING_REQUIRED)
    client.call(c.SMB2_SESSION_SETUP, token, status=TOO_MUCH)


def _ntlm_negotiate() -> bytes:
    flags = 0xE2088297
    return b"NTLMSSP\0" + (1).to_bytes(4, "little") + flags.to_bytes(4, "little") + bytes(24)


def test_trees_per_session() -> None:
    client = limited(trees_per_session=4).login(share="")
    for share in ("public", "IPC$", "public", "public"):
        client.tree_connect(share)
    for share in ("public", "IPC$"):
        client.tree_connect(share, status=TOO_MUCH)


def test_opens_per_session() -> None:
    harness = limited(opens_per_session=5)
    client = harness.login()
    handles = [client.create(f"f{index}") for index in range(5)]
    client.create("one more", status=TOO_MUCH)
    assert "open files" in harness.sentences("warning")[0]
    client.close(handles[0])
    client.create("one more")
    harness.login().create("another session has its own")


def test_pipes_count_as_opens() -> None:
    client = limited(opens_per_session=5).login(share="IPC$")
    for _ in range(5):
        client.open("srvsvc")
    client.create("srvsvc", status=TOO_MUCH)


def test_credits() -> None:
    harness = limited(credits=100)
    client = harness.login()
    for _ in range(10):
        client.echo(credits_wanted=0xFFFF)
    assert client.credits == 100
    for _ in range(300):
        client.echo(credits_wanted=1)
    assert client.credits == 100


def test_credits_before_login() -> None:
    client = limited(credits=100).connect()
    client.negotiate()
    for _ in range(5):
        client.echo(credits_wanted=0xFFFF)
    assert client.credits == 100


def test_requests_without_credits_end_the_connection() -> None:
    client = limited(credits=10).login()
    client.echo(credits_wanted=0xFFFF)
    client.message_id += 10
    client.send(c.SMB2_ECHO, EchoRequest())
    assert is_dropped(client)
    assert not transport_of(client).sent


def test_a_message_id_works_once(client: Client) -> None:
    client.echo()
    client.send(c.SMB2_ECHO, EchoRequest(), message_id=client.message_id - 1)
    assert is_dropped(client)


def test_a_large_request_must_be_paid_for(client: Client) -> None:
    handle = client.create("a")
    client.call(c.SMB2_READ, read_request(handle, 65537), charge=1, status=INVALID)
    client.call(c.SMB2_WRITE, write_request(handle, bytes(65537)), charge=1, status=INVALID)
    client.call(c.SMB2_WRITE, write_request(handle, bytes(65537)), charge=2)
    client.call(c.SMB2_READ, read_request(handle, 65537), charge=2)
    assert not is_dropped(client)


def test_nothing_is_larger_than_max_transact() -> None:
    harness = limited(max_transact=1 << 20, credits=8192)
    client = harness.login()
    client.echo(credits_wanted=1000)
    handle = client.create("a")
    client.read(handle, (1 << 20) + 1, status=INVALID)
    client.write(handle, bytes((1 << 20) + 1), status=INVALID)
    client.write(handle, bytes(1 << 20))
    assert len(client.read(handle, 1 << 20)) == 1 << 20


def test_nothing_is_larger_than_64_kib_in_2_0_2(harness: Harness) -> None:
    client = harness.login(0x0202)
    handle = client.create("a")
    client.read(handle, 65537, status=INVALID)
    client.write(handle, bytes(65537), status=INVALID)
    client.write(handle, bytes(65536))


def test_requests_that_wait_per_connection() -> None:
    harness = limited(async_per_connection=4)
    client = harness.login()
    folder = client.open("", options=c.FILE_DIRECTORY_FILE)
    waiting = [client.watch(folder) for _ in range(4)]
    client.wait(client.watch(folder), TOO_MUCH)
    client.cancel(waiting[0])
    client.wait(waiting[0], erref.STATUS_CANCELLED)
    client.watch(folder)
    harness.login().watch(folder)


def test_refused_logins_that_wait_count_too() -> None:
    harness = limited(async_per_connection=4)
    client = harness.connect()
    client.negotiate()
    for _ in range(6):
        client.begin_login("alice", "wrong")
    assert len(connection_of(client).async_table) <= 4


def test_failed_logins_per_connection() -> None:
    harness = limited(login_failures_per_connection=3)
    client = harness.connect()
    client.negotiate()
    for _ in range(2):
        client.begin_login("alice", "wrong")
    assert not is_dropped(client)
    client.begin_login("alice", "wrong")
    assert is_dropped(client)
    harness.login()


def test_a_lock_that_is_one_too_many_is_not_left_behind() -> None:
    harness = limited(async_per_connection=1)
    first, second = harness.login(), harness.login()
    exclusive = c.SMB2_LOCKFLAG_EXCLUSIVE_LOCK
    held, wanted = first.create("a"), second.create("a")
    first.lock(held, (0, 10, exclusive | c.SMB2_LOCKFLAG_FAIL_IMMEDIATELY))
    second.watch(second.open("", options=c.FILE_DIRECTORY_FILE))
    second.lock(wanted, (0, 1, exclusive), status=TOO_MUCH)
    first.close(held)
    third = harness.login()
    third.lock(third.open("a"), (0, 1, exclusive | c.SMB2_LOCKFLAG_FAIL_IMMEDIATELY))


def test_locks_per_open() -> None:
    client = limited(locks_per_open=10).login()
    handle = client.create("a")
    flags = c.SMB2_LOCKFLAG_SHARED_LOCK | c.SMB2_LOCKFLAG_FAIL_IMMEDIATELY
    client.lock(handle, *[(index, 1, flags) for index in range(8)])
    client.lock(handle, *[(index, 1, flags) for index in range(8, 11)], status=TOO_MUCH)
    client.lock(handle, (8, 1, flags), (9, 1, flags))
    client.lock(handle, (10, 1, flags), status=TOO_MUCH)
    client.lock(handle, (0, 1, c.SMB2_LOCKFLAG_UNLOCK))
    client.lock(handle, (10, 1, flags))


def test_bytes_written_to_a_pipe() -> None:
    """A pipe takes 2 MiB that it can't understand yet, and no more."""
    client = limited().login(share="IPC$")
    client.echo(credits_wanted=1000)
    pipe = client.open("srvsvc")
    part = bytes.fromhex("05000b0310000000d0160000") + bytes(0x16D0 - 12)
    written = 0
    while written < 3 << 20:
        reply = client.call(c.SMB2_WRITE, write_request(pipe, part), status=None)
        if reply.status:
            break
        written += len(part)
    assert reply.status
    assert not is_dropped(client)


@pytest.mark.parametrize("length", [1025, 30_000])
def test_a_share_path(client: Client, length: int) -> None:
    client.tree_connect("x" * length, status=erref.STATUS_BAD_NETWORK_NAME)


def test_a_name_below_the_share(client: Client) -> None:
    invalid = erref.STATUS_OBJECT_NAME_INVALID
    client.create("n" * 256, status=invalid)
    reply = client.call(c.SMB2_CREATE, create_request("a\\" * 16_383 + "b"), status=None)
    assert reply.status in (invalid, erref.STATUS_OBJECT_PATH_NOT_FOUND)
    client.create("n" * 255)


def test_what_a_session_held_is_given_back(harness: Harness) -> None:
    """A hundred sessions with trees and opens leave nothing behind."""
    for _ in range(100):
        client = harness.login()
        for index in range(5):
            client.create(f"f{index}")
        pipes = client.tree_connect("IPC$")
        assert pipes.status == 0
        client.open("srvsvc")
        client.send(c.SMB2_READ, ReadRequest(length=10, **client.open("wkssvc").ids))
        transport_of(client).abort("gone")
    assert not harness.core.sessions
    assert not harness.core.connections
