"""`nethood nbt serve`: the NetBIOS daemon alone, without a file server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nethood.config import Settings
    from nethood.server import Event


@click.command(short_help="Be a NetBIOS host, browser or name server.")
@click.option("--name", metavar="NAME", help="The NetBIOS name; the host's name if not given.")
@click.option("--workgroup", metavar="NAME", help="The workgroup; WORKGROUP if not given.")
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="Run on this interface; may be given again. Without it: those with a default route.",
)
@click.option("--wins", is_flag=True, help="Be a name server (WINS) for the own networks.")
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Read [server], [netbios], [browser] and [wins] from a nethood.toml.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line per event.")
def serve(config_file: Path | None, *, as_json: bool, **given: Any) -> None:
    """Hold a NetBIOS name, announce it and answer for it until Ctrl-C.

    It needs UDP ports 137 and 138, which are below 1024.
    """
    from nethood.cli.nbt_ask import run
    from nethood.config import Settings, load

    settings = load(config_file, needs_shares=False) if config_file else Settings()
    run(_serve(_with_options(settings, **given), as_json=as_json))


def _with_options(
    settings: Settings,
    *,
    name: str | None,
    workgroup: str | None,
    interfaces: Sequence[str],
    wins: bool,
) -> Settings:
    from pydantic import ValidationError

    from nethood.config import Settings

    given = settings.model_dump()
    given["server"] |= {
        key: value for key, value in (("name", name), ("workgroup", workgroup)) if value is not None
    }
    if interfaces:
        given["netbios"]["interfaces"] = tuple(interfaces)
    if wins:
        given["wins"]["enabled"] = True
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        fault = error.errors()[0]
        problem = str(fault.get("ctx", {}).get("error", fault["msg"]))
        raise click.UsageError(f"--{fault['loc'][-1]} {problem}, not {fault['input']!r}") from None


async def _serve(settings: Settings, *, as_json: bool) -> None:
    from nethood.cli.neighbours import netbios_host, offer_browsing, start_netbios
    from nethood.cli.serve import signals

    stop = asyncio.Event()

    def show(event: Event) -> None:
        try:
            _show(event, as_json=as_json)
        except OSError:  # nobody reads any more
            stop.set()

    host = netbios_host(settings, show)
    with signals(stop):
        await start_netbios(host)
        offer = offer_browsing(host, show)
        try:
            await stop.wait()
        finally:
            if offer is not None:
                offer.close()
            await host.stop()


def _show(event: Event, *, as_json: bool) -> None:
    from nethood.cli import events

    if as_json:
        click.echo(events.as_json(event.kind, event.sentence, event.fields))
    else:
        click.echo(events.printable(event.sentence))
