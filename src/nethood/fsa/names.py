"""Path names from clients: from "dir\\file:stream:$DATA" to a path below the share's root.

[MS-FSCC] 2.1.5, [MS-FSA] 2.1.5.1 phases 1 and 5, [MS-SMB2] 3.3.5.9 "Path Name Validation". What
comes out holds no ".", no "..", no empty name and nothing a store could take for a separator.
Unpaired surrogates pass, as NTFS lets them; a store that cannot keep them refuses them itself.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from nethood import erref
from nethood.errors import StatusError
from nethood.text import upcase

MAX_PATHNAME = 32_760
"""Characters in a path name ([MS-FSCC] 2.1.5)."""
MAX_COMPONENT = 255
"""UTF-16 code units in one name ([MS-FSCC] 2.1.5.2)."""

# Names that start with a "." may be "." or "..": they go the long way.
_NAME = r'[^\x00-\x1f"*/:<>?|\\.][^\x00-\x1f"*/:<>?|\\]*'
_is_plain = re.compile(rf"(?:{_NAME})(?:\\(?:{_NAME}))*").fullmatch
_illegal_in_name = re.compile(r'[\x00-\x1f"*/:<>?|\\]').search
_illegal_in_stream = re.compile(r"[\x00/:\\]").search
_STREAM_TYPES = frozenset({"$DATA", "$INDEX_ALLOCATION"})
_DEVICES = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CLOCK$"}
    | {f"COM{n}" for n in range(1, 10)}
    | {f"LPT{n}" for n in range(1, 10)}
)


class ParsedPath(NamedTuple):
    """What a client's path name says."""

    path: str
    """Relative to the share's root, separated by "/", "" for the root itself."""
    stream: str = ""
    """The stream's name, "" for the default stream."""
    stream_type: str = ""
    """"$DATA" or "$INDEX_ALLOCATION" in capitals where the client gave one, else ""."""
    must_be_directory: bool = False
    """True where the name ended in a separator."""


_ROOT = ParsedPath("")


def parse_path(raw: str) -> ParsedPath:
    r"""Parse the name of an SMB2 CREATE or the target of a rename.

    "." and ".." inside the share are resolved, as Windows does. Raises StatusError:
    INVALID_PARAMETER for a leading "\" (a caller whose protocol allows it strips it first),
    OBJECT_NAME_INVALID for what [MS-FSCC] 2.1.5 forbids (wildcards among it),
    OBJECT_PATH_SYNTAX_BAD for a path that climbs above the share, ACCESS_DENIED for a last name
    that is a DOS device's ([MS-SMB2] 3.3.5.9, note 304).
    """
    # The usual name costs one match; the rest may take its time.
    if _is_plain(raw) and (len(raw) < 128 or (len(raw) <= MAX_COMPONENT and raw.isascii())):
        path = raw.replace("\\", "/")
        name = path[path.rfind("/") + 1 :]
        if len(name) < 7 and upcase(name) in _DEVICES:
            _refuse(erref.STATUS_ACCESS_DENIED, raw)
        # The named tuple's own constructor would take a third of the time.
        return tuple.__new__(ParsedPath, (path, "", "", False))
    return _parse_unusual(raw)


def check_component(name: str) -> None:
    """Raise StatusError(OBJECT_NAME_INVALID) unless *name* is one legal file name."""
    if not name or name in (".", "..") or _illegal_in_name(name) or _units(name) > MAX_COMPONENT:
        _refuse(erref.STATUS_OBJECT_NAME_INVALID, name)


def is_device_name(name: str) -> bool:
    """Tell whether *name*, in any case, is that of a DOS device (CON, COM1 ...)."""
    return upcase(name) in _DEVICES


def _parse_unusual(raw: str) -> ParsedPath:
    if not raw:
        return _ROOT
    if raw.startswith("\\"):
        _refuse(erref.STATUS_INVALID_PARAMETER, raw)
    if _units(raw) > MAX_PATHNAME:
        _refuse(erref.STATUS_OBJECT_NAME_INVALID, raw)
    names = raw.split("\\")
    stream = stream_type = ""
    if ":" in names[-1]:
        names[-1], stream, stream_type = _split_stream(names[-1])
    path = _resolve(names, raw)
    if is_device_name(path.rpartition("/")[2]):
        _refuse(erref.STATUS_ACCESS_DENIED, raw)
    return ParsedPath(path, stream, stream_type, raw.endswith("\\"))


def _resolve(names: list[str], raw: str) -> str:
    resolved: list[str] = []
    for name in names:
        if name == "..":
            if not resolved:
                _refuse(erref.STATUS_OBJECT_PATH_SYNTAX_BAD, raw)
            resolved.pop()
        elif name not in ("", "."):
            check_component(name)
            resolved.append(name)
    return "/".join(resolved)


def _split_stream(name: str) -> tuple[str, str, str]:
    file_name, *rest = name.split(":")
    stream, stream_type = (*rest, "")[:2]
    stream_type = upcase(stream_type)
    if not file_name or len(rest) > 2 or name.endswith(":"):
        _refuse(erref.STATUS_OBJECT_NAME_INVALID, name)
    if stream_type and stream_type not in _STREAM_TYPES:
        _refuse(erref.STATUS_OBJECT_NAME_INVALID, name)
    if _illegal_in_stream(stream) or _units(stream) > MAX_COMPONENT:
        _refuse(erref.STATUS_OBJECT_NAME_INVALID, name)
    if stream_type == "$INDEX_ALLOCATION":
        if upcase(stream) not in ("", "$I30"):
            _refuse(erref.STATUS_INVALID_PARAMETER, name)
        stream = ""
    return file_name, stream, stream_type


def _units(text: str) -> int:
    """Count UTF-16 code units."""
    return len(text) if text.isascii() else len(text) + sum(c > "\uffff" for c in text)


def _refuse(status: int, name: str) -> NoReturn:
    raise StatusError(status, f"the name {name[:300]!r} is refused")
