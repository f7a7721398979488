"""Mailslot writes: an SMB1 TRANSACTION request in a datagram, [MS-MAIL] 2.2.1.

Only this one message of SMB1 is known here, for mailslots never answer. What is written to which
mailslot is the browser's affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import Self

from nethood.errors import LocalError, Malformed
from nethood.wire import Buffer

BROWSE = "\\MAILSLOT\\BROWSE"
LANMAN = "\\MAILSLOT\\LANMAN"
NETLOGON = "\\MAILSLOT\\NET\\NETLOGON"

CLASS_RELIABLE = 1
CLASS_UNRELIABLE = 2

MAX_WRITE_SIZE = 512
"""The longest write, all headers included, that Windows takes: [MS-MAIL] note <2>."""

_PROTOCOL = b"\xffSMB"
_SMB_COM_TRANSACTION = 0x25
_WRITE_MAILSLOT = 1
_WORD_COUNT = 17
_SETUP_COUNT = 3
_NO_RESPONSE = 0x0002
_FLAGS, _FLAGS2, _PID = 0x18, 0x04, 0xFEFF
_HEADER = Struct("<4sBIBHH8sHHHHH")
_WORDS = Struct("<BHHHHBBHIHHHHHBBHHHH")
_BYTES_AT = _HEADER.size + _WORDS.size
_PREFIX = "\\MAILSLOT\\"


@dataclass(frozen=True, slots=True)
class MailslotWrite:
    """A mailslot write, [MS-MAIL] 2.2.1; *name* begins with ``\\MAILSLOT\\`` in any case."""

    name: str
    data: bytes
    priority: int = 0
    mailslot_class: int = CLASS_UNRELIABLE
    timeout_ms: int = 0

    def is_to(self, name: str) -> bool:
        """Whether this write is to the mailslot *name*; case makes no difference."""
        return self.name.upper() == name.upper()

    def encode(self) -> bytes:
        """Return the SMB. Raises LocalError when it is longer than 512 bytes or badly named."""
        raw_name = _checked_name(self.name)
        data_offset = _BYTES_AT + len(raw_name)
        padding = -data_offset % 4
        data_offset += padding
        size = len(self.data)
        if data_offset + size > MAX_WRITE_SIZE:
            room = MAX_WRITE_SIZE - data_offset
            raise LocalError(f"{self.name} takes messages of {room} bytes at most, not {size}")
        byte_count = len(raw_name) + padding + size
        header = _HEADER.pack(
            _PROTOCOL, _SMB_COM_TRANSACTION, 0, _FLAGS, _FLAGS2, 0, bytes(8), 0, 0, _PID, 0, 0
        )
        counts = (_WORD_COUNT, 0, size, 0, 0, 0, 0, _NO_RESPONSE, self.timeout_ms, 0)
        places = (0, data_offset, size, data_offset, _SETUP_COUNT, 0)
        setup = (_WRITE_MAILSLOT, self.priority, self.mailslot_class, byte_count)
        words = _WORDS.pack(*counts, *places, *setup)
        return header + words + raw_name + bytes(padding) + self.data

    @classmethod
    def decode(cls, data: Buffer) -> Self:
        """Read a mailslot write. Raises Malformed for anything else.

        Alignment and ByteCount are not checked: [MS-MAIL] note <11>, and Samba does not align.
        """
        if len(data) < _BYTES_AT:
            raise Malformed("Mailslot write", "is cut off", len(data))
        protocol, command, *_ = _HEADER.unpack_from(data)
        if protocol != _PROTOCOL or command != _SMB_COM_TRANSACTION:
            raise Malformed("Mailslot write", "is no SMB1 transaction")
        words = _WORDS.unpack_from(data, _HEADER.size)
        if (words[0], words[14], words[16]) != (_WORD_COUNT, _SETUP_COUNT, _WRITE_MAILSLOT):
            raise Malformed("Mailslot write", "is some other transaction", _HEADER.size)
        name = _name_at(data, _BYTES_AT)
        count, offset = words[12], words[13]
        if words[2] != count or offset < _BYTES_AT or offset + count > len(data):
            raise Malformed("Mailslot write", f"has {count} data bytes at {offset}", offset)
        return cls(name, bytes(data[offset : offset + count]), words[17], words[18], words[8])


def _checked_name(name: str) -> bytes:
    is_named = name.upper().startswith(_PREFIX) and len(name) > len(_PREFIX)
    if not is_named or not name.isascii() or "\0" in name:
        raise LocalError(
            f"{name!r} is no mailslot: its name is \\MAILSLOT\\ and something in ASCII"
        )
    return name.encode("ascii") + b"\0"


def _name_at(data: Buffer, start: int) -> str:
    raw = bytes(data[start:])
    end = raw.find(b"\0")
    name = raw[: max(end, 0)].decode("latin-1")
    if not name.upper().startswith(_PREFIX) or len(name) == len(_PREFIX):
        raise Malformed("Mailslot write", "has no mailslot name", start)
    return name
