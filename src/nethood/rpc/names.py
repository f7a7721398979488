"""Names and their types: NetprNameValidate, NetprNameCanonicalize, NetprNameCompare.

[MS-SRVS] 2.2.2.8, 3.1.4.32 to 3.1.4.34.
"""

from __future__ import annotations

from typing import NamedTuple

from nethood.rpc.call import Call
from nethood.rpc.status import (
    ERROR_INVALID_NAME,
    ERROR_INVALID_PARAMETER,
    ERROR_SUCCESS,
    NERR_BUF_TOO_SMALL,
)
from nethood.text import upcase

_DEFAULT = frozenset('"/\\[]:|<>+=;,?') | frozenset(map(chr, range(0x20)))
_LM2X = 0x80000000
_FLAG_ONE = 0x00000001
MAX_OUTPUT_CHARS = 64000


class NameType(NamedTuple):
    """What one NAMETYPE_* allows, and the longest canonical form it has."""

    shortest: int
    longest: int
    forbidden: frozenset[str]
    canonical: tuple[int, bool]
    """Characters kept, and whether they become upper case."""
    canonical_lm2x: tuple[int, bool]
    lm2x_case_counts: bool = False


_TYPES = {
    1: NameType(1, 256, _DEFAULT, (256, False), (20, True)),
    2: NameType(0, 256, frozenset("\0"), (256, False), (14, False), lm2x_case_counts=True),
    3: NameType(1, 256, _DEFAULT, (256, False), (20, True)),
    4: NameType(1, 260, _DEFAULT | {"*"}, (259, False), (15, True)),
    5: NameType(1, 16, _DEFAULT, (16, True), (16, True)),
    6: NameType(1, 15, _DEFAULT | {"*", " "}, (15, False), (15, True)),
    7: NameType(1, 80, _DEFAULT, (80, False), (15, True)),
    8: NameType(1, 260, _DEFAULT, (259, True), (259, True)),
    9: NameType(1, 80, _DEFAULT, (80, False), (12, True)),
    10: NameType(1, 15, _DEFAULT, (259, True), (259, True), lm2x_case_counts=True),
    11: NameType(1, 260, _DEFAULT, (259, True), (259, True), lm2x_case_counts=True),
    12: NameType(0, 8, frozenset("\0"), (8, False), (8, False), lm2x_case_counts=True),
    13: NameType(1, 15, _DEFAULT, (15, False), (15, True)),
}
_COMPUTER = 4
_MESSAGE_DESTINATION = 11


def is_valid(name: str, name_type: int) -> bool:
    """Tell whether *name* is allowed for that NAMETYPE_*."""
    rules = _TYPES[name_type]
    if not rules.shortest <= len(name) <= rules.longest or rules.forbidden.intersection(name):
        return False
    if name_type == _COMPUTER:
        return name == name.strip()
    if name_type == _MESSAGE_DESTINATION:
        return "*" not in name[:-1] and (len(name) < rules.longest or name.endswith("*"))
    return True


def canonical(name: str, name_type: int, flags: int) -> str:
    """Return the canonical form of a valid name."""
    rules = _TYPES[name_type]
    length, upper = rules.canonical_lm2x if flags & _LM2X else rules.canonical
    return upcase(name[:length]) if upper else name[:length]


def netpr_name_validate(call: Call) -> int:
    """NetprNameValidate (33), [MS-SRVS] 3.1.4.32."""
    reader = call.reader
    reader.optional_text()
    name, name_type, flags = reader.text(), reader.u32(), reader.u32()
    if flags & ~_LM2X or name_type not in _TYPES:
        return ERROR_INVALID_PARAMETER
    return ERROR_SUCCESS if is_valid(name, name_type) else ERROR_INVALID_NAME


def netpr_name_canonicalize(call: Call) -> int:
    """NetprNameCanonicalize (34), [MS-SRVS] 3.1.4.33."""
    reader = call.reader
    reader.optional_text()
    name, room, name_type, flags = reader.text(), reader.u32(), reader.u32(), reader.u32()
    if room > MAX_OUTPUT_CHARS:
        raise reader.malformed(f"OutbufLen is {room}")
    text, status = _canonicalized(name, room, name_type, flags)
    data = (text + "\0").encode("utf-16-le", "surrogatepass") if text is not None else b""
    # A conformant array that does not vary: all OutbufLen characters travel.
    call.writer.u32(room)
    call.writer.raw(data.ljust(2 * room, b"\0"))
    return status


def _canonicalized(name: str, room: int, name_type: int, flags: int) -> tuple[str | None, int]:
    if flags & ~(_LM2X | _FLAG_ONE) or name_type not in _TYPES:
        return None, ERROR_INVALID_PARAMETER
    if not is_valid(name, name_type):
        return None, ERROR_INVALID_NAME
    rules = _TYPES[name_type]
    text = canonical(name, name_type, flags)
    longest = (rules.canonical_lm2x if flags & _LM2X else rules.canonical)[0]
    needed = longest if flags & _FLAG_ONE else len(text)
    return (text, ERROR_SUCCESS) if room > needed else (None, NERR_BUF_TOO_SMALL)


def netpr_name_compare(call: Call) -> int:
    """NetprNameCompare (35), [MS-SRVS] 3.1.4.34: 0, 1, or -1 as an unsigned number."""
    reader = call.reader
    reader.optional_text()
    first, second = reader.text(), reader.text()
    name_type, flags = reader.u32(), reader.u32()
    if flags & ~(_LM2X | _FLAG_ONE) or name_type not in _TYPES:
        return ERROR_INVALID_PARAMETER
    if not flags & _FLAG_ONE:
        if not (is_valid(first, name_type) and is_valid(second, name_type)):
            return ERROR_INVALID_PARAMETER
        first, second = (canonical(name, name_type, flags) for name in (first, second))
    if not (flags & _LM2X and _TYPES[name_type].lm2x_case_counts):
        first, second = upcase(first), upcase(second)
    return ((first > second) - (first < second)) & 0xFFFFFFFF
