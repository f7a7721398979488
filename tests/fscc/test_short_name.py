"""8.3 names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.fscc.short_name import is_short_name, short_name


@pytest.mark.parametrize("name", ["A", "readme.txt", "12345678.123", "A~1", "x.y", "$_-!#%"])
def test_short_names(name: str) -> None:
    assert is_short_name(name)
    assert short_name(name, ()) == ""


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".x", "x.", "123456789", "a.1234", "a.b.c", "a b", "ü", "a+b", "x:y"]
)
def test_long_names(name: str) -> None:
    assert not is_short_name(name)


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("A long file name.text", "ALONGF~1.TEX"),
        ("a.tar.gz", "ATAR~1.GZ"),
        (".bashrc", "BASHRC~1"),
        ("a+b", "A_B~1"),
        ("Grüße", "GR__E~1"),
        ("...", "_~1"),
    ],
)
def test_what_a_long_name_becomes(name: str, short: str) -> None:
    assert short_name(name, ()) == short


def test_names_that_look_alike_stay_apart() -> None:
    taken: set[str] = set()
    for n in range(200):
        taken.add(short_name(f"long file name {n}.txt", taken))
    assert len(taken) == 200
    assert {"LONGFI~1.TXT", "LONGFI~4.TXT"} <= taken
    assert "LONGFI~5.TXT" not in taken


@given(st.lists(st.text(min_size=1, max_size=30), max_size=40))
def test_what_is_made_is_short_new_and_the_same_again(names: list[str]) -> None:
    taken: set[str] = set()
    for name in names:
        made = short_name(name, taken)
        assert made == short_name(name, taken)
        if made:
            assert is_short_name(made)
            assert made == made.upper()
            assert made not in taken
            taken.add(made)
