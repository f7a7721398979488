"""What must be signed is, both ways; VALIDATE_NEGOTIATE_INFO guards the dialects before 3.1.1."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nethood import erref
from nethood.server.options import Options
from nethood.smb2 import constants as c
from nethood.smb2.header import HEADER_SIZE, Header
from nethood.smb2.ioctl_payloads import (
    ValidateNegotiateInfoRequest,
    ValidateNegotiateInfoResponse,
)
from nethood.smb2.simple import EchoRequest
from tests.server.client import DIALECTS, GUID, Element
from tests.server.files import Client, create_request
from tests.server.harness import Harness, is_dropped

DENIED = erref.STATUS_ACCESS_DENIED
each_dialect = pytest.mark.parametrize("dialect", DIALECTS)
ALGORITHMS = [c.SIGNING_HMAC_SHA256, c.SIGNING_AES_CMAC, c.SIGNING_AES_GMAC]


@each_dialect
def test_every_answer_is_signed_where_signing_is_required(harness: Harness, dialect: int) -> None:
    client = harness.login(dialect)
    assert client.echo().is_signed
    assert client.call(c.SMB2_CREATE, create_request("a")).is_signed
    client.create("nowhere\\a", status=erref.STATUS_OBJECT_PATH_NOT_FOUND)


@each_dialect
def test_unsigned_requests_are_refused_where_signing_is_required(
    harness: Harness, dialect: int
) -> None:
    client = harness.login(dialect)
    reply = client.call(c.SMB2_CREATE, create_request("a"), status=DENIED, sign=False)
    assert reply.is_signed
    client.echo(status=DENIED, sign=False)
    assert client.names() == []


@each_dialect
def test_a_wrong_signature_is_refused_and_nothing_is_done(harness: Harness, dialect: int) -> None:
    client = harness.login(dialect)
    for at in (4, 48, 63, HEADER_SIZE + 30):
        header = Header(command=c.SMB2_CREATE, message_id=client.take_ids(1), credits=1)
        assert client.session is not None
        header.session_id, header.tree_id = client.session.session_id, client.session.tree_id
        raw = bytearray(client.protect(header, create_request("a").encode(), None))
        if at == 4:  # a signature made for another message
            raw[24:32] = client.take_ids(1).to_bytes(8, "little")
        else:
            raw[at] ^= 1
        client.send_message(bytes(raw))
        client.receive()
        (reply,) = client.unread
        client.unread.clear()
        assert reply.status == DENIED
    assert client.names() == []


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_key_of_another_session_does_not_sign(harness: Harness, algorithm: int) -> None:
    client = harness.login()
    alice = client.session
    client.login("bob", "hunter2")
    bob = client.session
    assert alice is not None
    assert bob is not None
    client.session = replace(alice, signer=bob.signer)
    client.sessions[alice.session_id] = client.session
    client.send(c.SMB2_ECHO, EchoRequest())
    client.sessions[alice.session_id] = alice
    client.wait(client.message_id - 1, DENIED)


def test_unsigned_requests_are_fine_where_nobody_requires_signing() -> None:
    harness = Harness(options=Options(signing_required=False))
    client = harness.login(c.DIALECT_3_0)
    assert client.session is not None
    client.session.must_be_protected = False
    assert not client.echo(sign=False).is_signed
    assert client.echo(sign=True).is_signed


def test_a_client_may_require_signing_where_the_server_does_not() -> None:
    harness = Harness(options=Options(signing_required=False))
    client = harness.connect()
    client.security_mode = c.SMB2_NEGOTIATE_SIGNING_REQUIRED
    assert client.negotiate(c.DIALECT_2_1).body.security_mode == c.SMB2_NEGOTIATE_SIGNING_ENABLED
    client.login()
    client.tree_connect()
    client.echo(status=DENIED, sign=False)


def test_an_unsigned_tree_connect_in_3_1_1_ends_the_connection() -> None:
    harness = Harness(options=Options(signing_required=False))
    client = harness.login(share="")
    with pytest.raises(AssertionError, match="no answer"):
        client.tree_connect(sign=False)
    assert is_dropped(client)


def test_a_signed_request_of_no_session(harness: Harness) -> None:
    client = harness.login()
    assert client.session is not None
    client.session.session_id ^= 0x100
    reply = client.call(
        c.SMB2_CREATE, create_request("a"), status=erref.STATUS_USER_SESSION_DELETED
    )
    assert reply.is_signed, "libsmbclient believes the status only with the flag set"


def test_an_echo_needs_no_session(harness: Harness) -> None:
    client = harness.connect()
    client.negotiate()
    assert not client.echo().is_signed


# VALIDATE_NEGOTIATE_INFO


def claim(client: Client) -> ValidateNegotiateInfoRequest:
    return ValidateNegotiateInfoRequest(
        capabilities=client.client_capabilities,
        guid=GUID,
        security_mode=client.security_mode,
        dialects=client.dialects,
    )


@pytest.mark.parametrize("dialect", DIALECTS[:-1])
def test_a_true_claim_is_confirmed(harness: Harness, dialect: int) -> None:
    client = harness.connect()
    answer = client.negotiate(0x0202, dialect).body
    client.login()
    client.tree_connect("IPC$")
    output = client.ioctl(c.FSCTL_VALIDATE_NEGOTIATE_INFO, claim(client).encode())
    found = ValidateNegotiateInfoResponse.decode(output)
    assert found.dialect == dialect
    assert found.capabilities == answer.capabilities
    assert bytes(found.guid) == answer.server_guid
    assert found.security_mode == answer.security_mode


@pytest.mark.parametrize(
    "lie",
    [
        {"capabilities": 0},
        {"guid": bytes(16)},
        {"security_mode": 2},
        {"dialects": [0x0202, 0x0300]},
        {"dialects": []},
    ],
    ids=str,
)
def test_a_claim_that_does_not_match_ends_the_connection(
    harness: Harness, lie: dict[str, object]
) -> None:
    client = harness.login(0x0202, 0x0210, share="IPC$")
    told = claim(client)
    for name, value in lie.items():
        setattr(told, name, value)
    with pytest.raises(AssertionError, match="no answer"):
        client.ioctl(c.FSCTL_VALIDATE_NEGOTIATE_INFO, told.encode())
    assert is_dropped(client)
    assert "someone may interfere" in harness.sentences("refused")[0]


def test_the_question_has_no_place_in_3_1_1(harness: Harness) -> None:
    client = harness.login(share="IPC$")
    with pytest.raises(AssertionError, match="no answer"):
        client.ioctl(c.FSCTL_VALIDATE_NEGOTIATE_INFO, claim(client).encode())
    assert is_dropped(client)


def test_the_answer_is_signed_even_where_nothing_else_is() -> None:
    harness = Harness(options=Options(signing_required=False))
    client = harness.login(0x0302, share="IPC$")
    assert client.session is not None
    client.session.must_be_protected = False
    client.session.sign = False
    client.ioctl(c.FSCTL_VALIDATE_NEGOTIATE_INFO, claim(client).encode())
    assert not client.echo().is_signed


def test_a_wrong_signature_is_refused_where_none_is_needed() -> None:
    harness = Harness(options=Options(signing_required=False))
    client = harness.login(0x0300)
    session = client.session
    assert session is not None
    session.must_be_protected = False
    header = client.encode(
        Element(c.SMB2_ECHO, EchoRequest()), client.take_ids(1), credits_wanted=1, charge=1
    )
    raw = bytearray(client.protect(header, EchoRequest().encode(), True))
    raw[50] ^= 1
    client.send_message(bytes(raw))
    client.wait(header.message_id, DENIED)
