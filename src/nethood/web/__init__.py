"""The dashboard of the watcher: pages made on the server, live by server-sent events.

    await run_app(view, "127.0.0.1", 8137)

It needs the extra `watch` (starlette, uvicorn, jinja2, argon2-cffi, itsdangerous). It reads and
acts through a `WatchView` alone, so it knows nothing of databases or of how a host is looked at.
"""

from nethood.web.accounts import read_users, user_line
from nethood.web.app import make_app
from nethood.web.serving import run_app
from nethood.web.settings import Settings, make_settings

__all__ = ["Settings", "make_app", "make_settings", "read_users", "run_app", "user_line"]
