"""SMB_COM_NEGOTIATE, [MS-CIFS] 2.2.4.52 and [MS-SMB] 2.2.4.5.

Only the responses of the NT LAN Manager dialect are known: nothing older is ever asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct

from nethood.errors import LocalError, Malformed
from nethood.smb1 import constants as c
from nethood.smb1.block import Block, decode_block, decode_string, encode_block, encode_string
from nethood.smb1.header import HEADER_SIZE
from nethood.wire import Buffer

_DIALECT_FORMAT = 0x02
_MAX_DIALECTS = 128
_WORDS = Struct("<HBHHIIIIQhB")
_WORD_COUNT = 17
_GUID_SIZE = 16


@dataclass(slots=True)
class NegotiateRequest:
    """SMB_COM_NEGOTIATE request, [MS-CIFS] 2.2.4.52.1: dialects by name, the best one last."""

    dialects: list[str] = field(default_factory=lambda: [c.DIALECT_NT_LM])

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> NegotiateRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        block.expect_words("NegotiateRequest", 0)
        dialects: list[str] = []
        at = 0
        while at < len(block.data):
            if block.data[at] != _DIALECT_FORMAT or len(dialects) == _MAX_DIALECTS:
                raise Malformed("NegotiateRequest", "holds no list of dialects", block.data_at + at)
            name, at = decode_string(block, at + 1, unicode=False)
            dialects.append(name)
        return cls(dialects)

    def encode(self) -> bytes:
        """Return words and bytes, to stand right behind a header."""
        listed = b"".join(
            bytes([_DIALECT_FORMAT]) + encode_string(name, 0, unicode=False)
            for name in self.dialects
        )
        return encode_block(b"", listed)


@dataclass(slots=True)
class NegotiateResponse:
    """SMB_COM_NEGOTIATE response of NT LAN Manager, [MS-SMB] 2.2.4.5.2.

    `server_guid` and `security_blob` stand where CAP_EXTENDED_SECURITY is set in `capabilities`
    ([MS-SMB] 2.2.4.5.2.1), otherwise `challenge`, `domain_name` and `server_name` (2.2.4.5.2.2).
    `system_time` is a FILETIME, `server_time_zone` minutes west of UTC. A server that takes no
    dialect sends nothing but a `dialect_index` of NO_DIALECT.
    """

    dialect_index: int = c.NO_DIALECT
    security_mode: int = 0
    max_mpx_count: int = 0
    max_number_vcs: int = 0
    max_buffer_size: int = 0
    max_raw_size: int = 0
    session_key: int = 0
    capabilities: int = 0
    system_time: int = 0
    server_time_zone: int = 0
    challenge: bytes = b""
    domain_name: str = ""
    server_name: str = ""
    server_guid: bytes = bytes(_GUID_SIZE)
    security_blob: bytes = b""

    @property
    def has_extended_security(self) -> bool:
        """Whether authentication goes by GSS tokens, [MS-SMB] 2.2.4.5.2.1."""
        return bool(self.capabilities & c.CAP_EXTENDED_SECURITY)

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> NegotiateResponse:
        """Read the response that starts at *offset* of *data*; *unicode* is of the header's Flags2.

        Raises Malformed.
        """
        block = decode_block(data, offset)
        if block.word_count and block.words[:2] == b"\xff\xff":
            return cls()
        block.expect_words("NegotiateResponse", _WORD_COUNT)
        *fixed, challenge_length = _WORDS.unpack(block.words)
        self = cls(*fixed)
        if self.has_extended_security:
            self._decode_extended(block)
        else:
            self._decode_challenge(block, challenge_length, unicode=unicode)
        return self

    def _decode_extended(self, block: Block) -> None:
        if len(block.data) < _GUID_SIZE:
            raise Malformed("NegotiateResponse", "has no room for a ServerGUID", block.data_at)
        self.server_guid = block.data[:_GUID_SIZE]
        self.security_blob = block.data[_GUID_SIZE:]

    def _decode_challenge(self, block: Block, length: int, *, unicode: bool) -> None:
        if length > len(block.data):
            raise Malformed("NegotiateResponse", f"ChallengeLength is {length}", block.data_at)
        self.challenge = block.data[:length]
        self.domain_name, at = decode_string(block, length, unicode=unicode, align=False)
        self.server_name, _ = decode_string(block, at, unicode=unicode, align=False)

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        if self.dialect_index == c.NO_DIALECT:
            return encode_block(b"\xff\xff", b"")
        if len(self.challenge) > 0xFF:
            raise LocalError(f"a challenge has 8 bytes, not {len(self.challenge)}")
        data = self._encode_data(unicode=unicode)
        words = _WORDS.pack(
            self.dialect_index,
            self.security_mode,
            self.max_mpx_count,
            self.max_number_vcs,
            self.max_buffer_size,
            self.max_raw_size,
            self.session_key,
            self.capabilities,
            self.system_time,
            self.server_time_zone,
            0 if self.has_extended_security else len(self.challenge),
        )
        return encode_block(words, data)

    def _encode_data(self, *, unicode: bool) -> bytes:
        if self.has_extended_security:
            return self.server_guid + self.security_blob
        return self.challenge + b"".join(
            encode_string(name, 0, unicode=unicode, align=False)
            for name in (self.domain_name, self.server_name)
        )
