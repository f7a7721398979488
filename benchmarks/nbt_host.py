"""The NetBIOS host of `nethood nbt serve` with its limit per source address out of the way.

The command answers one address 50 times a second and has no switch against that. Here the limit
stands, and does its work for every question, at a rate nobody reaches.
"""

import asyncio
import signal
from dataclasses import replace

import click

from nethood.neighborhood.host import HostSettings, NetbiosHost, choose_interfaces
from nethood.neighborhood.node import NameNode

UNREACHED = 1_000_000_000


@click.command()
@click.argument("interface")
@click.argument("name")
def main(interface: str, name: str) -> None:
    """Hold NAME on INTERFACE until ended."""
    asyncio.run(_serve(interface, name))


async def _serve(interface: str, name: str) -> None:
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    settings = HostSettings(
        name=name, machine_group="WORKGROUP", interfaces=choose_interfaces([interface])
    )
    host = NetbiosHost(settings, lambda kind, sentence, fields: click.echo(sentence))
    unlimited = replace(host.node.options, answers_per_s=UNREACHED, answers_burst=UNREACHED)
    # The host asks, with every datagram, whether it is a name server; so does this.
    host.node = NameNode(unlimited, intercept=lambda data, source: False)
    await host.start()
    try:
        await over.wait()
    finally:
        await host.stop()


if __name__ == "__main__":
    main()
