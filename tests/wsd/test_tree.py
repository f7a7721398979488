"""Reading XML from strangers: bounded, without document types, with prefixes in content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nethood.errors import Malformed
from nethood.wsd.tree import element, parse, text

SIZE = 4096


def test_reads_names_text_and_attributes() -> None:
    root = parse(b'<a xmlns="urn:x" xmlns:p="urn:y"><p:b n="1"> one </p:b><c/></a>', SIZE)
    assert root.name == ("urn:x", "a")
    assert [child.name for child in root.children] == [("urn:y", "b"), ("urn:x", "c")]
    assert root.children[0].attributes == {"n": "1"}
    assert root.content(("urn:y", "b")) == "one"
    assert root.content(("urn:y", "missing")) == ""


def test_qnames_use_the_prefixes_in_scope() -> None:
    outer = b'<a xmlns:p="urn:outer" xmlns="urn:d"><b xmlns:p="urn:inner">p:x y</b><c>p:x</c></a>'
    root = parse(outer, SIZE)
    assert root.children[0].qnames() == [("urn:inner", "x"), ("urn:d", "y")]
    assert root.children[1].qnames() == [("urn:outer", "x")]


def test_utf_16_is_known_by_its_mark() -> None:
    assert parse("<a>\u00e4</a>".encode("utf-16"), SIZE).text == "\u00e4"


def test_an_undeclared_prefix_in_content_is_malformed() -> None:
    with pytest.raises(Malformed, match="not declared"):
        parse(b"<a>p:x</a>", SIZE).qnames()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b'<!DOCTYPE a [<!ENTITY e "boom">]><a>&e;</a>', "document type"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type"),
        (b"<a>&e;</a>", "undefined entity"),
        (b"<a>", "no element found"),
        (b"", "no element found"),
        (b"<a/><b/>", "junk"),
        (b"<p:a/>", "prefix"),
        (b"<a>\xff</a>", "token"),
        (b'<?xml version="1.0" encoding="cp1252"?><a>\xe4</a>', "token"),
        (b"<a>" * 25, "too deep"),
        (b"<a>" + b"<b/>" * 512 + b"</a>", "too long"),
        (b"<a>" + b" " * SIZE + b"</a>", "more than 4096"),
    ],
    ids=lambda value: value[:20] if isinstance(value, bytes) else None,
)
def test_refuses(data: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        parse(data, SIZE)


@given(st.text())
def test_text_survives_writing_and_reading(value: str) -> None:
    read = parse(element("a", text(value)).encode(), 1 << 20).text
    kept = value.replace("\r\n", "\n").replace("\r", "\n")
    assert len(read) == len(kept)
    assert all(a == b or a == "?" for a, b in zip(read, kept, strict=True))


def test_attributes_are_quoted() -> None:
    root = parse(element("a", n='"<&>').encode(), SIZE)
    assert root.attributes == {"n": '"<&>'}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_malformed(data: bytes) -> None:
    try:
        parse(data, 256).qnames()
    except Malformed:
        return


@given(st.text(alphabet="<>/ab:= \"'!?[]-&;x1", max_size=80))
def test_anything_like_markup_is_read_or_malformed(markup: str) -> None:
    try:
        parse(markup.encode(), SIZE).qnames()
    except Malformed:
        return
