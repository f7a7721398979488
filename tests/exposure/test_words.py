"""Names a person reads."""

from __future__ import annotations

import pytest

from nethood.exposure.model import Signing
from nethood.exposure.words import capability_names, dialect_name, signing_of, signing_text


def test_capabilities_by_name_and_unknown_ones_by_number() -> None:
    assert capability_names(0) == []
    assert capability_names(0x8000_0041) == ["DFS", "ENCRYPTION", "0x80000000"]
    assert len(capability_names(0xFF)) == 8


@pytest.mark.parametrize(
    ("mode", "signing", "text"),
    [
        (0, Signing.OFF, "signing off"),
        (1, Signing.ENABLED, "signing enabled, not required"),
        (2, Signing.REQUIRED, "signing required"),
        (3, Signing.REQUIRED, "signing required"),
        (0xFFFC, Signing.OFF, "signing off"),
    ],
)
def test_signing_as_the_server_states_it(mode: int, signing: Signing, text: str) -> None:
    assert signing_of(mode) is signing
    assert signing_text(signing) == text


def test_dialects() -> None:
    assert dialect_name(0x0311) == "3.1.1"
    assert dialect_name(0x02FF) == "0x02FF"
