"""FILETIME: 100-nanosecond steps since 1601-01-01 UTC ([MS-DTYP] 2.3.3)."""

from __future__ import annotations

UNIX_EPOCH = 116_444_736_000_000_000
"""1970-01-01 as a FILETIME."""


def from_unix_ns(nanoseconds: int) -> int:
    """Return the FILETIME of a Unix time in nanoseconds."""
    return nanoseconds // 100 + UNIX_EPOCH


def to_unix_ns(filetime: int) -> int:
    """Return the Unix time, in nanoseconds, of a FILETIME."""
    return (filetime - UNIX_EPOCH) * 100
