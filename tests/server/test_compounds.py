"""Compounds: related and unrelated elements, each with its own signature and its own status."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nethood import erref
from nethood.smb2 import constants as c
from nethood.smb2.close import CloseRequest
from nethood.smb2.header import HEADER_SIZE, Header, split_compound
from nethood.smb2.simple import EchoRequest, FlushRequest, LogoffRequest, TreeDisconnectRequest
from nethood.smb2.tree_connect import TreeConnectRequest
from nethood.text import encode_utf16
from tests.server.client import DIALECTS, Element, Reply
from tests.server.files import (
    NO_FILE,
    RELATED,
    Client,
    create_request,
    handle_of,
    read_request,
    related,
    write_request,
)
from tests.server.harness import Harness, connection_of, is_dropped, transport_of

NOT_FOUND = erref.STATUS_OBJECT_NAME_NOT_FOUND
CREATE = Element(c.SMB2_CREATE, create_request("a"))
OPEN = Element(c.SMB2_CREATE, create_request("a", disposition=c.FILE_OPEN))
ECHO = Element(c.SMB2_ECHO, EchoRequest())
WRITE = related(c.SMB2_WRITE, write_request(RELATED, b"data"))
READ = related(c.SMB2_READ, read_request(RELATED))
FLUSH = related(c.SMB2_FLUSH, FlushRequest(**RELATED.ids))
CLOSE = related(c.SMB2_CLOSE, CloseRequest(**RELATED.ids))


def statuses(replies: list[Reply]) -> list[str]:
    return [erref.status_name(reply.status).removeprefix("STATUS_") for reply in replies]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_file_in_one_chain(harness: Harness, dialect: int) -> None:
    client = harness.login(dialect)
    replies = client.chain(CREATE, WRITE, FLUSH, READ, CLOSE)
    assert statuses(replies) == ["SUCCESS"] * 5
    assert replies[3].body.data == b"data"
    assert not connection_of(client).core.session_table[replies[0].header.session_id].open_table


def test_answers_come_as_one_chain_too(client: Client) -> None:
    ids = client.send_chain([CREATE, WRITE, READ, CLOSE])
    (frame,) = transport_of(client).sent
    parts = split_compound(memoryview(frame)[4:])
    headers = [Header.decode(part) for part in parts]
    assert [header.message_id for header in headers] == ids
    assert all(len(part) % 8 == 0 for part in parts[:-1])
    assert all(header.flags & c.SMB2_FLAGS_SIGNED for header in headers)
    flags = [header.flags & c.SMB2_FLAGS_RELATED_OPERATIONS for header in headers]
    assert [bool(flag) for flag in flags] == [False, True, True, True]


def test_unrelated_elements_share_nothing_but_the_frame(client: Client) -> None:
    made = client.create("a")
    replies = client.chain(
        Element(c.SMB2_READ, read_request(RELATED)),
        Element(c.SMB2_WRITE, write_request(made, b"x")),
        ECHO,
        OPEN,
    )
    assert statuses(replies) == ["FILE_CLOSED", "SUCCESS", "SUCCESS", "SUCCESS"]


def test_elements_that_follow_a_failure_fail_alike(client: Client) -> None:
    replies = client.chain(OPEN, READ, CLOSE)
    assert statuses(replies) == ["OBJECT_NAME_NOT_FOUND"] * 3
    assert client.names() == []


def test_a_failure_in_the_middle_leaves_the_file_usable(client: Client) -> None:
    beyond = related(c.SMB2_READ, read_request(RELATED, 10, 1 << 40))
    replies = client.chain(CREATE, beyond, WRITE, READ, CLOSE)
    assert statuses(replies)[1:] == ["END_OF_FILE", "SUCCESS", "SUCCESS", "SUCCESS"]


def test_a_file_closed_in_a_chain_is_closed_for_the_rest(client: Client) -> None:
    replies = client.chain(CREATE, CLOSE, READ)
    assert statuses(replies) == ["SUCCESS", "SUCCESS", "FILE_CLOSED"]


def test_a_chain_may_go_on_with_a_file_it_names(client: Client) -> None:
    handle = client.create("a")
    replies = client.chain(Element(c.SMB2_WRITE, write_request(handle, b"one")), READ, CLOSE)
    assert statuses(replies) == ["SUCCESS"] * 3
    assert replies[1].body.data == b"one"


def test_a_chain_connects_a_tree_and_uses_it(harness: Harness) -> None:
    client = harness.login(share="")
    connect = Element(c.SMB2_TREE_CONNECT, TreeConnectRequest(encode_utf16("\\\\srv\\public")))
    create = related(c.SMB2_CREATE, create_request("a"))
    replies = client.chain(connect, create, WRITE, CLOSE)
    assert statuses(replies) == ["SUCCESS"] * 4


def test_a_related_element_may_not_come_first(client: Client) -> None:
    replies = client.chain(READ, ECHO)
    assert statuses(replies) == ["INVALID_PARAMETER", "SUCCESS"]
    assert statuses(client.chain(READ)) == ["INVALID_PARAMETER"]


def test_each_element_needs_a_signature_of_its_own(client: Client) -> None:
    unsigned = Element(c.SMB2_ECHO, EchoRequest(), sign=False)
    replies = client.chain(ECHO, unsigned, ECHO)
    assert statuses(replies) == ["SUCCESS", "ACCESS_DENIED", "SUCCESS"]


def test_an_element_with_a_wrong_signature_does_nothing(client: Client) -> None:
    ids = [client.take_ids(1), client.take_ids(1)]
    session = client.session
    assert session is not None
    parts = []
    for message_id in ids:
        header = client.encode(CREATE, message_id, credits_wanted=1, charge=1)
        body = create_request(f"file {message_id}").encode()
        body += bytes(-len(body) % 8)
        if message_id == ids[0]:
            header.next_command = HEADER_SIZE + len(body)
        parts.append(bytearray(client.protect(header, body, None)))
    parts[0][50] ^= 1
    client.send_message(b"".join(parts))
    assert client.wait(ids[0], None).status == erref.STATUS_ACCESS_DENIED
    assert client.wait(ids[1], None).status == 0
    assert client.names() == [f"file {ids[1]}"]


def test_padding_is_part_of_what_is_signed(client: Client) -> None:
    """Our own chains of odd lengths verify only if the server counts the padding in."""
    replies = client.chain(Element(c.SMB2_CREATE, create_request("odd")), WRITE, READ, CLOSE)
    assert statuses(replies) == ["SUCCESS"] * 4


@pytest.mark.parametrize("next_command", [8, 63, 65, 68, 72 + 8, 1 << 31])
def test_a_chain_that_leads_nowhere_ends_the_connection(client: Client, next_command: int) -> None:
    header = client.encode(ECHO, client.take_ids(1), credits_wanted=1, charge=1)
    header.next_command = next_command
    client.send_message(header.encode() + EchoRequest().encode() + bytes(68))
    assert is_dropped(client)


def test_a_message_id_may_not_repeat_in_a_chain(client: Client) -> None:
    first = client.message_id
    client.take_ids(2)
    with pytest.raises(AssertionError):
        client.wait(client.send_chain([ECHO], message_id=first - 1)[0])
    assert is_dropped(client)


def test_credits_are_granted_in_every_element(client: Client) -> None:
    replies = client.chain(ECHO, ECHO, ECHO, credits_wanted=5)
    assert [reply.header.credits for reply in replies] == [5, 5, 5]


def test_a_large_chain(client: Client) -> None:
    client.call(c.SMB2_ECHO, EchoRequest(), credits_wanted=300)
    replies = client.chain(*[ECHO] * 200)
    assert statuses(replies) == ["SUCCESS"] * 200
    ids = [reply.header.message_id for reply in replies]
    assert all(b == a + 1 for a, b in pairwise(ids))


def test_nothing_is_opened_in_a_session_that_a_chain_has_ended(
    harness: Harness, client: Client
) -> None:
    """What is opened after the LOGOFF would belong to nobody, and never be closed."""
    session = client.session
    assert session is not None
    tree = TreeConnectRequest(encode_utf16("\\\\srv\\public"))
    replies = client.chain(
        Element(c.SMB2_LOGOFF, LogoffRequest()),
        Element(c.SMB2_TREE_CONNECT, tree),
        related(c.SMB2_CREATE, create_request("a", share=0)),
    )
    assert statuses(replies)[0] == "SUCCESS"
    assert all(reply.status == erref.STATUS_USER_SESSION_DELETED for reply in replies[1:])
    transport_of(client).abort("done")
    other = harness.login()
    assert other.names() == []


def test_a_tree_disconnected_in_a_chain_is_gone_for_the_rest(client: Client) -> None:
    replies = client.chain(
        CREATE,
        related(c.SMB2_TREE_DISCONNECT, TreeDisconnectRequest()),
        READ,
        related(c.SMB2_CREATE, create_request("b")),
    )
    assert statuses(replies)[:2] == ["SUCCESS"] * 2
    assert all(reply.status in GONE for reply in replies[2:])


GONE = (erref.STATUS_NETWORK_NAME_DELETED, erref.STATUS_FILE_CLOSED)


def test_a_chain_that_waits_for_a_disk_goes_on_in_order(harness: Harness) -> None:
    client = harness.login()
    harness.clock.threads_are_busy = True
    ids = client.send_chain([CREATE, WRITE, FLUSH, READ, CLOSE])
    assert client.find(ids[3]) is None
    harness.clock.run_threads()
    replies = [client.wait(message_id, None) for message_id in ids]
    assert statuses(replies) == ["SUCCESS"] * 5
    assert replies[3].body.data == b"data"


def test_a_peer_that_leaves_in_the_middle_of_a_chain(harness: Harness) -> None:
    client = harness.login()
    harness.clock.threads_are_busy = True
    client.send_chain([CREATE, FLUSH, related(c.SMB2_CREATE, create_request("b", share=0))])
    transport_of(client).abort("gone")
    harness.clock.threads_are_busy = False
    harness.clock.run_threads()
    other = harness.login()
    assert other.names() == ["a"]


def test_a_chain_with_a_lock_that_waits_at_its_end(harness: Harness) -> None:
    client, other = harness.login(), harness.login()
    exclusive = c.SMB2_LOCKFLAG_EXCLUSIVE_LOCK
    held = other.create("a")
    other.lock(held, (0, 10, exclusive | c.SMB2_LOCKFLAG_FAIL_IMMEDIATELY))
    lock = related(c.SMB2_LOCK, client.lock_request(RELATED, (0, 1, exclusive)))
    ids = client.send_chain([OPEN, lock])
    assert client.wait(ids[0]).status == 0
    client.last_interim(ids[1])
    assert client.find(ids[1]) is None
    other.close(held)
    assert client.wait(ids[1]).is_async


def test_handles_made_in_a_chain_stay(client: Client) -> None:
    handle = handle_of(client.chain(CREATE, WRITE)[0])
    assert client.read(handle) == b"data"
    assert handle.volatile != NO_FILE
