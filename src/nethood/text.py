"""UTF-16LE text as it stands on the wire, and the case folding of file and user names."""

from __future__ import annotations

from codecs import utf_16_le_decode as _decode
from codecs import utf_16_le_encode as _encode
from functools import lru_cache

from nethood.errors import Malformed
from nethood.wire import Buffer


def decode_utf16(data: Buffer) -> str:
    """Return the text of UTF-16LE *data*; unpaired surrogates survive. Raises Malformed."""
    try:
        return _decode(data, "surrogatepass", True)[0]
    except UnicodeDecodeError as error:
        raise Malformed("UTF-16 text", "odd length or broken code unit", error.start) from None


def encode_utf16(text: str) -> bytes:
    """Return *text* as UTF-16LE; unpaired surrogates pass."""
    return _encode(text, "surrogatepass")[0]


def upcase(text: str) -> str:
    """Upper-case *text* character by character, as NTFS compares names ([MS-FSA] 2.1.4.4).

    One character never becomes two: the German sharp s stays what it is.
    """
    return text.upper() if text.isascii() else _upcase_slow(text)


@lru_cache(maxsize=4096)
def _upcase_slow(text: str) -> str:
    return "".join(u if len(u := c.upper()) == 1 else c for c in text)
