"""Directory information classes ([MS-FSCC] 2.4, [MS-FSA] 2.1.5.6.3): encoding and decoding lists.

The encoder is the hot loop of QUERY_DIRECTORY (benchmarks/: list a folder): one `struct` call per
entry packs the fixed part, the name and the padding. It knows no wildcard, no cursor and no store.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, NamedTuple

from nethood.erref import (
    STATUS_BUFFER_OVERFLOW,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_SUCCESS,
)
from nethood.errors import Malformed, StatusError
from nethood.fscc.attributes import FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_REPARSE_POINT
from nethood.fscc.chain import walk
from nethood.fscc.info import Info
from nethood.text import decode_utf16
from nethood.wire import Buffer

FILE_DIRECTORY_INFORMATION = 1
FILE_FULL_DIRECTORY_INFORMATION = 2
FILE_BOTH_DIRECTORY_INFORMATION = 3
FILE_NAMES_INFORMATION = 12
FILE_ID_BOTH_DIRECTORY_INFORMATION = 37
FILE_ID_FULL_DIRECTORY_INFORMATION = 38
FILE_ID_EXTD_DIRECTORY_INFORMATION = 60
FILE_ID_64_EXTD_DIRECTORY_INFORMATION = 78
FILE_ID_64_EXTD_BOTH_DIRECTORY_INFORMATION = 79
FILE_ID_ALL_EXTD_DIRECTORY_INFORMATION = 80
FILE_ID_ALL_EXTD_BOTH_DIRECTORY_INFORMATION = 81

DirectoryEntry = tuple[str, Info]
"""One entry to encode: its name and what is known of it."""


class Extra(NamedTuple):
    """What some classes tell of an entry besides its Info."""

    ea_size: int = 0
    short_name: bytes = b""
    """The 8.3 name in UTF-16LE, at most 24 bytes; empty where there is none."""
    reparse_tag: int = 0


NO_EXTRA = Extra()
ExtraOf = Callable[[str, Info], Extra]


class Listing(NamedTuple):
    """One output buffer of directory entries."""

    status: int
    """STATUS_SUCCESS, or STATUS_BUFFER_OVERFLOW where the only entry's name was cut off."""
    data: bytes
    """The entries; empty where there was none to encode."""
    taken: int
    """How many entries the data holds."""
    pending: DirectoryEntry | None
    """The entry that was taken from the iterator but did not fit: give it to the next call."""


@dataclass(slots=True)
class DirectoryRecord:
    """One decoded entry; a field its class does not carry keeps its default."""

    file_name: str = ""
    file_index: int = 0
    creation_time: int = 0
    last_access_time: int = 0
    last_write_time: int = 0
    change_time: int = 0
    end_of_file: int = 0
    allocation_size: int = 0
    file_attributes: int = 0
    ea_size: int = 0
    reparse_point_tag: int = 0
    file_id: int = 0
    file_id_128: int = 0
    short_name: str = ""


class _Packers(dict[int, tuple[Callable[..., bytes], int]]):
    """By name length in bytes: how to pack a whole entry, and its size padded to 8 bytes."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self._code = code

    def __missing__(self, length: int) -> tuple[Callable[..., bytes], int]:
        whole = struct.Struct(f"{self._code}{length}s")
        pad = -whole.size % 8
        found = struct.Struct(f"{self._code}{length}s{pad}x").pack, whole.size + pad
        self[length] = found
        return found


Pack = Callable[..., bytes]
EntryEncoder = Callable[[Pack, int, Info, int, bytes, Extra], bytes]


def _common(step: int, i: Info, length: int) -> tuple[int, ...]:
    """Return the fields that all classes but FileNamesInformation begin with."""
    return (
        step,
        0,
        i.creation_time,
        i.last_access_time,
        i.last_write_time,
        i.change_time,
        i.size,
        i.allocation_size,
        i.attributes or FILE_ATTRIBUTE_NORMAL,
        length,
    )


def _ea(i: Info, x: Extra) -> int:
    """Return EaSize, which is the reparse tag where there is one."""
    return x.reparse_tag if i.attributes & FILE_ATTRIBUTE_REPARSE_POINT else x.ea_size


def _directory(pack: Pack, step: int, i: Info, length: int, name: bytes, _x: Extra) -> bytes:
    return pack(*_common(step, i, length), name)


def _full(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    return pack(*_common(step, i, length), _ea(i, x), name)


def _both(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    short = x.short_name
    return pack(*_common(step, i, length), _ea(i, x), len(short), short, name)


def _names(pack: Pack, step: int, _i: Info, length: int, name: bytes, _x: Extra) -> bytes:
    return pack(step, 0, length, name)


def _id_both(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    # Spelled out, without _common: what nearly every client asks for, and a quarter faster.
    attributes = i.attributes
    short = x.short_name
    return pack(
        step,
        0,
        i.creation_time,
        i.last_access_time,
        i.last_write_time,
        i.change_time,
        i.size,
        i.allocation_size,
        attributes or FILE_ATTRIBUTE_NORMAL,
        length,
        x.reparse_tag if attributes & FILE_ATTRIBUTE_REPARSE_POINT else x.ea_size,
        len(short),
        short,
        i.file_id,
        name,
    )


def _id_full(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    return pack(*_common(step, i, length), _ea(i, x), i.file_id, name)


def _extd(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    return pack(*_common(step, i, length), x.ea_size, x.reparse_tag, i.file_id, name)


def _extd_both(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    common = _common(step, i, length)
    short = x.short_name
    return pack(*common, x.ea_size, x.reparse_tag, i.file_id, len(short), short, name)


def _all_extd(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    common = _common(step, i, length)
    return pack(*common, x.ea_size, x.reparse_tag, i.file_id, i.file_id, name)


def _all_extd_both(pack: Pack, step: int, i: Info, length: int, name: bytes, x: Extra) -> bytes:
    common = _common(step, i, length)
    file_id, short = i.file_id, x.short_name
    return pack(*common, x.ea_size, x.reparse_tag, file_id, file_id, len(short), short, name)


_COMMON = "next_entry_offset file_index creation_time last_access_time last_write_time change_time \
end_of_file allocation_size file_attributes file_name_length"
_COMMON_CODE = "<IIqqqqqqII"
_SHORT = "short_name_length short_name"
_SHORT_CODE = "Bx24s"
_ID_128_CODE = "16s"


class _Layout:
    """One class: its fixed part as a `struct` code and field names, and its entry encoder."""

    def __init__(self, code: str, fields: str, encode: EntryEncoder) -> None:
        self.fixed = struct.Struct(code)
        self.size = self.fixed.size
        self.fields = fields.split()
        self.encode = encode
        # A store's file id has 64 bits: the upper half of a 128-bit one is zeros.
        self.packers = _Packers(code.replace(_ID_128_CODE, "Q8x"))


_LAYOUTS: dict[int, _Layout] = {
    FILE_DIRECTORY_INFORMATION: _Layout(_COMMON_CODE, _COMMON, _directory),
    FILE_FULL_DIRECTORY_INFORMATION: _Layout(f"{_COMMON_CODE}I", f"{_COMMON} ea_size", _full),
    FILE_BOTH_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}I{_SHORT_CODE}", f"{_COMMON} ea_size {_SHORT}", _both
    ),
    FILE_NAMES_INFORMATION: _Layout(
        "<III", "next_entry_offset file_index file_name_length", _names
    ),
    FILE_ID_BOTH_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}I{_SHORT_CODE}2xQ", f"{_COMMON} ea_size {_SHORT} file_id", _id_both
    ),
    FILE_ID_FULL_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}I4xQ", f"{_COMMON} ea_size file_id", _id_full
    ),
    FILE_ID_EXTD_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}II{_ID_128_CODE}", f"{_COMMON} ea_size reparse_point_tag file_id_128", _extd
    ),
    FILE_ID_64_EXTD_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}IIQ", f"{_COMMON} ea_size reparse_point_tag file_id", _extd
    ),
    FILE_ID_64_EXTD_BOTH_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}IIQ{_SHORT_CODE}",
        f"{_COMMON} ea_size reparse_point_tag file_id {_SHORT}",
        _extd_both,
    ),
    FILE_ID_ALL_EXTD_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}IIQ{_ID_128_CODE}",
        f"{_COMMON} ea_size reparse_point_tag file_id file_id_128",
        _all_extd,
    ),
    FILE_ID_ALL_EXTD_BOTH_DIRECTORY_INFORMATION: _Layout(
        f"{_COMMON_CODE}IIQ{_ID_128_CODE}{_SHORT_CODE}",
        f"{_COMMON} ea_size reparse_point_tag file_id file_id_128 {_SHORT}",
        _all_extd_both,
    ),
}

DIRECTORY_CLASSES = frozenset(_LAYOUTS)
"""The classes a QUERY_DIRECTORY may name ([MS-SMB2] 3.3.5.18)."""


def fixed_size(info_class: int) -> int:
    """Return the bytes of an entry before its name, the least an output buffer must hold.

    Raises StatusError(INVALID_INFO_CLASS) for what is no directory class.
    """
    return _layout(info_class).size


def _layout(info_class: int) -> _Layout:
    try:
        return _LAYOUTS[info_class]
    except KeyError:
        raise StatusError(STATUS_INVALID_INFO_CLASS) from None


def encode_entries(
    info_class: int,
    entries: Iterator[DirectoryEntry],
    max_size: int,
    *,
    pending: DirectoryEntry | None = None,
    single: bool = False,
    extra_of: ExtraOf | None = None,
) -> Listing:
    """Fill one output buffer of at most *max_size* bytes with *pending* and then *entries*.

    With *single* one entry is taken. *extra_of* is asked, per entry, for what Info does not tell.
    A first entry whose name does not fit is cut off, and stays pending ([MS-FSA] 2.1.5.6.3).
    Raises StatusError: INVALID_INFO_CLASS, or INFO_LENGTH_MISMATCH where not even the fixed part
    of an entry fits.
    """
    layout = _layout(info_class)
    if max_size < layout.size:
        raise StatusError(STATUS_INFO_LENGTH_MISMATCH)
    packers, encode, room = layout.packers, layout.encode, max_size - layout.size
    pieces: list[bytes] = []
    at = last_size = 0
    source = entries if pending is None else chain((pending,), entries)
    for entry in islice(source, 1) if single else source:
        name, info = entry
        encoded = name.encode("utf-16-le", "surrogatepass")
        length = len(encoded)
        if at + length > room:
            if not pieces:
                return _cut_off(layout, entry, encoded, max_size, extra_of)
            return _listing(pieces, last_size, entry)
        pack, step = packers[length]
        extra = NO_EXTRA if extra_of is None else extra_of(name, info)
        pieces.append(encode(pack, step, info, length, encoded, extra))
        at += step
        last_size = layout.size + length
    return _listing(pieces, last_size, None)


def _listing(pieces: list[bytes], last_size: int, pending: DirectoryEntry | None) -> Listing:
    """Join the entries; the last has neither a successor nor padding."""
    if pieces:
        pieces[-1] = bytes(4) + pieces[-1][4:last_size]
    return Listing(STATUS_SUCCESS, b"".join(pieces), len(pieces), pending)


def _cut_off(
    layout: _Layout, entry: DirectoryEntry, name: bytes, max_size: int, extra_of: ExtraOf | None
) -> Listing:
    """Return the one entry whose name does not fit, with as much of the name as does."""
    info = entry[1]
    extra = NO_EXTRA if extra_of is None else extra_of(*entry)
    pack, _ = layout.packers[len(name)]
    data = layout.encode(pack, 0, info, len(name), name, extra)[: max_size & ~1]
    return Listing(STATUS_BUFFER_OVERFLOW, data, 1, entry)


def decode_entries(info_class: int, data: Buffer) -> Iterator[DirectoryRecord]:
    """Yield the entries of a QUERY_DIRECTORY answer. Raises Malformed, and StatusError as above."""
    layout = _layout(info_class)
    for at, end in walk(data, "directory entry", layout.size):
        yield _decode_entry(layout, data, at, end)


def _decode_entry(layout: _Layout, data: Buffer, at: int, end: int) -> DirectoryRecord:
    values: dict[str, Any] = dict(
        zip(layout.fields, layout.fixed.unpack_from(data, at), strict=True)
    )
    values.pop("next_entry_offset")
    start = at + layout.size
    stop = start + values.pop("file_name_length")
    if stop > end:
        raise Malformed("directory entry", "FileName reaches past the entry", at)
    if "short_name" in values:
        length = values.pop("short_name_length")
        if length > 24:
            raise Malformed("directory entry", f"ShortNameLength is {length}", at)
        values["short_name"] = decode_utf16(values["short_name"][:length])
    if "file_id_128" in values:
        values["file_id_128"] = int.from_bytes(values["file_id_128"], "little")
    return DirectoryRecord(file_name=decode_utf16(data[start:stop]), **values)
