"""SMB_COM_SESSION_SETUP_ANDX, [MS-CIFS] 2.2.4.53 and [MS-SMB] 2.2.4.6.

There are two forms: with a GSS token (extended security), and with password responses. Commands
chained behind are not known here: AndXCommand is always none when encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from nethood.errors import Malformed
from nethood.smb1 import constants as c
from nethood.smb1.block import (
    Block,
    data_offset,
    decode_block,
    decode_string,
    encode_block,
    encode_strings,
)
from nethood.smb1.header import HEADER_SIZE
from nethood.wire import Buffer

_ANDX = Struct("<BBH")
_NO_ANDX = _ANDX.pack(c.SMB_COM_NO_ANDX_COMMAND, 0, 0)
_BLOB_WORDS = Struct("<4sHHHIHII")
_BLOB_WORD_COUNT = 12
_PASSWORD_WORDS = Struct("<4sHHHIHHII")
_PASSWORD_WORD_COUNT = 13
_RESPONSE_WORD_COUNT = 3
_BLOB_RESPONSE_WORD_COUNT = 4


@dataclass(slots=True)
class SessionSetupRequest:
    """SMB_COM_SESSION_SETUP_ANDX request with a GSS token, [MS-SMB] 2.2.4.6.1."""

    security_blob: bytes = b""
    max_buffer_size: int = 0xFFFF
    max_mpx_count: int = 1
    vc_number: int = 0
    session_key: int = 0
    capabilities: int = c.CAP_UNICODE | c.CAP_NT_SMBS | c.CAP_STATUS32 | c.CAP_EXTENDED_SECURITY
    native_os: str = ""
    native_lan_man: str = ""

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> SessionSetupRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        block.expect_words("SessionSetupRequest", _BLOB_WORD_COUNT)
        _, size, mpx, vc, key, length, _, capabilities = _BLOB_WORDS.unpack(block.words)
        blob = _take(block, "SecurityBlob", 0, length)
        native_os, at = decode_string(block, length, unicode=unicode)
        native_lan_man, _ = decode_string(block, at, unicode=unicode)
        return cls(blob, size, mpx, vc, key, capabilities, native_os, native_lan_man)

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        words = _BLOB_WORDS.pack(
            _NO_ANDX,
            self.max_buffer_size,
            self.max_mpx_count,
            self.vc_number,
            self.session_key,
            len(self.security_blob),
            0,
            self.capabilities,
        )
        at = data_offset(_BLOB_WORD_COUNT) + len(self.security_blob)
        names = encode_strings(self.native_os, self.native_lan_man, at=at, unicode=unicode)
        return encode_block(words, self.security_blob + names)


@dataclass(slots=True)
class PasswordSessionSetupRequest:
    """SMB_COM_SESSION_SETUP_ANDX request without extended security, [MS-CIFS] 2.2.4.53.1.

    With every name and both passwords empty it asks for an anonymous session.
    """

    oem_password: bytes = b""
    unicode_password: bytes = b""
    account_name: str = ""
    primary_domain: str = ""
    native_os: str = ""
    native_lan_man: str = ""
    max_buffer_size: int = 0xFFFF
    max_mpx_count: int = 1
    vc_number: int = 0
    session_key: int = 0
    capabilities: int = c.CAP_UNICODE | c.CAP_NT_SMBS | c.CAP_STATUS32

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> PasswordSessionSetupRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        block.expect_words("PasswordSessionSetupRequest", _PASSWORD_WORD_COUNT)
        _, size, mpx, vc, key, oem, wide, _, capabilities = _PASSWORD_WORDS.unpack(block.words)
        oem_password = _take(block, "OEMPassword", 0, oem)
        unicode_password = _take(block, "UnicodePassword", oem, wide)
        names, at = [], oem + wide
        for _ in range(4):
            name, at = decode_string(block, at, unicode=unicode)
            names.append(name)
        account, domain, native_os, native_lan_man = names
        return cls(
            oem_password,
            unicode_password,
            account,
            domain,
            native_os,
            native_lan_man,
            size,
            mpx,
            vc,
            key,
            capabilities,
        )

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        words = _PASSWORD_WORDS.pack(
            _NO_ANDX,
            self.max_buffer_size,
            self.max_mpx_count,
            self.vc_number,
            self.session_key,
            len(self.oem_password),
            len(self.unicode_password),
            0,
            self.capabilities,
        )
        passwords = self.oem_password + self.unicode_password
        names = encode_strings(
            self.account_name,
            self.primary_domain,
            self.native_os,
            self.native_lan_man,
            at=data_offset(_PASSWORD_WORD_COUNT) + len(passwords),
            unicode=unicode,
        )
        return encode_block(words, passwords + names)


@dataclass(slots=True)
class SessionSetupResponse:
    """SMB_COM_SESSION_SETUP_ANDX response, [MS-CIFS] 2.2.4.53.2 and [MS-SMB] 2.2.4.6.2.

    `security_blob` is None in the form without extended security. Not every server sends all
    three names.
    """

    action: int = 0
    native_os: str = ""
    native_lan_man: str = ""
    primary_domain: str = ""
    security_blob: bytes | None = None

    @property
    def is_guest(self) -> bool:
        """Whether the server let the user in as a guest."""
        return bool(self.action & c.SMB_SETUP_GUEST)

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> SessionSetupResponse:
        """Read the response that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        counts = (_RESPONSE_WORD_COUNT, _BLOB_RESPONSE_WORD_COUNT)
        block.expect_words("SessionSetupResponse", *counts)
        self = cls(int.from_bytes(block.words[4:6], "little"))
        at = 0
        if block.word_count == _BLOB_RESPONSE_WORD_COUNT:
            at = int.from_bytes(block.words[6:8], "little")
            self.security_blob = _take(block, "SecurityBlob", 0, at)
        self.native_os, at = decode_string(block, at, unicode=unicode)
        self.native_lan_man, at = decode_string(block, at, unicode=unicode)
        self.primary_domain, _ = decode_string(block, at, unicode=unicode)
        return self

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        words = _NO_ANDX + self.action.to_bytes(2, "little")
        blob = self.security_blob or b""
        if self.security_blob is not None:
            words += len(blob).to_bytes(2, "little")
        names = encode_strings(
            self.native_os,
            self.native_lan_man,
            self.primary_domain,
            at=data_offset(len(words) // 2) + len(blob),
            unicode=unicode,
        )
        return encode_block(words, blob + names)


def _take(block: Block, field: str, at: int, length: int) -> bytes:
    if at + length > len(block.data):
        raise Malformed("SessionSetup", f"{field} of {length} bytes does not fit", block.data_at)
    return block.data[at : at + length]
