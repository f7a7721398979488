"""Reading XML from strangers: a bounded tree, without document types or entities.

expat itself is fed; a document type declaration ends the parse, so no entity can be declared.
Prefixes stay known for each element, because QNames in content need them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from nethood.errors import Malformed

QName = tuple[str, str]
"""Namespace and local name; the namespace is empty for a name without one."""

_MAX_DEPTH = 24
_MAX_ELEMENTS = 512
_STRUCTURE = "XML"


@dataclass(slots=True)
class Element:
    """One element; *text* is its own character data, *prefixes* all that are in scope."""

    name: QName
    attributes: dict[str, str]
    prefixes: dict[str, str]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def find(self, *path: QName) -> Element | None:
        """Return the first element down a path of names, or None."""
        found = self
        for name in path:
            inner = next((c for c in found.children if c.name == name), None)
            if inner is None:
                return None
            found = inner
        return found

    def content(self, *path: QName) -> str:
        """Return the text of the element down a path, trimmed; empty where there is none."""
        found = self.find(*path)
        return found.text.strip() if found else ""

    def qnames(self) -> list[QName]:
        """Return the QNames the text lists. Raises Malformed for an undeclared prefix."""
        return [self._qname(word) for word in self.text.split()]

    def _qname(self, word: str) -> QName:
        prefix, colon, local = word.rpartition(":")
        if colon and prefix not in self.prefixes:
            raise Malformed(_STRUCTURE, f"prefix {prefix[:40]!r} is not declared")
        return self.prefixes.get(prefix, ""), local


class _Builder:
    """Collects what expat reports, within bounds."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._count = 0
        self._declared: dict[str, str] = {}
        self._parser: Any = expat.ParserCreate("utf-8", " ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartNamespaceDeclHandler = self._namespace
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters

    def parse(self, data: bytes) -> Element:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            problem = expat.ErrorString(error.code)
            raise Malformed(_STRUCTURE, problem, self._parser.ErrorByteIndex) from None
        if self.root is None:
            raise Malformed(_STRUCTURE, "holds no element")
        return self.root

    def _doctype(self, *_: object) -> None:
        raise Malformed(_STRUCTURE, "declares a document type", self._parser.CurrentByteIndex)

    def _namespace(self, prefix: str | None, uri: str | None) -> None:
        self._declared[prefix or ""] = uri or ""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > _MAX_ELEMENTS or len(self._open) >= _MAX_DEPTH:
            raise Malformed(_STRUCTURE, "is too deep or too long", self._parser.CurrentByteIndex)
        uri, _, local = name.rpartition(" ")
        outer = self._open[-1].prefixes if self._open else {}
        prefixes = outer | self._declared if self._declared else outer
        self._declared = {}
        element = Element((uri, local), attributes, prefixes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text


def parse(data: bytes, max_size: int) -> Element:
    """Return the root element of UTF-8 XML, or UTF-16 with its mark.

    Raises Malformed for anything else, and for more than *max_size* bytes.
    """
    if len(data) > max_size:
        raise Malformed(_STRUCTURE, f"is {len(data)} bytes, more than {max_size}")
    return _Builder().parse(data)


def element(tag: str, *content: str, **attributes: str) -> str:
    """Return one element, *tag* with its prefix; *content* is markup already, see `text`."""
    written = "".join(f" {name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag}{written}>{''.join(content)}</{tag}>" if content else f"<{tag}{written}/>"


def text(value: str) -> str:
    """Return *value* as character data; what XML 1.0 cannot hold becomes a question mark."""
    return escape("".join(c if _is_character(c) else "?" for c in value))


def _is_character(c: str) -> bool:
    """Tell whether XML 1.0 (2.2) allows a character."""
    return c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
