"""Share modes: who may have a file open beside whom ([MS-FSA] 2.1.5.1.2.1 and 2.1.5.1.2.2).

Rights fall into three classes, and each class has the bit that ShareAccess has for it: reading
(FILE_SHARE_READ), writing (FILE_SHARE_WRITE) and deleting (FILE_SHARE_DELETE). Two opens go
together when each shares every class the other one uses; an open that uses none goes with all.
"""

from __future__ import annotations

from nethood.dtyp.access_mask import (
    DELETE,
    FILE_APPEND_DATA,
    FILE_EXECUTE,
    FILE_READ_DATA,
    FILE_WRITE_DATA,
)
from nethood.fsa.flags import FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE

_READING = FILE_READ_DATA | FILE_EXECUTE
_WRITING = FILE_WRITE_DATA | FILE_APPEND_DATA
_LOW_BITS = _READING | _WRITING

_LOW_CLASSES = tuple(
    (FILE_SHARE_READ if bits & _READING else 0) | (FILE_SHARE_WRITE if bits & _WRITING else 0)
    for bits in range(_LOW_BITS + 1)
)


def sharing_class(granted_access: int) -> int:
    """Return the classes that *granted_access* uses, as FILE_SHARE_* bits."""
    classes = _LOW_CLASSES[granted_access & _LOW_BITS]
    return classes | FILE_SHARE_DELETE if granted_access & DELETE else classes


def conflicts(uses: int, share_access: int, other_uses: int, other_share_access: int) -> bool:
    """Tell whether two opens exclude each other; *uses* and *other_uses* are sharing classes."""
    if not uses or not other_uses:
        return False
    return bool(uses & ~other_share_access | other_uses & ~share_access)
