"""`nethood browse`: which hosts and workgroups announce themselves on the networks here."""

from __future__ import annotations

import asyncio
import sys
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
    "--from",
    "source",
    type=click.Choice(["daemon", "network"]),
    help="Ask the NetBIOS daemon of nethood on this machine, or listen on the network. Without"
    " it: the daemon where one runs, unless --wait or --interface is given.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3600, min_open=True),
    metavar="SECONDS",
    help="How long to listen; hosts take up to 30 seconds to answer. Without it"
    f" {DEFAULT_WAIT_S:g}.",
)
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="Listen on this interface; may be given again.",
)
@options.as_json
def browse(
    workgroup: str | None,
    source: str | None,
    wait_s: float | None,
    interfaces: Sequence[str],
    as_json: bool,
) -> int:
    """List the hosts of WORKGROUP, or of all workgroups, that announce themselves.

    A running `nethood serve --netbios` or `nethood nbt serve` tells at once what it has heard:
    the hosts of its workgroup, and the masters of the others. Where none runs, the hosts of
    WORKGROUP are asked to announce themselves, and those that do are listed; without WORKGROUP
    nobody is asked, and hosts announce themselves every 12 minutes at least. Listening needs UDP
    port 138, which is below 1024. The exit status is 1 when nobody is known.
    """
    from nethood.cli.nbt_ask import run

    _check(workgroup)
    listens = wait_s is not None or bool(interfaces)
    if source == "daemon" and listens:
        raise click.UsageError("--wait and --interface are for listening, not for --from daemon")
    only = workgroup.upper() if workgroup else None
    rows = None if source == "network" or listens else _told(only, must=source == "daemon")
    if rows is None:
        _tell_wait(wait_s or DEFAULT_WAIT_S)
        heard = run(_listen(workgroup, wait_s or DEFAULT_WAIT_S, interfaces or None))
        rows = list(_rows(heard, only))
    _show(rows, workgroup, as_json=as_json)
    return 0 if rows else 1


def _tell_wait(wait_s: float) -> None:
    """Tell a person why nothing happens for so long."""
    if sys.stderr.isatty():
        click.echo(f"listening for {wait_s:g} s; --wait changes that", err=True)


def _show(rows: Sequence[dict[str, Any]], workgroup: str | None, *, as_json: bool) -> None:
    from nethood.cli import nbt_print

    if as_json:
        for row in rows:
            nbt_print.show_json(row)
    elif rows:
        columns = ("Workgroup", "Name", "Address", "Version", "Comment", "Part")
        cells = ("group", "name", "address", "version", "comment", "part")
        nbt_print.show_table(columns, [[row[cell] for cell in cells] for row in rows])
    else:
        where = f" in {workgroup.upper()}" if workgroup else ""
        click.echo(f"nethood: nobody announced itself{where}", err=True)


def _told(only: str | None, *, must: bool) -> list[dict[str, Any]] | None:
    """Return what the daemon of this machine knows; None where none runs, unless it *must*."""
    from dataclasses import asdict

    from nethood.errors import LocalError
    from nethood.neighborhood import browse_offer
    from nethood.net import control

    path = control.find(browse_offer.socket_name())
    line = None if path is None else control.ask(path)
    if line is None:
        if must:
            raise LocalError(
                "no NetBIOS daemon of nethood runs here; start `nethood nbt serve`, or listen with"
                " --from network"
            )
        return None
    offer = browse_offer.decode(line)
    if only is not None and only not in offer.groups:
        own = ", ".join(offer.groups)
        click.echo(
            f"nethood: the daemon is in {own}; of other workgroups it knows only the masters",
            err=True,
        )
    return [asdict(row) for row in offer.rows if only in (None, row.group)]


def _check(workgroup: str | None) -> None:
    from nethood.nbt.name import NetbiosName

    if workgroup is not None:
        NetbiosName(workgroup).to_bytes()


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
