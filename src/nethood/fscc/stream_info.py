"""Lists about one file: its data streams and its hard links, [MS-FSCC] 2.4.49 and 2.4.17."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nethood.erref import STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS
from nethood.errors import Malformed
from nethood.fscc.chain import fill, walk
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

DEFAULT_STREAM = "::$DATA"

_STREAM = struct.Struct("<IIqq")
_LINK = struct.Struct("<IQI")
_LINKS = struct.Struct("<II")


class Stream(NamedTuple):
    """One stream, its name in the form ":name:$DATA"."""

    name: str
    size: int
    allocation_size: int


class Link(NamedTuple):
    """One hard link: the file id of its folder and its name there."""

    parent_file_id: int
    name: str


def encode_streams(streams: Iterable[Stream], max_size: int) -> tuple[int, bytes]:
    """Encode FileStreamInformation; return STATUS_BUFFER_OVERFLOW where not all streams fit."""
    entries = (_stream(s) for s in streams)
    data, _, whole = fill(entries, 8, max_size)
    return STATUS_SUCCESS if whole else STATUS_BUFFER_OVERFLOW, data


def _stream(stream: Stream) -> bytes:
    name = encode_utf16(stream.name)
    return _STREAM.pack(0, len(name), stream.size, stream.allocation_size) + name


def decode_streams(data: Buffer) -> list[Stream]:
    """Read FileStreamInformation. Raises Malformed."""
    streams = []
    for at, end in walk(data, "FileStreamInformation", _STREAM.size):
        _, length, size, allocation_size = _STREAM.unpack_from(data, at)
        start = at + _STREAM.size
        if start + length > end:
            raise Malformed("FileStreamInformation", "StreamName reaches past the entry", at)
        streams.append(Stream(decode_utf16(data[start : start + length]), size, allocation_size))
    return streams


def encode_links(links: Sequence[Link], max_size: int) -> tuple[int, bytes]:
    """Encode FILE_LINKS_INFORMATION; return STATUS_BUFFER_OVERFLOW where not all links fit."""
    entries = [_link(link) for link in links]
    needed = len(fill(entries, 8, 0xFFFFFFFF)[0])
    data, count, whole = fill(entries, 8, max(0, max_size - _LINKS.size))
    head = _LINKS.pack(_LINKS.size + needed, count)
    return STATUS_SUCCESS if whole else STATUS_BUFFER_OVERFLOW, head + data


def _link(link: Link) -> bytes:
    name = encode_utf16(link.name)
    return _LINK.pack(0, link.parent_file_id, len(name) // 2) + name


def decode_links(data: Buffer) -> list[Link]:
    """Read FILE_LINKS_INFORMATION, whose name lengths count characters. Raises Malformed."""
    if len(data) < _LINKS.size:
        raise Malformed("FileHardLinkInformation", f"needs {_LINKS.size} bytes")
    rest = data[_LINKS.size :]
    links = []
    for at, end in walk(rest, "FileLinkEntryInformation", _LINK.size):
        _, parent, characters = _LINK.unpack_from(rest, at)
        start = at + _LINK.size
        if start + 2 * characters > end:
            raise Malformed("FileLinkEntryInformation", "FileName reaches past the entry", at)
        links.append(Link(parent, decode_utf16(rest[start : start + 2 * characters])))
    return links
