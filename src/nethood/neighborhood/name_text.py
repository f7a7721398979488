"""NetBIOS names as people write them: NAME or NAME#SUFFIX, the suffix in hex."""

from __future__ import annotations

from nethood.errors import LocalError
from nethood.nbt.name import NetbiosName

MAX_NAME = 15
_HEX = frozenset("0123456789abcdefABCDEF")


def parse_name(text: str) -> NetbiosName:
    """Read NAME or NAME#SUFFIX, in capitals; without a suffix it is 00. Raises LocalError."""
    bare, mark, suffix = text.rpartition("#") if "#" in text else (text, "", "0")
    if not bare.strip():
        where = "before the #" if mark else "there"
        raise LocalError(f"{text!r} is no NetBIOS name: nothing stands {where}")
    if len(bare) > MAX_NAME:
        raise LocalError(f"{bare!r} is no NetBIOS name: it is longer than 15 characters")
    if not 1 <= len(suffix) <= 2 or not _HEX.issuperset(suffix):
        raise LocalError(f"{mark + suffix!r} is no suffix: it is two hex digits, like #20")
    name = NetbiosName(bare.upper(), int(suffix, 16))
    name.to_bytes()
    return name
