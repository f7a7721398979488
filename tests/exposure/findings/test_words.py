"""Strangers' words."""

from __future__ import annotations

import pytest

from nethood.exposure.findings.words import clean, joined


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FILES", "FILES"),
        ("Büro 3", "Büro 3"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\r\nb\x00", "a\\r\\nb\\x00"),
        ("a\u202eb\u2028", "a\\u202eb\\u2028"),
        ("\ud800", "\\ud800"),
        ("x" * 201, "x" * 200 + "… (201 characters)"),
    ],
)
def test_only_what_is_visible_stays(text: str, expected: str) -> None:
    assert clean(text) == expected


def test_a_list_is_bounded() -> None:
    assert joined(["a", "b\n"]) == "a, b\\n"
    assert joined(["a"] * 1001, 2) == "a, a and 999 more"
