"""errno to NTSTATUS."""

from __future__ import annotations

import errno

import pytest

from nethood import erref
from nethood.store.errno_status import error_of, status_of


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOENT, erref.STATUS_OBJECT_NAME_NOT_FOUND),
        (errno.EACCES, erref.STATUS_ACCESS_DENIED),
        (errno.ENOSPC, erref.STATUS_DISK_FULL),
        (errno.EDQUOT, erref.STATUS_DISK_FULL),
        (errno.EROFS, erref.STATUS_MEDIA_WRITE_PROTECTED),
        (errno.EMFILE, erref.STATUS_TOO_MANY_OPENED_FILES),
        (errno.EXDEV, erref.STATUS_NOT_SAME_DEVICE),
        (99999, erref.STATUS_UNSUCCESSFUL),
        (0, erref.STATUS_UNSUCCESSFUL),
    ],
)
def test_table(number: int, expected: int) -> None:
    assert status_of(number) == expected
    assert error_of(OSError(number, "why", "/secret/path")).status == expected


def test_no_errno_means_success() -> None:
    assert all(erref.is_error(status_of(number)) for number in errno.errorcode)


def test_the_path_is_not_told() -> None:
    assert "secret" not in str(error_of(OSError(errno.EIO, "why", "/secret/path")))
