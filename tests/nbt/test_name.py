"""NetBIOS names: the examples of the RFCs, round trips, and bytes that are no name."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import LocalError, Malformed
from nethood.nbt import suffix
from nethood.nbt.name import (
    NetbiosName,
    decode_first_level,
    decode_name,
    encode_first_level,
    encode_name,
)

FRED = bytes.fromhex(
    "204547464345464545434143414341434143414341434143414341434143414341074e455442494f5303434f4d00"
)
characters = st.characters(codec="latin-1", exclude_characters="\0 .")
labels = st.text(characters, min_size=1, max_size=63)


def test_first_level_example_of_rfc_1001() -> None:
    """The RFC means "The NetBIOS name", but what it prints stands for something else."""
    printed = b"FEGHGFCAEOGFHEECEJEPFDCAHEGBGNGF"
    assert decode_first_level(printed) == b"Tge NetBIOS tame"
    assert encode_first_level(b"Tge NetBIOS tame") == printed


def test_second_level_example_of_rfc_1002() -> None:
    name = NetbiosName("FRED", 0x20, "NETBIOS.COM")
    assert encode_name(name) == FRED
    assert decode_name(FRED) == (name, len(FRED))
    assert str(name) == "FRED<20>.NETBIOS.COM"


def test_the_name_of_every_server() -> None:
    encoded = encode_name(NetbiosName("*SMBSERVER", suffix.FILE_SERVER))
    assert encoded == b"\x20CKFDENECFDEFFCFGEFFCCACACACACACA\0"


def test_the_wildcard_is_padded_with_zeros() -> None:
    encoded = encode_name(NetbiosName("*"))
    assert encoded[1:33] == b"CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    assert decode_name(encoded)[0] == NetbiosName("*")


@given(
    st.text(characters, max_size=15),
    st.integers(0, 255),
    st.lists(labels, max_size=2).map(".".join),
    st.binary(max_size=5),
)
def test_names_come_back(name: str, suffix: int, scope: str, behind: bytes) -> None:
    encoded = encode_name(whole := NetbiosName(name, suffix, scope))
    assert decode_name(encoded + behind) == (whole, len(encoded))


@given(st.binary(max_size=300), st.integers(0, 10))
def test_any_bytes_decode_or_are_malformed(data: bytes, offset: int) -> None:
    with contextlib.suppress(Malformed):
        _, end = decode_name(data, offset)
        assert offset < end <= len(data)


@pytest.mark.parametrize("size", range(len(FRED)))
def test_every_truncation_is_malformed(size: int) -> None:
    with pytest.raises(Malformed):
        decode_name(FRED[:size])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\0", id="nothing"),
        pytest.param(b"\xc0\x0c", id="a pointer"),
        pytest.param(b"\x20" + b"A" * 32 + b"\xc0\x0c", id="a pointer for the scope"),
        pytest.param(b"\x1f" + b"A" * 31 + b"\0", id="too short"),
        pytest.param(b"\x20" + b"A" * 31 + b"Q\0", id="beyond P"),
        pytest.param(b"\x20" + b"A" * 31 + b"a\0", id="lower case"),
        pytest.param(b"\x20" + b"A" * 32 + (b"\x3f" + b"a" * 63) * 4 + b"\0", id="too long"),
    ],
)
def test_what_is_no_name_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_name(data)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(NetbiosName("sixteen letters!"), id="16 characters"),
        pytest.param(NetbiosName("Ω"), id="outside Latin-1"),
        pytest.param(NetbiosName("A", 0, "a..b"), id="empty label"),
        pytest.param(NetbiosName("A", 0, "x" * 64), id="long label"),
        pytest.param(NetbiosName("A", 0, ".".join(["x" * 60] * 4)), id="long scope"),
    ],
)
def test_names_that_do_not_fit_are_refused(name: NetbiosName) -> None:
    with pytest.raises(LocalError, match="NetBIOS"):
        encode_name(name)
