"""Quota entries: [MS-FSCC] 2.4.41. SIDs stay bytes here: dtyp/sid.py reads them."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import NamedTuple

from nethood.errors import Malformed
from nethood.fscc.chain import fill, walk
from nethood.wire import Buffer

NO_LIMIT = -1
DELETE_ENTRY = -2

_QUOTA = struct.Struct("<IIqqqq")
_GET = struct.Struct("<II")


class Quota(NamedTuple):
    """FILE_QUOTA_INFORMATION: sizes in bytes, the time a FILETIME; -1 means no limit."""

    sid: bytes
    change_time: int = 0
    quota_used: int = 0
    quota_threshold: int = NO_LIMIT
    quota_limit: int = NO_LIMIT


def encode_quotas(quotas: Iterable[Quota], max_size: int) -> tuple[bytes, int, bool]:
    """Encode as many whole entries as fit; return the bytes, how many, and whether all did."""
    return fill((_QUOTA.pack(0, len(q.sid), *q[1:]) + q.sid for q in quotas), 8, max_size)


def decode_quotas(data: Buffer) -> list[Quota]:
    """Read a list of FILE_QUOTA_INFORMATION. Raises Malformed."""
    quotas = []
    for at, end in walk(data, "FileQuotaInformation", _QUOTA.size):
        _, length, *values = _QUOTA.unpack_from(data, at)
        sid = _sid("FileQuotaInformation", data, at + _QUOTA.size, length, end)
        quotas.append(Quota(sid, *values))
    return quotas


def encode_quota_sids(sids: Iterable[bytes]) -> bytes:
    """Encode a list of FILE_GET_QUOTA_INFORMATION."""
    return fill((_GET.pack(0, len(s)) + s for s in sids), 4, 0xFFFFFFFF)[0]


def decode_quota_sids(data: Buffer) -> list[bytes]:
    """Read a list of FILE_GET_QUOTA_INFORMATION. Raises Malformed."""
    sids = []
    for at, end in walk(data, "FileGetQuotaInformation", _GET.size):
        _, length = _GET.unpack_from(data, at)
        sids.append(_sid("FileGetQuotaInformation", data, at + _GET.size, length, end))
    return sids


def _sid(structure: str, data: Buffer, start: int, length: int, end: int) -> bytes:
    if start + length > end:
        raise Malformed(structure, "Sid reaches past the entry", start)
    return bytes(data[start : start + length])
