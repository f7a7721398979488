"""GUIDs in packet order."""

from __future__ import annotations

from uuid import UUID

import pytest

from nethood.dtyp import guid
from nethood.errors import Malformed

TEXT = "00112233-4455-6677-8899-aabbccddeeff"
PACKET = bytes.fromhex("33221100 5544 7766 8899 aabbccddeeff")


def test_the_first_three_fields_are_little_endian() -> None:
    assert guid.encode_guid(UUID(TEXT)) == PACKET
    assert guid.decode_guid(b"xx" + PACKET, 2) == UUID(TEXT)
    assert guid.parse_guid("{" + TEXT.upper() + "}") == PACKET
    assert guid.format_guid(memoryview(PACKET)) == TEXT


@pytest.mark.parametrize("length", range(16))
def test_too_few_bytes(length: int) -> None:
    with pytest.raises(Malformed):
        guid.decode_guid(PACKET[:length])


def test_text_that_is_no_guid() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        guid.parse_guid("nonsense")
