"""`nethood serve`: from the command line to a running server and back."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

_COLLECT_AFTER = 20_000
DRAIN_S = 4.5  # leaves half a second of the promised five for the rest


@click.command(short_help="Share a folder with Windows, macOS and Linux.")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--share", metavar="NAME", help="Name of the share; the folder's name if not given.")
@click.option("--user", metavar="NAME", help="Who logs in; the current user if not given.")
@click.option(
    "--password-file",
    metavar="FILE",
    help="Take the password from the first line of FILE, - for standard input.",
)
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDR[:PORT]",
    help="Listen here only; may be given again. Without it: every private and loopback"
    " address, ports 445 and 139 if they may be used, else 4450.",
)
@click.option("--read-only", is_flag=True, help="Let nobody change anything.")
@click.option("--encrypt", is_flag=True, help="Refuse clients that can't encrypt.")
@click.option(
    "--no-discovery", is_flag=True, help="Don't announce the shares to the neighbourhood."
)
@click.option(
    "--netbios",
    is_flag=True,
    help="Be found by NetBIOS name too; needs UDP ports 137 and 138, below 1024.",
)
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Read settings and shares from a nethood.toml.",
)
@click.option(
    "--self-test",
    is_flag=True,
    help="Start, ask the server everything the scanner asks, print its grade, and stop; exit"
    " status 0 is an A.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line per event.")
def serve(self_test: bool, **given: Any) -> int:
    """Share the folder PATH until Ctrl-C.

    The password is made up and printed once, unless --password-file gives one or the user
    database has the user. The lines that mount the share are printed for each system.
    """
    from nethood.cli.plan import make_plan

    plan = make_plan(**given)
    with _runner() as runner:
        if self_test:
            from nethood.cli.self_test import self_test as test

            return runner.run(test(plan, as_json=given["as_json"]))
        runner.run(_serve(plan, _face(given["as_json"])))
    return 0


def _face(as_json: bool) -> Any:
    from nethood.cli.faces import JsonFace, PlainFace

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=True)
    if as_json:
        return JsonFace()
    if not sys.stdout.isatty():
        return PlainFace()
    from nethood.cli.live import LiveFace

    return LiveFace()


def _runner() -> asyncio.Runner:
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if sys.platform == "win32":
        factory = asyncio.SelectorEventLoop
    else:
        with contextlib.suppress(ImportError):
            factory = import_module("uvloop").new_event_loop
    return asyncio.Runner(loop_factory=factory)


def _settle_memory() -> None:
    """Keep what is loaded by now out of the cyclic collector's way; requests leave it no work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)


async def _serve(plan: Any, face: Any) -> None:
    from nethood.cli.neighbours import Neighbours

    stop = asyncio.Event()

    def on_event(event: Any) -> None:
        try:
            face.event(event)
        except OSError:  # nobody reads any more
            stop.set()

    server = plan.server(on_event)
    with signals(stop):
        await server.start()
        neighbours = Neighbours()
        try:
            neighbours = plan.neighbours(server, on_event)
            _settle_memory()
            await neighbours.start()
            face.welcome(plan.welcome(server.addresses))
            await face.watch(server, stop)
            face.goodbye()
        finally:
            await asyncio.gather(neighbours.stop(), server.stop(drain_s=DRAIN_S))


@contextlib.contextmanager
def signals(stop: asyncio.Event) -> Iterator[None]:
    """Set *stop* at the first Ctrl-C or SIGTERM; the second one ends the process at once."""
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(_number: int, _frame: object) -> None:
        for number in before:
            signal.signal(number, signal.SIG_DFL)
        loop.call_soon_threadsafe(stop.set)

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
