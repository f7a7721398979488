"""The whole share-mode matrix against a direct reading of [MS-FSA] 2.1.5.1.2.1 and 2.1.5.1.2.2."""

from __future__ import annotations

from itertools import product

import pytest

from nethood import erref
from nethood.dtyp import access_mask as am
from nethood.errors import StatusError
from nethood.fsa.sharing import conflicts, sharing_class
from nethood.fsa.table import FileTable

COUNTING = (
    am.FILE_READ_DATA | am.FILE_EXECUTE | am.FILE_WRITE_DATA | am.FILE_APPEND_DATA | am.DELETE
)
ACCESS = [
    sum(bits)
    for bits in product(
        (0, am.FILE_READ_DATA),
        (0, am.FILE_EXECUTE),
        (0, am.FILE_WRITE_DATA),
        (0, am.FILE_APPEND_DATA),
        (0, am.DELETE),
        (0, am.FILE_READ_ATTRIBUTES | am.SYNCHRONIZE | am.READ_CONTROL | am.FILE_WRITE_EA),
    )
]


def violates(existing: int, existing_share: int, new: int, new_share: int) -> bool:
    """The conditions of the specification, one line each."""
    if not new & COUNTING or not existing & COUNTING:
        return False
    return any(
        (
            not existing_share & 1 and new & (am.FILE_READ_DATA | am.FILE_EXECUTE),
            not existing_share & 2 and new & (am.FILE_WRITE_DATA | am.FILE_APPEND_DATA),
            not existing_share & 4 and new & am.DELETE,
            not new_share & 1 and existing & (am.FILE_READ_DATA | am.FILE_EXECUTE),
            not new_share & 2 and existing & (am.FILE_WRITE_DATA | am.FILE_APPEND_DATA),
            not new_share & 4 and existing & am.DELETE,
        )
    )


@pytest.mark.parametrize("existing_share", range(8))
def test_every_pair_of_opens(existing_share: int) -> None:
    for existing, new, new_share in product(ACCESS, ACCESS, range(8)):
        table = FileTable()
        table.open(1, "f", existing, existing_share)
        expected = violates(existing, existing_share, new, new_share)
        assert (
            conflicts(sharing_class(new), new_share, sharing_class(existing), existing_share)
            is expected
        )
        if expected:
            with pytest.raises(StatusError) as caught:
                table.open(1, "f", new, new_share)
            assert caught.value.status == erref.STATUS_SHARING_VIOLATION
        else:
            table.open(1, "f", new, new_share)


def test_rights_that_never_conflict() -> None:
    for bit in range(32):
        if not 1 << bit & COUNTING:
            assert sharing_class(1 << bit) == 0
