"""MD5 and HMAC-MD5, RFC 1321 and 2104: the hashes of NTLM."""

from __future__ import annotations

import hashlib
import hmac


def md5(data: bytes) -> bytes:
    """Return the 16-byte MD5 digest of *data*."""
    return hashlib.md5(data, usedforsecurity=False).digest()


def hmac_md5(key: bytes, data: bytes) -> bytes:
    """Return the 16-byte HMAC-MD5 of *data*."""
    return hmac.digest(key, data, "md5")
