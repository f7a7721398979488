"""Search patterns of QUERY_DIRECTORY: which names does an expression match?

[MS-FSA] 2.1.4.4 and 2.1.5.6.3. Beside "*" and "?" there are three wildcards that DOS programs need:

    <  DOS_STAR  any characters, at most up to and including the last "." of the name
    >  DOS_QM    one character; none before a "." or at the end
    "  DOS_DOT   a "."; nothing at the end

A pattern is compiled once and asked for every entry of a directory, so "*", plain names and "*.txt"
have ways of their own. Time is bounded whatever the pattern: "*" and "?" become an expression that
never goes back, the DOS wildcards a set of states kept in the bits of one int.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from nethood import erref
from nethood.errors import StatusError
from nethood.text import upcase

Matcher = Callable[[str], bool]

_WILDCARDS = frozenset('*?<>"')
_is_wild = re.compile(r'[*?<>"]').search
_is_dos = re.compile(r'[<>"]').search
_illegal = re.compile(r"[\x00-\x1f|/:\\]").search
MAX_PATTERN = 32_760


def is_wildcard(pattern: str) -> bool:
    """Tell whether *pattern* holds a wildcard ([MS-FSA] 2.1.4.3)."""
    return _is_wild(pattern) is not None


def compile_pattern(pattern: str) -> Matcher:
    """Return a function that tells whether a name matches *pattern*, whatever their case.

    An empty pattern means all names ([MS-FSA] 2.1.5.6), as "*" and "*.*" do. Characters are code
    points: "?" takes one outside the BMP whole. Raises StatusError(OBJECT_NAME_INVALID).
    """
    if len(pattern) > MAX_PATTERN or _illegal(pattern):
        raise StatusError(erref.STATUS_OBJECT_NAME_INVALID, f"no pattern: {pattern[:300]!r}")
    if pattern in ("", "*", "*.*"):
        return _match_all
    folded = upcase(pattern)
    if not _is_wild(folded):
        return lambda name: upcase(name) == folded
    if _is_dos(folded):
        return _States(folded).match
    if folded[0] == "*" and not _is_wild(folded, 1):
        suffix = folded[1:]
        return lambda name: upcase(name).endswith(suffix)
    matches = re.compile(_expression(folded), re.DOTALL).fullmatch
    return lambda name: matches(upcase(name)) is not None


def _match_all(name: str) -> bool:
    return True


def _expression(folded: str) -> str:
    """Translate a pattern of "*" and "?" into an expression whose backtracking is bounded.

    What stands between two "*" is taken where it first fits, once and for all (an atomic group): a
    later fit could not match more. Only the part after the last "*" is tried at several places.
    """
    first, *rest = re.split(r"\*+", folded)
    middle = [f"(?>.*?{_literal(piece)})" for piece in rest[:-1]]
    last = [f".*{_literal(rest[-1])}"] if rest else []
    return "".join([_literal(first), *middle, *last])


def _literal(piece: str) -> str:
    return "".join("." if c == "?" else re.escape(c) for c in piece)


class _States:
    """A pattern with DOS wildcards as an automaton; bit i stands for "i characters are matched"."""

    __slots__ = ("_any", "_dos_dot", "_dos_qm", "_dos_star", "_final", "_letters", "_star")

    def __init__(self, folded: str) -> None:
        masks: dict[str, int] = {}
        for i, c in enumerate(folded):
            masks[c] = masks.get(c, 0) | 1 << i
        self._final = 1 << len(folded)
        self._star = masks.get("*", 0)
        self._dos_star = masks.get("<", 0)
        self._dos_qm = masks.get(">", 0)
        self._dos_dot = masks.get('"', 0)
        self._any = masks.get("?", 0)
        self._letters = {c: mask for c, mask in masks.items() if c not in _WILDCARDS}

    def match(self, name: str) -> bool:
        """Tell whether *name* matches."""
        folded = upcase(name)
        last_dot = folded.rfind(".")
        stars = self._star | self._dos_star
        states = 1
        for i, c in enumerate(folded):
            dot = c == "."
            states = _skip(states, stars | self._dos_qm if dot else stars)
            step = self._any | self._letters.get(c, 0) | (self._dos_dot if dot else self._dos_qm)
            # The final "." is the last that a DOS_STAR takes.
            stay = stars if i != last_dot else self._star
            states = (states & stay) | (states & (step | self._dos_star)) << 1
            if not states:
                return False
        return bool(_skip(states, stars | self._dos_qm | self._dos_dot) & self._final)


def _skip(states: int, optional: int) -> int:
    """Add the states that are reached by matching nothing with the characters in *optional*.

    One addition carries a state to the end of its run of optional characters.
    """
    inside = states & optional
    return ((inside + optional) ^ optional) | inside | states if inside else states
