"""The SMB2/3 file server: what an application needs to run one."""

from __future__ import annotations

from nethood.server.events import ClientRow, Event
from nethood.server.options import Limits, Options, Share
from nethood.server.server import Server

__all__ = ["ClientRow", "Event", "Limits", "Options", "Server", "Share"]
