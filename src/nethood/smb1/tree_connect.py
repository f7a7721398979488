"""SMB_COM_TREE_CONNECT_ANDX, [MS-CIFS] 2.2.4.55 and [MS-SMB] 2.2.4.7."""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct

from nethood.errors import Malformed
from nethood.smb1 import constants as c
from nethood.smb1.block import (
    data_offset,
    decode_block,
    decode_string,
    encode_block,
    encode_string,
)
from nethood.smb1.header import HEADER_SIZE
from nethood.wire import Buffer

_NO_ANDX = bytes([c.SMB_COM_NO_ANDX_COMMAND, 0, 0, 0])
_REQUEST_WORDS = Struct("<4sHH")
_REQUEST_WORD_COUNT = 4
_RESPONSE_WORD_COUNTS = (2, 3, 7)


@dataclass(slots=True)
class TreeConnectRequest:
    r"""SMB_COM_TREE_CONNECT_ANDX request, [MS-CIFS] 2.2.4.55.1; *path* is `\\server\share`.

    *password* is one zero byte where access is controlled by user, not by share.
    """

    path: str = ""
    service: str = c.SERVICE_ANY
    password: bytes = b"\0"
    flags: int = 0

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> TreeConnectRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        block.expect_words("TreeConnectRequest", _REQUEST_WORD_COUNT)
        _, flags, length = _REQUEST_WORDS.unpack(block.words)
        if length > len(block.data):
            raise Malformed("TreeConnectRequest", f"PasswordLength is {length}", offset)
        path, at = decode_string(block, length, unicode=unicode)
        service, _ = decode_string(block, at, unicode=False)
        return cls(path, service, block.data[:length], flags)

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        words = _REQUEST_WORDS.pack(_NO_ANDX, self.flags, len(self.password))
        at = data_offset(_REQUEST_WORD_COUNT) + len(self.password)
        data = self.password + encode_string(self.path, at, unicode=unicode)
        return encode_block(words, data + encode_string(self.service, 0, unicode=False))


@dataclass(slots=True)
class TreeConnectResponse:
    """SMB_COM_TREE_CONNECT_ANDX response, [MS-CIFS] 2.2.4.55.2.

    `service` is "IPC" for named pipes and "A:" for a disk. The access masks of the longer form,
    [MS-SMB] 2.2.4.7.2, are left unread.
    """

    optional_support: int = 0
    service: str = ""
    native_file_system: str = ""

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> TreeConnectResponse:
        """Read the response that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        block.expect_words("TreeConnectResponse", *_RESPONSE_WORD_COUNTS)
        support = int.from_bytes(block.words[4:6], "little")
        service, at = decode_string(block, 0, unicode=False)
        native_file_system, _ = decode_string(block, at, unicode=unicode)
        return cls(support, service, native_file_system)

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        words = _NO_ANDX + self.optional_support.to_bytes(2, "little")
        data = encode_string(self.service, 0, unicode=False)
        at = data_offset(len(words) // 2) + len(data)
        return encode_block(
            words, data + encode_string(self.native_file_system, at, unicode=unicode)
        )
