"""What follows every SMB1 header: counted words, then counted bytes, [MS-CIFS] 2.2.3.2, 2.2.3.3.

Also the strings inside the bytes, [MS-CIFS] 2.2.1.1: Unicode ones start at an even distance from
the header, so whoever reads or writes them has to know where they lie.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import pack

from nethood.errors import LocalError, Malformed
from nethood.smb1.header import HEADER_SIZE
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

_UTF_16_END = b"\0\0"
_MAX_WORD_COUNT = 0xFF
_MAX_BYTE_COUNT = 0xFFFF


@dataclass(frozen=True, slots=True)
class Block:
    """SMB_Parameters and SMB_Data of one command; *data_at* counts from the header."""

    words: bytes
    data: bytes
    data_at: int

    @property
    def word_count(self) -> int:
        """How many 16-bit words there are."""
        return len(self.words) // 2

    def expect_words(self, structure: str, *counts: int) -> None:
        """Raise Malformed unless WordCount is one of *counts*."""
        if self.word_count not in counts:
            raise Malformed(structure, f"WordCount is {self.word_count}", HEADER_SIZE)


def decode_block(data: Buffer, offset: int = HEADER_SIZE) -> Block:
    """Read the words and bytes that begin at *offset* of the message *data*. Raises Malformed."""
    if len(data) <= offset:
        raise Malformed("SMB1 message", "has no words", offset)
    words_at = offset + 1
    counted_at = words_at + 2 * data[offset]
    start = counted_at + 2
    if len(data) < start:
        raise Malformed("SMB1 message", f"has no room for {data[offset]} words", offset)
    end = start + int.from_bytes(data[counted_at:start], "little")
    if len(data) < end:
        raise Malformed("SMB1 message", f"ByteCount is {end - start}", counted_at)
    return Block(bytes(data[words_at:counted_at]), bytes(data[start:end]), start)


def encode_block(words: bytes, data: bytes) -> bytes:
    """Return *words* and *data*, each counted. Raises LocalError where a count has no room."""
    if len(words) % 2 or len(words) // 2 > _MAX_WORD_COUNT or len(data) > _MAX_BYTE_COUNT:
        raise LocalError(f"{len(words)} bytes of words and {len(data)} of data fit no SMB1 message")
    return pack("<B", len(words) // 2) + words + pack("<H", len(data)) + data


def data_offset(word_count: int) -> int:
    """Return where the bytes of a command right behind the header lie."""
    return HEADER_SIZE + 1 + 2 * word_count + 2


def decode_string(block: Block, at: int, *, unicode: bool, align: bool = True) -> tuple[str, int]:
    """Read the string at *at* of the block's bytes; return it and where the next one begins.

    Deviates: the end of the bytes ends a string as a zero does, for Windows XP leaves out the
    last one's. OEM characters are read as Latin-1, which loses nothing. Raises Malformed.
    """
    if not unicode:
        end = block.data.find(b"\0", at)
        end = end if end >= 0 else len(block.data)
        return block.data[at:end].decode("latin-1"), end + 1
    if align:
        at += (block.data_at + at) % 2
    end = _utf_16_end(block.data, at)
    return decode_utf16(block.data[at:end]), end + 2


def _utf_16_end(data: bytes, at: int) -> int:
    """Return where the UTF-16 string at *at* ends: its zero, or the last whole unit."""
    end = at
    while end + 2 <= len(data):
        if data[end : end + 2] == _UTF_16_END:
            return end
        end += 2
    return end


def encode_string(text: str, at: int, *, unicode: bool, align: bool = True) -> bytes:
    """Return *text*, its zero, and in front the byte that puts it at an even place.

    *at* is where it begins, counted from the header. Raises LocalError where OEM text leaves
    Latin-1.
    """
    if unicode:
        padding = bytes(at % 2) if align else b""
        return padding + encode_utf16(text) + _UTF_16_END
    try:
        return text.encode("latin-1") + b"\0"
    except UnicodeEncodeError:
        raise LocalError(f"{text!r} leaves Latin-1 and Unicode is not agreed on") from None


def encode_strings(*texts: str, at: int, unicode: bool) -> bytes:
    """Return *texts* one after the other, the first of them at *at* from the header."""
    out = b""
    for text in texts:
        out += encode_string(text, at + len(out), unicode=unicode)
    return out
