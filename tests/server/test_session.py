"""Sessions: who may log in, how long that lasts, how it ends, and how failure is answered."""

from __future__ import annotations

import pytest

from nethood import erref
from nethood.auth.initiator import Initiator
from nethood.server.options import Options
from nethood.smb2 import constants as c
from nethood.smb2.session_setup import SessionSetupRequest, SessionSetupResponse
from tests.server.client import DIALECTS
from tests.server.files import Client, create_request
from tests.server.harness import USERS, Harness, connection_of, is_dropped, transport_of

FAILURE = erref.STATUS_LOGON_FAILURE
EXPIRED = erref.STATUS_NETWORK_SESSION_EXPIRED
DELETED = erref.STATUS_USER_SESSION_DELETED
LIFETIME_S = 600.0


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("protocol", ["negotiate", "ntlm"])
def test_login_in_every_dialect(harness: Harness, dialect: int, protocol: str) -> None:
    client = harness.connect()
    client.negotiate(dialect)
    client.login(protocol=protocol)
    client.tree_connect()
    client.put("a", b"x")
    (sentence,) = harness.sentences("login")
    assert "alice" in sentence


def test_user_names_ignore_case(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    client.login("ALICE")


# Failure


def refusal(harness: Harness, user: str, password: str) -> tuple[float, bytes]:
    """Fail to log in; return after how many seconds the answer came, and the answer."""
    client = harness.connect()
    client.negotiate(0x0302)
    login = client.begin_login(user, password)
    start = harness.clock.now
    while not transport_of(client).sent and harness.clock.now < start + 60:
        harness.clock.advance(0.25)
    waited = harness.clock.now - start
    reply = client.finish_login(login, FAILURE)
    # Session and message id differ from login to login.
    return waited, reply.raw[:24] + reply.raw[32:40] + reply.raw[48:]


def test_a_failed_login_is_answered_after_two_seconds(harness: Harness) -> None:
    waited, _ = refusal(harness, "alice", "wrong")
    assert waited == 2.0


def test_an_unknown_user_looks_like_a_wrong_password(harness: Harness) -> None:
    assert refusal(harness, "alice", "wrong") == refusal(harness, "mallory", "secret")


@pytest.mark.parametrize("user", ["", "alice\0", "al" * 200, "bob"])
def test_others_do_not_get_in(harness: Harness, user: str) -> None:
    assert refusal(harness, user or "x", "secret")[0] == 2.0
    assert not harness.core.sessions


def test_failures_are_counted_by_address_until_one_succeeds(harness: Harness) -> None:
    for _ in range(3):
        refusal(harness, "alice", "wrong")
    counts = [e.fields["failures"] for e in harness.events if e.kind == "login_refused"]
    assert counts == [1, 2, 3]
    assert harness.core.failures == {"127.0.0.1": 3}
    harness.login()
    assert not harness.core.failures


def test_nobody_guesses_no_password(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate(0x0302)
    nobody = Initiator(None, random=lambda n: b"\xaa" * n, now=lambda: 0)
    preauth = client.preauth.fork()
    first = client.setup(nobody.first(), 0, 0, preauth)
    reply = client.wait(first, erref.STATUS_MORE_PROCESSING_REQUIRED)
    assert isinstance(reply.body, SessionSetupResponse)
    token = nobody.step(bytes(reply.body.security_buffer))
    start = harness.clock.now
    last = client.setup(token, reply.header.session_id, 0, preauth)
    harness.clock.advance(0)
    client.wait(last, FAILURE)
    assert harness.clock.now == start
    assert not harness.core.failures
    (event,) = [e for e in harness.events if e.kind == "login_refused"]
    assert (event.fields["failures"], event.fields["mechanism"]) == (0, "NTLM anonymous")
    assert connection_of(client).failed_logins == 1


def test_addresses_are_counted_apart_and_the_oldest_is_forgotten() -> None:
    harness = Harness()
    harness.options.limits.login_failures_remembered = 3
    for last in (1, 2, 3, 2, 4):
        client = harness.connect(f"10.0.0.{last}")
        client.negotiate()
        client.begin_login("alice", "wrong")
    assert harness.core.failures == {"10.0.0.3": 1, "10.0.0.2": 2, "10.0.0.4": 1}


def test_the_log_says_who_from_where_and_why(harness: Harness) -> None:
    refusal(harness, "mallory", "wrong")
    (sentence,) = harness.sentences("login_refused")
    for part in ("mallory", "127.0.0.1", "SMB 3.0.2", "NTLM"):
        assert part in sentence


def test_a_cancel_does_not_shorten_the_wait(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    login = client.begin_login("alice", "wrong")
    client.cancel(login.message_id)
    assert not transport_of(client).sent
    harness.clock.advance(2.0)
    client.finish_login(login, FAILURE)


def test_the_connection_goes_on_after_a_failure(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    login = client.begin_login("alice", "wrong")
    harness.clock.advance(2.0)
    client.finish_login(login, FAILURE)
    client.login()
    client.tree_connect()


def test_a_peer_that_leaves_during_the_wait(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    client.begin_login("alice", "wrong")
    transport_of(client).abort("gone")
    harness.clock.advance(2.0)
    assert not connection_of(client).async_table


@pytest.mark.parametrize("token", [b"", b"NTLMSSP\0", b"\x60\x03abc", b"x" * 100])
def test_tokens_that_are_none(harness: Harness, token: bytes) -> None:
    client = harness.connect()
    client.negotiate()
    message_id = client.send(
        c.SMB2_SESSION_SETUP, SessionSetupRequest(security_buffer=token), sign=False
    )
    harness.clock.advance(2.0)
    reply = client.wait(message_id, None)
    assert reply.status in (FAILURE, erref.STATUS_INVALID_PARAMETER)
    assert not connection_of(client).core.session_table


# Expiry and re-authentication


@pytest.fixture
def lasting() -> Harness:
    """A server whose sessions last ten minutes."""
    return Harness(options=Options(session_lifetime_s=LIFETIME_S))


def test_a_session_expires_and_is_renewed(lasting: Harness) -> None:
    client = lasting.login()
    session = client.session
    handle = client.create("a")
    lasting.clock.advance(LIFETIME_S - 1)
    client.write(handle, b"still")
    lasting.clock.advance(1)
    client.write(handle, b"late", status=EXPIRED)
    client.create("b", status=EXPIRED)
    assert client.echo(status=EXPIRED).is_signed
    client.login(again=session)
    client.write(handle, b"again")
    assert client.read(handle) == b"again"
    lasting.clock.advance(LIFETIME_S - 1)
    client.echo()


def test_an_expired_session_may_still_close_unlock_and_log_off(lasting: Harness) -> None:
    client = lasting.login()
    handle = client.create("a")
    client.lock(handle, (0, 1, c.SMB2_LOCKFLAG_EXCLUSIVE_LOCK | 0x10))
    lasting.clock.advance(LIFETIME_S)
    client.lock(handle, (0, 1, c.SMB2_LOCKFLAG_UNLOCK))
    client.close(handle)
    client.logoff()
    assert not lasting.core.sessions


@pytest.mark.parametrize("dialect", DIALECTS)
def test_keys_survive_re_authentication(harness: Harness, dialect: int) -> None:
    client = harness.login(dialect)
    handle = client.create("a")
    client.login(again=client.session)
    client.write(handle, b"x")
    assert len(harness.sentences("login")) == 1


def test_re_authentication_as_somebody_else_ends_the_session(harness: Harness) -> None:
    client = harness.login()
    login = client.begin_login("bob", USERS["bob"], again=client.session)
    client.finish_login(login, erref.STATUS_ACCESS_DENIED)
    client.echo(status=DELETED)
    assert not harness.core.sessions


def test_failed_re_authentication_ends_the_session(harness: Harness) -> None:
    client = harness.login()
    handle = client.create("a", share=0)
    assert handle.volatile
    login = client.begin_login("alice", "wrong", again=client.session)
    harness.clock.advance(2)
    client.finish_login(login, FAILURE)
    client.echo(status=DELETED)
    other = harness.login()
    other.open("a")


# The end of a session


def test_logoff_closes_what_was_open(harness: Harness) -> None:
    client, other = harness.login(), harness.login()
    client.create("a", share=0)
    other.open("a", status=erref.STATUS_SHARING_VIOLATION)
    assert client.logoff().is_signed
    other.open("a")
    client.echo(status=DELETED)
    assert not is_dropped(client)
    client.session = None
    client.login()
    client.tree_connect()
    assert client.names() == ["a"]


def test_a_lost_connection_closes_what_was_open(harness: Harness) -> None:
    client, other = harness.login(), harness.login()
    client.create("a", share=0)
    transport_of(client).abort("cut")
    other.open("a")
    assert len(harness.core.sessions) == 1


def test_logoff_while_a_login_is_in_progress(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    request = SessionSetupRequest(security_buffer=_first_token(client))
    reply = client.call(c.SMB2_SESSION_SETUP, request, status=erref.STATUS_MORE_PROCESSING_REQUIRED)
    in_progress = reply.header.session_id
    client.call(c.SMB2_CREATE, create_request("a"), session_id=in_progress, status=DELETED)


def _first_token(client: Client) -> bytes:
    import spnego

    context = spnego.client("alice", "secret", hostname="srv", protocol="negotiate")
    return bytes(context.step(client.hint) or b"")


def test_requests_without_a_session(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    client.call(c.SMB2_CREATE, create_request("a"), status=DELETED)
    client.call(c.SMB2_CREATE, create_request("a"), status=DELETED, session_id=12345)
    client.logoff(status=DELETED)


def test_a_session_belongs_to_its_connection(harness: Harness) -> None:
    alice, mallory = harness.login(), harness.login(user="bob")
    assert alice.session is not None
    stolen = alice.session.session_id
    mallory.call(c.SMB2_CREATE, create_request("a"), session_id=stolen, status=DELETED, sign=False)


def test_binding_a_session_to_another_connection_is_declined(harness: Harness) -> None:
    alice = harness.login()
    assert alice.session is not None
    second = harness.connect()
    second.negotiate()
    request = SessionSetupRequest(flags=c.SMB2_SESSION_FLAG_BINDING, security_buffer=b"x")
    second.call(
        c.SMB2_SESSION_SETUP,
        request,
        session_id=alice.session.session_id,
        status=erref.STATUS_REQUEST_NOT_ACCEPTED,
    )


# PreviousSessionId


def test_a_reconnecting_client_ends_its_lost_session(harness: Harness) -> None:
    lost = harness.login()
    assert lost.session is not None
    lost.create("a", share=0)
    again = harness.connect()
    again.negotiate()
    again.login(previous_session_id=lost.session.session_id)
    again.tree_connect()
    again.open("a")
    lost.echo(status=DELETED)


def test_nobody_ends_the_session_of_another_user(harness: Harness) -> None:
    alice = harness.login()
    assert alice.session is not None
    handle = alice.create("a", share=0)
    bob = harness.connect()
    bob.negotiate()
    bob.login("bob", USERS["bob"], previous_session_id=alice.session.session_id)
    bob.tree_connect()
    bob.open("a", status=erref.STATUS_SHARING_VIOLATION)
    alice.write(handle, b"mine")


def test_a_failed_login_ends_no_previous_session(harness: Harness) -> None:
    alice = harness.login()
    assert alice.session is not None
    thief = harness.connect()
    thief.negotiate()
    login = thief.begin_login("alice", "wrong", previous_session_id=alice.session.session_id)
    harness.clock.advance(2)
    thief.finish_login(login, FAILURE)
    alice.echo()


def test_a_previous_session_nobody_knows(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    client.login(previous_session_id=0xDEADBEEF)
