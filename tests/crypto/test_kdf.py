"""Keys published for SMB 3.0 and 3.1.1 sessions come out of their session keys."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nethood.crypto import ids
from nethood.crypto.kdf import derive_key, derive_keys, derive_signing_key, smb2_session_key

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
MULTICHANNEL = VECTORS["smb311_multichannel"]
CHANNEL_1 = {
    k: bytes.fromhex(v)
    for k, v in MULTICHANNEL["channel1"].items()
    if k.endswith(("_key", "_hash"))
}


def test_session_key_is_cut_or_padded_to_16_bytes() -> None:
    assert smb2_session_key(bytes(range(32))) == bytes(range(16))
    assert smb2_session_key(b"ab") == b"ab" + bytes(14)


def test_dialect_2_signs_with_the_session_key_and_has_no_ciphers() -> None:
    keys = derive_keys(ids.SMB_2_1, b"k" * 16)
    assert keys == (b"k" * 16, b"k" * 16, b"", b"")


def test_dialect_3_0() -> None:
    vector = {k: bytes.fromhex(v) for k, v in VECTORS["smb300_keys"].items() if k.endswith("key")}
    for dialect in (ids.SMB_3_0, ids.SMB_3_0_2):
        keys = derive_keys(dialect, vector["session_key"], cipher=ids.AES_128_CCM)
        assert keys.signing_key == vector["signing_key"]
        assert keys.application_key == vector["application_key"]
        assert keys.client_to_server_key == vector["c2s_key"]
        assert keys.server_to_client_key == vector["s2c_key"]
    bound = derive_signing_key(ids.SMB_3_0, vector["channel2_session_key"])
    assert bound == vector["channel2_signing_key"]


def test_dialect_3_1_1() -> None:
    keys = derive_keys(
        ids.SMB_3_1_1,
        CHANNEL_1["exported_session_key"],
        preauth_hash=CHANNEL_1["preauth_hash"],
        cipher=ids.AES_128_GCM,
    )
    assert keys.signing_key == CHANNEL_1["signing_key"]
    assert keys.application_key == CHANNEL_1["application_key"]
    assert keys.client_to_server_key == CHANNEL_1["c2s_key"]
    assert keys.server_to_client_key == CHANNEL_1["s2c_key"]


def test_a_bound_channel_signs_with_its_own_key() -> None:
    channel = MULTICHANNEL["channel2_binding"]
    key = derive_signing_key(
        ids.SMB_3_1_1,
        bytes.fromhex(channel["exported_session_key"]),
        bytes.fromhex(channel["preauth_hash"]),
    )
    assert key == bytes.fromhex(channel["channel_signing_key"])


@pytest.mark.parametrize("name", ["smb300_ccm", "smb311_gcm"])
def test_cipher_keys(name: str) -> None:
    vector = VECTORS["smb3_encryption"][name]
    dialect = ids.SMB_3_1_1 if "preauth_hash" in vector else ids.SMB_3_0
    preauth_hash = bytes.fromhex(vector.get("preauth_hash", ""))
    keys = derive_keys(dialect, bytes.fromhex(vector["session_key"]), b"", preauth_hash)
    assert keys.client_to_server_key == bytes.fromhex(vector["c2s_key"])
    assert keys.server_to_client_key == bytes.fromhex(vector["s2c_key"])


@pytest.mark.parametrize("cipher", [ids.AES_256_CCM, ids.AES_256_GCM])
def test_aes_256_makes_long_cipher_keys_of_the_full_key_and_leaves_the_others(cipher: int) -> None:
    full, preauth_hash = bytes(range(32)), bytes(64)
    long = derive_keys(ids.SMB_3_1_1, full[:16], full, preauth_hash, cipher)
    short = derive_keys(ids.SMB_3_1_1, full[:16], full, preauth_hash, ids.AES_128_GCM)
    assert long.signing_key == short.signing_key
    assert long.application_key == short.application_key
    assert len(long.client_to_server_key) == len(long.server_to_client_key) == 32
    # The length is an input: the long key does not begin with the short one.
    assert long.client_to_server_key[:16] != derive_key(full, b"SMBC2SCipherKey\0", preauth_hash)
    assert long.client_to_server_key == derive_key(full, b"SMBC2SCipherKey\0", preauth_hash, 32)


def test_keys_are_not_printed() -> None:
    assert "6b6b" not in repr(derive_keys(ids.SMB_2_1, b"k" * 16)).lower()
    assert "kkkk" not in repr(derive_keys(ids.SMB_2_1, b"k" * 16))
