"""Extended attributes: [MS-FSCC] 2.4.16.

EA names are 8-bit text; they are kept as the characters of the same number.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.fscc.chain import fill, walk
from nethood.wire import Buffer

FILE_NEED_EA = 0x80
EA_ALIGN = 4

_FULL = struct.Struct("<IBBH")
_GET = struct.Struct("<IB")
_ILLEGAL = frozenset('\\/:*?"<>|,+=[];') | {chr(c) for c in range(0x20)}


class Ea(NamedTuple):
    """One extended attribute; without a value, setting it takes it away."""

    name: str
    value: bytes = b""
    flags: int = 0


def is_valid_ea(ea: Ea) -> bool:
    """Tell whether name and flags are legal; if not, the status is INVALID_EA_NAME."""
    return (
        0 < len(ea.name) < 255
        and not _ILLEGAL.intersection(ea.name)
        and not ea.flags & ~FILE_NEED_EA
    )


def encode_ea(ea: Ea) -> bytes:
    """Encode one FILE_FULL_EA_INFORMATION, the last of its list."""
    name = ea.name.encode("latin-1")
    return _FULL.pack(0, ea.flags, len(name), len(ea.value)) + name + b"\0" + ea.value


def encode_eas(eas: Iterable[Ea], max_size: int) -> tuple[bytes, int, bool]:
    """Encode as many whole EAs as fit; return the bytes, how many, and whether all did."""
    return fill(map(encode_ea, eas), EA_ALIGN, max_size)


def decode_eas(data: Buffer) -> list[Ea]:
    """Read a list of FILE_FULL_EA_INFORMATION. Raises Malformed: EA_LIST_INCONSISTENT."""
    eas = []
    for at, end in walk(data, "FileFullEaInformation", _FULL.size + 1):
        _, flags, name_length, value_length = _FULL.unpack_from(data, at)
        start = at + _FULL.size
        value_at = start + name_length + 1
        if value_at + value_length > end:
            raise Malformed("FileFullEaInformation", "EaValue reaches past the entry", at)
        name = _name("FileFullEaInformation", data, start, name_length)
        eas.append(Ea(name, bytes(data[value_at : value_at + value_length]), flags))
    return eas


def encode_ea_names(names: Iterable[str]) -> bytes:
    """Encode a list of FILE_GET_EA_INFORMATION."""
    raw = (name.encode("latin-1") for name in names)
    entries = (_GET.pack(0, len(name)) + name + b"\0" for name in raw)
    return fill(entries, EA_ALIGN, 0xFFFFFFFF)[0]


def decode_ea_names(data: Buffer) -> list[str]:
    """Read a list of FILE_GET_EA_INFORMATION, none for no data. Raises Malformed."""
    names = []
    for at, end in walk(data, "FileGetEaInformation", _GET.size + 1):
        _, length = _GET.unpack_from(data, at)
        if at + _GET.size + length + 1 > end:
            raise Malformed("FileGetEaInformation", "EaName reaches past the entry", at)
        names.append(_name("FileGetEaInformation", data, at + _GET.size, length))
    return names


def _name(structure: str, data: Buffer, start: int, length: int) -> str:
    """Return the name at *start*, which the caller knows to lie inside; a zero has to follow it."""
    if data[start + length] != 0:
        raise Malformed(structure, "EaName has no terminating zero", start + length)
    return str(data[start : start + length], "latin-1")


def ea_size(eas: Iterable[Ea]) -> int:
    """Return EaSize: what the list takes on the wire, 0 for no EAs."""
    return len(fill(map(encode_ea, eas), EA_ALIGN, 0xFFFFFFFF)[0])
