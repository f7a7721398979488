"""CHANGE_NOTIFY, [MS-SMB2] 2.2.35 and 2.2.36, and the list it returns, [MS-FSCC] 2.7.1."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer, Wire, span, u16, u32, u64, wire

_HEAD = Struct("<III")


@wire()
class ChangeNotifyRequest(Wire):
    """CHANGE_NOTIFY request, [MS-SMB2] 2.2.35."""

    structure_size: u16 = 32
    flags: u16 = 0
    output_buffer_length: u32 = 0
    persistent: u64 = 0
    volatile: u64 = 0
    completion_filter: u32 = 0
    reserved: u32 = 0


@wire()
class ChangeNotifyResponse(Wire):
    """CHANGE_NOTIFY response, [MS-SMB2] 2.2.36."""

    structure_size: u16 = 9
    output_buffer_offset: u16 = 72
    output_buffer_length: u32 = 0
    output_buffer: Buffer = span("output_buffer_offset", "output_buffer_length")


class FileNotifyInformation(NamedTuple):
    """One change, [MS-FSCC] 2.7.1: a FILE_ACTION_* and the name relative to the watched folder."""

    action: int
    file_name: str


def decode_notify_information(data: Buffer) -> list[FileNotifyInformation]:
    """Read a list of changes; an empty buffer has none. Raises Malformed."""
    changes = []
    at, size = 0, len(data)
    while at < size:
        start = at + _HEAD.size
        if start > size:
            raise Malformed("FileNotifyInformation", "is cut off", at)
        following, action, length = _HEAD.unpack_from(data, at)
        if start + length > size:
            raise Malformed("FileNotifyInformation", f"FileNameLength is {length}", at)
        changes.append(FileNotifyInformation(action, decode_utf16(data[start : start + length])))
        if not following:
            break
        if following < _HEAD.size + length or following & 3:
            raise Malformed("FileNotifyInformation", f"NextEntryOffset is {following}", at)
        at += following
    else:
        if size:
            raise Malformed("FileNotifyInformation", "NextEntryOffset leaves the list", at)
    return changes


def encode_notify_information(changes: Iterable[FileNotifyInformation]) -> bytes:
    """Return *changes* as a list, each 4-aligned; the last is not padded."""
    listed = bytearray()
    last = 0
    for action, file_name in changes:
        if listed:
            listed += bytes(-len(listed) % 4)
            listed[last : last + 4] = (len(listed) - last).to_bytes(4, "little")
        last = len(listed)
        name = encode_utf16(file_name)
        listed += _HEAD.pack(0, action, len(name)) + name
    return bytes(listed)
