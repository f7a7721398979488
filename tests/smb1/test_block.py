"""Words and bytes, and the strings inside: where they begin and end."""

from __future__ import annotations

import pytest

from nethood.errors import LocalError, Malformed
from nethood.smb1.block import (
    Block,
    decode_block,
    decode_string,
    encode_block,
    encode_string,
    encode_strings,
)


def test_words_and_bytes_are_counted() -> None:
    data = encode_block(b"\1\2\3\4", b"abc")
    assert data == b"\2\1\2\3\4\3\0abc"
    assert decode_block(data, 0) == Block(b"\1\2\3\4", b"abc", 7)


@pytest.mark.parametrize("data", [b"", b"\1", b"\1\0\0", b"\1\0\0\1", b"\0\1\0", b"\xff" * 8])
def test_a_count_beyond_the_message_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_block(data, 0)


def test_what_fits_no_count_is_refused() -> None:
    for words, data in ((b"\0", b""), (bytes(512), b""), (b"", bytes(65536))):
        with pytest.raises(LocalError):
            encode_block(words, data)


def test_unicode_begins_at_an_even_place() -> None:
    assert encode_string("a", 7, unicode=True) == b"\0a\0\0\0"
    assert encode_string("a", 8, unicode=True) == b"a\0\0\0"
    assert encode_strings("a", "b", at=7, unicode=True) == b"\0a\0\0\0b\0\0\0"
    assert decode_string(Block(b"", b"\0a\0\0\0b\0\0\0", 7), 0, unicode=True) == ("a", 5)
    assert decode_string(Block(b"", b"a\0\0\0", 7), 0, unicode=True, align=False) == ("a", 4)


def test_oem_ends_at_its_zero() -> None:
    assert encode_string("\xe4", 7, unicode=False) == b"\xe4\0"
    assert decode_string(Block(b"", b"\xe4\0rest", 7), 0, unicode=False) == ("\xe4", 2)
    with pytest.raises(LocalError):
        encode_string("Ω", 0, unicode=False)


@pytest.mark.parametrize(
    ("data", "text"), [(b"a\0b\0", "ab"), (b"a\0b", "a"), (b"", ""), (b"a", "")]
)
def test_the_end_of_the_bytes_ends_a_string(data: bytes, text: str) -> None:
    assert decode_string(Block(b"", data, 8), 0, unicode=True)[0] == text
