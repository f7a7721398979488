from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.dtyp.sid import Sid
from nethood.errors import Malformed
from nethood.rpc.layout import (
    BLOB,
    I32,
    SID,
    TEXT,
    U16,
    U32,
    UNICODE,
    Kind,
    Layout,
    read_array,
    read_container,
    row_size,
    write_array,
    write_container,
)
from nethood.rpc.ndr import Reader, Writer

no_nul = st.text(st.characters(exclude_characters="\0"), max_size=8)
VALUES: dict[Kind, st.SearchStrategy[Any]] = {
    U16: st.integers(0, 0xFFFF),
    U32: st.integers(0, 0xFFFFFFFF),
    I32: st.integers(-(2**31), 2**31 - 1),
    TEXT: st.none() | no_nul,
    BLOB: st.none() | st.binary(max_size=9),
    UNICODE: st.none() | st.text(max_size=8),
    SID: st.none()
    | st.builds(
        Sid,
        st.integers(0, 2**48 - 1),
        st.lists(st.integers(0, 2**32 - 1), max_size=15).map(tuple),
    ),
}
layouts = st.lists(st.sampled_from(list(VALUES)), min_size=1, max_size=6).map(tuple)


@st.composite
def tables(draw: st.DrawFn) -> tuple[Layout, list[list[Any]]]:
    layout = draw(layouts)
    row = st.tuples(*(VALUES[kind] for kind in layout)).map(list)
    return layout, draw(st.lists(row, max_size=4))


@given(tables())
def test_every_table_round_trips(table: tuple[Layout, list[list[Any]]]) -> None:
    layout, rows = table
    writer = Writer()
    write_container(writer, layout, rows)
    writer.resolve()
    data = writer.getvalue()
    assert read_container(Reader(data), layout) == rows


@given(layouts, st.binary(max_size=80))
def test_any_bytes_are_a_table_or_malformed(layout: Layout, data: bytes) -> None:
    try:
        rows = read_array(Reader(data), layout)
    except Malformed:
        return
    assert all(len(row) == len(layout) for row in rows)


def test_every_truncation_is_malformed() -> None:
    layout = (U16, TEXT, BLOB, UNICODE, SID)
    writer = Writer()
    write_array(writer, layout, [(1, "a", b"xyz", "name", Sid.parse("S-1-1-0"))] * 2)
    writer.resolve()
    data = writer.getvalue()
    assert len(read_array(Reader(data), layout)) == 2
    for end in range(len(data)):
        with pytest.raises(Malformed):
            read_array(Reader(data[:end]), layout)


def test_counts_that_differ_are_malformed() -> None:
    with pytest.raises(Malformed, match="2 entries announced, 0 there"):
        read_container(Reader(b"\2\0\0\0\0\0\0\0"), (U32,))


def test_a_table_without_members_can_t_be_endless() -> None:
    with pytest.raises(Malformed):
        read_array(Reader(b"\xff\xff\xff\xff"), ())


def test_row_size_is_what_a_client_s_buffer_takes() -> None:
    assert row_size((U32, TEXT, TEXT), (1, "abc", None)) == 4 + 4 + 8 + 4
