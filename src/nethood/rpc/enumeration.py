"""Information levels, and the enumerations of [MS-SRVS] and [MS-WKST], which are all alike.

An enumeration takes a level, an empty container of that level, a preferred size and a resume
handle, and answers with a page: as many entries as fit, how many there were from here on, and
where to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nethood.rpc.layout import Layout, Row, read_container, row_size, write_container, write_row
from nethood.rpc.ndr import Reader, Writer
from nethood.rpc.status import (
    ERROR_INVALID_LEVEL,
    ERROR_MORE_DATA,
    ERROR_SUCCESS,
    NERR_BUF_TOO_SMALL,
)

T = TypeVar("T")

MAX_PREFERRED_LENGTH = 0xFFFFFFFF
"""[MS-SRVS] 2.2.2.2: as much as there is."""


@dataclass(frozen=True, slots=True)
class Level(Generic[T]):
    """An information level: its structure, and how the facts fill it."""

    layout: Layout
    row: Callable[[T], Row]


@dataclass(frozen=True, slots=True)
class EnumRequest:
    """The parameters common to all enumerations."""

    level: int
    max_length: int
    resume: int | None


def read_enum_request(reader: Reader, levels: Mapping[int, Level[Any]]) -> EnumRequest:
    """Read InfoStruct, PreferedMaximumLength and ResumeHandle. Raises Malformed.

    Of a level that is not in *levels* nothing more can be read: it is answered anyway.
    """
    level = reader.u32()
    if reader.u32() != level:
        raise reader.malformed("level and union discriminant differ")
    known = levels.get(level)
    if known is None:
        return EnumRequest(level, 0, None)
    if reader.pointer():
        read_container(reader, known.layout)
    return EnumRequest(level, reader.u32(), reader.optional_u32())


def write_page(
    writer: Writer, request: EnumRequest, levels: Mapping[int, Level[T]], items: Sequence[T]
) -> int:
    """Write InfoStruct, TotalEntries and ResumeHandle; return the Win32 status.

    The resume handle is the index of the first entry not returned yet ([MS-SRVS] 3.1.4.8).
    """
    level = levels.get(request.level)
    if level is None:
        return write_no_page(writer, request, ERROR_INVALID_LEVEL)
    start = min(request.resume or 0, len(items))
    rows = [level.row(item) for item in items[start:]]
    fitting = _fitting(level.layout, rows, request.max_length)
    status = ERROR_SUCCESS if fitting == len(rows) else ERROR_MORE_DATA
    if status and not fitting:
        return write_no_page(writer, request, NERR_BUF_TOO_SMALL)
    writer.u32(request.level)
    writer.u32(request.level)
    writer.pointer(lambda: write_container(writer, level.layout, rows[:fitting]))
    writer.resolve()
    writer.u32(len(rows))
    resume = start + fitting if status else 0
    writer.optional_u32(None if request.resume is None else resume)
    return status


def write_no_page(writer: Writer, request: EnumRequest, status: int) -> int:
    """Write the parameters of an enumeration that failed; return *status*."""
    writer.u32(request.level)
    writer.u32(request.level)
    writer.pointer(None)
    writer.u32(0)
    writer.optional_u32(request.resume)
    return status


def _fitting(layout: Layout, rows: Sequence[Row], max_length: int) -> int:
    if max_length == MAX_PREFERRED_LENGTH:
        return len(rows)
    used = 0
    for index, row in enumerate(rows):
        used += row_size(layout, row)
        if used > max_length:
            return index
    return len(rows)


def write_info(
    writer: Writer,
    number: int,
    levels: Mapping[int, Level[T]],
    item: T | None,
    unserved: Container[int] = (),
) -> None:
    """Write a ``switch_is(level)`` union of pointers: *item* at that level, null without it.

    *unserved* are the levels the union has but *levels* has not: they hold a pointer too, all
    other numbers nothing.
    """
    writer.u32(number)
    level = levels.get(number)
    if level is None or item is None:
        if level is not None or number in unserved:
            writer.pointer(None)
        return
    row = level.row(item)
    writer.pointer(lambda: write_row(writer, level.layout, row))
    writer.resolve()
