from __future__ import annotations

import struct
from typing import Any

import pytest

from nethood.rpc.call import Call
from nethood.rpc.names import canonical, is_valid, netpr_name_canonicalize, netpr_name_compare
from nethood.rpc.ndr import Reader, Writer


@pytest.mark.parametrize(
    ("name", "name_type", "valid"),
    [
        ("", 1, False),
        ("u" * 256, 1, True),
        ("u" * 257, 1, False),
        ("", 2, True),
        ("a/b", 2, True),
        ("WORK GROUP", 6, False),
        ("WORK GROUP", 13, True),
        ("host", 4, True),
        ("ho*st", 4, False),
        ("x" * 260, 11, False),
        ("x" * 259 + "*", 11, True),
        ("tab\there", 9, False),
    ],
)
def test_which_names_are_valid(name: str, name_type: int, valid: bool) -> None:
    assert is_valid(name, name_type) is valid


def test_canonical_forms() -> None:
    assert canonical("Public", 9, 0) == "Public"
    assert canonical("Public documents", 9, 0x80000000) == "PUBLIC DOCUM"
    assert canonical("event", 5, 0) == "EVENT"


def call_of(host: Any, *texts: str, numbers: tuple[int, ...]) -> Call:
    writer = Writer()
    writer.u32(0)
    for text in texts:
        writer.text(text)
    for number in numbers:
        writer.u32(number)
    return Call(host, Reader(writer.getvalue()), {}, lambda _: b"")


@pytest.mark.parametrize(
    ("room", "name_type", "flags", "status"),
    [(10, 9, 0, 0), (3, 9, 0, 2123), (10, 9, 1, 2123), (10, 99, 0, 87), (10, 9, 2, 87)],
)
def test_canonicalize(host: Any, room: int, name_type: int, flags: int, status: int) -> None:
    call = call_of(host, "Music", numbers=(room, name_type, flags))
    assert netpr_name_canonicalize(call) == status
    text = "Music".encode("utf-16-le") if not status else b""
    assert call.writer.getvalue() == struct.pack("<I", room) + text.ljust(2 * room, b"\0")


@pytest.mark.parametrize(
    ("first", "second", "name_type", "flags", "result"),
    [
        ("a", "A", 9, 0, 0),
        ("b", "A", 9, 0, 1),
        ("a", "A", 2, 0x80000001, 1),
        ("a:", "A", 9, 0, 87),
        ("a:", "A:", 9, 1, 0),
    ],
)
def test_compare(
    host: Any, first: str, second: str, name_type: int, flags: int, result: int
) -> None:
    assert netpr_name_compare(call_of(host, first, second, numbers=(name_type, flags))) == result
