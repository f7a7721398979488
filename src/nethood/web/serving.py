"""The dashboard on its port, inside the event loop of the watcher."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nethood.errors import LocalError
from nethood.exposure.watch.view import WatchView
from nethood.net.listener import bind
from nethood.web.app import make_app
from nethood.web.desk import Desk
from nethood.web.settings import Settings, make_settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from uvicorn import Config, Server

_END_S = 1
_KEEP_ALIVE_S = 5
_MOST_CONNECTIONS = 256
_LONGEST_HEAD = 16 * 1024
_OWN_PROXIES = ["127.0.0.1", "::1"]


async def run_app(
    view: WatchView,
    address: str,
    port: int,
    *,
    users: Mapping[str, str] | None = None,
    certificate: Path | None = None,
    key: Path | None = None,
    behind_https: bool = False,
    names: Sequence[str] = (),
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the dashboard until cancelled; then end every stream and look, within a second or so.

    *users* maps names to argon2id hashes (see `read_users`). *certificate* and *key* are PEM
    files; *behind_https* says that a proxy on this machine speaks HTTPS and forwards the
    client's address. *names* are host names to be asked for by. *port* 0 takes a free one;
    *on_ready* hears the URL once it listens. Raises LocalError where the settings won't do
    (others can reach it and there is no user), ConnectError where the port can't be had.
    """
    settings = make_settings(
        address,
        users=users,
        certificate=certificate,
        key=key,
        behind_https=behind_https,
        names=names,
    )
    await serve(view, settings, port, on_ready)


async def serve(
    view: WatchView,
    settings: Settings,
    port: int,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the dashboard with settings that are in order, as `run_app` says."""
    app = make_app(view, settings)
    config = _config(app, settings)
    address = "127.0.0.1" if settings.address == "localhost" else settings.address
    sockets = bind([(address, port)])
    url = _url(settings, address, sockets[0].getsockname()[1])
    server = _server(config)
    serving = asyncio.create_task(server.serve(sockets=sockets))
    try:
        if on_ready is not None:
            on_ready(url)
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await _end(app.state.desk, serving)


def _config(app: Starlette, settings: Settings) -> Config:
    from uvicorn import Config

    config = Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=settings.behind_https,
        forwarded_allow_ips=_OWN_PROXIES,
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_END_S,
        h11_max_incomplete_event_size=_LONGEST_HEAD,
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
    )
    try:
        config.load()
    except OSError as error:  # ssl.SSLError among them
        raise LocalError(
            f"the dashboard can't use {settings.certificate} with {settings.key}: {error};"
            " give a certificate and its key as PEM files"
        ) from error
    return config


def _server(config: Config) -> Server:
    """Return a server that leaves the signals to the program it runs in."""
    from uvicorn import Server

    class QuietServer(Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return QuietServer(config)


async def _end(desk: Desk, serving: asyncio.Task[None]) -> None:
    desk.streams.close()
    await desk.looks.close()
    await asyncio.wait({serving})
    if not serving.cancelled() and (error := serving.exception()) is not None:
        raise error


def _url(settings: Settings, address: str, port: int) -> str:
    scheme = "https" if settings.certificate is not None else "http"
    return f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}/"
