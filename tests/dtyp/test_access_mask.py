"""Access masks: their bits and what the generic rights stand for."""

from __future__ import annotations

import pytest

from nethood.dtyp import access_mask as m


@pytest.mark.parametrize(
    ("generic", "rights"),
    [
        (m.GENERIC_READ, 0x00120089),
        (m.GENERIC_WRITE, 0x00120116),
        (m.GENERIC_EXECUTE, 0x001200A0),
        (m.GENERIC_ALL, 0x001F01FF),
        (m.GENERIC_READ | m.GENERIC_WRITE, 0x0012019F),
        (m.GENERIC_READ | m.DELETE, 0x00130089),
        (0x0012019F, 0x0012019F),
        (0, 0),
    ],
)
def test_generic_rights(generic: int, rights: int) -> None:
    assert m.map_generic(generic) == rights


def test_maximum_allowed_and_system_security_are_left_alone() -> None:
    mask = m.MAXIMUM_ALLOWED | m.ACCESS_SYSTEM_SECURITY
    assert m.map_generic(mask | m.GENERIC_READ) == mask | m.FILE_GENERIC_READ


def test_directory_rights_are_the_files_bits() -> None:
    pairs = [
        (m.FILE_LIST_DIRECTORY, m.FILE_READ_DATA),
        (m.FILE_ADD_FILE, m.FILE_WRITE_DATA),
        (m.FILE_ADD_SUBDIRECTORY, m.FILE_APPEND_DATA),
        (m.FILE_TRAVERSE, m.FILE_EXECUTE),
    ]
    assert all(directory == file for directory, file in pairs)


def test_valid_rights() -> None:
    assert m.VALID_RIGHTS == 0xF31F01FF
