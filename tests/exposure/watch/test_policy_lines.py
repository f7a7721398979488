"""Where a key stands in a TOML text."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.exposure.watch.policy_lines import find_lines, line_of

TEXT = """\
# a comment = 1
every = "5m"
text = \"\"\"
[not.a.table]
fake = 1
\"\"\"
[groups.lab]  # [groups.other]
targets = [ "a", # first
  'b',
  "c]",
]
139 = "closed"
"445" = 'closed'
[groups."a.b"]
inline = { one = 1, "two" = { three = [1, 2] } }
tell.me = "x"
[[maintenance]]
start = 2026-12-24T18:00:00
[[maintenance]]
start = 22:00:00
[maintenance.more]
deep = true
"""


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("every", 2),
        ("text", 3),
        ("groups.lab", 7),
        ("groups.lab.targets", 8),
        ("groups.lab.targets.0", 8),
        ("groups.lab.targets.1", 9),
        ("groups.lab.targets.2", 10),
        ("groups.lab.139", 12),
        ("groups.lab.445", 13),
        ("maintenance.0", 17),
        ("maintenance.0.start", 18),
        ("maintenance.1.start", 20),
        ("maintenance.1.more.deep", 22),
        ("groups.lab.missing", 7),
        ("maintenance.1.end", 19),
        ("nothing", None),
        ("not.a.table", None),
        ("fake", None),
    ],
)
def test_lines(where: str, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert line_of(find_lines(TEXT), tuple(where.split("."))) == line


def test_quoted_inline_and_dotted_keys() -> None:
    lines = find_lines(TEXT)
    assert lines["groups", "a.b"] == 14
    assert lines["groups", "a.b", "inline", "two", "three", "1"] == 15
    assert lines["groups", "a.b", "tell", "me"] == 16


@given(st.text(alphabet="ab.=[]{}\"'\\#, \n1", max_size=200))
def test_any_text_ends(text: str) -> None:
    lines = find_lines(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


def test_deep_nesting_ends() -> None:
    find_lines("a = " + "[" * 100_000)
