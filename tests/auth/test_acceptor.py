"""Logging in by the code of other projects' clients, and every way of being turned down."""

from __future__ import annotations

import importlib.util
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spnego._spnego import NegTokenInit as PeerInit

from nethood.auth import ntlm
from nethood.auth.acceptor import Acceptor, initial_token
from nethood.auth.base import LogonRefused, TargetNames
from nethood.auth.ntlm_messages import (
    AuthenticateMessage,
    ChallengeMessage,
    NegotiateFlags,
    NegotiateMessage,
    decode_av_pairs,
)
from nethood.auth.spnego_tokens import (
    ACCEPT_COMPLETED,
    ACCEPT_INCOMPLETE,
    KERBEROS_OID,
    NEGOEX_OID,
    NTLMSSP_OID,
    REQUEST_MIC,
    NegTokenResp,
    decode_neg_token_resp,
    encode_neg_token_resp,
)
from nethood.auth.users import Account, MemoryUsers
from nethood.erref import STATUS_INVALID_PARAMETER, STATUS_LOGON_FAILURE
from nethood.errors import ConfigError


def _load_peers() -> Any:
    """Import peers.py from beside this file: tests are no package."""
    path = Path(__file__).with_name("peers.py")
    spec = importlib.util.spec_from_file_location("nethood_auth_peers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


peers = _load_peers()
USERS = MemoryUsers({"Alice": "correct horse", "Jürgen": "pässwörd €", "straße": "secret"})
TARGET = TargetNames("SERVER", "WORKGROUP", "server.example.org", "example.org")
NOW = 133_000_000_000_000_000
each_peer = pytest.mark.parametrize("peer", peers.PEERS, ids=lambda p: p.__name__)


def counter_random() -> Callable[[int], bytes]:
    count = itertools.count(1)
    return lambda size: next(count).to_bytes(size, "little")


def make_acceptor(**options: Any) -> Acceptor:
    users = options.pop("users", USERS)
    return Acceptor(users, TARGET, random=counter_random(), now=lambda: NOW, **options)


def log_in(acceptor: Acceptor, peer: Any, tamper: Callable[[bytes], bytes] = bytes) -> None:
    """Take *peer* through its login; *tamper* may change its last token."""
    answer = acceptor.step(peer.first(acceptor.initial_token()))
    assert not acceptor.complete
    peer.last(acceptor.step(tamper(peer.second(answer))))


def refused(acceptor: Acceptor, token: bytes) -> LogonRefused:
    with pytest.raises(LogonRefused) as caught:
        acceptor.step(token)
    assert not acceptor.complete
    return caught.value


def refused_login(peer: Any, **options: Any) -> LogonRefused:
    acceptor = make_acceptor(**options)
    answer = acceptor.step(peer.first(acceptor.initial_token()))
    return refused(acceptor, peer.second(answer))


# -- those who get in


@each_peer
@pytest.mark.parametrize("domain", ["", "WORKGROUP", "SomeWhere"])
def test_every_peer_gets_in(peer: Any, domain: str) -> None:
    acceptor, client = make_acceptor(), peer("alice", "correct horse", domain)
    log_in(acceptor, client)
    assert acceptor.complete
    assert acceptor.account == USERS.lookup("ALICE")
    assert acceptor.session_key == client.session_key
    assert len(acceptor.session_key) == 16
    assert acceptor.mechanism == "NTLMv2"
    assert not acceptor.is_anonymous
    assert acceptor.client.user == "alice"
    assert acceptor.client.domain == domain


@each_peer
@pytest.mark.parametrize(("user", "password"), [("JÜRGEN", "pässwörd €"), ("straße", "secret")])
def test_letters_beyond_ascii(peer: Any, user: str, password: str) -> None:
    acceptor, client = make_acceptor(), peer(user, password, "Übung")
    log_in(acceptor, client)
    assert acceptor.session_key == client.session_key


def test_a_name_with_a_realm_is_the_name() -> None:
    acceptor, client = make_acceptor(), peers.Impacket("alice@server", "correct horse")
    log_in(acceptor, client)
    assert acceptor.account == USERS.lookup("alice")


def test_a_client_that_leaves_the_domain_out_of_its_key() -> None:
    """[MS-NLMP] 3.2.5.1.2 wants such clients let in."""
    acceptor, client = make_acceptor(), peers.Pysmb("alice", "correct horse")

    def rename(token: bytes) -> bytes:
        resp = decode_neg_token_resp(token)
        message = AuthenticateMessage.decode(resp.response_token or b"")
        message.domain_name = "ELSEWHERE".encode("utf-16-le")
        return encode_neg_token_resp(resp._replace(response_token=message.encode()))

    log_in(acceptor, client, rename)
    assert acceptor.client.domain == "ELSEWHERE"


def published(section: str) -> tuple[Acceptor, bytes]:
    """Return an acceptor that sent the challenge of [MS-NLMP] 4.2, and the answer to it."""
    values = json.loads(Path(__file__).with_name("ms_nlmp_4_2.json").read_text())["values"]
    messages = [v["hex"] for v in values if v["section"] == section]
    acceptor = Acceptor(
        MemoryUsers({"User": "Password"}),
        TargetNames("Server", "Domain"),
        random=lambda _size: bytes.fromhex("0123456789abcdef"),
        now=lambda: 0,
    )
    flags = int.from_bytes(bytes.fromhex(messages[0])[20:24], "little")
    acceptor.step(NegotiateMessage(negotiate_flags=flags).encode())
    return acceptor, bytes.fromhex(messages[1])


def test_published_ntlm_v2_message() -> None:
    acceptor, message = published("4.2.4.3")
    assert acceptor.step(message) == b""
    assert acceptor.session_key == b"\x55" * 16
    assert acceptor.client == ("User", "Domain", "COMPUTER")


# -- what the server says


def test_initial_token_names_ntlm_and_nothing_else() -> None:
    token = PeerInit.unpack(_inside(initial_token()))
    assert token.mech_types == [NTLMSSP_OID]
    assert token.hint_name == b"not_defined_in_RFC4178@please_ignore"
    assert make_acceptor().initial_token() == initial_token()


def _inside(token: bytes) -> bytes:
    from spnego._asn1 import unpack_asn1

    wrapped = unpack_asn1(token)[0].b_data
    _oid, rest = unpack_asn1(wrapped)
    return bytes(unpack_asn1(rest)[0].b_data)


def test_challenge() -> None:
    asked = (
        NegotiateFlags.UNICODE
        | NegotiateFlags.SIGN
        | NegotiateFlags.KEY_EXCH
        | NegotiateFlags.EXTENDED_SESSIONSECURITY
        | NegotiateFlags.LM_KEY
    )
    token = make_acceptor().step(NegotiateMessage(negotiate_flags=asked).encode())
    challenge = ChallengeMessage.decode(token)
    assert challenge.server_challenge == (1).to_bytes(8, "little")
    assert str(challenge.target_name, "utf-16-le") == "SERVER"
    pairs = decode_av_pairs(challenge.target_info)
    assert {av_id: str(pairs[av_id], "utf-16-le") for av_id in (1, 2, 3, 4)} == {
        1: "SERVER",
        2: "WORKGROUP",
        3: "server.example.org",
        4: "example.org",
    }
    assert int.from_bytes(pairs[7], "little") == NOW
    flags = NegotiateFlags(challenge.negotiate_flags)
    assert NegotiateFlags.TARGET_TYPE_SERVER | NegotiateFlags.TARGET_INFO in flags
    assert asked & ~NegotiateFlags.LM_KEY in flags
    assert not flags & (NegotiateFlags.LM_KEY | NegotiateFlags.SEAL | NegotiateFlags.VERSION)


def test_a_client_that_knows_no_unicode_is_answered_in_ascii() -> None:
    token = make_acceptor().step(NegotiateMessage(negotiate_flags=NegotiateFlags.OEM).encode())
    assert ChallengeMessage.decode(token).target_name == b"SERVER"


# -- SPNEGO


def offer(mechanisms: list[str], mech_token: bytes | None = None) -> bytes:
    return bytes(PeerInit(mech_types=mechanisms, mech_token=mech_token).pack())


class ByHand:
    """A client that prefers something else: NTLM by pyspnego, the wrapping made here."""

    def __init__(self, mechanisms: list[str], optimistic: bytes | None) -> None:
        self.raw = peers.PyspnegoRaw("alice", "correct horse")
        self.init = offer(mechanisms, optimistic)
        self.mechanisms = mechanisms

    def log_in(self, acceptor: Acceptor, sign: bool = True, break_mic: bool = False) -> bytes:
        first = decode_neg_token_resp(acceptor.step(self.init))
        assert first == NegTokenResp(REQUEST_MIC, NTLMSSP_OID, None, None)
        negotiate = NegTokenResp(response_token=self.raw.first(b""))
        second = decode_neg_token_resp(acceptor.step(encode_neg_token_resp(negotiate)))
        assert second.neg_state == ACCEPT_INCOMPLETE
        assert second.supported_mech is None
        token = self.raw.second(second.response_token)
        mic = self.mic() if sign else None
        if mic and break_mic:
            mic = mic[:4] + bytes([mic[4] ^ 1]) + mic[5:]
        last = NegTokenResp(response_token=token, mech_list_mic=mic)
        return acceptor.step(encode_neg_token_resp(last))

    def mic(self) -> bytes:
        return bytes(self.raw.context.sign(self.mech_list()))

    def mech_list(self) -> bytes:
        from spnego._spnego import pack_mech_type_list

        return bytes(pack_mech_type_list(self.mechanisms))


@pytest.mark.parametrize(
    ("mechanisms", "optimistic"),
    [
        ([KERBEROS_OID, NTLMSSP_OID], b"\x60\x03\x01\x02\x03"),
        ([KERBEROS_OID, NTLMSSP_OID], None),
        ([NEGOEX_OID, NTLMSSP_OID], b"NEGOEXTS" + bytes(80)),
        (["1.2.840.48018.1.2.2", KERBEROS_OID, NEGOEX_OID, NTLMSSP_OID], b"NTLMSSP\0 not for NTLM"),
    ],
)
def test_other_mechanisms_are_declined(mechanisms: list[str], optimistic: bytes | None) -> None:
    acceptor, client = make_acceptor(), ByHand(mechanisms, optimistic)
    done = decode_neg_token_resp(client.log_in(acceptor))
    assert acceptor.complete
    assert done.neg_state == ACCEPT_COMPLETED
    # Raises unless our signature of the list is right.
    client.raw.context.verify(client.mech_list(), done.mech_list_mic)


def test_declining_needs_the_list_signed() -> None:
    client = ByHand([KERBEROS_OID, NTLMSSP_OID], None)
    with pytest.raises(LogonRefused, match="did not sign") as caught:
        client.log_in(make_acceptor(), sign=False)
    assert caught.value.status == STATUS_LOGON_FAILURE


@pytest.mark.parametrize("mechanisms", [[NTLMSSP_OID], [NTLMSSP_OID, KERBEROS_OID]])
def test_ntlm_first_without_a_token_is_asked_for_one(mechanisms: list[str]) -> None:
    resp = decode_neg_token_resp(make_acceptor().step(offer(mechanisms)))
    assert resp == NegTokenResp(ACCEPT_INCOMPLETE, NTLMSSP_OID, None, None)


def test_a_changed_mech_list_mic_is_noticed() -> None:
    client = ByHand([KERBEROS_OID, NTLMSSP_OID], None)
    with pytest.raises(LogonRefused, match="list of mechanisms was changed"):
        client.log_in(make_acceptor(), break_mic=True)

    def tamper(token: bytes) -> bytes:
        resp = decode_neg_token_resp(token)
        assert resp.mech_list_mic is not None
        return encode_neg_token_resp(resp._replace(mech_list_mic=bytes(16)))

    with pytest.raises(LogonRefused, match="list of mechanisms was changed"):
        log_in(make_acceptor(), peers.Pyspnego("alice", "correct horse"), tamper)


def test_a_changed_list_is_noticed() -> None:
    """Somebody struck Kerberos from the list: what the client signed is not what came."""
    acceptor, client = make_acceptor(), peers.Pyspnego("alice", "correct horse")
    first = PeerInit.unpack(_inside(client.first(b"")))
    acceptor.step(offer([NTLMSSP_OID, KERBEROS_OID], first.mech_token))
    reply = ChallengeMessage.decode(acceptor._ntlm._messages[1]).encode()
    answer = encode_neg_token_resp(NegTokenResp(ACCEPT_INCOMPLETE, NTLMSSP_OID, reply))
    error = refused(acceptor, client.second(answer))
    assert "list of mechanisms was changed" in error.reason


@pytest.mark.parametrize(
    ("mechanisms", "name"), [([KERBEROS_OID], "Kerberos"), ([NEGOEX_OID], "NEGOEX"), ([], "")]
)
def test_nothing_in_common(mechanisms: list[str], name: str) -> None:
    error = refused(make_acceptor(), offer(mechanisms))
    assert error.status == STATUS_LOGON_FAILURE
    assert name in error.reason
    assert error.mechanism == name


# -- those who do not get in


@each_peer
def test_wrong_password(peer: Any) -> None:
    error = refused_login(peer("alice", "wrong", "HOME"))
    assert error.status == STATUS_LOGON_FAILURE
    assert (error.user, error.domain, error.mechanism) == ("alice", "HOME", "NTLMv2")
    assert "password for 'Alice' is wrong" in error.reason
    assert "nethood user passwd Alice" in error.remedy
    assert str(error) == f"{error.reason}; {error.remedy}"


@each_peer
def test_unknown_user(peer: Any) -> None:
    error = refused_login(peer("mallory", "correct horse"))
    assert error.status == STATUS_LOGON_FAILURE
    assert "no user called 'mallory'" in error.reason


def test_the_hash_that_stands_in_for_nobody_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known = MemoryUsers({"x": "known"}).lookup("x")
    assert known is not None
    monkeypatch.setattr(ntlm, "_NOBODY", known)
    assert "no user" in refused_login(peers.Pyspnego("mallory", "known")).reason


@pytest.mark.parametrize("peer", [peers.Pyspnego, peers.Pysmb])
def test_an_unknown_user_costs_what_a_wrong_password_costs(
    peer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("ntowf_v2", "nt_proof", "session_base_key", "rc4", "message_integrity_code"):
        work = getattr(ntlm, name)

        def count(*args: Any, _name: str = name, _work: Any = work) -> Any:
            calls.append(_name)
            return _work(*args)

        monkeypatch.setattr(ntlm, name, count)
    refused_login(peer("alice", "wrong", "HOME"))
    wrong_password, calls[:] = list(calls), []
    refused_login(peer("mallory", "wrong", "HOME"))
    assert calls == wrong_password
    assert calls == ["ntowf_v2", "nt_proof"] * 2


def test_a_changed_mic_is_noticed() -> None:
    def tamper(token: bytes) -> bytes:
        return token[:72] + bytes([token[72] ^ 1]) + token[73:]

    with pytest.raises(LogonRefused, match="messages were changed") as caught:
        log_in(make_acceptor(), peers.PyspnegoRaw("alice", "correct horse"), tamper)
    assert caught.value.status == STATUS_LOGON_FAILURE


def test_a_changed_negotiation_is_noticed() -> None:
    acceptor, client = make_acceptor(), peers.PyspnegoRaw("alice", "correct horse")
    first = bytearray(client.first(b""))
    first[12] ^= NegotiateFlags.SEAL  # struck out on the way, though the client asked for it
    error = refused(acceptor, client.second(acceptor.step(bytes(first))))
    assert "messages were changed" in error.reason


def authenticate(nt: bytes, lm: bytes = b"", user: str = "alice", **fields: Any) -> bytes:
    return AuthenticateMessage(
        negotiate_flags=NegotiateFlags.UNICODE,
        user_name=user.encode("utf-16-le"),
        nt_challenge_response=nt,
        lm_challenge_response=lm,
        **fields,
    ).encode()


def after_challenge(**options: Any) -> Acceptor:
    acceptor = make_acceptor(**options)
    flags = NegotiateFlags.UNICODE | NegotiateFlags.SIGN | NegotiateFlags.KEY_EXCH
    acceptor.step(NegotiateMessage(negotiate_flags=flags).encode())
    return acceptor


@pytest.mark.parametrize("level", ["0", "1", "2"])
def test_ntlm_v1_is_refused(level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LM_COMPAT_LEVEL", level)
    error = refused_login(peers.Pyspnego("alice", "correct horse"))
    assert error.status == STATUS_LOGON_FAILURE
    assert error.mechanism == "NTLMv1"
    assert "LmCompatibilityLevel" in error.remedy


@pytest.mark.parametrize("section", ["4.2.2.3", "4.2.3.3"])
def test_published_ntlm_v1_messages_are_refused(section: str) -> None:
    error = refused(*published(section))
    assert (error.status, error.mechanism) == (STATUS_LOGON_FAILURE, "NTLMv1")
    assert (error.user, error.domain, error.workstation) == ("User", "Domain", "COMPUTER")


def test_lan_manager_alone_is_refused() -> None:
    error = refused(after_challenge(), authenticate(b"", bytes(24)))
    assert (error.status, error.mechanism) == (STATUS_LOGON_FAILURE, "LM")


def test_anonymous_is_refused_by_default() -> None:
    for lm in (b"", b"\0"):
        error = refused(after_challenge(), authenticate(b"", lm, user=""))
        assert error.status == STATUS_LOGON_FAILURE
        assert error.mechanism == "NTLM anonymous"
        assert "without a user name" in error.reason


@pytest.mark.parametrize("peer", [peers.Impacket, peers.ImpacketUnsigned])
def test_anonymous_where_it_is_allowed(peer: Any) -> None:
    acceptor, client = make_acceptor(allow_anonymous=True), peer("", "")
    log_in(acceptor, client)
    assert acceptor.is_anonymous
    assert acceptor.account is None
    assert acceptor.session_key == client.session_key


def test_anonymous_with_an_lm_response_is_nobody() -> None:
    error = refused(after_challenge(allow_anonymous=True), authenticate(b"", bytes(24), user=""))
    assert error.status == STATUS_LOGON_FAILURE


def test_an_empty_name_with_a_response_is_an_unknown_user() -> None:
    error = refused(after_challenge(allow_anonymous=True), authenticate(bytes(60), user=""))
    assert "no user called ''" in error.reason


def test_key_exchange_without_a_key_is_malformed() -> None:
    acceptor, client = make_acceptor(), peers.PyspnegoRaw("alice", "correct horse")
    answer = acceptor.step(client.first(b""))
    message = AuthenticateMessage.decode(client.second(answer))
    message.encrypted_random_session_key = b"short"
    error = refused(acceptor, message.encode())
    assert error.status == STATUS_INVALID_PARAMETER
    assert "EncryptedRandomSessionKey" in error.reason


def test_users_that_cannot_be_read_are_a_refusal_too() -> None:
    class Broken:
        def lookup(self, name: str) -> Account | None:
            raise ConfigError("users.json may be read by others")

    error = refused_login(peers.Pyspnego("alice", "x"), users=Broken())
    assert error.status == STATUS_LOGON_FAILURE
    assert "users.json may be read by others" in error.reason


# -- tokens that are none


@pytest.mark.parametrize("size", [0, 15, 17, 43])
def test_a_response_of_no_known_size_is_malformed(size: int) -> None:
    error = refused(after_challenge(), authenticate(bytes(size) or b"x"))
    assert error.status == STATUS_INVALID_PARAMETER


def test_a_response_whose_pairs_do_not_fit_is_malformed() -> None:
    pairs = (2).to_bytes(2, "little") + (400).to_bytes(2, "little") + b"SRV"
    problem = refused(after_challenge(), authenticate(bytes(16) + b"\1\1" + bytes(26) + pairs))
    assert problem.status == STATUS_INVALID_PARAMETER


def test_a_token_after_the_last_is_refused() -> None:
    acceptor = make_acceptor()
    log_in(acceptor, peers.Pyspnego("alice", "correct horse"))
    with pytest.raises(LogonRefused):
        acceptor.step(b"NTLMSSP\0\1\0\0\0\0\0\0\0")
    assert acceptor.account


def test_messages_out_of_turn_are_refused() -> None:
    negotiate = NegotiateMessage(negotiate_flags=NegotiateFlags.UNICODE).encode()
    assert refused(after_challenge(), negotiate).status == STATUS_INVALID_PARAMETER
    assert refused(make_acceptor(), authenticate(bytes(60))).status == STATUS_INVALID_PARAMETER
    resp = encode_neg_token_resp(NegTokenResp(response_token=negotiate))
    assert refused(make_acceptor(), resp).status == STATUS_INVALID_PARAMETER


def test_overlong_tokens_and_names_are_not_looked_at() -> None:
    for token in (b"NTLMSSP\0\1\0\0\0" + bytes(70_000), b"\x60\x83\x01\x11\x70" + bytes(70_000)):
        assert refused(make_acceptor(), token).status == STATUS_INVALID_PARAMETER
    error = refused(after_challenge(), authenticate(bytes(60), user="a" * 600))
    assert error.status == STATUS_INVALID_PARAMETER
    assert refused(make_acceptor(), offer([KERBEROS_OID] * 100)).status == STATUS_INVALID_PARAMETER


@each_peer
def test_tokens_cut_anywhere_are_refused(peer: Any) -> None:
    client = peer("alice", "correct horse", "HOME")
    acceptor = make_acceptor()
    first = client.first(acceptor.initial_token())
    for end in range(len(first)):
        try:
            make_acceptor().step(first[:end])
        except LogonRefused:
            continue
        # What NTLM does not read of a NEGOTIATE may be missing.
        assert peer is peers.PyspnegoRaw
        assert end >= 16
    second = client.second(acceptor.step(first))
    for end in range(len(second)):
        acceptor = make_acceptor()
        acceptor.step(first)
        refused(acceptor, second[:end])


@given(st.binary(max_size=200), st.sampled_from([b"", b"\x60", b"\xa0", b"\xa1", b"NTLMSSP\0"]))
def test_any_first_token_is_answered_or_refused(data: bytes, start: bytes) -> None:
    check_any(make_acceptor(), start + data)


@given(st.data())
@settings(max_examples=300)
def test_damaged_tokens_are_answered_or_refused(data: st.DataObject) -> None:
    peer = data.draw(st.sampled_from([peers.Pyspnego, peers.PyspnegoRaw, peers.Pysmb]))
    acceptor, client = make_acceptor(), peer("alice", "correct horse")
    first = client.first(b"")
    if data.draw(st.booleans()):
        check_any(acceptor, damage(data, first))
        return
    check_any(acceptor, damage(data, client.second(acceptor.step(first))))


def damage(data: st.DataObject, token: bytes) -> bytes:
    broken = bytearray(token)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    return bytes(broken)


def check_any(acceptor: Acceptor, token: bytes) -> None:
    statuses = {STATUS_INVALID_PARAMETER, STATUS_LOGON_FAILURE}
    try:
        answer: bytes | None = acceptor.step(token)
    except LogonRefused as error:
        answer, found = None, error.status
    assert answer is not None or found in statuses


def test_pyasn1_is_imported_with_the_first_token_only() -> None:
    code = "import sys, nethood.auth.acceptor; sys.exit('pyasn1' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
