"""`nethood canary`: does somebody on this network answer for names that do not exist?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from nethood.exposure.canary.judge import Poisoner
    from nethood.exposure.canary.run import CanaryResult
    from nethood.net.links import Link


@click.command(short_help="Find who answers for names that do not exist.")
@click.option(
    "--interface",
    "interfaces",
    multiple=True,
    metavar="NAME",
    help="Ask on this interface; without it on those with a default route.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def canary(interfaces: Sequence[str], as_json: bool) -> int:
    """Ask the network for file servers that do not exist, as Windows would, and wait.

    The questions go out over NetBIOS, LLMNR and mDNS. Nobody should answer. Whoever answers for
    two such names is a poisoner: a program that catches logons by claiming to be every server.
    Its address and MAC are shown, and the exit status is 1. It takes about six seconds.
    """
    from nethood.exposure.canary.run import run_canary

    result = asyncio.run(run_canary(_links(interfaces)))
    if as_json:
        click.echo(json.dumps(_fields(result)))
    else:
        _show(result)
    return 1 if result.poisoners or result.suspects else 0


def _links(interfaces: Sequence[str]) -> list[Link]:
    """Return the interfaces to ask on. Raises UsageError where there are none."""
    from nethood.net.links import choose_links, default_route_names, links

    found = [link for link in links() if link.address_v4]
    chosen = choose_links(found, default_route_names(found), list(interfaces) or None)
    missing = set(interfaces) - {link.name for link in chosen}
    if missing:
        there = ", ".join(link.name for link in found) or "none"
        raise click.UsageError(
            f"{', '.join(sorted(missing))} is no interface with an IPv4 address; there are {there}"
        )
    if not chosen:
        raise click.UsageError("this machine has no network to ask on; name one with --interface")
    return chosen


def _show(result: CanaryResult) -> None:
    for warning in result.warnings:
        click.echo(f"nethood: warning: {warning}", err=True)
    where = ", ".join(result.interfaces)
    asked = ", ".join(result.asked)
    if not result.poisoners and not result.suspects:
        click.echo(f"Nobody on {where} answered for {asked}: no poisoner was heard.")
    for one in result.poisoners:
        click.echo(f"POISONER {_who(one)} {_did(one)}")
    for one in result.suspects:
        click.echo(f"suspect {_who(one)} {_did(one)}; it may be called so, or answer now and then")
    if result.poisoners:
        click.echo(
            "Do not log in to anything on this network until it is found: what it catches are"
            " logons. Switch LLMNR and NetBIOS name resolution off on the clients and require SMB"
            " signing."
        )


def _who(one: Poisoner) -> str:
    from nethood.cli.events import printable

    mac = one.mac or "MAC not known"
    return printable(f"{one.address} ({mac}, on {one.interface})")


def _did(one: Poisoner) -> str:
    from nethood.cli.events import printable

    names, ways = ", ".join(one.names), ", ".join(one.protocols)
    return printable(f"answered for {names} by {ways}, saying {', '.join(one.claimed)}")


def _fields(result: CanaryResult) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(result)
