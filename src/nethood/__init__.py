"""nethood: the Windows network neighbourhood in Python.

    async with nethood.Server({"public": nethood.LocalStore("/srv/public")}, {"alice": "secret"}):
        ...

The names below are loaded when first used, so importing nethood costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nethood.server import Options, Server, Share
    from nethood.store.local import LocalStore
    from nethood.store.memory import MemoryStore

__version__ = "0.1.0"

__all__ = ["LocalStore", "MemoryStore", "Options", "Server", "Share", "__version__"]

_HOMES = {
    "LocalStore": "nethood.store.local",
    "MemoryStore": "nethood.store.memory",
    "Options": "nethood.server",
    "Server": "nethood.server",
    "Share": "nethood.server",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
