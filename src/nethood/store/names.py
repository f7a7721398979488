"""Names as a share shows them and names as a POSIX folder stores them.

NT forbids characters that POSIX allows. A stored name that has one is shown with a stand-in from
the Unicode private range, the one that Apple's and Microsoft's servers for Macintosh use, and is
mapped back on the way in. Bytes that are not UTF-8 travel as surrogate escapes.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable

from nethood import erref
from nethood.errors import StatusError

_TO_SHOWN = {chr(c): chr(0xF000 + c) for c in range(1, 32)} | {
    c: chr(0xF020 + i) for i, c in enumerate('"*:<>?\\|')
}
_TRAILING = {" ": "\uf028", ".": "\uf029"}
_SHOW = str.maketrans(_TO_SHOWN)
_STORE = str.maketrans({v: k for k, v in _TO_SHOWN.items()})
_TRAILING_BACK = {v: k for k, v in _TRAILING.items()}

_UNSHOWABLE = re.compile(r'[\x01-\x1f"*:<>?\\|\uf001-\uf029]|[. ](?:/|\Z)')
_STAND_IN = re.compile("[\uf001-\uf029]")
_UTF8_NAMES = sys.getfilesystemencoding().lower().replace("-", "") == "utf8"


def to_disk(path: str) -> bytes:
    """Return the stored form of *path*, "." for the root.

    Raises StatusError(OBJECT_NAME_INVALID) for an empty, "." or ".." component, a NUL, or text
    that has no stored form.
    """
    if (
        path.isascii()
        and path
        and path[0] not in "./"
        and path[-1] != "/"
        and "/." not in path
        and "//" not in path
        and "\0" not in path
    ):
        return path.encode()
    return b"/".join(map(_component_to_disk, path.split("/"))) if path else b"."


def _component_to_disk(name: str) -> bytes:
    if _STAND_IN.search(name):
        name = name[:-1] + _TRAILING_BACK.get(name[-1], name[-1])
        name = name.translate(_STORE)
    return encode_name(name)


def encode_name(name: str) -> bytes:
    """Return the bytes of one component without undoing stand-ins. Raises as `to_disk` does."""
    if name in ("", ".", "..") or "\0" in name or "/" in name:
        raise StatusError(erref.STATUS_OBJECT_NAME_INVALID)
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise StatusError(erref.STATUS_OBJECT_NAME_INVALID) from None


def has_stand_in(name: str) -> bool:
    """Tell whether *name* could be stored as it is or with its stand-ins undone."""
    return not name.isascii() and _STAND_IN.search(name) is not None


def to_shown(name: str) -> str:
    """Return how a share shows one stored name."""
    name = name.translate(_SHOW)
    return name[:-1] + _TRAILING.get(name[-1], name[-1])


def list_names(directory_fd: int) -> list[str]:
    """Return the stored names in a directory opened for reading. Raises OSError."""
    names = os.listdir(directory_fd)
    if _UTF8_NAMES:
        return names
    return [os.fsencode(n).decode("utf-8", "surrogateescape") for n in names]


def shown_names(stored: list[str]) -> tuple[list[str], dict[str, bytes]]:
    """Return the shown names for *stored* ones, in order, and the bytes of the odd ones.

    A name is odd where `to_disk` of what is shown is not what is stored. Names that can't be
    shown apart keep the first of them in sorted order; the usual folder costs one search.
    """
    if not _UNSHOWABLE.search("/".join(stored)):
        return stored, {}
    shown = [to_shown(n) for n in stored]
    return shown, _odd(zip(shown, stored, strict=True))


def _odd(pairs: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    odd: dict[str, bytes] = {}
    plain: set[str] = set()
    for shown, stored in sorted(pairs):
        if not has_stand_in(shown):
            continue
        disk = stored.encode("utf-8", "surrogateescape")
        if to_disk(shown) == disk:
            plain.add(shown)
        else:
            odd.setdefault(shown, disk)
    return {shown: disk for shown, disk in odd.items() if shown not in plain}
