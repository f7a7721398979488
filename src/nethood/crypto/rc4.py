"""RC4, which NTLM still wraps keys and signatures in; never used where there is a choice."""

from __future__ import annotations

from collections.abc import Callable, Iterator


class Rc4:
    """A running RC4 key stream: encrypting and decrypting are the same."""

    __slots__ = ("_apply",)

    def __init__(self, key: bytes) -> None:
        self._apply = _openssl(key) or PureRc4(key).apply

    def apply(self, data: bytes) -> bytes:
        """Return *data* combined with the next bytes of the key stream."""
        return self._apply(data)


class PureRc4:
    """The same without OpenSSL."""

    __slots__ = ("_stream",)

    def __init__(self, key: bytes) -> None:
        self._stream = _key_stream(key)

    def apply(self, data: bytes) -> bytes:
        """Return *data* combined with the next bytes of the key stream."""
        return bytes(byte ^ next(self._stream) for byte in data)


def _openssl(key: bytes) -> Callable[[bytes], bytes] | None:
    """Return OpenSSL's key stream, or None: it may lack RC4, and refuses unusual key lengths."""
    # Imported here so that programs which only look at users need not load OpenSSL.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.decrepit.ciphers import algorithms
    from cryptography.hazmat.primitives.ciphers import Cipher

    try:
        return Cipher(algorithms.ARC4(key), mode=None).encryptor().update
    except (UnsupportedAlgorithm, ValueError):
        return None


def _key_stream(key: bytes) -> Iterator[int]:
    box = list(range(256))
    j = 0
    for i in range(256):
        j = (j + box[i] + key[i % len(key)]) & 255
        box[i], box[j] = box[j], box[i]
    i = j = 0
    while True:
        i = (i + 1) & 255
        j = (j + box[i]) & 255
        box[i], box[j] = box[j], box[i]
        yield box[(box[i] + box[j]) & 255]


def rc4(key: bytes, data: bytes) -> bytes:
    """Return *data* encrypted, or decrypted, with *key*: RC4K of [MS-NLMP] 6."""
    return Rc4(key).apply(data)
