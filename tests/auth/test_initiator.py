from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.auth.acceptor import Acceptor, initial_token
from nethood.auth.base import TargetNames
from nethood.auth.initiator import Credentials, Initiator, offered_mechanisms
from nethood.auth.ntlm_messages import SIGNATURE
from nethood.auth.spnego_tokens import (
    ACCEPT_INCOMPLETE,
    KERBEROS_OID,
    MS_KERBEROS_OID,
    NEGOEX_OID,
    NTLMSSP_OID,
    REJECT,
    NegTokenResp,
    decode_neg_token_init,
    decode_neg_token_resp,
    encode_neg_token_init_2,
    encode_neg_token_resp,
)
from nethood.auth.users import MemoryUsers
from nethood.errors import LocalError, Malformed, ProtocolViolation

NOW = 133_000_000_000_000_000
ALICE = Credentials("alice", "secret", "WORKGROUP")


def acceptor() -> Acceptor:
    return Acceptor(
        MemoryUsers({"alice": "secret"}),
        TargetNames("SERVER"),
        random=lambda n: b"\x5a" * n,
        now=lambda: NOW,
        allow_anonymous=True,
    )


def initiator(credentials: Credentials | None = ALICE) -> Initiator:
    return Initiator(credentials, random=lambda n: b"\xaa" * n, now=lambda: NOW)


def test_a_user_gets_in_with_signed_mechanisms() -> None:
    client, server = initiator(), acceptor()
    token = client.step(server.step(client.first()))
    assert decode_neg_token_resp(token).mech_list_mic is not None
    last = server.step(token)
    client.finish(last)
    assert server.complete
    assert client.session_key == server.session_key
    assert server.account is not None
    assert client.challenge is not None
    assert client.challenge.netbios_computer == "SERVER"


def test_nobody_signs_nothing() -> None:
    client, server = initiator(None), acceptor()
    token = client.step(server.step(client.first()))
    assert decode_neg_token_resp(token).mech_list_mic is None
    client.finish(server.step(token))
    assert server.is_anonymous
    assert client.is_anonymous


def test_only_ntlm_is_offered() -> None:
    init = decode_neg_token_init(initiator().first())
    assert init.mech_types == [NTLMSSP_OID]
    assert init.mech_token.startswith(SIGNATURE)


def test_the_challenge_can_be_read_and_left() -> None:
    client, server = initiator(None), acceptor()
    found = client.read_challenge(server.step(client.first()))
    assert found.netbios_computer == "SERVER"
    assert client.challenge is None


def test_a_server_that_leaves_spnego_out() -> None:
    client, server = initiator(), acceptor()
    challenge = decode_neg_token_resp(server.step(client.first())).response_token
    assert challenge is not None
    answer = client.step(challenge)
    assert answer.startswith(SIGNATURE)
    client.finish(b"whatever")


def test_mechanisms_that_were_changed_are_found_out() -> None:
    client, server = initiator(), acceptor()
    last = decode_neg_token_resp(server.step(client.step(server.step(client.first()))))
    assert last.mech_list_mic is not None
    changed = last._replace(mech_list_mic=bytes(16))
    with pytest.raises(ProtocolViolation, match="relay"):
        client.finish(encode_neg_token_resp(changed))
    with pytest.raises(ProtocolViolation, match="state 2"):
        client.finish(encode_neg_token_resp(NegTokenResp(REJECT)))
    client.finish(b"")
    client.finish(encode_neg_token_resp(NegTokenResp(0)))


@pytest.mark.parametrize("resp", [NegTokenResp(REJECT), NegTokenResp(ACCEPT_INCOMPLETE)])
def test_a_server_that_declines_ntlm(resp: NegTokenResp) -> None:
    client = initiator()
    client.first()
    with pytest.raises(Malformed, match="declines NTLM"):
        client.step(encode_neg_token_resp(resp))


def test_out_of_turn() -> None:
    with pytest.raises(LocalError):
        initiator().step(b"")


def test_offered_mechanisms() -> None:
    oids = [NEGOEX_OID, MS_KERBEROS_OID, KERBEROS_OID, NTLMSSP_OID, "1.2.3"]
    found = offered_mechanisms(encode_neg_token_init_2(oids))
    assert found == ["NEGOEX", "Kerberos", "NTLM", "1.2.3"]
    assert offered_mechanisms(initial_token()) == ["NTLM"]
    assert offered_mechanisms(b"") == []
    assert offered_mechanisms(SIGNATURE + bytes(4)) == ["NTLM"]


@given(st.binary(min_size=1, max_size=100))
def test_any_bytes(data: bytes) -> None:
    client = initiator()
    client.first()
    with pytest.raises((Malformed, ProtocolViolation)):
        client.step(data)
    if data.startswith(SIGNATURE):
        assert offered_mechanisms(data) == ["NTLM"]
        return
    with pytest.raises(Malformed):
        offered_mechanisms(data)
