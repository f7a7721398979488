"""Names that could be a file server's and are nobody's."""

from __future__ import annotations

from collections.abc import Callable

_PLACES = ("ADM", "BER", "EDI", "FIN", "HR", "HQ", "LAB", "LEG", "MKT", "OPS", "PAR", "RND", "SAL")
_USES = ("APP", "BKP", "DATA", "DOC", "FILE", "FS", "IMG", "NAS", "PRN", "SCAN", "SRV", "SQL")
MIN_LENGTH = 9


def bait_name(random_bytes: Callable[[int], bytes]) -> str:
    """Return a plausible host name, nine to twelve characters, of 1.5 million there could be."""
    place, use = _pick(_PLACES, random_bytes), _pick(_USES, random_bytes)
    digits = max(4, MIN_LENGTH - len(place) - len(use))
    number = int.from_bytes(random_bytes(8), "big") % 10**digits
    return f"{place}{use}{number:0{digits}d}"


def bait_names(count: int, random_bytes: Callable[[int], bytes]) -> list[str]:
    """Return *count* different names."""
    names: list[str] = []
    while len(names) < count:
        name = bait_name(random_bytes)
        if name not in names:
            names.append(name)
    return names


def _pick(words: tuple[str, ...], random_bytes: Callable[[int], bytes]) -> str:
    return words[int.from_bytes(random_bytes(8), "big") % len(words)]
