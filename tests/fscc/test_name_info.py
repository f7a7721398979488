"""Names, renames and links as SMB2 carries them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.fscc.name_info import (
    FileLinkInformation,
    FileNameInformation,
    FileRenameInformation,
    FileRenameInformationEx,
)

RENAME = (
    b"\x01"  # ReplaceIfExists
    b"\0\0\0\0\0\0\0"  # Reserved
    b"\0\0\0\0\0\0\0\0"  # RootDirectory
    b"\x0a\0\0\0"  # FileNameLength
    b"d\0\\\0n\0e\0w\0"  # FileName
)
Kind = type[FileRenameInformation] | type[FileLinkInformation]


@pytest.mark.parametrize("kind", [FileRenameInformation, FileLinkInformation])
def test_rename_and_link_field_by_field(kind: Kind) -> None:
    message = kind("d\\new", replace_if_exists=True)
    assert message.encode() == RENAME
    assert kind.decode(RENAME) == message
    assert kind.decode(RENAME + bytes(6)) == message


def test_a_rename_is_no_link() -> None:
    link: object = FileLinkInformation("x")
    assert FileRenameInformation("x") != link


def test_rename_ex_field_by_field() -> None:
    data = (
        b"\x03\0\0\0"  # Flags
        b"\0\0\0\0"  # Reserved
        b"\x05\0\0\0\0\0\0\0"  # RootDirectory
        b"\x04\0\0\0"  # FileNameLength
        b"a\0b\0"
    )
    message = FileRenameInformationEx("ab", flags=3, root_directory=5)
    assert message.encode() == data
    assert FileRenameInformationEx.decode(data) == message


@pytest.mark.parametrize("kind", [FileRenameInformation, FileLinkInformation])
def test_a_short_name_is_padded_to_24_bytes(kind: Kind) -> None:
    data = kind("x").encode()
    assert len(data) == 24
    assert kind.decode(data) == kind("x")
    assert kind.decode(data[:22]) == kind("x"), "some peers leave the padding out"


@pytest.mark.parametrize("flag", [1, 2, 0xFF])
def test_any_nonzero_boolean_is_true(flag: int) -> None:
    assert FileRenameInformation.decode(bytes([flag]) + RENAME[1:]).replace_if_exists is True


def test_reserved_bytes_are_ignored() -> None:
    noisy = RENAME[:1] + b"\xaa" * 7 + RENAME[8:]
    assert FileRenameInformation.decode(noisy) == FileRenameInformation.decode(RENAME)


@pytest.mark.parametrize("kind", [FileRenameInformation, FileLinkInformation])
def test_every_truncation_of_a_rename_is_malformed(kind: Kind) -> None:
    for length in range(len(RENAME)):
        with pytest.raises(Malformed):
            kind.decode(RENAME[:length])


@pytest.mark.parametrize("length", [1, 9, 11, 12, 0xFFFFFFFF])
def test_name_lengths_that_lie(length: int) -> None:
    data = RENAME[:16] + length.to_bytes(4, "little") + RENAME[20:]
    with pytest.raises(Malformed):
        FileRenameInformation.decode(data)


def test_file_name_information() -> None:
    data = b"\x06\0\0\0" + b"\\\0a\0b\0"
    assert FileNameInformation("\\ab").encode() == data
    assert FileNameInformation.decode(data + b"\0\0") == FileNameInformation("\\ab")
    assert FileNameInformation().encode() == bytes(4)
    for length in range(len(data)):
        with pytest.raises(Malformed):
            FileNameInformation.decode(data[:length])


@given(
    st.sampled_from(
        [FileNameInformation, FileRenameInformation, FileLinkInformation, FileRenameInformationEx]
    ),
    st.binary(max_size=80),
)
def test_any_bytes_decode_or_are_malformed(
    kind: Kind | type[FileNameInformation] | type[FileRenameInformationEx], data: bytes
) -> None:
    try:
        decoded = kind.decode(memoryview(data))
    except Malformed:
        return
    assert kind.decode(decoded.encode()) == decoded
