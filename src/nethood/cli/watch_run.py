"""The watcher as a command: its signals, the dashboard and the metrics beside it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from nethood.cli import listen
from nethood.errors import LocalError
from nethood.exposure.watch.alerts import test_alerts
from nethood.exposure.watch.daemon import Daemon, Plan
from nethood.exposure.watch.events import Fate
from nethood.exposure.watch.store import Store

if TYPE_CHECKING:
    from nethood.cli.watch_lines import Lines

_FAILED = 1


async def test(plan: Plan, lines: Lines) -> int:
    """Send a test through every channel; return 1 where one did not arrive."""
    if not plan.channels:
        raise LocalError(f"{plan.policy.path} has no channel; write [alerts.NAME] with its kind")
    outcomes = await test_alerts(plan.channels, time.time())
    for outcome in outcomes:
        lines.tested(outcome)
    good = (Fate.DELIVERED, Fate.SENT)
    return 0 if all(outcome.fate in good for outcome in outcomes) else _FAILED


async def forever(
    plan: Plan, store: Store, lines: Lines, web: str | None, metrics: str | None
) -> None:
    """Watch until a signal ends it."""
    daemon = Daemon(plan, store, lines.listener())
    web = web or plan.policy.web.listen
    place = endpoint(web, "--web") if web else None
    metrics = metrics or plan.policy.metrics_listen
    with contextlib.ExitStack() as stack:
        if metrics:
            address, port = endpoint(metrics, "--metrics")
            port, end = daemon.metrics.serve(address, port)
            stack.callback(end)
            lines.notice(f"metrics at http://{listen.text(address, port)}/metrics")
        stack.enter_context(_signals(daemon))
        await _run_all(daemon, plan, lines, place)
    lines.notice("stopped; everything is stored")


async def _run_all(daemon: Daemon, plan: Plan, lines: Lines, web: tuple[str, int] | None) -> None:
    """Run the watcher and, beside it, the dashboard; where one fails both end."""
    watching = asyncio.create_task(daemon.run())
    started = asyncio.create_task(daemon.ready.wait())
    await asyncio.wait({watching, started}, return_when=asyncio.FIRST_COMPLETED)
    started.cancel()
    tasks = {watching}
    if not watching.done():
        count = len(plan.watchlist.targets)
        lines.notice(f"watching {count:,} target{'s' * (count != 1)} of {plan.policy.path}")
        if web:
            tasks.add(asyncio.create_task(_serve_web(daemon, plan, lines, *web)))
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    daemon.stop()
    for task in tasks - {watching}:
        task.cancel()
    await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _serve_web(daemon: Daemon, plan: Plan, lines: Lines, address: str, port: int) -> None:
    if any(find_spec(name) is None for name in ("starlette", "uvicorn", "argon2")):
        raise LocalError("the dashboard needs more packages: install nethood's extra [watch]")
    from nethood.web import read_users, run_app

    settings = plan.policy.web
    await run_app(
        daemon.view,
        address,
        port,
        users=read_users(settings.users) if settings.users else None,
        certificate=settings.certificate,
        key=settings.key,
        behind_https=settings.behind_https,
        names=settings.names,
        on_ready=lambda url: lines.notice(f"dashboard at {url}"),
    )


def endpoint(text: str, option: str) -> tuple[str, int]:
    """Read ADDR:PORT, the address alone or ":PORT" being of loopback. Raises click.UsageError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise click.UsageError(f"{option} {text!r} is no ADDR:PORT; write it like 127.0.0.1:8137")
    return host.strip("[]") or "127.0.0.1", int(port)


@contextlib.contextmanager
def _signals(daemon: Daemon) -> Iterator[None]:
    """End at Ctrl-C or SIGTERM, at the second one at once; read the policy again at SIGHUP."""
    loop = asyncio.get_running_loop()
    wanted: dict[int, Callable[[], None]] = {
        signal.SIGINT: daemon.stop,
        signal.SIGTERM: daemon.stop,
    }
    if hasattr(signal, "SIGHUP"):
        wanted[signal.SIGHUP] = daemon.reload
    before = {number: signal.getsignal(number) for number in wanted}

    def on_signal(number: int, _frame: object) -> None:
        if wanted[number] == daemon.stop:
            signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(wanted[number])

    for number in wanted:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
