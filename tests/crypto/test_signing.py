"""Signatures: published values, whole packets, and the ways a message can be touched."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from nethood.crypto import ids
from nethood.crypto.signing import CmacSigner, GmacSigner, HmacSha256Signer, Signer, make_signer
from nethood.errors import LocalError, Malformed

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
KEY = bytes(range(16))
SIGNERS = [HmacSha256Signer(KEY), CmacSigner(KEY), GmacSigner(KEY)]
each_signer = pytest.mark.parametrize("signer", SIGNERS, ids=lambda s: type(s).__name__)


def signed(signer: Signer, body: bytes = b"body", **how: Any) -> bytearray:
    message = bytearray(64) + body
    message[48:64] = signer.sign(message, 7, **{"from_server": False} | how)
    return message


def test_cmac_of_rfc_4493() -> None:
    vector = VECTORS["rfc4493_aes_cmac"]
    signer = CmacSigner(bytes.fromhex(vector["key"]))
    assert signer.sign(b"", 0, from_server=False).hex() == vector["len0"]
    assert signer.sign(bytes.fromhex(vector["m16"]), 0, from_server=True).hex() == vector["t16"]


def test_hmac_is_the_first_half_of_hmac_sha256() -> None:
    expected = hmac.new(KEY, b"message", hashlib.sha256).digest()[:16]
    assert HmacSha256Signer(KEY).sign(b"message", 1, from_server=False) == expected


@pytest.mark.parametrize(
    ("from_server", "cancel", "bits"), [(0, 0, 0), (1, 0, 1), (0, 1, 2), (1, 1, 3)]
)
def test_gmac_nonce_is_message_id_and_role(from_server: int, cancel: int, bits: int) -> None:
    nonce = (0x1122334455667788).to_bytes(8, "little") + bits.to_bytes(4, "little")
    signature = GmacSigner(KEY).sign(
        b"message", 0x1122334455667788, from_server=bool(from_server), cancel=bool(cancel)
    )
    assert signature == AESGCM(KEY).encrypt(nonce, b"", b"message")


MASTER = VECTORS["smb311_multichannel"]["channel1"]
BINDING = VECTORS["smb311_multichannel"]["channel2_binding"]


@pytest.mark.parametrize(
    ("packet", "key", "from_server"),
    [
        (MASTER["ss2_rsp"], MASTER["signing_key"], True),
        # While a channel is being bound the session's key signs; the channel's only at the end.
        (BINDING["ss1_req"], MASTER["signing_key"], False),
        (BINDING["ss1_rsp"], MASTER["signing_key"], True),
        (BINDING["ss2_req"], MASTER["signing_key"], False),
        (BINDING["ss2_rsp"], BINDING["channel_signing_key"], True),
    ],
)
def test_packets_of_a_multichannel_session(packet: str, key: str, from_server: bool) -> None:
    message = bytes.fromhex(packet)
    signer = make_signer(ids.SMB_3_1_1, ids.AES_CMAC, bytes.fromhex(key))
    message_id = int.from_bytes(message[24:32], "little")
    assert signer.verify(message, message_id, from_server=from_server)
    broken = bytearray(message)
    broken[-1] ^= 1
    assert not signer.verify(broken, message_id, from_server=from_server)


@each_signer
def test_verify_leaves_every_kind_of_buffer_as_it_was(signer: Signer) -> None:
    message = signed(signer)
    before = bytes(message)
    for buffer in (before, memoryview(before), message, memoryview(message)):
        assert signer.verify(buffer, 7, from_server=False)
        assert bytes(buffer) == before


@each_signer
@given(st.data())
def test_any_changed_bit_is_noticed(signer: Signer, data: st.DataObject) -> None:
    message = signed(signer, data.draw(st.binary(max_size=300)))
    bit = data.draw(st.integers(0, len(message) * 8 - 1))
    message[bit // 8] ^= 1 << bit % 8
    assert not signer.verify(message, 7, from_server=False)


@each_signer
def test_a_message_without_room_for_a_signature_is_malformed(signer: Signer) -> None:
    for length in (0, 48, 63):
        with pytest.raises(Malformed):
            signer.verify(bytes(length), 0, from_server=False)


def test_gmac_ties_a_message_to_its_id_direction_and_kind() -> None:
    signer = GmacSigner(KEY)
    message = signed(signer)
    assert not signer.verify(message, 8, from_server=False)
    assert not signer.verify(message, 7, from_server=True)
    assert not signer.verify(message, 7, from_server=False, cancel=True)


@pytest.mark.parametrize(
    ("dialect", "algorithm", "expected"),
    [
        (ids.SMB_2_0_2, ids.AES_GMAC, HmacSha256Signer),
        (ids.SMB_2_1, ids.AES_CMAC, HmacSha256Signer),
        (ids.SMB_3_0, ids.HMAC_SHA256, CmacSigner),
        (ids.SMB_3_0_2, ids.AES_GMAC, CmacSigner),
        (ids.SMB_3_1_1, ids.HMAC_SHA256, HmacSha256Signer),
        (ids.SMB_3_1_1, ids.AES_CMAC, CmacSigner),
        (ids.SMB_3_1_1, ids.AES_GMAC, GmacSigner),
    ],
)
def test_the_dialect_decides_before_the_algorithm(
    dialect: int, algorithm: int, expected: type
) -> None:
    assert type(make_signer(dialect, algorithm, KEY)) is expected


def test_an_unknown_algorithm_is_our_own_mistake() -> None:
    with pytest.raises(LocalError):
        make_signer(ids.SMB_3_1_1, 3, KEY)
