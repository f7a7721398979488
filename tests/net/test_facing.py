from __future__ import annotations

import pytest

from nethood.net.facing import source_address


@pytest.mark.parametrize(
    ("address", "expected"), [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("not an address", "")]
)
def test_the_address_others_see(address: str, expected: str) -> None:
    assert source_address(address) == expected
