"""The tables of information classes, and which status refuses what."""

from __future__ import annotations

import pytest

from nethood.erref import (
    STATUS_ACCESS_DENIED,
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_INFO_CLASS,
    STATUS_NOT_SUPPORTED,
)
from nethood.errors import StatusError
from nethood.fscc import attributes, file_classes, fs_info
from nethood.fscc.file_classes import FILE_INFO
from nethood.fscc.fs_info import FS_INFO
from nethood.fscc.info_class import check_query, check_set

ALL = 0x001F01FF
# [MS-SMB2] 2.2.37 and 2.2.39.
QUERIED = {4, 5, 6, 7, 8, 14, 15, 16, 17, 18, 21, 22, 23, 24, 25, 28, 34, 35, 48, 59}
SET = {4, 10, 11, 13, 14, 15, 16, 19, 20, 23, 39, 40}
# [MS-FSCC] 2.4.
DOCUMENTED = (
    QUERIED
    | SET
    | {1, 2, 3, 9, 12, 26, 27, 29, 31, 32, 33, 36, 37, 38, 44, 45, 46, 50, 54, 60, 64, 65}
    | {78, 79, 80, 81}
)
# sizeof of the C structures, variable parts counted as one character.
QUERY_SIZES = {4: 40, 5: 24, 6: 8, 7: 4, 8: 4, 14: 8, 16: 4, 17: 4, 18: 104, 21: 8, 22: 32}
QUERY_SIZES |= {23: 8, 24: 40, 28: 16, 34: 56, 35: 8, 48: 8, 59: 24}
FS_QUERY_SIZES = {1: 24, 3: 24, 4: 8, 5: 16, 6: 48, 7: 32, 8: 64, 11: 28}


def test_the_file_table_is_complete() -> None:
    assert set(FILE_INFO) == DOCUMENTED
    assert {n for n, c in FILE_INFO.items() if c.query_size is not None} == QUERIED
    assert {n for n, c in FILE_INFO.items() if c.set_size is not None} == SET
    assert all(number == c.number for number, c in FILE_INFO.items())
    assert len({c.name for c in FILE_INFO.values()}) == len(FILE_INFO)


def test_the_file_system_table_is_complete() -> None:
    assert set(FS_INFO) == set(range(1, 12))
    assert {n for n, c in FS_INFO.items() if c.query_size is not None} == set(FS_QUERY_SIZES)
    assert {n for n, c in FS_INFO.items() if c.set_size is not None} == {6, 8}


@pytest.mark.parametrize("module", [file_classes, fs_info])
def test_constants_are_named_as_the_classes(module: object) -> None:
    table = FILE_INFO if module is file_classes else FS_INFO
    constants = {
        name: value
        for name, value in vars(module).items()
        if name.endswith(("_INFORMATION", "_INFORMATION_EX")) and name.isupper()
    }
    assert constants
    for name, value in constants.items():
        assert table[value].name.upper() == name.replace("_", "")


@pytest.mark.parametrize(("number", "size"), QUERY_SIZES.items())
def test_least_output_buffer(number: int, size: int) -> None:
    assert check_query(FILE_INFO, number, ALL, size).number == number
    with pytest.raises(StatusError) as caught:
        check_query(FILE_INFO, number, ALL, size - 1)
    assert caught.value.status == STATUS_INFO_LENGTH_MISMATCH


@pytest.mark.parametrize(("number", "size"), FS_QUERY_SIZES.items())
def test_least_output_buffer_of_a_volume(number: int, size: int) -> None:
    assert check_query(FS_INFO, number, 0, size).number == number
    with pytest.raises(StatusError) as caught:
        check_query(FS_INFO, number, 0, size - 1)
    assert caught.value.status == STATUS_INFO_LENGTH_MISMATCH


READ_ATTRIBUTES = {4, 18, 23, 24, 25, 34, 35}


@pytest.mark.parametrize("number", sorted(QUERIED))
def test_the_right_a_query_needs(number: int) -> None:
    needed = 0x80 if number in READ_ATTRIBUTES else 0x08 if number == 15 else 0
    assert check_query(FILE_INFO, number, needed, 4096).query_access == needed
    if needed:
        with pytest.raises(StatusError) as caught:
            check_query(FILE_INFO, number, ALL & ~needed, 4096)
        assert caught.value.status == STATUS_ACCESS_DENIED


SET_ACCESS = {4: 0x100, 23: 0x100, 10: 0x10000, 13: 0x10000, 40: 0x10000, 15: 0x10, 19: 2, 20: 2}
SET_ACCESS |= {39: 2}


@pytest.mark.parametrize("number", sorted(SET))
def test_the_right_a_set_needs(number: int) -> None:
    needed = SET_ACCESS.get(number, 0)
    assert check_set(FILE_INFO, number, needed, 4096).set_access == needed
    if needed:
        with pytest.raises(StatusError) as caught:
            check_set(FILE_INFO, number, ALL & ~needed, 4096)
        assert caught.value.status == STATUS_ACCESS_DENIED


@pytest.mark.parametrize(
    ("number", "size"), {4: 40, 10: 20, 11: 20, 13: 1, 14: 8, 16: 4, 19: 8, 20: 8, 39: 8}.items()
)
def test_too_few_bytes_to_set(number: int, size: int) -> None:
    check_set(FILE_INFO, number, ALL, size)
    with pytest.raises(StatusError) as caught:
        check_set(FILE_INFO, number, ALL, size - 1)
    assert caught.value.status == STATUS_INFO_LENGTH_MISMATCH


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, STATUS_INVALID_INFO_CLASS),
        (200, STATUS_INVALID_INFO_CLASS),
        (9, STATUS_NOT_SUPPORTED),
        (10, STATUS_NOT_SUPPORTED),
        (46, STATUS_NOT_SUPPORTED),
    ],
)
def test_queries_refused(number: int, status: int) -> None:
    with pytest.raises(StatusError) as caught:
        check_query(FILE_INFO, number, ALL, 4096)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, STATUS_INVALID_INFO_CLASS),
        (5, STATUS_INVALID_INFO_CLASS),
        (9, STATUS_INVALID_INFO_CLASS),
        (32, STATUS_NOT_SUPPORTED),
        (64, STATUS_NOT_SUPPORTED),
        (65, STATUS_NOT_SUPPORTED),
    ],
)
def test_sets_refused(number: int, status: int) -> None:
    with pytest.raises(StatusError) as caught:
        check_set(FILE_INFO, number, ALL, 4096)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (1, STATUS_INVALID_INFO_CLASS),
        (2, STATUS_NOT_SUPPORTED),
        (9, STATUS_NOT_SUPPORTED),
        (10, STATUS_NOT_SUPPORTED),
        (12, STATUS_INVALID_INFO_CLASS),
    ],
)
def test_volume_sets_refused(number: int, status: int) -> None:
    with pytest.raises(StatusError) as caught:
        check_set(FS_INFO, number, ALL, 4096)
    assert caught.value.status == status


def test_valid_attributes_are_the_sum_of_all() -> None:
    total = 0
    for name, value in vars(attributes).items():
        if name.startswith("FILE_ATTRIBUTE_"):
            assert not total & value, name
            total |= value
    assert total == attributes.VALID_ATTRIBUTES
    assert not attributes.SETTABLE_ATTRIBUTES & ~attributes.VALID_ATTRIBUTES
    assert not attributes.SETTABLE_ATTRIBUTES & attributes.FILE_ATTRIBUTE_DIRECTORY
