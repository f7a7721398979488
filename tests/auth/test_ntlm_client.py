"""The initiating side: [MS-NLMP] 4.2's values, our acceptor, and broken challenges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.auth.base import LogonRefused, TargetNames
from nethood.auth.ntlm import NtlmAcceptor
from nethood.auth.ntlm_client import (
    NEGOTIATE_FLAGS,
    Credentials,
    NtlmInitiator,
    decode_challenge,
    negotiate_message,
)
from nethood.auth.ntlm_messages import (
    SIGNATURE,
    AuthenticateMessage,
    ChallengeMessage,
    NegotiateFlags,
    NegotiateMessage,
    decode_av_pairs,
    encode_av_pairs,
)
from nethood.auth.users import MemoryUsers
from nethood.errors import LocalError, Malformed
from nethood.text import encode_utf16

VALUES: dict[str, list[bytes]] = {}
for entry in json.loads((Path(__file__).parent / "ms_nlmp_4_2.json").read_text())["values"]:
    VALUES.setdefault(entry["section"], []).append(bytes.fromhex(entry["hex"]))
NOW = 133_000_000_000_000_000
USERS = MemoryUsers({"Alice": "correct horse", "Jürgen": "pässwörd €"})
TARGET = TargetNames("SERVER", "WORKGROUP", "server.example.org", "example.org")


def acceptor(*, anonymous: bool = False) -> NtlmAcceptor:
    return NtlmAcceptor(
        USERS, TARGET, random=lambda n: b"\x5a" * n, now=lambda: NOW, allow_anonymous=anonymous
    )


def initiator(credentials: Credentials | None, **how: Any) -> NtlmInitiator:
    random: Callable[[int], bytes] = how.pop("random", lambda n: b"\xaa" * n)
    return NtlmInitiator(credentials, random=random, now=lambda: 0, **how)


def test_the_first_message() -> None:
    message = negotiate_message()
    assert len(message) == 40
    assert NegotiateMessage.decode(message).negotiate_flags == 0xE2088297
    assert message[16:32] == bytes.fromhex("0000000028000000" * 2)
    assert message[32:] == bytes([6, 1, 0, 0, 0, 0, 0, 15])


def test_the_values_of_ms_nlmp_4_2_4() -> None:
    challenge, expected = VALUES["4.2.4.3"][:2]
    pieces = iter([b"\xaa" * 8, b"\x55" * 16])
    client = initiator(
        Credentials("User", "Password", "Domain", "COMPUTER"), random=lambda _: next(pieces)
    )
    client.first()
    message = AuthenticateMessage.decode(client.step(challenge))
    right = AuthenticateMessage.decode(expected)
    assert message.nt_challenge_response == right.nt_challenge_response
    assert message.lm_challenge_response == right.lm_challenge_response
    assert message.encrypted_random_session_key == right.encrypted_random_session_key
    assert message.user_name == right.user_name
    assert message.domain_name == right.domain_name
    assert message.workstation == right.workstation
    assert client.session_key == b"\x55" * 16


@pytest.mark.parametrize(
    ("user", "password"), [("Alice", "correct horse"), ("Jürgen", "pässwörd €")]
)
@pytest.mark.parametrize("domain", ["", "WORKGROUP"])
def test_our_acceptor_lets_users_in(user: str, password: str, domain: str) -> None:
    client, server = initiator(Credentials(user, password, domain, "PC")), acceptor()
    token = client.step(server.step(client.first()))
    assert server.step(token) == b""
    assert server.complete
    assert client.session_key == server.session_key
    assert server.client == (user, domain, "PC")
    assert server.verify(b"list", client.sign(b"list"))
    assert client.verify(b"list", server.sign(b"list"))
    assert client.can_sign


def test_a_wrong_password_is_refused() -> None:
    client, server = initiator(Credentials("Alice", "wrong")), acceptor()
    with pytest.raises(LogonRefused, match="wrong"):
        server.step(client.step(server.step(client.first())))


def test_the_mic_covers_all_three_messages() -> None:
    client, server = initiator(Credentials("Alice", "correct horse")), acceptor()
    first = bytearray(client.first())
    first[33] ^= 1  # the product version: nothing but the MIC notices
    with pytest.raises(LogonRefused, match="changed on their way"):
        server.step(client.step(server.step(bytes(first))))


def test_what_is_said_of_bindings_and_target() -> None:
    client, server = initiator(Credentials("Alice", "x"), target_name="cifs/server"), acceptor()
    response = AuthenticateMessage.decode(client.step(server.step(client.first())))
    pairs = decode_av_pairs(response.nt_challenge_response[44:])
    assert pairs[6] == b"\2\0\0\0"
    assert pairs[9] == encode_utf16("cifs/server")
    assert pairs[10] == bytes(16)
    assert pairs[7] == NOW.to_bytes(8, "little")


def test_nobody() -> None:
    client, server = initiator(None), acceptor(anonymous=True)
    token = client.step(server.step(client.first()))
    message = AuthenticateMessage.decode(token)
    assert (message.user_name, message.nt_challenge_response) == (b"", b"")
    assert message.lm_challenge_response == b"\0"
    assert message.negotiate_flags & NegotiateFlags.ANONYMOUS
    server.step(token)
    assert server.is_anonymous
    assert client.session_key == server.session_key
    assert not client.can_sign


def challenge(flags: int, *, info: bytes = b"", version: bytes = bytes(8)) -> bytes:
    return ChallengeMessage(
        negotiate_flags=flags,
        server_challenge=bytes(range(8)),
        version=version,
        target_name=encode_utf16("SRV"),
        target_info=info,
    ).encode()


def test_all_a_challenge_tells() -> None:
    names = [(1, "PC"), (2, "DOM"), (3, "pc.dom.example"), (4, "dom.example"), (5, "example")]
    info = encode_av_pairs(
        [*((av_id, encode_utf16(name)) for av_id, name in names), (7, NOW.to_bytes(8, "little"))]
    )
    version = bytes.fromhex("0a00614a0000000f")
    found = decode_challenge(
        challenge(int(NEGOTIATE_FLAGS) | 0x00800000, info=info, version=version)
    )
    assert found.target_name == "SRV"
    assert (found.netbios_computer, found.netbios_domain) == ("PC", "DOM")
    assert (found.dns_computer, found.dns_domain) == ("pc.dom.example", "dom.example")
    assert found.dns_forest == "example"
    assert found.timestamp == NOW
    assert found.os_version == (10, 0, 19041)


def test_what_a_challenge_leaves_out_is_empty() -> None:
    found = decode_challenge(challenge(1, info=encode_av_pairs([(7, b"short"), (1, b"odd")])))
    assert (found.netbios_computer, found.timestamp, found.os_version) == ("", None, None)
    told = decode_challenge(challenge(0x00800001, info=encode_av_pairs([(7, b"short")])))
    assert told.timestamp is None


def test_an_old_challenge_ends_before_its_version() -> None:
    old = ChallengeMessage(negotiate_flags=0x201, server_challenge=b"8 bytes!").encode()[:32]
    assert decode_challenge(old).server_challenge == b"8 bytes!"


def test_no_timestamp_means_lm_v2_and_no_mic() -> None:
    client = initiator(Credentials("Alice", "x"))
    client.first()
    token = client.step(challenge(0xE0888201, info=encode_av_pairs([(2, encode_utf16("D"))])))
    message = AuthenticateMessage.decode(token)
    assert message.lm_challenge_response[16:] == b"\xaa" * 8
    assert token[72:88] == bytes(16)


def test_without_key_exchange_the_key_is_the_base_key() -> None:
    client = initiator(Credentials("Alice", "x"))
    client.first()
    message = AuthenticateMessage.decode(client.step(challenge(0xA0888201)))
    assert message.encrypted_random_session_key == b""
    assert len(client.session_key) == 16


def test_a_server_without_unicode() -> None:
    client = initiator(Credentials("Jürgen", "x", "DOM"))
    client.first()
    message = AuthenticateMessage.decode(client.step(challenge(0xE0888202)))
    assert (message.user_name, message.domain_name) == (b"J?rgen", b"DOM")
    assert message.negotiate_flags & NegotiateFlags.OEM


def test_out_of_turn() -> None:
    client = initiator(None)
    with pytest.raises(LocalError):
        client.step(challenge(1))
    client.first()
    client.step(challenge(1))
    with pytest.raises(LocalError):
        client.step(challenge(1))


@pytest.mark.parametrize("token", [b"", b"NTLMSSP\0", negotiate_message(), b"x" * 70000])
def test_no_challenge(token: bytes) -> None:
    with pytest.raises(Malformed):
        decode_challenge(token)


def test_passwords_are_not_shown() -> None:
    assert "secret" not in repr(Credentials("alice", "secret"))


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    client = initiator(Credentials("Alice", "x"))
    client.first()
    head = SIGNATURE + b"\2\0\0\0"
    try:
        client.step(head + data)
    except Malformed:
        assert not client.complete
