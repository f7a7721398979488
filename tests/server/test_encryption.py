"""Encryption per session and per share: what must be hidden is, and no nonce is used twice."""

from __future__ import annotations

import pytest

from nethood import erref
from nethood.server.options import Options, Share
from nethood.smb2 import constants as c
from nethood.smb2.simple import EchoRequest
from nethood.smb2.tree_connect import TreeConnectRequest
from nethood.store import MemoryStore
from nethood.text import encode_utf16
from tests.server.client import Element, default_contexts
from tests.server.files import (
    RELATED,
    Client,
    create_request,
    read_request,
    related,
    write_request,
)
from tests.server.harness import Harness, is_dropped, transport_of

DENIED = erref.STATUS_ACCESS_DENIED
CIPHERS = (c.AES_128_CCM, c.AES_128_GCM, c.AES_256_CCM, c.AES_256_GCM)


@pytest.fixture
def strict() -> Harness:
    """A server that encrypts everything."""
    return Harness(options=Options(encrypt=True))


@pytest.fixture
def mixed() -> Harness:
    """A server with a share that must be encrypted, and one that need not be."""
    secret = Share("secret", MemoryStore(), encrypt=True)
    return Harness({"open": MemoryStore(), "secret": secret})


def logged_in(harness: Harness, *, cipher: int = 0, dialect: int = 0x0311) -> Client:
    client = harness.connect()
    contexts = default_contexts((cipher,)) if cipher else None
    client.negotiate(dialect, contexts=contexts)
    client.login()
    return client


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_session_that_must_be_encrypted(strict: Harness, cipher: int) -> None:
    client = logged_in(strict, cipher=cipher)
    assert client.session is not None
    assert client.session.encrypt
    client.tree_connect()
    client.put("a", b"x" * 60_000)
    assert client.get("a") == b"x" * 60_000
    assert client.names() == ["a"]
    assert client.echo().is_encrypted
    client.create("nowhere\\b", status=erref.STATUS_OBJECT_PATH_NOT_FOUND)


@pytest.mark.parametrize("dialect", [0x0300, 0x0302])
def test_older_dialects_use_ccm(strict: Harness, dialect: int) -> None:
    client = logged_in(strict, dialect=dialect)
    client.tree_connect()
    client.put("a", b"x")
    assert client.get("a") == b"x"


@pytest.mark.parametrize("sign", [True, False])
def test_plain_requests_are_refused_in_an_encrypted_session(strict: Harness, sign: bool) -> None:
    client = logged_in(strict)
    request = TreeConnectRequest(encode_utf16("\\\\srv\\public"))
    reply = client.call(c.SMB2_TREE_CONNECT, request, status=DENIED, encrypt=False, sign=sign)
    assert reply.is_encrypted
    client.echo(status=DENIED, encrypt=False, sign=sign)


@pytest.mark.parametrize("dialect", [0x0202, 0x0210])
def test_who_can_not_encrypt_is_refused(strict: Harness, dialect: int) -> None:
    client = strict.connect()
    client.negotiate(dialect)
    client.finish_login(client.begin_login(), DENIED)
    assert "requires encryption" in strict.sentences("refused")[0]
    assert not strict.core.sessions


def test_who_offers_no_known_cipher_is_refused(strict: Harness) -> None:
    client = strict.connect()
    client.negotiate(0x0311, contexts=default_contexts((77,)))
    client.finish_login(client.begin_login(), DENIED)


def test_a_share_that_must_be_encrypted(mixed: Harness) -> None:
    client = logged_in(mixed)
    assert client.session is not None
    reply = client.tree_connect("secret")
    assert reply.body.share_flags & c.SMB2_SHAREFLAG_ENCRYPT_DATA
    assert not reply.is_encrypted
    client.create("a", status=DENIED)
    client.session.encrypt = True
    client.put("a", b"hidden")
    assert client.get("a") == b"hidden"


def test_another_share_of_the_same_session_stays_plain(mixed: Harness) -> None:
    client = logged_in(mixed)
    client.tree_connect("secret")
    reply = client.tree_connect("open")
    assert not reply.body.share_flags & c.SMB2_SHAREFLAG_ENCRYPT_DATA
    reply = client.call(c.SMB2_CREATE, create_request("a"))
    assert not reply.is_encrypted


def test_a_client_may_encrypt_where_it_need_not(harness: Harness) -> None:
    client = harness.login()
    assert client.session is not None
    client.session.encrypt = True
    client.put("a", b"hidden")
    assert client.echo().is_encrypted
    client.session.encrypt = False
    assert not client.echo().is_encrypted


@pytest.mark.parametrize("dialect", [0x0202, 0x0210])
def test_a_share_that_must_be_encrypted_refuses_old_dialects(mixed: Harness, dialect: int) -> None:
    client = mixed.connect()
    client.negotiate(dialect)
    client.login()
    client.tree_connect("secret", status=DENIED)
    (sentence,) = mixed.sentences("tree_refused")
    assert "requires encryption" in sentence
    client.tree_connect("open")


def test_a_thousand_answers_have_a_thousand_nonces(strict: Harness) -> None:
    """The client fails where a nonce repeats: also over chains, errors, interim answers, logins."""
    client = logged_in(strict)
    client.tree_connect()
    session = client.session
    assert session is not None
    folder = client.mkdir("d")
    for index in range(200):
        client.echo()
        client.create("nowhere\\b", status=erref.STATUS_OBJECT_PATH_NOT_FOUND)
        client.chain(Element(c.SMB2_ECHO, EchoRequest()), Element(c.SMB2_ECHO, EchoRequest()))
        watch = client.watch(folder)
        client.put(f"d\\{index}", b"x" * index)
        assert client.changes(watch)
    client.login(again=session)
    client.echo()
    assert len(session.nonces) > 1000


def test_a_chain_is_one_encrypted_frame(strict: Harness) -> None:
    client = logged_in(strict)
    client.tree_connect()
    replies = client.chain(
        Element(c.SMB2_CREATE, create_request("a")),
        related(c.SMB2_WRITE, write_request(RELATED, b"data")),
        related(c.SMB2_READ, read_request(RELATED)),
    )
    assert [r.status for r in replies] == [0, 0, 0]
    assert all(r.is_encrypted for r in replies)
    assert replies[2].body.data == b"data"


def test_a_mixed_chain_in_the_clear_shows_nothing(strict: Harness) -> None:
    """The first element has no session, the second one's answer must be encrypted."""
    client = logged_in(strict)
    client.send_chain(
        [
            Element(c.SMB2_ECHO, EchoRequest(), session_id=0, sign=False),
            Element(c.SMB2_CREATE, create_request("a")),
        ],
        encrypt=False,
    )
    assert not is_dropped(client)
    while client.receive():
        pass
    statuses = {r.header.command: r.status for r in client.unread}
    assert statuses[c.SMB2_CREATE] == DENIED
    protected = [r for r in client.unread if r.header.command == c.SMB2_CREATE]
    assert all(r.is_encrypted for r in protected)


@pytest.mark.parametrize("at", [4, 20, 36, 44, 52, 60, -1])
def test_a_changed_encrypted_frame_ends_the_connection(strict: Harness, at: int) -> None:
    client = logged_in(strict)
    session = client.session
    assert session is not None
    assert session.client_to_server is not None
    message = client.protect(
        client.encode(
            Element(c.SMB2_ECHO, EchoRequest()), client.take_ids(1), credits_wanted=1, charge=1
        ),
        EchoRequest().encode(),
        None,
    )
    sealed = session.client_to_server.seal(message, session.session_id, 77)
    sealed[at] ^= 1
    client.link.send(len(sealed).to_bytes(4, "big") + bytes(sealed))
    assert is_dropped(client)
    assert not transport_of(client).sent


def test_an_encrypted_message_of_another_session_ends_the_connection(strict: Harness) -> None:
    client = logged_in(strict)
    alice = client.session
    client.login("bob", "hunter2")
    assert alice is not None
    client.send(c.SMB2_ECHO, EchoRequest(), session_id=alice.session_id)
    assert is_dropped(client)


def test_an_encrypted_message_before_any_login_ends_the_connection(strict: Harness) -> None:
    client = strict.connect()
    client.negotiate()
    client.link.send(b"\0\0\0\x44" + b"\xfdSMB" + bytes(64))
    assert is_dropped(client)
