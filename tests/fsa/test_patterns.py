"""Search patterns against a direct reading of [MS-FSA] 2.1.4.4."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nethood import erref
from nethood.errors import StatusError
from nethood.fsa.patterns import compile_pattern, is_wildcard
from nethood.text import upcase


def reference(pattern: str, name: str) -> bool:
    """The wildcard rules, one by one, on names and patterns already in capitals."""
    return _match(pattern, 0, name, 0, name.rfind("."))


def _match(p: str, i: int, n: str, j: int, last_dot: int) -> bool:
    if i == len(p):
        return j == len(n)
    c, end = p[i], j == len(n)
    if c == "*":
        return any(_match(p, i + 1, n, k, last_dot) for k in range(j, len(n) + 1))
    if c == "<":
        stop = last_dot + 1 if j <= last_dot else len(n)
        return any(_match(p, i + 1, n, k, last_dot) for k in range(j, stop + 1))
    if c == ">":
        return _match(p, i + 1, n, j if end or n[j] == "." else j + 1, last_dot)
    if c == '"':
        if end:
            return _match(p, i + 1, n, j, last_dot)
        return n[j] == "." and _match(p, i + 1, n, j + 1, last_dot)
    return not end and c in ("?", n[j]) and _match(p, i + 1, n, j + 1, last_dot)


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("", ["a", "a.b"], []),
        ("*", ["a", "a.b", "."], []),
        ("*.*", ["a", "a.b", ".", ".."], []),
        ("foo.TXT", ["foo.txt", "FOO.txt"], ["foo.txt2", "foo", "xfoo.txt"]),
        ("Straße", ["STRAßE", "straße"], ["STRASSE"]),
        ("É*", ["éa", "É"], ["ea"]),
        ("*.txt", ["a.txt", ".TXT", "a.b.txt"], ["a.txt.b", "txt", "a.tx"]),
        ("a*", ["a", "A", "abc.d"], ["ba", ""]),
        ("*a*b*", ["ab", "xaxbx", "a.b"], ["ba", "a"]),
        ("a*a", ["aa", "aba", "a.a"], ["a", "ab"]),
        ("?", ["a", ".", "😀"], ["", "ab"]),
        ("a?c", ["abc", "a.c"], ["ac", "abbc"]),
        ("??*", ["ab", "abc"], ["a"]),
        # DOS_STAR: what "*." becomes on its way from a DOS program
        ("<", ["a", "abc", "abc."], ["a.b", "a.b.c"]),
        ("<.b", ["a.b", "a.c.b", ".b"], ["a.b.c", "ab"]),
        ("<b", ["b", "ab", "a.b", "x.y.b"], ["a.bc"]),
        ("a.<", ["a.b", "a."], ["a", "ab"]),
        ("<.<", ["a.b", "a.b.c"], ["a"]),
        # DOS_QM
        (">>>", ["", "a", "ab", "abc"], ["abcd", "a.b"]),
        ("a>>.b", ["a.b", "ax.b", "axy.b"], ["axyz.b", "ab"]),
        (">>>>.>>>", ["abcd.efg", "a.b", "abc."], ["abcde.f", "a"]),
        # DOS_DOT
        ('a"', ["a", "a."], ["ab", "a.b"]),
        ('a"b', ["a.b"], ["ab", "a"]),
        ('<"<', ["a", "a.b", "a.b.c"], []),
        ('>>>>>>>>">>>', ["a", "readme.txt", "READM.E"], ["readme.text", "toolongname.txt"]),
    ],
)
def test_examples(pattern: str, matching: list[str], other: list[str]) -> None:
    match = compile_pattern(pattern)
    for name in matching:
        assert match(name), (pattern, name)
    for name in other:
        assert not match(name), (pattern, name)


@settings(max_examples=600)
@given(
    st.text(st.sampled_from('aB.*?<>"é'), max_size=7),
    st.text(st.sampled_from("Ab.É"), max_size=7),
)
def test_agrees_with_the_rules(pattern: str, name: str) -> None:
    expected = pattern in ("", "*.*") or reference(upcase(pattern), upcase(name))
    assert compile_pattern(pattern)(name) is expected


@settings(max_examples=300)
@given(st.text(st.sampled_from('a.<>"'), max_size=9), st.text(st.sampled_from("a."), max_size=9))
def test_dos_wildcards_agree_with_the_rules(pattern: str, name: str) -> None:
    expected = pattern == "" or reference(pattern.upper(), name.upper())
    assert compile_pattern(pattern)(name) is expected


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_pattern_compiles_or_is_refused(pattern: str, name: str) -> None:
    if any(c in "|/:\\" or c < " " for c in pattern):
        with pytest.raises(StatusError):
            compile_pattern(pattern)
    else:
        assert compile_pattern(pattern)(name) in (True, False)


@pytest.mark.parametrize("pattern", ["a\\b", "a/b", "a|b", "a:b", "\0", "*\x1f", "x" * 32_761])
def test_illegal_patterns(pattern: str) -> None:
    with pytest.raises(StatusError) as caught:
        compile_pattern(pattern)
    assert caught.value.status == erref.STATUS_OBJECT_NAME_INVALID


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 100 + "b",
        "*?" * 100 + "b",
        "*a?" * 5_000 + "b",
        "<a" * 100 + "b",
        ">*" * 16_000 + "b",
    ],
)
def test_time_is_bounded(pattern: str) -> None:
    match = compile_pattern(pattern)
    start = time.process_time()
    assert not match("a" * 255)
    # Milliseconds in truth; an expression that goes back would take longer than the sun lasts.
    assert time.process_time() - start < 2


def test_is_wildcard() -> None:
    assert all(is_wildcard(f"a{c}b") for c in '*?<>"')
    assert not is_wildcard("a.b")
