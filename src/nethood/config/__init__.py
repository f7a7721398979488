"""nethood.toml: what it may hold, how it is read, and what it becomes.

`load` reads and checks a whole file before anything starts; every error is a ConfigError that
names the file, the line, the key, what is wrong and what would be right.
"""

from __future__ import annotations

from nethood.config.load import load
from nethood.config.model import (
    BrowserTable,
    NetbiosSettings,
    PartnerSettings,
    ServerSettings,
    Settings,
    ShareSettings,
    StaticSettings,
    WinsSettings,
)

__all__ = [
    "BrowserTable",
    "NetbiosSettings",
    "PartnerSettings",
    "ServerSettings",
    "Settings",
    "ShareSettings",
    "StaticSettings",
    "WinsSettings",
    "load",
]
