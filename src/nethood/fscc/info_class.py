"""What a table of information classes says of each one, and the checks that follow from it.

[MS-SMB2] 3.3.5.20.1, 3.3.5.20.2, 3.3.5.21.1 and 3.3.5.21.2: which status refuses a class, which
right it needs, and how many bytes are too few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import StatusError

# Rights the classes need: the same bits as in dtyp/access_mask.py, which lies beside this folder.
WRITE_DATA = 0x00000002
READ_EA = 0x00000008
WRITE_EA = 0x00000010
READ_ATTRIBUTES = 0x00000080
WRITE_ATTRIBUTES = 0x00000100
DELETE = 0x00010000


class InfoClass(NamedTuple):
    """One information class: its number, its name, and how it travels in SMB2."""

    number: int
    name: str
    query_size: int | None = None
    """The least output buffer a query needs, in bytes; None where it can't be queried."""
    set_size: int | None = None
    """The least bytes that set it; None where it can't be set."""
    query_access: int = 0
    """What a query needs in Open.GrantedAccess."""
    set_access: int = 0
    set_refusal: int = STATUS_INVALID_INFO_CLASS
    """The status that refuses setting it, where set_size is None."""


InfoClasses = Mapping[int, InfoClass]


def table(*classes: InfoClass) -> dict[int, InfoClass]:
    """Return *classes* by number."""
    return {c.number: c for c in classes}


def check_query(
    classes: InfoClasses, number: int, granted_access: int, output_buffer_length: int
) -> InfoClass:
    """Return the class of a QUERY_INFO that may go on.

    Raises StatusError: INVALID_INFO_CLASS, NOT_SUPPORTED, ACCESS_DENIED, INFO_LENGTH_MISMATCH.
    """
    found = classes.get(number)
    if found is None:
        raise StatusError(STATUS_INVALID_INFO_CLASS)
    if found.query_size is None:
        raise StatusError(STATUS_NOT_SUPPORTED)
    if found.query_access & ~granted_access:
        raise StatusError(STATUS_ACCESS_DENIED)
    if output_buffer_length < found.query_size:
        raise StatusError(STATUS_INFO_LENGTH_MISMATCH)
    return found


def check_set(
    classes: InfoClasses, number: int, granted_access: int, buffer_length: int
) -> InfoClass:
    """Return the class of a SET_INFO that may go on; raises StatusError as `check_query` does."""
    found = classes.get(number)
    if found is None:
        raise StatusError(STATUS_INVALID_INFO_CLASS)
    if found.set_size is None:
        raise StatusError(found.set_refusal)
    if found.set_access & ~granted_access:
        raise StatusError(STATUS_ACCESS_DENIED)
    if buffer_length < found.set_size:
        raise StatusError(STATUS_INFO_LENGTH_MISMATCH)
    return found
