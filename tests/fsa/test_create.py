"""The decisions of a CREATE, number by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nethood import erref
from nethood.dtyp import access_mask as am
from nethood.errors import StatusError
from nethood.fsa import create as c
from nethood.fsa import flags as f

READONLY, HIDDEN, SYSTEM, ARCHIVE, TEMPORARY = 0x1, 0x2, 0x4, 0x20, 0x100
MAXIMUM = am.MAXIMUM_ALLOWED


def status_of(call: Callable[..., Any], *args: Any, **kwargs: Any) -> int:
    try:
        call(*args, **kwargs)
    except StatusError as error:
        return error.status
    return erref.STATUS_SUCCESS


def test_every_option_alone() -> None:
    """What Windows makes of each bit of CreateOptions, opening what exists or creating it."""
    found: dict[int, int] = {}
    for bit in range(32):
        status = status_of(c.check_create_options, MAXIMUM, 0, 7, f.FILE_OPEN_IF, 1 << bit)
        found[status] = found.get(status, 0) | 1 << bit
    assert found == {
        erref.STATUS_SUCCESS: 0x00EFCF7F,
        erref.STATUS_NOT_SUPPORTED: 0x00102080,
        erref.STATUS_INVALID_PARAMETER: 0xFF000000 | f.FILE_DELETE_ON_CLOSE,
    }


def test_every_access_bit_alone() -> None:
    refused = 0
    for bit in range(32):
        status = status_of(c.check_create_options, 1 << bit, 0, 7, f.FILE_OPEN_IF, 0)
        status = status or status_of(c.grant_access, 1 << bit, am.FILE_ALL_ACCESS)
        if status:
            assert status in (erref.STATUS_ACCESS_DENIED, erref.STATUS_PRIVILEGE_NOT_HELD)
            refused |= 1 << bit
    assert refused == 0x0DE0FE00  # SYNCHRONIZE alone is taken, as Windows 7 takes it


def test_every_attribute_alone() -> None:
    refused = 0
    for bit in range(32):
        status = status_of(c.check_create_options, MAXIMUM, 1 << bit, 7, f.FILE_OPEN_IF, 0)
        if status:
            assert status == erref.STATUS_INVALID_PARAMETER
            refused |= 1 << bit
    assert refused == 0xFFFF8048


@pytest.mark.parametrize(
    ("args", "status"),
    [
        ((0, 0, 7, f.FILE_OPEN, 0), erref.STATUS_ACCESS_DENIED),
        # access is looked at first
        ((0x08000000, 0x8, 7, f.FILE_CREATE, 0), erref.STATUS_ACCESS_DENIED),
        ((MAXIMUM, 0, 8, f.FILE_OPEN, 0), erref.STATUS_INVALID_PARAMETER),
        ((MAXIMUM, 0, 7, 6, 0), erref.STATUS_INVALID_PARAMETER),
        ((MAXIMUM, 0, 7, 0xFFFFFFFF, 0), erref.STATUS_INVALID_PARAMETER),
        ((MAXIMUM, 0, 7, f.FILE_OPEN, 0xF0000000), erref.STATUS_INVALID_PARAMETER),
        (
            (MAXIMUM, 0, 7, f.FILE_OPEN, f.FILE_DIRECTORY_FILE | f.FILE_NON_DIRECTORY_FILE),
            erref.STATUS_INVALID_PARAMETER,
        ),
        (
            (MAXIMUM, 0, 7, f.FILE_OPEN, f.FILE_DIRECTORY_FILE | f.FILE_SEQUENTIAL_ONLY),
            erref.STATUS_INVALID_PARAMETER,
        ),
        ((MAXIMUM, 0, 7, f.FILE_SUPERSEDE, f.FILE_DIRECTORY_FILE), erref.STATUS_INVALID_PARAMETER),
        ((MAXIMUM, 0, 7, f.FILE_OVERWRITE, f.FILE_DIRECTORY_FILE), erref.STATUS_INVALID_PARAMETER),
        (
            (MAXIMUM, 0, 7, f.FILE_OVERWRITE_IF, f.FILE_DIRECTORY_FILE),
            erref.STATUS_INVALID_PARAMETER,
        ),
        ((MAXIMUM, 0, 7, f.FILE_OPEN, f.FILE_DIRECTORY_FILE), erref.STATUS_SUCCESS),
        ((0x00100080, 0, 0, f.FILE_OPEN, 0x00800021), erref.STATUS_SUCCESS),
        (
            (am.FILE_READ_DATA, 0, 7, f.FILE_OPEN, f.FILE_DELETE_ON_CLOSE),
            erref.STATUS_INVALID_PARAMETER,
        ),
        ((am.DELETE, 0, 7, f.FILE_OPEN, f.FILE_DELETE_ON_CLOSE), erref.STATUS_SUCCESS),
        ((am.GENERIC_ALL, 0, 7, f.FILE_OPEN, f.FILE_DELETE_ON_CLOSE), erref.STATUS_SUCCESS),
    ],
)
def test_combinations(args: tuple[int, int, int, int, int], status: int) -> None:
    assert status_of(c.check_create_options, *args) == status


MISSING, COLLISION = erref.STATUS_OBJECT_NAME_NOT_FOUND, erref.STATUS_OBJECT_NAME_COLLISION


@pytest.mark.parametrize(
    ("disposition", "free", "taken"),
    [
        (f.FILE_SUPERSEDE, f.FILE_CREATED, f.FILE_SUPERSEDED),
        (f.FILE_OPEN, MISSING, f.FILE_OPENED),
        (f.FILE_CREATE, f.FILE_CREATED, COLLISION),
        (f.FILE_OPEN_IF, f.FILE_CREATED, f.FILE_OPENED),
        (f.FILE_OVERWRITE, MISSING, f.FILE_OVERWRITTEN),
        (f.FILE_OVERWRITE_IF, f.FILE_CREATED, f.FILE_OVERWRITTEN),
    ],
)
def test_dispositions(disposition: int, free: int, taken: int) -> None:
    for exists, expected in ((False, free), (True, taken)):
        if expected > 3:
            assert status_of(c.disposition_action, disposition, exists) == expected
        else:
            assert c.disposition_action(disposition, exists) == expected


@pytest.mark.parametrize(
    ("is_directory", "disposition", "options", "status"),
    [
        (False, f.FILE_OPEN, f.FILE_DIRECTORY_FILE, erref.STATUS_NOT_A_DIRECTORY),
        (False, f.FILE_OPEN_IF, f.FILE_DIRECTORY_FILE, erref.STATUS_NOT_A_DIRECTORY),
        (False, f.FILE_CREATE, f.FILE_DIRECTORY_FILE, COLLISION),
        (False, f.FILE_OVERWRITE, 0, erref.STATUS_SUCCESS),
        (True, f.FILE_OPEN, f.FILE_NON_DIRECTORY_FILE, erref.STATUS_FILE_IS_A_DIRECTORY),
        (True, f.FILE_CREATE, f.FILE_NON_DIRECTORY_FILE, erref.STATUS_FILE_IS_A_DIRECTORY),
        (True, f.FILE_OPEN, 0, erref.STATUS_SUCCESS),
        (True, f.FILE_OPEN_IF, f.FILE_DIRECTORY_FILE, erref.STATUS_SUCCESS),
        (True, f.FILE_CREATE, f.FILE_DIRECTORY_FILE, COLLISION),
        (True, f.FILE_OVERWRITE_IF, 0, COLLISION),
        (True, f.FILE_SUPERSEDE, 0, COLLISION),
    ],
)
def test_types(is_directory: bool, disposition: int, options: int, status: int) -> None:
    assert status_of(c.check_type, is_directory, disposition, options) == status


def test_the_root_is_never_overwritten() -> None:
    assert (
        status_of(c.check_type, True, f.FILE_OVERWRITE, 0, is_root=True)
        == erref.STATUS_ACCESS_DENIED
    )


def test_new_files() -> None:
    check = c.check_new
    assert status_of(check, TEMPORARY, 0, is_directory=True) == erref.STATUS_INVALID_PARAMETER
    assert status_of(check, TEMPORARY, 0, is_directory=False) == erref.STATUS_SUCCESS
    deleting = f.FILE_DELETE_ON_CLOSE
    assert status_of(check, READONLY, deleting, is_directory=False) == erref.STATUS_CANNOT_DELETE
    assert status_of(check, READONLY, 0, is_directory=False) == erref.STATUS_SUCCESS


@pytest.mark.parametrize(
    ("access", "options", "attributes", "is_directory", "status"),
    [
        (am.FILE_WRITE_DATA, 0, READONLY, False, erref.STATUS_ACCESS_DENIED),
        (am.FILE_APPEND_DATA, 0, READONLY, False, erref.STATUS_ACCESS_DENIED),
        (am.FILE_ADD_FILE, 0, READONLY, True, erref.STATUS_SUCCESS),
        (am.DELETE, 0, READONLY, False, erref.STATUS_SUCCESS),
        (am.DELETE, f.FILE_DELETE_ON_CLOSE, READONLY, False, erref.STATUS_CANNOT_DELETE),
        (am.DELETE, f.FILE_DELETE_ON_CLOSE, ARCHIVE, False, erref.STATUS_SUCCESS),
        (am.FILE_WRITE_DATA, 0, ARCHIVE, False, erref.STATUS_SUCCESS),
    ],
)
def test_read_only(
    access: int, options: int, attributes: int, is_directory: bool, status: int
) -> None:
    found = status_of(c.check_existing, access, options, attributes, is_directory=is_directory)
    assert found == status


@pytest.mark.parametrize(
    ("new", "old", "allowed"),
    [
        (0, 0, True),
        (0, ARCHIVE, True),
        (0, HIDDEN, False),
        (HIDDEN, HIDDEN, True),
        (HIDDEN, SYSTEM, False),
        (SYSTEM, HIDDEN | SYSTEM, False),
        (HIDDEN | SYSTEM, HIDDEN | SYSTEM, True),
        (HIDDEN, 0, True),
        (READONLY, READONLY, False),
    ],
)
def test_overwriting(new: int, old: int, allowed: bool) -> None:
    status = erref.STATUS_SUCCESS if allowed else erref.STATUS_ACCESS_DENIED
    assert status_of(c.check_overwrite, new, old) == status


def test_overwriting_takes_more_rights() -> None:
    assert c.overwrite_access(f.FILE_OPEN_IF) == 0
    assert c.overwrite_access(f.FILE_SUPERSEDE) & am.DELETE
    for disposition in (f.FILE_OVERWRITE, f.FILE_OVERWRITE_IF):
        extra = c.overwrite_access(disposition)
        granted = c.grant_access(am.FILE_READ_DATA, am.FILE_ALL_ACCESS, extra=extra)
        assert granted == am.FILE_READ_DATA
        reading = am.FILE_GENERIC_READ
        status = status_of(c.grant_access, am.FILE_READ_DATA, reading, extra=extra)
        assert status == erref.STATUS_ACCESS_DENIED


@pytest.mark.parametrize(
    ("desired", "maximal", "read_only", "granted"),
    [
        (am.FILE_READ_DATA, am.FILE_ALL_ACCESS, False, am.FILE_READ_DATA),
        (am.GENERIC_READ, am.FILE_ALL_ACCESS, False, 0x00120089),
        (am.GENERIC_ALL, am.FILE_ALL_ACCESS, False, 0x001F01FF),
        (MAXIMUM, am.FILE_ALL_ACCESS, False, 0x001F01FF),
        (MAXIMUM, am.FILE_GENERIC_READ, False, 0x00120089),
        (MAXIMUM, am.FILE_ALL_ACCESS, True, 0x001F01B9),
        (MAXIMUM | am.FILE_READ_DATA, am.FILE_GENERIC_READ, False, 0x00120089),
        (am.FILE_READ_DATA | am.SYNCHRONIZE, am.FILE_READ_DATA, False, 0x00100001),
    ],
)
def test_granted(desired: int, maximal: int, read_only: bool, granted: int) -> None:
    assert c.grant_access(desired, maximal, read_only=read_only) == granted


@pytest.mark.parametrize(
    ("desired", "status"),
    [
        (am.FILE_WRITE_DATA, erref.STATUS_ACCESS_DENIED),
        (MAXIMUM | am.FILE_WRITE_DATA, erref.STATUS_ACCESS_DENIED),
        (am.GENERIC_ALL, erref.STATUS_ACCESS_DENIED),
        (am.ACCESS_SYSTEM_SECURITY, erref.STATUS_PRIVILEGE_NOT_HELD),
    ],
)
def test_denied(desired: int, status: int) -> None:
    assert status_of(c.grant_access, desired, am.FILE_GENERIC_READ) == status
