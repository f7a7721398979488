"""FILE_NOTIFY_INFORMATION lists that do not fit."""

from __future__ import annotations

import pytest

from nethood.errors import Malformed
from nethood.fscc.notify import decode_changes
from tests.smb2.fields import fields

CHANGES = fields("""
    10 00 00 00              NextEntryOffset
    04 00 00 00              Action: renamed, old name
    02 00 00 00              FileNameLength
    61 00                    "a"
    00 00                    padding
    00 00 00 00              NextEntryOffset
    05 00 00 00              Action: renamed, new name
    06 00 00 00              FileNameLength
    62 00 5c 00 63 00        "b\\c"
""")


@pytest.mark.parametrize(
    ("at", "value"),
    [
        pytest.param(0, 0x0C, id="next within this name"),
        pytest.param(0, 0x12, id="next not aligned"),
        pytest.param(0, 0x24, id="next at the end"),
        pytest.param(3, 0xFF, id="next outside"),
        pytest.param(8, 0x03, id="half a character"),
        pytest.param(10, 0xFF, id="name too long"),
    ],
)
def test_changes_that_do_not_fit_are_malformed(at: int, value: int) -> None:
    raw = bytearray(CHANGES)
    raw[at] = value
    with pytest.raises(Malformed):
        decode_changes(raw)
