"""`nethood nbt listen`: a live view of what passes on UDP 137 and 138."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from nethood.cli import nbt_options as options

if TYPE_CHECKING:
    from nethood.neighborhood.eavesdrop import Overheard


@click.command(short_help="Show the NetBIOS packets that pass.")
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="Listen on this interface; may be given again.",
)
@options.as_json
def listen(interfaces: Sequence[str], as_json: bool) -> None:
    """Show every name service packet and datagram that reaches this host, until Ctrl-C.

    It needs UDP ports 137 and 138, which are below 1024 and which a running NetBIOS daemon holds.
    """
    from nethood.cli.nbt_ask import run

    run(_listen(interfaces or None, as_json=as_json))


async def _listen(interfaces: Sequence[str] | None, *, as_json: bool) -> None:
    from nethood.cli.serve import signals
    from nethood.errors import ConnectError, LocalError
    from nethood.neighborhood.eavesdrop import eavesdropping
    from nethood.neighborhood.host import choose_interfaces

    stop = asyncio.Event()

    def show(heard: Overheard) -> None:
        try:
            click.echo(_line(heard, as_json=as_json))
        except OSError:  # nobody reads any more
            stop.set()

    try:
        with signals(stop), eavesdropping(choose_interfaces(interfaces), show):
            click.echo("listening; stop with Ctrl-C", err=True)
            await stop.wait()
    except ConnectError as error:
        raise LocalError(str(error)) from error


def _line(heard: Overheard, *, as_json: bool) -> str:
    from datetime import datetime

    from nethood.cli import events

    names = [str(name) for name in heard.names]
    if as_json:
        fields = {"from": heard.source, "port": heard.port, "names": names, "detail": heard.detail}
        return events.as_json(heard.kind, f"{heard.kind} from {heard.source}", fields)
    moment = datetime.now().astimezone().strftime("%H:%M:%S.%f")[:-3]
    arrow = " -> " if heard.kind == "DATAGRAM" else ", "
    text = f"{moment}  {heard.source:<15}  {heard.kind:<28}  {arrow.join(names)}  {heard.detail}"
    return events.printable(text.rstrip())
