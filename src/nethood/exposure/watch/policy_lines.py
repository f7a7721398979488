"""Where each key of a TOML text stands: its line number, by its path from the top.

`find_lines` is for text that tomllib has taken already; on any other it finds what it can. An
element of a list is named by its number: ("groups", "lab", "targets", "1").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

KeyPath = tuple[str, ...]

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"[ \t]*")
_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_STRINGS = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"((?:[^"\\\n]|\\.)*)"'),
    re.compile(r"'([^'\n]*)'"),
)
_ATOM = re.compile(r"[^,\]}#\n]*")
_REST_OF_LINE = re.compile(r"[^\n]*")
_MAX_DEPTH = 50


def line_of(lines: dict[KeyPath, int], where: KeyPath) -> int | None:
    """Return the line of *where*, or of the nearest table around it that has one."""
    prefixes = (where[:length] for length in range(len(where), 0, -1))
    return next((lines[prefix] for prefix in prefixes if prefix in lines), None)


def find_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of every key, table and element of *text*, counted from 1."""
    scanner = _Scanner(text)
    table: KeyPath = ()
    while scanner.skip(_SPACE) < len(text):
        before = scanner.at
        if scanner.sees("["):
            table = scanner.header()
        else:
            scanner.pair(table, 0)
        if scanner.at == before:
            scanner.skip(_REST_OF_LINE)
    return scanner.lines


@dataclass(slots=True)
class _Scanner:
    text: str
    at: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    _counts: dict[KeyPath, int] = field(default_factory=dict)
    _line: int = 1
    _counted_to: int = 0

    def sees(self, token: str) -> bool:
        return self.text.startswith(token, self.at)

    def skip(self, pattern: re.Pattern[str]) -> int:
        """Go over what *pattern* matches here; return where that ends."""
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()
        return self.at

    def note(self, where: KeyPath) -> None:
        """Enter the present line for *where*, unless it has one."""
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        self.lines.setdefault(where, self._line)

    def header(self) -> KeyPath:
        """Read `[a.b]` or `[[a.b]]`; return the path its keys begin with."""
        is_list = self.sees("[[")
        self.at += 2 if is_list else 1
        where = self._resolved(parts := self.key())
        if is_list and parts:
            name = (*self._resolved(parts[:-1]), parts[-1])
            number = self._counts.get(name, 0)
            self._counts[name] = number + 1
            where = (*name, str(number))
        self.note(where)
        self.skip(_REST_OF_LINE)
        return where

    def _resolved(self, parts: KeyPath) -> KeyPath:
        """Put the number of the last element behind each part that is a list of tables."""
        where: KeyPath = ()
        for part in parts:
            where = (*where, part)
            if where in self._counts:
                where = (*where, str(self._counts[where] - 1))
        return where

    def key(self) -> KeyPath:
        """Read a key with its dots."""
        parts: list[str] = []
        while True:
            self.skip(_BLANK)
            match = next((m for p in (_BARE, *_STRINGS[2:]) if (m := p.match(*self._here()))), None)
            if match is None:
                return tuple(parts)
            parts.append(match[match.lastindex or 0])
            self.at = match.end()
            self.skip(_BLANK)
            if not self.sees("."):
                return tuple(parts)
            self.at += 1

    def _here(self) -> tuple[str, int]:
        return self.text, self.at

    def pair(self, table: KeyPath, depth: int) -> None:
        """Read `key = value`."""
        start = self.at
        parts = self.key()
        end, self.at = self.at, start
        for length in range(1, len(parts) + 1):
            self.note((*table, *parts[:length]))
        self.at = end
        if parts and self.sees("="):
            self.at += 1
            self.skip(_BLANK)
            self.value((*table, *parts), depth)

    def value(self, where: KeyPath, depth: int) -> None:
        """Go over a value, and enter what is in it."""
        for pattern in _STRINGS:
            if match := pattern.match(self.text, self.at):
                self.at = match.end()
                return
        if self.sees("[") and depth < _MAX_DEPTH:
            self._list(where, depth + 1)
        elif self.sees("{") and depth < _MAX_DEPTH:
            self._inline_table(where, depth + 1)
        else:
            self.skip(_ATOM)

    def _list(self, where: KeyPath, depth: int) -> None:
        self.at += 1
        number = 0
        while self.skip(_SPACE) < len(self.text) and not self.sees("]"):
            before = self.at
            self.note((*where, str(number)))
            self.value((*where, str(number)), depth)
            number += 1
            if not self._next_item(before):
                return
        self.at += 1

    def _inline_table(self, where: KeyPath, depth: int) -> None:
        self.at += 1
        while self.skip(_SPACE) < len(self.text) and not self.sees("}"):
            before = self.at
            self.pair(where, depth)
            if not self._next_item(before):
                return
        self.at += 1

    def _next_item(self, before: int) -> bool:
        """Go over a comma; False where nothing was read since *before*."""
        self.skip(_SPACE)
        if self.sees(","):
            self.at += 1
        return self.at > before
