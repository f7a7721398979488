"""`nethood nbt sweep`: the node status of whole networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import nbt_options as options

if TYPE_CHECKING:
    from nethood.neighborhood.sweep import Swept


@click.command(short_help="Ask whole networks for their names.")
@click.argument("networks", metavar="CIDR...", nargs=-1, required=True)
@click.option(
    "--rate",
    type=click.FloatRange(1, 1_000_000),
    default=100_000.0,
    show_default=True,
    metavar="N",
    help="How many requests to send a second at most.",
)
@click.option("--public", is_flag=True, help="Ask public addresses too.")
@options.wait("0.25 after the last answer")
@options.retries(2)
@options.port
@options.as_json
def sweep(networks: Sequence[str], **given: Any) -> int:
    """Ask every address of each CIDR for its names and print who answers.

    Those who do not answer are asked again, --retries times. The exit status is 1 when nobody
    answers.
    """
    from nethood.neighborhood import sweep as engine

    swept = engine.sweep(
        engine.parse_networks(networks, public=given["public"]),
        port=given["port"],
        retries=given["retries"],
        rate=given["rate"],
        wait_s=given["wait_s"] or engine.DEFAULT_WAIT_S,
    )
    if given["as_json"]:
        _show_json(swept)
    else:
        _show(swept)
    return 0 if swept.answers else 1


def _show_json(swept: Swept) -> None:
    from nethood.cli import nbt_print

    for address, status in swept.statuses():
        nbt_print.show_json(nbt_print.status_fields(address, status))


def _show(swept: Swept) -> None:
    from nethood.cli import nbt_print
    from nethood.nbt.status_reading import computer_name, workgroup_name

    rows = [
        (
            address,
            computer_name(status) or "-",
            workgroup_name(status) or "-",
            nbt_print.mac(status.unit_id),
            str(len(status.names)),
        )
        for address, status in swept.statuses()
    ]
    if rows:
        nbt_print.show_table(("Address", "Name", "Workgroup", "MAC", "Names"), rows)
    click.echo(summary(swept), err=True)


def summary(swept: Swept) -> str:
    """Return the sentence below the table."""
    parts = [
        f"{len(swept.answers) - swept.malformed} of {swept.address_count} addresses answered"
        f" in {swept.duration_s:.2f} s, {swept.sent} requests"
    ]
    if swept.unsendable:
        parts.append(f"{swept.unsendable} could not be sent")
    if swept.malformed:
        parts.append(f"{swept.malformed} answers were no node status")
    if swept.strangers:
        parts.append(f"{swept.strangers} datagrams answered nothing that was asked")
    return "; ".join(parts) + "."
