"""Names on the wire: FILE_NAME_INFORMATION, and the renames and links that SMB2 carries.

[MS-FSCC] 2.1.7, 2.4.28.2, 2.4.42.2, 2.4.43. Names are what the peer sent, backslashes and all:
which of them are legal is fsa's business.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from nethood.errors import Malformed
from nethood.text import decode_utf16, encode_utf16
from nethood.wire import Buffer

FILE_RENAME_REPLACE_IF_EXISTS = 0x00000001
FILE_RENAME_POSIX_SEMANTICS = 0x00000002
FILE_RENAME_SUPPRESS_PIN_STATE_INHERITANCE = 0x00000004
FILE_RENAME_SUPPRESS_STORAGE_RESERVE_INHERITANCE = 0x00000008
FILE_RENAME_NO_INCREASE_AVAILABLE_SPACE = 0x00000010
FILE_RENAME_NO_DECREASE_AVAILABLE_SPACE = 0x00000020
FILE_RENAME_PRESERVE_AVAILABLE_SPACE = 0x00000030
FILE_RENAME_IGNORE_READONLY_ATTRIBUTE = 0x00000040
FILE_RENAME_FORCE_RESIZE_TARGET_SR = 0x00000080
FILE_RENAME_FORCE_RESIZE_SOURCE_SR = 0x00000100
FILE_RENAME_FORCE_RESIZE_SR = 0x00000180

_LENGTH = struct.Struct("<I")
_TYPE_2 = struct.Struct("<B7xQI")
_EX = struct.Struct("<I4xQI")
_LEAST = 24


def name_at(structure: str, data: Buffer, start: int, length: int) -> str:
    """Return the UTF-16LE text of *length* bytes at *start*. Raises Malformed."""
    end = start + length
    if length & 1 or end > len(data):
        raise Malformed(structure, f"a name of {length} bytes", start)
    return decode_utf16(data[start:end])


@dataclass(slots=True)
class FileNameInformation:
    """FILE_NAME_INFORMATION, [MS-FSCC] 2.1.7: alternate, normalized and short names."""

    file_name: str = ""

    def encode(self) -> bytes:
        """Return length and name."""
        name = encode_utf16(self.file_name)
        return _LENGTH.pack(len(name)) + name

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read length and name; what follows is padding. Raises Malformed."""
        if len(data) - offset < _LENGTH.size:
            raise Malformed("FileNameInformation", f"needs {_LENGTH.size} bytes", offset)
        (length,) = _LENGTH.unpack_from(data, offset)
        return cls(name_at("FileNameInformation", data, offset + _LENGTH.size, length))


@dataclass(slots=True)
class _Type2:
    """The layout that renames and links share in SMB2."""

    file_name: str
    replace_if_exists: bool = False
    root_directory: int = 0

    def encode(self) -> bytes:
        """Return the structure, of at least 24 bytes."""
        name = encode_utf16(self.file_name)
        fixed = _TYPE_2.pack(self.replace_if_exists, self.root_directory, len(name))
        return (fixed + name).ljust(_LEAST, b"\0")

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read it; any ReplaceIfExists but 0 means true. Raises Malformed."""
        if len(data) - offset < _TYPE_2.size:
            raise Malformed(cls.__name__, f"needs {_TYPE_2.size} bytes", offset)
        replace, root, length = _TYPE_2.unpack_from(data, offset)
        name = name_at(cls.__name__, data, offset + _TYPE_2.size, length)
        return cls(name, bool(replace), root)


class FileRenameInformation(_Type2):
    """FILE_RENAME_INFORMATION_TYPE_2, [MS-FSCC] 2.4.42.2.

    The name is a path from the root of the share; root_directory has to be 0.
    """

    __slots__ = ()


class FileLinkInformation(_Type2):
    """FILE_LINK_INFORMATION_TYPE_2, [MS-FSCC] 2.4.28.2: as a rename, for one more name."""

    __slots__ = ()


@dataclass(slots=True)
class FileRenameInformationEx:
    """FILE_RENAME_INFORMATION_EX, [MS-FSCC] 2.4.43."""

    file_name: str
    flags: int = 0
    root_directory: int = 0

    def encode(self) -> bytes:
        """Return the structure, of at least 24 bytes."""
        name = encode_utf16(self.file_name)
        fixed = _EX.pack(self.flags, self.root_directory, len(name))
        return (fixed + name).ljust(_LEAST, b"\0")

    @classmethod
    def decode(cls, data: Buffer, offset: int = 0) -> Self:
        """Read it. Raises Malformed."""
        if len(data) - offset < _EX.size:
            raise Malformed("FileRenameInformationEx", f"needs {_EX.size} bytes", offset)
        flags, root, length = _EX.unpack_from(data, offset)
        return cls(name_at("FileRenameInformationEx", data, offset + _EX.size, length), flags, root)
