"""8.3 names of one store's files: made up from the long ones when a client asks, kept nowhere.

A name that looks like one of ours and does not exist is looked for among what the folder holds, and
then among what was removed from it a moment ago: who deletes a file by its short name and makes it
anew gets the long name back ([MS-FSA] 2.1.1.1, TunnelCacheList).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from nethood.errors import StatusError
from nethood.fscc.short_name import hashed_short_name
from nethood.store.base import Store, split
from nethood.text import upcase

_TUNNEL_S = 15.0
_MAX_TUNNELLED = 256
_STAND_INS = "\uf028\uf029"
_STAND_INS_MEAN = str.maketrans(_STAND_INS, " .")
"""How stores list a blank or dot at the end of a name, which few clients could handle."""
_is_ours = re.compile(r"[^/.]{1,2}[0-9A-F]{4}~1(?:\.[^/.]{1,3})?", re.IGNORECASE).fullmatch


class ShortNames:
    """Finds the long names behind short ones."""

    __slots__ = ("_gone", "_now", "_store")

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        self._gone: deque[tuple[float, str, str]] = deque(maxlen=_MAX_TUNNELLED)

    def removed(self, path: str) -> None:
        """Remember a name that is gone, in case its short form is wanted back."""
        parent, name = split(path)
        self._gone.append((self._now(), upcase(parent), name))

    def long_path(self, path: str) -> str:
        """Return *path* with those of its names replaced that stand for longer ones."""
        found = ""
        for name in path.split("/"):
            long_name = self._long_name(found, name) if _is_ours(name) else name
            found = f"{found}/{long_name}" if found else long_name
        return found

    def _long_name(self, folder: str, name: str) -> str:
        try:
            self._store.open(f"{folder}/{name}" if folder else name).close()
        except StatusError:
            wanted = name.upper()
            return self._in_folder(folder, wanted) or self._tunnelled(folder, wanted) or name
        return name

    def _in_folder(self, folder: str, wanted: str) -> str | None:
        try:
            node = self._store.open(folder)
        except StatusError:
            return None
        try:
            entries = node.entries() if node.is_directory else iter(())
            return next((e.name for e in entries if _is_behind(wanted, e.name)), None)
        finally:
            node.close()

    def _tunnelled(self, folder: str, wanted: str) -> str | None:
        folded, since = upcase(folder), self._now() - _TUNNEL_S
        for when, parent, name in reversed(self._gone):
            if when < since:
                return None
            if parent == folded and _is_behind(wanted, name):
                return name
        return None


def _is_behind(short: str, name: str) -> bool:
    """Tell whether *name*, as listed or as a client may have written it, is made *short*."""
    if hashed_short_name(name) == short:
        return True
    return name[-1] in _STAND_INS and hashed_short_name(name.translate(_STAND_INS_MEAN)) == short
