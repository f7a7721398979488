"""Path names: what is taken as it is, what is resolved, what is refused and how."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood import erref
from nethood.errors import StatusError
from nethood.fsa.names import ParsedPath, check_component, is_device_name, parse_path

INVALID = erref.STATUS_OBJECT_NAME_INVALID
ABOVE = erref.STATUS_OBJECT_PATH_SYNTAX_BAD


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ("", ""),
        ("file.txt", "file.txt"),
        ("dir\\sub\\file.txt", "dir/sub/file.txt"),
        ("Größe\\ß", "Größe/ß"),
        (".hidden", ".hidden"),
        ("a\\.b\\...c", "a/.b/...c"),
        ("a\\...", "a/..."),
        ("trailing.", "trailing."),
        ("trailing ", "trailing "),
        ("a\\.\\b", "a/b"),
        ("a\\b\\..\\c", "a/c"),
        ("test_notify\\zqy\\..", "test_notify"),
        ("a\\..", ""),
        (".", ""),
        ("a\\\\b", "a/b"),
        ("console", "console"),
        ("con\\file", "con/file"),
        ("aux.c", "aux.c"),
        ("com10", "com10"),
        ("x" * 255, "x" * 255),
        ("\\".join(["x" * 255] * 20), "/".join(["x" * 255] * 20)),
        ("\U0001f600" * 127, "\U0001f600" * 127),
        ("lone\ud800", "lone\ud800"),
        ("[x]{y}~'`!@#$%^&()+=,;", "[x]{y}~'`!@#$%^&()+=,;"),
    ],
)
def test_good_names(raw: str, path: str) -> None:
    assert parse_path(raw) == ParsedPath(path, "", "", False)


@pytest.mark.parametrize("raw", ["dir\\", "a\\b\\", "a\\b\\\\"])
def test_a_separator_at_the_end_asks_for_a_directory(raw: str) -> None:
    parsed = parse_path(raw)
    assert parsed.must_be_directory
    assert parsed.path == raw.rstrip("\\").replace("\\", "/")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("f:s", ParsedPath("f", "s")),
        ("d\\f:s:$DATA", ParsedPath("d/f", "s", "$DATA")),
        ("f:s:$data", ParsedPath("f", "s", "$DATA")),
        ("f::$DATA", ParsedPath("f", "", "$DATA")),
        ('f:a?*<>"|b', ParsedPath("f", 'a?*<>"|b')),
        ("d:$I30:$INDEX_ALLOCATION", ParsedPath("d", "", "$INDEX_ALLOCATION")),
        ("d::$INDEX_ALLOCATION", ParsedPath("d", "", "$INDEX_ALLOCATION")),
    ],
)
def test_streams(raw: str, expected: ParsedPath) -> None:
    assert parse_path(raw) == expected


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("\\", erref.STATUS_INVALID_PARAMETER),
        ("\\dir", erref.STATUS_INVALID_PARAMETER),
        ("\\..\\x", erref.STATUS_INVALID_PARAMETER),
        ("..", ABOVE),
        ("..\\x", ABOVE),
        ("a\\..\\..\\x", ABOVE),
        (".\\..", ABOVE),
        ("CON", erref.STATUS_ACCESS_DENIED),
        ("dir\\nul", erref.STATUS_ACCESS_DENIED),
        ("Lpt9", erref.STATUS_ACCESS_DENIED),
        ("clock$", erref.STATUS_ACCESS_DENIED),
        (".\\aux", erref.STATUS_ACCESS_DENIED),
        ("a\0b", INVALID),
        ("a/b", INVALID),
        ("*", INVALID),
        ("a?", INVALID),
        ("a<", INVALID),
        ("a>", INVALID),
        ('a"', INVALID),
        ("a|b", INVALID),
        ("a\x1fb", INVALID),
        ("dir*\\f", INVALID),
        ("d:s\\f", INVALID),
        ("f:", INVALID),
        ("f:s:", INVALID),
        ("f::", INVALID),
        (":s", INVALID),
        ("f:s:$DATA:x", INVALID),
        ("f:s:$BITMAP", INVALID),
        ("f:a/b", INVALID),
        ("f:a\0b", INVALID),
        ("f:" + "s" * 256, INVALID),
        ("d:other:$INDEX_ALLOCATION", erref.STATUS_INVALID_PARAMETER),
        ("x" * 256, INVALID),
        ("a\\" + "x" * 256, INVALID),
        ("\U0001f600" * 128, INVALID),
        ("é" * 256, INVALID),
        ("a\\" * 16_381, INVALID),
    ],
)
def test_refused_names(raw: str, status: int) -> None:
    with pytest.raises(StatusError) as caught:
        parse_path(raw)
    assert erref.status_name(caught.value.status) == erref.status_name(status)


@given(st.text(st.sampled_from('ab.\\/:*"\0\x1f $DAT😀é\ud800')) | st.text(max_size=300))
def test_any_text_parses_or_is_refused_and_never_escapes(raw: str) -> None:
    try:
        parsed = parse_path(raw)
    except StatusError:
        return
    names = parsed.path.split("/") if parsed.path else []
    for name in names:
        check_component(name)
        assert not set(name) & set('\\/:*?"<>|\0')
        assert len(name.encode("utf-16-le", "surrogatepass")) <= 510
    assert len(raw.encode("utf-16-le", "surrogatepass")) <= 2 * 32_760


@given(st.lists(st.sampled_from(["a", "B.txt", ".x", ".", "..", "", "é", "..."]), max_size=8))
def test_dots_are_resolved_like_a_stack(names: list[str]) -> None:
    raw = "\\".join(names)
    stack: list[str] = []
    status = erref.STATUS_INVALID_PARAMETER if raw.startswith("\\") else 0
    for name in names:
        if name == ".." and not stack:
            status = status or ABOVE
        elif name == "..":
            stack.pop()
        elif name not in ("", "."):
            stack.append(name)
    if status:
        with pytest.raises(StatusError) as caught:
            parse_path(raw)
        assert caught.value.status == status
    else:
        assert parse_path(raw).path == "/".join(stack)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a:b", "x" * 256, "a\n"])
def test_bad_components(name: str) -> None:
    with pytest.raises(StatusError) as caught:
        check_component(name)
    assert caught.value.status == INVALID


def test_device_names() -> None:
    assert is_device_name("Com1")
    assert not is_device_name("com0")
