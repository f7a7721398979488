"""`nethood browse`: which hosts and workgroups announce themselves on the networks here."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import nbt_options as options

if TYPE_CHECKING:
    from nethood.browse.listener import Listener

DEFAULT_WAIT_S = 35.0


@click.command(short_help="List the hosts that announce themselves.")
@click.argument("workgroup", required=False)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3600, min_open=True),
    default=DEFAULT_WAIT_S,
    show_default=True,
    metavar="SECONDS",
    help="How long to listen; hosts take up to 30 seconds to answer.",
)
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="Listen on this interface; may be given again.",
)
@options.as_json
def browse(workgroup: str | None, wait_s: float, interfaces: Sequence[str], as_json: bool) -> int:
    """Ask the hosts of WORKGROUP to announce themselves, listen, and print who did.

    Without WORKGROUP nobody is asked: hosts announce themselves every 12 minutes at least. It
    needs UDP port 138, which is below 1024 and which a running NetBIOS daemon holds. The exit
    status is 1 when nothing was heard.
    """
    from nethood.cli import nbt_print
    from nethood.cli.nbt_ask import run

    heard = run(_listen(_checked(workgroup), wait_s, interfaces or None))
    rows = list(_rows(heard, workgroup.upper() if workgroup else None))
    if as_json:
        for row in rows:
            nbt_print.show_json(row)
    elif rows:
        columns = ("Workgroup", "Name", "Address", "Version", "Comment", "Part")
        cells = ("group", "name", "address", "version", "comment", "part")
        nbt_print.show_table(columns, [[row[cell] for cell in cells] for row in rows])
    else:
        click.echo("nethood: nobody announced itself", err=True)
    return 0 if rows else 1


def _checked(workgroup: str | None) -> str | None:
    from nethood.nbt.name import NetbiosName

    if workgroup is not None:
        NetbiosName(workgroup).to_bytes()
    return workgroup


async def _listen(
    workgroup: str | None, wait_s: float, interfaces: Sequence[str] | None
) -> list[Listener]:
    from nethood.errors import ConnectError, LocalError
    from nethood.neighborhood.browser import ask_group, ask_master, listening
    from nethood.neighborhood.datagram_port import DatagramPort
    from nethood.neighborhood.host import choose_interfaces
    from nethood.net.interfaces import host_name

    ports = [DatagramPort(interface) for interface in choose_interfaces(interfaces)]
    with ExitStack() as stack:
        for port in ports:
            stack.callback(port.close)
            try:
                port.open()
            except ConnectError as error:
                raise LocalError(str(error)) from error
        heard = [stack.enter_context(listening(port)) for port in ports]
        for port in ports if workgroup else ():
            ask_master(port, workgroup or "", host_name()[:15])
            ask_group(port, workgroup or "", host_name()[:15])
        await asyncio.sleep(wait_s)
    return heard


def _rows(heard: Sequence[Listener], only: str | None) -> Iterator[dict[str, Any]]:
    """Yield what is printed of each host, by workgroup and name; of *only*, if it is given."""
    for listener in heard:
        for group, neighbours in sorted(listener.groups.items()):
            if only not in (None, group):
                continue
            for entry in neighbours.servers.entries():
                master = listener.masters.get(group, "").upper() == entry.name.upper()
                yield {
                    "group": group,
                    "name": entry.name,
                    "address": entry.address,
                    "version": f"{entry.version_major}.{entry.version_minor}",
                    "comment": entry.comment,
                    "server_type": entry.server_type,
                    "part": "master browser" if master else "",
                }
