"""LMHOSTS files."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.nbt.lmhosts import parse_entry, read_lmhosts
from nethood.nbt.name import NetbiosName

FILE = r"""
# the office
10.0.0.7   files            # a comment #with more
10.0.0.8   dc1     #PRE  #DOM:office
10.0.0.9   dc2     #DOM:OFFICE #PRE
10.0.0.10  "app            \0x41"   #MH
10.0.0.11  "app            \0x41"   #MH
10.0.0.12  files
10.0.0.13  "spa ce"
not an entry
10.0.0.300 bad
10.0.0.14  sixteenletters-xx
"""


def addresses(name: NetbiosName, files: dict[str, str]) -> list[str]:
    return [str(a) for a in read_lmhosts("lmhosts", files.get).find(name)]


@pytest.mark.parametrize(
    ("name", "suffix", "expected"),
    [
        ("FILES", 0x20, ["10.0.0.7"]),
        ("files", 0x00, ["10.0.0.7"]),
        ("OFFICE", 0x1C, ["10.0.0.8", "10.0.0.9"]),
        ("OFFICE", 0x00, []),
        ("DC1", 0x20, ["10.0.0.8"]),
        ("APP", 0x41, ["10.0.0.10", "10.0.0.11"]),
        ("APP", 0x20, []),
        ("SPA CE", 0x20, ["10.0.0.13"]),
        ("BAD", 0x20, []),
    ],
)
def test_finding(name: str, suffix: int, expected: list[str]) -> None:
    assert addresses(NetbiosName(name, suffix), {"lmhosts": FILE}) == expected


def test_what_makes_no_sense_is_said_and_passed_over() -> None:
    problems = read_lmhosts("lmhosts", {"lmhosts": FILE}.get).problems
    assert [problem.split(":")[1].strip() for problem in problems] == [
        "line 10",
        "line 11",
        "line 12",
    ]
    nothing: dict[str, str] = {}
    assert read_lmhosts("gone", nothing.get).problems == ["gone: can't be read"]


def test_preloading() -> None:
    loaded = dict(read_lmhosts("lmhosts", {"lmhosts": FILE}.get).preloaded())
    both = (IPv4Address("10.0.0.8"), IPv4Address("10.0.0.9"))
    assert loaded[NetbiosName("OFFICE", 0x1C)] == both
    assert loaded[NetbiosName("DC1", 0x20)] == both[:1]
    assert NetbiosName("FILES", 0x20) not in loaded


def test_including_and_alternatives() -> None:
    files = {
        "lmhosts": (
            "#INCLUDE extra\n#BEGIN_ALTERNATE\n#INCLUDE gone\n#include two\n#INCLUDE three\n"
            "#END_ALTERNATE\n#INCLUDE four\n"
        ),
        "extra": "10.0.1.1 one\n#INCLUDE lmhosts\n",
        "two": "10.0.1.2 two\n",
        "three": "10.0.1.3 three\n",
        "four": "10.0.1.4 four\n",
    }
    lmhosts = read_lmhosts("lmhosts", files.get)
    assert [entry.name for entry in lmhosts.entries] == ["ONE", "TWO", "FOUR"]
    assert len(lmhosts.problems) == 2  # the file that is gone, the one that includes itself


@given(st.text(max_size=80))
def test_any_line_is_an_entry_or_none(line: str) -> None:
    entry = parse_entry(line)
    assert entry is None or 0 < len(entry.name) <= 15
