"""The values of [MS-NLMP] 4.2, and those of a published Windows session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nethood.auth.ntlm_crypto import (
    SessionSecurity,
    message_integrity_code,
    nt_hash,
    nt_proof,
    ntowf_v2,
    seal_key,
    session_base_key,
    sign_key,
)
from nethood.auth.ntlm_messages import NegotiateFlags
from nethood.auth.spnego_tokens import decode_neg_token_init, decode_neg_token_resp
from nethood.crypto.rc4 import rc4
from nethood.text import encode_utf16

HERE = Path(__file__).parent
VALUES: dict[str, list[bytes]] = {}
for entry in json.loads((HERE / "ms_nlmp_4_2.json").read_text())["values"]:
    VALUES.setdefault(entry["section"], []).append(bytes.fromhex(entry["hex"]))
COMMON = VALUES["4.2.1"]
USER, DOMAIN, PASSWORD = COMMON[0], COMMON[3], COMMON[4]
RANDOM_SESSION_KEY, TIME, CLIENT_CHALLENGE, SERVER_CHALLENGE = COMMON[8:12]
PLAINTEXT = VALUES["4.2.4.4"][1]


def flags(section: str) -> int:
    return int.from_bytes(VALUES[section][0], "little")


def test_names_are_utf16() -> None:
    assert encode_utf16("User") == USER
    assert encode_utf16("Domain") == DOMAIN
    assert encode_utf16("Password") == PASSWORD


def test_ntowf_v1() -> None:
    assert nt_hash("Password") == VALUES["4.2.2.1.2"][0] == VALUES["4.2.3.1.1"][0]


def test_ntlm_v2_from_password_to_encrypted_key() -> None:
    key = ntowf_v2(nt_hash("Password"), "User", "Domain")
    assert key == VALUES["4.2.4.1.1"][0]
    authenticate = VALUES["4.2.4.3"][1]
    response = authenticate[0x84:0xD8]
    proof = nt_proof(key, SERVER_CHALLENGE, response[16:])
    assert proof == response[:16] == VALUES["4.2.4.2.2"][0]
    assert TIME + CLIENT_CHALLENGE in response
    base = session_base_key(key, proof)
    assert base == VALUES["4.2.4.1.2"][0]
    encrypted = rc4(base, RANDOM_SESSION_KEY)
    assert encrypted == VALUES["4.2.4.2.3"][0] == authenticate[0xD8:]


def test_lm_v2_response_is_the_same_calculation_without_names() -> None:
    key = ntowf_v2(nt_hash("Password"), "User", "Domain")
    lm = nt_proof(key, SERVER_CHALLENGE, CLIENT_CHALLENGE) + CLIENT_CHALLENGE
    assert lm == VALUES["4.2.4.2.1"][0]


def test_keys_of_extended_session_security() -> None:
    seal, sign = VALUES["4.2.4.4"][2:4]
    assert seal_key(flags("4.2.4"), RANDOM_SESSION_KEY, from_server=False) == seal
    assert sign_key(RANDOM_SESSION_KEY, from_server=False) == sign


def test_56_bit_key_is_cut_before_it_is_hashed() -> None:
    # 4.2.3 negotiates neither 128 bits nor key exchange: the key exchange key is used itself.
    base, cut, seal, sign = VALUES["4.2.3.1.3"][0], *VALUES["4.2.3.4"][2:5]
    assert base[:7] == cut
    assert seal_key(flags("4.2.3"), base, from_server=False) == seal
    assert sign_key(base, from_server=False) == sign


@pytest.mark.parametrize(
    ("flag_section", "section", "key", "data", "signature"),
    [
        # CRC32; then extended session security without key exchange; then with it.
        ("4.2.2", "4.2.2.4", RANDOM_SESSION_KEY, 3, 9),
        ("4.2.3", "4.2.3.4", VALUES["4.2.3.1.3"][0], 5, 7),
        ("4.2.4", "4.2.4.4", RANDOM_SESSION_KEY, 4, 7),
    ],
)
def test_wrapping(flag_section: str, section: str, key: bytes, data: int, signature: int) -> None:
    sender = SessionSecurity(flags(flag_section), key, from_server=False)
    sealed = sender.seal(PLAINTEXT)
    assert sealed == (VALUES[section][data], VALUES[section][signature])
    receiver = SessionSecurity(flags(flag_section), key, from_server=False)
    assert receiver.unseal(*sealed) == PLAINTEXT


@pytest.mark.parametrize("section", ["4.2.2", "4.2.3", "4.2.4"])
def test_signatures_count_and_know_their_direction(section: str) -> None:
    key = RANDOM_SESSION_KEY
    sender = SessionSecurity(flags(section), key, from_server=True)
    first, second = sender.sign(b"one"), sender.sign(b"two")
    receiver = SessionSecurity(flags(section), key, from_server=True)
    assert receiver.verify(b"one", first)
    assert receiver.verify(b"two", second)
    late = SessionSecurity(flags(section), key, from_server=True)
    assert not late.verify(b"two", second)
    assert not SessionSecurity(flags(section), key, from_server=True).verify(b"One", first)
    if flags(section) & NegotiateFlags.EXTENDED_SESSIONSECURITY:
        assert not SessionSecurity(flags(section), key, from_server=False).verify(b"one", first)
        assert SessionSecurity(flags(section), key, from_server=True).unseal(b"x", first) is None


# -- a Windows client and server, SMB 3.1.1

SESSION = json.loads((HERE.parent / "crypto" / "vectors.json").read_text())["smb311_multichannel"]


def security_buffer(packet: str, field: int) -> bytes:
    """Cut the token out of a SESSION_SETUP message, by the place of its offset field."""
    message = bytes.fromhex(packet)
    offset = int.from_bytes(message[field : field + 2], "little")
    length = int.from_bytes(message[field + 2 : field + 4], "little")
    return message[offset : offset + length]


@pytest.mark.parametrize("name", ["channel1", "channel2_binding"])
def test_messages_of_a_windows_session(name: str) -> None:
    channel = SESSION[name]
    init = decode_neg_token_init(security_buffer(channel["ss1_req"], 76))
    challenge = decode_neg_token_resp(security_buffer(channel["ss1_rsp"], 68)).response_token
    last = decode_neg_token_resp(security_buffer(channel["ss2_req"], 76))
    done = decode_neg_token_resp(security_buffer(channel["ss2_rsp"], 68))
    assert challenge is not None
    assert last.response_token is not None
    assert last.mech_list_mic is not None
    assert done.mech_list_mic is not None
    assert challenge[24:32].hex().upper() == channel["server_challenge"]
    authenticate = last.response_token
    key = bytes.fromhex(channel["exported_session_key"])
    zeroed = authenticate[:72] + bytes(16) + authenticate[88:]
    mic = message_integrity_code(key, init.mech_token, challenge, zeroed)
    assert mic == authenticate[72:88] == bytes.fromhex(channel["mic"])
    agreed = int.from_bytes(authenticate[60:64], "little")
    client = SessionSecurity(agreed, key, from_server=False)
    assert client.verify(init.mech_types_der, last.mech_list_mic)
    server = SessionSecurity(agreed, key, from_server=True)
    assert server.verify(init.mech_types_der, done.mech_list_mic)


def test_keys_of_a_windows_session() -> None:
    channel = {k: bytes.fromhex(v) for k, v in SESSION["channel1"].items()}
    assert nt_hash(SESSION["password"]) == channel["nt_hash"]
    key = ntowf_v2(channel["nt_hash"], SESSION["user"], SESSION["domain"])
    assert key == channel["ntowfv2"]
    assert (
        rc4(channel["session_base_key"], channel["encrypted_random_session_key"])
        == channel["exported_session_key"]
    )
