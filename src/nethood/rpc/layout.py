"""Structures described by their members: one tuple of kinds reads and writes them.

Nearly every structure of srvsvc, wkssvc and lsarpc is a row of numbers and pointers to strings,
kept in a conformant array. A layout names the kind of each member in order; a row is the list of
their values, so an information level is one line in its interface's module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from nethood.dtyp.sid import Sid
from nethood.rpc.ndr import Reader, Writer
from nethood.text import encode_utf16

Row = Sequence[Any]


class Kind(NamedTuple):
    """How one member stands on the wire.

    *read* appends the member's value to the row it is given, or puts it off as a pointer does.
    *size* is what a value takes in a client's buffer, for PreferedMaximumLength.
    """

    read: Callable[[Reader, list[Any]], None]
    write: Callable[[Writer, Any], None]
    size: Callable[[Any], int]


Layout = tuple[Kind, ...]


def _later(reader: Reader, row: list[Any], read: Callable[[], Any], present: bool) -> None:
    """Append a place for a pointed-to value and fill it once its referent has been read."""
    row.append(None)
    if present:
        place = len(row) - 1
        reader.defer(lambda: row.__setitem__(place, read()))


def _read_text(reader: Reader, row: list[Any]) -> None:
    _later(reader, row, reader.text, reader.pointer())


def _write_text(writer: Writer, text: str | None) -> None:
    writer.pointer(None if text is None else lambda: writer.text(text))


def _read_blob(reader: Reader, row: list[Any]) -> None:
    length = reader.u32()

    def referent() -> bytes:
        if reader.count(1) != length:
            raise reader.malformed("array and its size differ")
        return reader.take(length)

    _later(reader, row, referent, reader.pointer())


def _write_blob(writer: Writer, data: bytes | None) -> None:
    writer.u32(len(data or b""))
    writer.pointer(None if data is None else lambda: writer.conformant_bytes(data))


def _read_unicode(reader: Reader, row: list[Any]) -> None:
    reader.align(4)
    length, _maximum = reader.u16(), reader.u16()

    def referent() -> str:
        text = reader.varying_chars()
        if len(encode_utf16(text)) != length:
            raise reader.malformed("RPC_UNICODE_STRING and its Length differ")
        return text

    _later(reader, row, referent, reader.pointer())


def _read_sid(reader: Reader, row: list[Any]) -> None:
    _later(reader, row, reader.sid, reader.pointer())


def _write_sid(writer: Writer, sid: Sid | None) -> None:
    writer.pointer(None if sid is None else lambda: writer.sid(sid))


def _pointed(length: Callable[[Any], int]) -> Callable[[Any], int]:
    return lambda value: 4 + (0 if value is None else length(value))


U16 = Kind(lambda r, row: row.append(r.u16()), Writer.u16, lambda _: 4)
U32 = Kind(lambda r, row: row.append(r.u32()), lambda w, n: w.u32(n & 0xFFFFFFFF), lambda _: 4)
"""A long; facts that outgrow 32 bits, such as times and ids, wrap."""
I32 = Kind(lambda r, row: row.append(r.i32()), Writer.i32, lambda _: 4)
TEXT = Kind(_read_text, _write_text, _pointed(lambda text: 2 * len(text) + 2))
"""A pointer to a ``[string]`` of wide characters: str, or None where it is null."""
BLOB = Kind(_read_blob, _write_blob, lambda data: 8 + len(data or b""))
"""A length followed by a pointer to that many octets: bytes or None."""
UNICODE = Kind(_read_unicode, Writer.unicode_string, _pointed(lambda text: 4 + 2 * len(text)))
"""An RPC_UNICODE_STRING: str, or None where its buffer is null."""
SID = Kind(_read_sid, _write_sid, _pointed(lambda sid: 4 + sid.size))
"""A pointer to an RPC_SID: Sid, or None where it is null."""


def row_size(layout: Layout, row: Row) -> int:
    """Return how many bytes of a client's buffer *row* takes."""
    return sum(kind.size(value) for kind, value in zip(layout, row, strict=True))


def read_array(reader: Reader, layout: Layout) -> list[list[Any]]:
    """Read a conformant array of structures and all that it points to."""
    rows: list[list[Any]] = []
    for _ in range(reader.count(2 * max(1, len(layout)))):
        row: list[Any] = []
        reader.align(4)
        for kind in layout:
            kind.read(reader, row)
        rows.append(row)
    reader.resolve()
    return rows


def read_container(reader: Reader, layout: Layout) -> list[list[Any]]:
    """Read ``{ count; [size_is(count)] pointer }``, the shape of every list here."""
    count = reader.u32()
    rows = read_array(reader, layout) if reader.pointer() else []
    if len(rows) != count:
        raise reader.malformed(f"{count} entries announced, {len(rows)} there")
    return rows


def write_row(writer: Writer, layout: Layout, row: Row) -> None:
    """Append one structure; what it points to follows at the writer's next `resolve`."""
    writer.align(4)
    for kind, value in zip(layout, row, strict=True):
        kind.write(writer, value)


def write_array(writer: Writer, layout: Layout, rows: Sequence[Row]) -> None:
    """Append a conformant array of structures."""
    writer.u32(len(rows))
    for row in rows:
        write_row(writer, layout, row)


def write_container(writer: Writer, layout: Layout, rows: Iterable[Row]) -> None:
    """Append ``{ count; [size_is(count)] pointer }``; the array follows at `resolve`."""
    kept = list(rows)
    writer.u32(len(kept))
    writer.pointer(lambda: write_array(writer, layout, kept))
