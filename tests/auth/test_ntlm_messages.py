"""NTLM messages: those printed in [MS-NLMP] 4.2 read, written again, and cut short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.auth.ntlm_messages import (
    AuthenticateMessage,
    ChallengeMessage,
    NegotiateFlags,
    NegotiateMessage,
    decode_av_pairs,
    decode_text,
    encode_av_pairs,
    message_type,
)
from nethood.errors import Malformed

VALUES = json.loads(Path(__file__).with_name("ms_nlmp_4_2.json").read_text())["values"]
SECTIONS = ["4.2.2.3", "4.2.3.3", "4.2.4.3"]
each_section = pytest.mark.parametrize("section", SECTIONS)


def printed(section: str) -> tuple[bytes, bytes]:
    challenge, authenticate = (bytes.fromhex(v["hex"]) for v in VALUES if v["section"] == section)
    return challenge, authenticate


@each_section
def test_challenge(section: str) -> None:
    data = printed(section)[0]
    message = ChallengeMessage.decode(data)
    assert message_type(data) == 2
    assert message.server_challenge.hex() == "0123456789abcdef"
    assert str(message.target_name, "utf-16-le") == "Server"
    assert message.version.hex() == "060070170000000f"
    if section == "4.2.4.3":
        domain, server = "Domain".encode("utf-16-le"), "Server".encode("utf-16-le")
        assert decode_av_pairs(message.target_info) == {2: domain, 1: server}
        assert encode_av_pairs([(2, domain), (1, server)]) == message.target_info
    again = ChallengeMessage.decode(message.encode())
    assert (again.target_name, again.target_info) == (message.target_name, message.target_info)


def test_challenge_is_encoded_as_printed() -> None:
    data = printed("4.2.4.3")[0]
    assert ChallengeMessage.decode(data).encode() == data


@each_section
def test_authenticate(section: str) -> None:
    data = printed(section)[1]
    message = AuthenticateMessage.decode(data)
    names = (message.user_name, message.domain_name, message.workstation)
    flags = message.negotiate_flags
    assert [decode_text(n, flags) for n in names] == ["User", "Domain", "COMPUTER"]
    assert len(message.lm_challenge_response) == 24
    assert len(message.nt_challenge_response) == (84 if section == "4.2.4.3" else 24)
    again = AuthenticateMessage.decode(message.encode())
    for name in ("user_name", "nt_challenge_response", "encrypted_random_session_key"):
        assert getattr(again, name) == getattr(message, name)


@each_section
def test_messages_cut_short_are_malformed(section: str) -> None:
    challenge, authenticate = printed(section)
    for end in range(len(challenge)):
        with pytest.raises(Malformed):
            ChallengeMessage.decode(challenge[:end])
    for end in range(len(authenticate)):
        with pytest.raises(Malformed):
            AuthenticateMessage.decode(authenticate[:end])


def test_negotiate_is_sixteen_bytes_and_whatever_follows() -> None:
    data = b"NTLMSSP\0" + b"\1\0\0\0" + b"\1\2\0\0"
    assert NegotiateMessage.decode(data + b"more").negotiate_flags == 0x201
    assert NegotiateMessage(negotiate_flags=0x201).encode() == data
    with pytest.raises(Malformed):
        NegotiateMessage.decode(data[:15])


@pytest.mark.parametrize("data", [b"", b"NTLMSSP\0\1\0\0", b"NTLMSSPX\1\0\0\0"])
def test_what_is_no_ntlm_message(data: bytes) -> None:
    with pytest.raises(Malformed):
        message_type(data)


def test_text_without_unicode_is_bytes() -> None:
    assert decode_text(b"User\xe4", NegotiateFlags.OEM) == "Userä"
    with pytest.raises(Malformed):
        decode_text(b"odd", NegotiateFlags.UNICODE)


def test_av_pairs_stop_at_their_end() -> None:
    pairs = encode_av_pairs([(6, b"\2\0\0\0"), (6, b"\0\0\0\0")])
    assert decode_av_pairs(pairs + b"\7\0\0\0") == {6: b"\2\0\0\0"}
    assert decode_av_pairs(pairs[:-4]) == {6: b"\2\0\0\0"}
    with pytest.raises(Malformed):
        decode_av_pairs(b"\6\0\4\0\0\0\0")


@given(st.binary(max_size=200))
def test_any_av_pairs_are_read_or_malformed(data: bytes) -> None:
    try:
        pairs = decode_av_pairs(data)
    except Malformed:
        return
    assert sum(4 + len(value) for value in pairs.values()) <= len(data)
