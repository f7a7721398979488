"""Session keys of SMB 3: the counter-mode key derivation of SP 800-108, [MS-SMB2] 3.1.4.2.

HMAC-SHA256 is the pseudo-random function, the counter and the length are 32 bits wide. One block
of output is always enough, so the counter is always 1.
"""

from __future__ import annotations

import hmac
from typing import NamedTuple

from nethood.crypto.ids import AES_256_CCM, AES_256_GCM, SMB_3_0, SMB_3_1_1

# Labels and contexts are C strings: the terminating NUL is part of each.
_SIGNING_30 = (b"SMB2AESCMAC\0", b"SmbSign\0")
_APPLICATION_30 = (b"SMB2APP\0", b"SmbRpc\0")
_C2S_30 = (b"SMB2AESCCM\0", b"ServerIn \0")
_S2C_30 = (b"SMB2AESCCM\0", b"ServerOut\0")
_SIGNING_311 = b"SMBSigningKey\0"
_APPLICATION_311 = b"SMBAppKey\0"
_C2S_311 = b"SMBC2SCipherKey\0"
_S2C_311 = b"SMBS2CCipherKey\0"


class Keys(NamedTuple):
    """The keys of one session. Cipher keys are empty where the dialect has no encryption."""

    signing_key: bytes
    application_key: bytes
    client_to_server_key: bytes
    server_to_client_key: bytes

    def __repr__(self) -> str:
        return "Keys(hidden)"


def derive_key(key: bytes, label: bytes, context: bytes, size: int = 16) -> bytes:
    """Return *size* (at most 32) bytes derived from *key*.

    The size is part of the input, so a shorter key is not the beginning of a longer one.
    """
    fixed = b"\0\0\0\1" + label + b"\0" + context + (size * 8).to_bytes(4, "big")
    return hmac.digest(key, fixed, "sha256")[:size]


def smb2_session_key(gss_key: bytes) -> bytes:
    """Return the first 16 bytes of a GSS key, right-padded with zeros ([MS-SMB2] 3.3.1.8)."""
    return gss_key[:16].ljust(16, b"\0")


def derive_signing_key(dialect: int, session_key: bytes, preauth_hash: bytes = b"") -> bytes:
    """Return the signing key of a session, or of a channel bound to one (then from its own key).

    *preauth_hash* is used by 3.1.1 only: the value after the last SESSION_SETUP request.
    """
    key = smb2_session_key(session_key)
    if dialect < SMB_3_0:
        return key
    if dialect < SMB_3_1_1:
        return derive_key(key, *_SIGNING_30)
    return derive_key(key, _SIGNING_311, preauth_hash)


def derive_keys(
    dialect: int,
    session_key: bytes,
    full_session_key: bytes = b"",
    preauth_hash: bytes = b"",
    cipher: int = 0,
) -> Keys:
    """Return all keys of a new session.

    *session_key* is what authentication produced (16 bytes are used); *full_session_key* the same
    uncut, by default equal. AES-256 *cipher* keys are 32 bytes made from the full key; everything
    else stays at 16 bytes. *preauth_hash* (64 bytes) is used by 3.1.1 only.
    """
    signing_key = derive_signing_key(dialect, session_key, preauth_hash)
    if dialect < SMB_3_0:
        return Keys(signing_key, signing_key, b"", b"")
    key = smb2_session_key(session_key)
    if dialect < SMB_3_1_1:
        return Keys(
            signing_key,
            derive_key(key, *_APPLICATION_30),
            derive_key(key, *_C2S_30),
            derive_key(key, *_S2C_30),
        )
    size, cipher_base = 16, key
    if cipher in (AES_256_CCM, AES_256_GCM):
        size, cipher_base = 32, full_session_key or session_key
    return Keys(
        signing_key,
        derive_key(key, _APPLICATION_311, preauth_hash),
        derive_key(cipher_base, _C2S_311, preauth_hash, size),
        derive_key(cipher_base, _S2C_311, preauth_hash, size),
    )
