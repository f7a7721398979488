"""Mailslot writes: the examples of [MS-MAIL] 4 and [MS-BRWS] 4.1, limits, and other SMBs."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt.mailslot import BROWSE, CLASS_UNRELIABLE, LANMAN, MAX_WRITE_SIZE, MailslotWrite

# [MS-MAIL] 4, as printed.
EXAMPLE = bytes.fromhex(
    "FF 53 4D 42 25 00 00 00 00 18 04 00 00 00 00 00"
    "00 00 00 00 00 00 00 00 00 00 FF FE 00 00 00 00"
    "11 00 00 24 00 02 00 00 00 00 00 02 00 00 00 00"
    "00 00 00 00 00 68 00 24 00 68 00 03 00 01 00 00"
    "00 02 00 47 00 5C 4D 41 49 4C 53 4C 4F 54 5C 74"
    "65 73 74 31 5C 73 61 6D 70 6C 65 5F 6D 61 69 6C"
    "73 6C 6F 74 00 00 00 00 CA CA CA CA CA CA CA CA"
    "CA CA CA CA CA CA CA CA CA CA CA CA CA CA CA CA"
    "CA CA CA CA CA CA CA CA CA CA CA CA"
)
WRITE = MailslotWrite("\\MAILSLOT\\test1\\sample_mailslot", b"\xca" * 36)

# [MS-BRWS] 4.1 gives fields: nothing aligned, Timeout 1000, 33 bytes of data at 86.
BROWSER_EXAMPLE = (
    b"\xffSMB\x25"
    + bytes(27)
    + b"\x11\x00\x00\x21\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    + (1000).to_bytes(4, "little")
    + b"\x00\x00\x00\x00\x00\x00\x21\x00\x56\x00\x03\x00"
    + b"\x01\x00\x00\x00\x02\x00\x32\x00\\MAILSLOT\\BROWSE\0"
    + b"\x0f" * 33
)


def test_the_example_of_ms_mail() -> None:
    assert MailslotWrite.decode(EXAMPLE) == WRITE
    max_parameter_count = 37  # 0 by the rule; the example comes from a client that writes 2
    expected = bytearray(EXAMPLE)
    expected[max_parameter_count] = 0
    assert WRITE.encode() == expected


def test_the_example_of_ms_brws() -> None:
    write = MailslotWrite.decode(BROWSER_EXAMPLE)
    assert write == MailslotWrite(BROWSE, b"\x0f" * 33, 0, CLASS_UNRELIABLE, 1000)


def test_data_is_aligned_to_four_bytes() -> None:
    for extra in range(1, 6):
        encoded = MailslotWrite("\\MAILSLOT\\" + "x" * extra, b"data").encode()
        assert encoded.index(b"data") % 4 == 0
        assert len(encoded) % 4 == 0


@given(
    st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=40),
    st.binary(max_size=380),
    st.integers(0, 9),
    st.integers(1, 2),
    st.integers(0, 0xFFFFFFFF),
)
def test_writes_come_back(
    name: str, data: bytes, priority: int, mailslot_class: int, timeout_ms: int
) -> None:
    write = MailslotWrite("\\mailslot\\" + name, data, priority, mailslot_class, timeout_ms)
    assert MailslotWrite.decode(write.encode()) == write
    assert MailslotWrite.decode(memoryview(write.encode())) == write


@pytest.mark.parametrize("size", range(len(EXAMPLE)))
def test_every_truncation_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        MailslotWrite.decode(EXAMPLE[:size])


@given(st.binary(max_size=200), st.integers(0, 200))
def test_any_bytes_decode_or_are_malformed(data: bytes, keep: int) -> None:
    with contextlib.suppress(Malformed):
        MailslotWrite.decode(EXAMPLE[:keep] + data)


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(0, 0xFE, id="SMB2"),
        pytest.param(4, 0x32, id="another command"),
        pytest.param(32, 16, id="WordCount"),
        pytest.param(35, 0x25, id="TotalDataCount"),
        pytest.param(57, 0x44, id="DataOffset before the bytes"),
        pytest.param(57, 0x69, id="DataOffset too late"),
        pytest.param(59, 2, id="SetupCount"),
        pytest.param(61, 2, id="opcode"),
        pytest.param(69, 0x2F, id="name"),
    ],
)
def test_other_transactions_are_malformed(at: int, value: int) -> None:
    changed = bytearray(EXAMPLE)
    assert changed[at] != value
    changed[at] = value
    with pytest.raises(Malformed):
        MailslotWrite.decode(changed)


def test_windows_takes_512_bytes() -> None:
    assert len(MailslotWrite("\\MAILSLOT\\abcd", bytes(428)).encode()) == MAX_WRITE_SIZE
    with pytest.raises(LocalError, match="428 bytes at most"):
        MailslotWrite("\\MAILSLOT\\abcd", bytes(429)).encode()


@pytest.mark.parametrize(
    "name", ["BROWSE", "\\MAILSLOT\\", "\\MAILSLOT\\ä", "\\MAILSLOT\\a\0b", ""]
)
def test_names_that_are_no_mailslots(name: str) -> None:
    with pytest.raises(LocalError, match="no mailslot"):
        MailslotWrite(name, b"").encode()


def test_case_makes_no_difference() -> None:
    assert MailslotWrite("\\mailslot\\Browse", b"").is_to(BROWSE)
    assert not MailslotWrite(LANMAN, b"").is_to(BROWSE)
