"""`nethood nbt query`, `status` and `reverse`: one question, and what came back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from nethood.cli import nbt_options as options

if TYPE_CHECKING:
    from nethood.nbt.name import NetbiosName
    from nethood.nbt.name_service import NodeStatus
    from nethood.neighborhood.lookup import Found, Patience

NOTHING = 1  # exit status: asked, and no answer
_T = TypeVar("_T")


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run *main* in an event loop that can watch UDP sockets."""
    factory = asyncio.SelectorEventLoop if sys.platform == "win32" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)


@click.command(short_help="Ask where a NetBIOS name is.")
@click.argument("name", metavar="NAME[#SUFFIX]", callback=options.name)
@click.option("--broadcast", is_flag=True, help="Ask every network of this machine; the default.")
@click.option("--wins", metavar="ADDR", callback=options.address, help="Ask this name server.")
@click.option(
    "--unicast", metavar="ADDR", callback=options.address, help="Ask this host whether it has it."
)
@click.option(
    "--to",
    metavar="ADDR",
    callback=options.address,
    help="With --broadcast: the only broadcast address to ask.",
)
@options.wait("0.25 (broadcast) or 1")
@options.retries(2)
@options.port
@options.as_json
def query(name: NetbiosName, **given: Any) -> int:
    """Ask where NAME is; SUFFIX is its 16th byte in hex, 00 if not given.

    The exit status is 1 when nobody has the name.
    """
    ways = [way for way in ("broadcast", "wins", "unicast") if given[way]]
    if len(ways) > 1:
        raise click.UsageError(f"--{ways[0]} and --{ways[1]} exclude each other")
    if given["to"] and ways not in ([], ["broadcast"]):
        raise click.UsageError(f"--to goes with --broadcast, not with --{ways[0]}")
    found = run(_query(name, given))
    _show_found(name, found, as_json=given["as_json"])
    return 0 if found else NOTHING


async def _query(name: NetbiosName, given: dict[str, Any]) -> list[Found]:
    from nethood.neighborhood import lookup
    from nethood.net.resolve import broadcast_addresses

    host, port = given["wins"] or given["unicast"], given["port"]
    if host:
        time = patience(given, lookup.UNICAST_PATIENCE)
        recursion = bool(given["wins"])
        return await lookup.query_host(name, host, port=port, recursion=recursion, patience=time)
    time = patience(given, lookup.BROADCAST_PATIENCE)
    to = [given["to"]] if given["to"] else broadcast_addresses()
    return await lookup.query_broadcast(name, to, port=port, patience=time)


def patience(given: dict[str, Any], usual: Patience) -> Patience:
    """Return the patience --wait and --retries ask for, *usual* without them."""
    from nethood.neighborhood.lookup import Patience

    return Patience(given["wait_s"] or usual.wait_s, given["retries"] + 1)


def _show_found(name: NetbiosName, found: Sequence[Found], *, as_json: bool) -> None:
    from nethood.cli import nbt_print
    from nethood.nbt.suffix import describe

    answers: list[dict[str, Any]] = [
        {
            "name": name.name,
            "suffix": f"{name.suffix:02X}",
            "service": describe(name.suffix, entry.is_group, name.name),
            "address": str(entry.address),
            "group": entry.is_group,
            "node_type": nbt_print.node_type(entry.nb_flags),
            "ttl_s": ttl_s,
            "responder": responder,
        }
        for responder, entries, ttl_s in found
        for entry in entries
    ]
    if as_json:
        for answer in answers:
            nbt_print.show_json(answer)
        return
    if not answers:
        click.echo(f"nethood: nobody answers for {name}", err=True)
        return
    nbt_print.show_table(
        ("Address", "Name", "Kind", "Service", "Node", "Answered by"),
        [
            (
                answer["address"],
                str(name),
                "group" if answer["group"] else "unique",
                answer["service"],
                answer["node_type"],
                answer["responder"],
            )
            for answer in answers
        ],
    )


@click.command(short_help="Ask hosts for their table of names.")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@click.option(
    "--style",
    type=click.Choice(["nmblookup", "nbtstat"]),
    help="Print what that program prints, line for line.",
)
@options.wait("1")
@options.retries(2)
@options.port
@options.as_json
def status(hosts: Sequence[str], style: str | None, **given: Any) -> int:
    """Ask each HOST, an address or a DNS name, for its names, MAC and statistics.

    The exit status is 1 when one of them does not answer.
    """
    if style and given["as_json"]:
        raise click.UsageError("--style and --json exclude each other")
    answers = run(_statuses(hosts, given))
    for address, answer in answers:
        _show_status(address, answer, style, as_json=given["as_json"])
    return NOTHING if any(answer is None for _, answer in answers) else 0


async def _statuses(
    hosts: Sequence[str], given: dict[str, Any]
) -> list[tuple[str, NodeStatus | None]]:
    from nethood.neighborhood import lookup
    from nethood.net.resolve import ipv4_address

    time = patience(given, lookup.UNICAST_PATIENCE)
    addresses = await asyncio.gather(*map(ipv4_address, hosts))
    asked = (
        lookup.node_status(address, port=given["port"], patience=time) for address in addresses
    )
    return list(zip(addresses, await asyncio.gather(*asked), strict=True))


def _show_status(
    address: str, answer: NodeStatus | None, style: str | None, *, as_json: bool
) -> None:
    from nethood.cli import nbt_print

    if style == "nmblookup":
        lines = nbt_print.nmblookup_lines(address, answer)
    elif style == "nbtstat":
        lines = nbt_print.nbtstat_lines(*_own(address), answer)
    elif answer is None:
        click.echo(f"nethood: {address} does not answer", err=True)
        return
    elif as_json:
        nbt_print.show_json(nbt_print.status_fields(address, answer))
        return
    else:
        nbt_print.show_status(address, answer)
        return
    for line in lines:
        click.echo(line)


def _own(towards: str) -> tuple[str, str]:
    """Return the interface and address of this machine on the way to an address."""
    from nethood.errors import LocalError
    from nethood.neighborhood.registration import own_address_towards
    from nethood.net.resolve import interface_of

    try:
        address = str(own_address_towards(towards))
    except LocalError:
        address = "0.0.0.0"
    return interface_of(address), address


@click.command(short_help="Ask an address for its name.")
@click.argument("addr", callback=options.address)
@options.wait("1")
@options.retries(2)
@options.port
@options.as_json
def reverse(addr: str, **given: Any) -> int:
    """Print what the host at ADDR calls itself, and its workgroup or domain.

    The exit status is 1 when it does not answer.
    """
    from nethood.cli import events, nbt_print
    from nethood.nbt.status_reading import computer_name, workgroup_name

    [(_, answer)] = run(_statuses([addr], given))
    if answer is None:
        click.echo(f"nethood: {addr} does not answer", err=True)
        return NOTHING
    host, group = computer_name(answer) or None, workgroup_name(answer) or None
    if given["as_json"]:
        nbt_print.show_json({"address": addr, "name": host, "group": group})
    else:
        click.echo(events.printable(f"{group or '-'}\\{host or '-'}"))
    return 0
