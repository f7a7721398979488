"""MD4, MD5, HMAC-MD5 and RC4: with OpenSSL where it has them, and without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.decrepit.ciphers import algorithms
from hypothesis import given
from hypothesis import strategies as st

from nethood.crypto.md4 import md4, md4_pure
from nethood.crypto.md5 import hmac_md5, md5
from nethood.crypto.rc4 import PureRc4, Rc4, rc4

# RFC 1320 A.5
MD4_VALUES = {
    b"": "31d6cfe0d16ae931b73c59d7e0c089c0",
    b"a": "bde52cb31de33e46245e05fbdbd6fb24",
    b"abc": "a448017aaf21d8525fc10ae87aa6729d",
    b"message digest": "d9130a8164549fe818874806e1c7014b",
    b"abcdefghijklmnopqrstuvwxyz": "d79e1c308aa5bbcdeea8ed63df412da9",
    b"1234567890" * 8: "e33b4ddc9c38f2199c3e7b164fcc0536",
}


@pytest.mark.parametrize("function", [md4, md4_pure])
@pytest.mark.parametrize(("data", "digest"), MD4_VALUES.items())
def test_md4_of_rfc_1320(function: Callable[[bytes], bytes], data: bytes, digest: str) -> None:
    assert function(data).hex() == digest


def test_md4_without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise ValueError("unsupported hash type md4")

    monkeypatch.setattr(hashlib, "new", refuse)
    assert md4(b"abc").hex() == MD4_VALUES[b"abc"]


def test_md5_and_hmac_md5_of_rfc_1321_and_2202() -> None:
    assert md5(b"abc").hex() == "900150983cd24fb0d6963f7d28e17f72"
    assert hmac_md5(b"\x0b" * 16, b"Hi There").hex() == "9294727a3638bb1c13f48ef8158bfc9d"


@pytest.mark.parametrize("cipher", [Rc4, PureRc4])
def test_rc4(cipher: type[Rc4 | PureRc4]) -> None:
    assert cipher(b"Key").apply(b"Plaintext").hex() == "bbf316e8d940af0ad3"
    stream = cipher(b"Secret")
    assert stream.apply(b"Attack").hex() + stream.apply(b" at dawn").hex() == (
        "45a01f645fc35b383552544b9bf5"
    )


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=300))
def test_both_rc4_agree(key: bytes, data: bytes) -> None:
    assert rc4(key, data) == PureRc4(key).apply(data)
    assert rc4(key, rc4(key, data)) == data


def test_rc4_without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_key: bytes) -> None:
        raise UnsupportedAlgorithm("ARC4")

    monkeypatch.setattr(algorithms, "ARC4", refuse)
    assert rc4(b"sixteen byte key", b"x") == PureRc4(b"sixteen byte key").apply(b"x")
