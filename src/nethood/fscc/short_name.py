"""8.3 names ([MS-FSCC] 2.1.5.2.1): what is one, and making one for a long name.

Generated names depend on nothing but the long name and the names already there, so a folder read
twice in the same order gives the same short names.
"""

from __future__ import annotations

import zlib
from collections.abc import Container

_ILLEGAL = frozenset('"*/:<>?\\|+,;=[] .')
_BASE = 8
_EXTENSION = 3
_PLAIN_TRIES = 4


def is_short_name(name: str) -> bool:
    """Tell whether *name* is a valid 8.3 name, in whatever case."""
    base, dot, extension = name.partition(".")
    if not 1 <= len(base) <= _BASE or (dot and not 1 <= len(extension) <= _EXTENSION):
        return False
    return all("\x20" < c < "\x7f" and c not in _ILLEGAL for c in base + extension)


def short_name(name: str, taken: Container[str]) -> str:
    """Return a short name for *name*, or "" where it needs none, being one itself.

    *taken* holds, in upper case, every long and short name of the folder so far. The first four
    names that look alike end in ~1 to ~4; later ones carry a checksum of the long name.
    """
    if is_short_name(name):
        return ""
    base, extension = _parts(name)
    for n in range(1, _PLAIN_TRIES + 1):
        candidate = f"{base[:6]}~{n}{extension}"
        if candidate not in taken:
            return candidate
    digest = zlib.crc32(name.encode("utf-16-le", "surrogatepass")) & 0xFFFF
    stem = f"{base[:2]}{digest:04X}"
    n = 1
    while (candidate := f"{stem[: _BASE - 1 - len(str(n))]}~{n}{extension}") in taken:
        n += 1
    return candidate


def hashed_short_name(name: str) -> str:
    """Return the short name *name* gets whatever else its folder holds, "" where it needs none.

    It carries a checksum, so that two names of one folder hardly ever get the same.
    """
    if is_short_name(name):
        return ""
    base, extension = _parts(name)
    digest = zlib.crc32(name.encode("utf-16-le", "surrogatepass")) & 0xFFFF
    return f"{base[:2]}{digest:04X}~1{extension}"


def _parts(name: str) -> tuple[str, str]:
    """Return base and extension (with its dot) in upper case, of legal characters only."""
    stripped = name.strip(". ")
    base, dot, extension = stripped.rpartition(".")
    if not dot:
        base, extension = stripped, ""
    short = _legal(extension)[:_EXTENSION]
    return _legal(base) or "_", f".{short}" if short else ""


def _legal(text: str) -> str:
    kept = (c.upper() if c.isascii() else "_" for c in text if c not in " .")
    return "".join("_" if c in _ILLEGAL or not "\x20" < c < "\x7f" else c for c in kept)
