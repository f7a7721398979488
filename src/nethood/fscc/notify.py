"""Directory change notifications: FILE_NOTIFY_INFORMATION, [MS-FSCC] 2.7.1.

The filters are those of [MS-SMB2] 2.2.35; the message that carries them is smb2's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.fscc.chain import link, walk
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

FILE_NOTIFY_CHANGE_FILE_NAME = 0x00000001
FILE_NOTIFY_CHANGE_DIR_NAME = 0x00000002
FILE_NOTIFY_CHANGE_NAME = 0x00000003
FILE_NOTIFY_CHANGE_ATTRIBUTES = 0x00000004
FILE_NOTIFY_CHANGE_SIZE = 0x00000008
FILE_NOTIFY_CHANGE_LAST_WRITE = 0x00000010
FILE_NOTIFY_CHANGE_LAST_ACCESS = 0x00000020
FILE_NOTIFY_CHANGE_CREATION = 0x00000040
FILE_NOTIFY_CHANGE_EA = 0x00000080
FILE_NOTIFY_CHANGE_SECURITY = 0x00000100
FILE_NOTIFY_CHANGE_STREAM_NAME = 0x00000200
FILE_NOTIFY_CHANGE_STREAM_SIZE = 0x00000400
FILE_NOTIFY_CHANGE_STREAM_WRITE = 0x00000800
VALID_FILTER = 0x00000FFF

FILE_ACTION_ADDED = 1
FILE_ACTION_REMOVED = 2
FILE_ACTION_MODIFIED = 3
FILE_ACTION_RENAMED_OLD_NAME = 4
FILE_ACTION_RENAMED_NEW_NAME = 5
FILE_ACTION_ADDED_STREAM = 6
FILE_ACTION_REMOVED_STREAM = 7
FILE_ACTION_MODIFIED_STREAM = 8
FILE_ACTION_REMOVED_BY_DELETE = 9
FILE_ACTION_ID_NOT_TUNNELLED = 10
FILE_ACTION_TUNNELLED_ID_COLLISION = 11

_FIXED = struct.Struct("<III")


class Change(NamedTuple):
    """One change: FILE_ACTION_* and the name, with backslashes, from the watched folder."""

    action: int
    name: str


def encode_changes(changes: Iterable[Change], max_size: int) -> bytes:
    """Encode a list of FILE_NOTIFY_INFORMATION, or nothing where it does not fit into *max_size*.

    Nothing means STATUS_NOTIFY_ENUM_DIR: the client has to look for itself.
    """
    entries: list[bytes] = []
    size = 0
    for change in changes:
        name = encode_utf16(change.name)
        pad = -len(name) % 4
        entries.append(_FIXED.pack(0, change.action, len(name)) + name + bytes(pad))
        size += len(entries[-1])
        if size > max_size:
            return b""
    return link(entries, 4)


def decode_changes(data: Buffer) -> list[Change]:
    """Read a list of FILE_NOTIFY_INFORMATION. Raises Malformed."""
    changes = []
    for at, end in walk(data, "FileNotifyInformation", _FIXED.size):
        _, action, length = _FIXED.unpack_from(data, at)
        start = at + _FIXED.size
        if start + length > end:
            raise Malformed("FileNotifyInformation", "FileName reaches past the entry", at)
        changes.append(Change(action, decode_utf16(data[start : start + length])))
    return changes
