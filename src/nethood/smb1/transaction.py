"""SMB_COM_TRANSACTION, [MS-CIFS] 2.2.4.33, as one message: what named pipes are asked with.

Transactions that go on in SMB_COM_TRANSACTION_SECONDARY are not known here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct, pack, unpack

from nethood.errors import LocalError, Malformed
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

_REQUEST = Struct("<HHHHBBHIHHHHHBB")
_REQUEST_WORDS = 14
_RESPONSE = Struct("<HHHHHHHHHBB")
_RESPONSE_WORDS = 10
PIPE = "\\PIPE\\"
_PEEK = Struct("<HHH")
_MAX_MESSAGE = 0xFFFF


@dataclass(slots=True)
class TransactionRequest:
    """SMB_COM_TRANSACTION request, [MS-CIFS] 2.2.4.33.1; *timeout_ms* as on the wire."""

    setup: tuple[int, ...] = ()
    name: str = PIPE
    parameters: bytes = b""
    data: bytes = b""
    max_parameter_count: int = 0
    max_data_count: int = 0
    max_setup_count: int = 0
    flags: int = 0
    timeout_ms: int = 0

    @classmethod
    def decode(
        cls, data: Buffer, offset: int = HEADER_SIZE, *, unicode: bool = True
    ) -> TransactionRequest:
        """Read the request that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        if block.word_count < _REQUEST_WORDS:
            raise Malformed("TransactionRequest", f"WordCount is {block.word_count}", offset)
        head = _REQUEST.unpack_from(block.words)
        _, _, max_parameters, max_data, max_setup, _, flags, timeout, _, *places, setup_count, _ = (
            head
        )
        setup = _setup(block.words[_REQUEST.size :], setup_count)
        name, _ = decode_string(block, 0, unicode=unicode)
        parameters, payload = _parts(data, block.data_at, *places)
        return cls(
            setup, name, parameters, payload, max_parameters, max_data, max_setup, flags, timeout
        )

    def encode(self, *, unicode: bool = True) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        start = data_offset(_REQUEST_WORDS + len(self.setup))
        body = encode_string(self.name, start, unicode=unicode)
        body, places = _place(body, start, self.parameters, self.data)
        words = _REQUEST.pack(
            len(self.parameters),
            len(self.data),
            self.max_parameter_count,
            self.max_data_count,
            self.max_setup_count,
            0,
            self.flags,
            self.timeout_ms,
            0,
            *places,
            len(self.setup),
            0,
        )
        return encode_block(words + pack(f"<{len(self.setup)}H", *self.setup), body)


@dataclass(slots=True)
class TransactionResponse:
    """SMB_COM_TRANSACTION response, [MS-CIFS] 2.2.4.33.2, when it is the only one."""

    setup: tuple[int, ...] = ()
    parameters: bytes = b""
    data: bytes = b""

    @classmethod
    def decode(cls, data: Buffer, offset: int = HEADER_SIZE) -> TransactionResponse:
        """Read the response that starts at *offset* of the message *data*. Raises Malformed."""
        block = decode_block(data, offset)
        if block.word_count < _RESPONSE_WORDS:
            raise Malformed("TransactionResponse", f"WordCount is {block.word_count}", offset)
        head = _RESPONSE.unpack_from(block.words)
        total_parameters, total_data, _, count, at, _, data_count, data_at, _, setup_count, _ = head
        if (total_parameters, total_data) != (count, data_count):
            raise Malformed("TransactionResponse", "goes on in another message", offset)
        setup = _setup(block.words[_RESPONSE.size :], setup_count)
        parameters, payload = _parts(data, block.data_at, count, at, data_count, data_at)
        return cls(setup, parameters, payload)

    def encode(self) -> bytes:
        """Return words and bytes, to stand right behind a header. Raises LocalError."""
        start = data_offset(_RESPONSE_WORDS + len(self.setup))
        body, (count, at, data_count, data_at) = _place(b"", start, self.parameters, self.data)
        words = _RESPONSE.pack(
            count, data_count, 0, count, at, 0, data_count, data_at, 0, len(self.setup), 0
        )
        return encode_block(words + pack(f"<{len(self.setup)}H", *self.setup), body)


@dataclass(frozen=True, slots=True)
class PeekNamedPipe:
    """What TRANS_PEEK_NMPIPE tells of a pipe, [MS-CIFS] 2.2.5.5.2."""

    read_data_available: int
    message_bytes_length: int
    named_pipe_state: int

    @classmethod
    def decode(cls, parameters: Buffer) -> PeekNamedPipe:
        """Read the parameters of the transaction's response. Raises Malformed."""
        if len(parameters) < _PEEK.size:
            raise Malformed("PeekNamedPipe", f"has {len(parameters)} bytes of parameters")
        return cls(*_PEEK.unpack_from(parameters))

    def encode(self) -> bytes:
        """Return the parameters of the transaction's response."""
        return _PEEK.pack(
            self.read_data_available, self.message_bytes_length, self.named_pipe_state
        )


def peek_named_pipe(fid: int) -> TransactionRequest:
    """Return the request TRANS_PEEK_NMPIPE about the open *fid*, [MS-CIFS] 2.2.5.5.1."""
    return TransactionRequest(
        (c.TRANS_PEEK_NMPIPE, fid), max_parameter_count=0xFFFF, max_data_count=0xFFFF
    )


def _setup(words: bytes, count: int) -> tuple[int, ...]:
    if 2 * count > len(words):
        raise Malformed("Transaction", f"SetupCount is {count}", HEADER_SIZE)
    return unpack(f"<{count}H", words[: 2 * count])


def _parts(
    message: Buffer, lowest: int, count: int, at: int, data_count: int, data_at: int
) -> tuple[bytes, bytes]:
    """Return parameters and data, wherever in the bytes of the *message* they lie."""
    found = []
    for length, start in ((count, at), (data_count, data_at)):
        if length and (start < lowest or start + length > len(message)):
            raise Malformed("Transaction", "parameters or data lie outside the message", start)
        found.append(bytes(message[start : start + length]))
    return found[0], found[1]


def _place(
    body: bytes, start: int, parameters: bytes, data: bytes
) -> tuple[bytes, tuple[int, int, int, int]]:
    """Append both, 4-aligned, to the *body* that begins at *start*; return it and their places."""
    places: list[int] = []
    for part in (parameters, data):
        body += bytes(-(start + len(body)) % 4) if part else b""
        places += (len(part), start + len(body))
        body += part
    if start + len(body) > _MAX_MESSAGE:
        raise LocalError("a transaction has at most 64 KiB in one message")
    return body, (places[0], places[1], places[2], places[3])
