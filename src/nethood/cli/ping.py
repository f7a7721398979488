"""`nethood ping`: whether a port is open, and how long a connection takes."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import scan_options as options

if TYPE_CHECKING:
    from nethood.exposure.model import Target
    from nethood.exposure.ping import Pinged
    from nethood.net.connect_probe import Outcome


@click.command(short_help="Find out whether a port is open, and how far away it is.")
@click.argument("host", metavar="HOST[:PORT]")
@click.option(
    "--count",
    type=click.IntRange(0),
    default=4,
    show_default=True,
    metavar="N",
    help="How many connections to make; 0 for no end.",
)
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.01, 3600),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="From the begin of one to the begin of the next.",
)
@options.timeout("How long one may take.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def ping(host: str, **given: Any) -> int:
    """Connect to HOST, hang up, and print how long it took; PORT is 445 if not given.

    No byte of a protocol is sent. The exit status is 1 when no connection was accepted.
    """
    from nethood.cli.nbt_ask import run
    from nethood.exposure.ping import Pinged, parse_host

    target = parse_host(host)
    pinged = Pinged()
    with contextlib.suppress(KeyboardInterrupt):
        run(_ping(target, pinged, given))
    _show_summary(target, pinged, as_json=given["as_json"])
    return 0 if pinged.accepted else 1


async def _ping(target: Target, pinged: Pinged, given: dict[str, Any]) -> None:
    from nethood.exposure.ping import pings

    outcomes = pings(
        target,
        count=given["count"],
        interval_s=given["interval_s"],
        timeout_s=given["timeout_s"],
    )
    async with contextlib.aclosing(outcomes):
        async for outcome in outcomes:
            pinged.add(outcome)
            _show(target, pinged.sent, outcome, as_json=given["as_json"])


def _show(target: Target, number: int, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        fields = {"number": number, "address": target.address, "port": target.port}
        state = {**outcome._asdict(), "reason": outcome.reason or None}
        click.echo(json.dumps({**fields, **state}))
        return
    time = "" if outcome.connect_ms is None else f" in {outcome.connect_ms:.3g} ms"
    why = f" ({outcome.reason})" if outcome.reason else ""
    click.echo(f"{target.address} port {target.port} {outcome.state}{time}{why}")


def _show_summary(target: Target, pinged: Pinged, *, as_json: bool) -> None:
    times = pinged.minimum_average_maximum_ms()
    if as_json:
        names = ("min_ms", "avg_ms", "max_ms")
        rounded = [None] * 3 if times is None else [round(value, 3) for value in times]
        summary = {"sent": pinged.sent, "accepted": pinged.accepted}
        click.echo(
            json.dumps({**asdict(target), **summary, **dict(zip(names, rounded, strict=True))})
        )
        return
    connections = "connection" if pinged.sent == 1 else "connections"
    text = f"{pinged.sent} {connections}, {pinged.accepted} accepted"
    if times is not None:
        text += ", min/avg/max {:.3g}/{:.3g}/{:.3g} ms".format(*times)
    click.echo(text)
