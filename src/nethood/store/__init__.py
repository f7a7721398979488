"""What a share is made of: the interface, a local folder, and one that lives in memory.

LocalStore and MemoryStore are imported when they are first asked for; on Windows, LocalStore is
the plainer PlainStore.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from nethood.store.base import Capabilities, Entry, Info, Node, Store, Volume

if TYPE_CHECKING:
    from nethood.store.local import LocalStore
    from nethood.store.memory import MemoryStore

__all__ = [
    "Capabilities",
    "Entry",
    "Info",
    "LocalStore",
    "MemoryStore",
    "Node",
    "Store",
    "Volume",
]


def __getattr__(name: str) -> object:
    if name == "LocalStore" and os.name == "nt":
        from nethood.store.plain import PlainStore

        return PlainStore
    if name == "LocalStore":
        from nethood.store.local import LocalStore

        return LocalStore
    if name == "MemoryStore":
        from nethood.store.memory import MemoryStore

        return MemoryStore
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
