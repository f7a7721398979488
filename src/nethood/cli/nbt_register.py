"""`nethood nbt register` and `release`: have a name, for a while or for good, and give it up."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any

import click

from nethood.cli import nbt_options as options
from nethood.cli.nbt_ask import NOTHING, patience, run

if TYPE_CHECKING:
    from nethood.nbt.name import NetbiosName
    from nethood.nbt.node_model import Interface, NameConflict, NameReleased
    from nethood.neighborhood.node import NameTaken
    from nethood.neighborhood.registration import Answer

USUAL_TTL_S = 300_000
_WHY = {
    1: "it could not read the request",
    2: "it has a problem of its own or no room for more names",
    5: "its rules forbid it",
    7: "several hosts claim that name",
}
_GROUP_ADDRESS = "255.255.255.255"  # what a name server answers for a normal group
_group = click.option(
    "--group", is_flag=True, help="It is a group's name, which several hosts share."
)
_broadcast = click.option(
    "--broadcast",
    is_flag=True,
    help="Speak to everybody on the own network, not to a name server; the default.",
)


@dataclass(frozen=True, slots=True)
class Claim:
    """The name, whom it is claimed at, and how to speak of it."""

    name: NetbiosName
    given: dict[str, Any]

    @property
    def server(self) -> str | None:
        server: str | None = self.given["wins"]
        return server

    def tell(self, result: str, sentence: str, *, bad: bool = False, **fields: Any) -> None:
        """Print what became of it: the sentence for people, everything for programs."""
        from nethood.cli import nbt_print
        from nethood.nbt.suffix import describe

        if not self.given["as_json"]:
            click.echo(f"nethood: {sentence}" if bad else sentence, err=bad)
            return
        name, group = self.name, self.given["group"]
        head = {
            "name": name.name,
            "suffix": f"{name.suffix:02X}",
            "service": describe(name.suffix, group, name.name),
            "group": group,
            "way": "wins" if self.server else "broadcast",
            "server": self.server,
        }
        nbt_print.show_json({**head, "result": result, "sentence": sentence, **fields})


@click.command(short_help="Claim a NetBIOS name.")
@click.argument("name", metavar="NAME[#SUFFIX]", callback=options.name)
@_group
@_broadcast
@click.option(
    "--wins", metavar="ADDR", callback=options.address, help="Register it with this name server."
)
@click.option(
    "--address",
    metavar="ADDR",
    callback=options.address,
    help="The address to claim it for; without it, the one this machine has in that network.",
)
@click.option(
    "--ttl",
    "ttl_s",
    type=click.IntRange(0, 2**32 - 1),
    metavar="SECONDS",
    help="With --wins: how long the record is to last, 0 for ever; the name server may decide"
    f" otherwise. Without it {USUAL_TTL_S}.",
)
@click.option(
    "--hold",
    is_flag=True,
    help="With --wins: keep the name, refreshed and defended, until Ctrl-C, and release it then.",
)
@options.wait("1")
@options.retries(2)
@options.port
@options.as_json
def register(name: NetbiosName, **given: Any) -> int:
    """Claim NAME; SUFFIX is its 16th byte in hex, 00 if not given.

    With --wins it is registered once and lasts for its TTL, but nobody defends it unless --hold
    is given. By broadcast a name lasts only as long as somebody answers for it, so it is held
    until Ctrl-C. Holding needs UDP port 137, which is below 1024 and which a running NetBIOS
    daemon has. The exit status is 1 when the name can't be had.
    """
    claim = _claim(name, given)
    if claim.server is None and given["ttl_s"] is not None:
        raise click.UsageError("--ttl goes with --wins: by broadcast a name has no time to live")
    if given["ttl_s"] is None:
        given["ttl_s"] = USUAL_TTL_S
    if claim.server is None or given["hold"]:
        return run(_hold(claim))
    return run(_register_once(claim, claim.server))


@click.command(short_help="Give a NetBIOS name up.")
@click.argument("name", metavar="NAME[#SUFFIX]", callback=options.name)
@_group
@_broadcast
@click.option(
    "--wins", metavar="ADDR", callback=options.address, help="Release it at this name server."
)
@click.option(
    "--address",
    metavar="ADDR",
    callback=options.address,
    help="The address it was claimed for; without it, the one this machine has in that network.",
)
@options.wait("1")
@options.retries(2)
@options.port
@options.as_json
def release(name: NetbiosName, **given: Any) -> int:
    """Give NAME up; SUFFIX is its 16th byte in hex, 00 if not given.

    By broadcast every host of the network is told to forget it, which nobody answers. A name that
    a running `nethood nbt register` holds is released by ending that. The exit status is 1 when
    the name server refuses or is silent.
    """
    claim = _claim(name, given)
    if claim.server is None:
        return run(_release_everywhere(claim))
    return run(_release_at(claim, claim.server))


def _claim(name: NetbiosName, given: dict[str, Any]) -> Claim:
    if given["broadcast"] and given["wins"]:
        raise click.UsageError("--broadcast and --wins exclude each other")
    if name.name.startswith("*"):
        raise click.UsageError(f"{name.name!r} can't be a name: it begins with *")
    return Claim(name, given)


async def _register_once(claim: Claim, server: str) -> int:
    from nethood.neighborhood import lookup, registration

    given = claim.given
    entry = _entry(claim, server)
    answer = await registration.register(
        claim.name,
        entry,
        server,
        ttl_s=given["ttl_s"],
        port=given["port"],
        patience=patience(given, lookup.UNICAST_PATIENCE),
    )
    address = str(entry.address)
    if not answer.is_granted:
        return _refused(claim, server, address, answer)
    claim.tell(
        "registered",
        f"{claim.name} is registered for {address} at {server}, {_span(answer.ttl_s)};"
        " nobody defends it (--hold does)",
        address=address,
        ttl_s=answer.ttl_s,
    )
    return 0


async def _release_at(claim: Claim, server: str) -> int:
    from nethood.neighborhood import lookup, registration

    given = claim.given
    entry = _entry(claim, server)
    usual = patience(given, lookup.UNICAST_PATIENCE)
    answer = await registration.release(
        claim.name, entry, server, port=given["port"], patience=usual
    )
    address = str(entry.address)
    if not answer.is_granted:
        return _refused(claim, server, address, answer)
    sentence = f"{server} has no {claim.name} for {address} any more"
    claim.tell("released", sentence, address=address)
    return 0


def _refused(claim: Claim, server: str, address: str, answer: Answer) -> int:
    if answer.rcode is None:
        result, sentence = "no answer", f"{server} does not answer; is it a name server?"
    else:
        why = _WHY.get(answer.rcode) or _held(answer.holders)
        result, sentence = "refused", f"{server} refuses it for {address}: {why}"
    claim.tell(
        result,
        f"{claim.name}: {sentence}",
        bad=True,
        address=address,
        rcode=answer.rcode,
        holders=list(answer.holders),
    )
    return NOTHING


def _held(holders: tuple[str, ...]) -> str:
    if _GROUP_ADDRESS in holders:
        return "it is a group's name there"
    if holders:
        return f"{' and '.join(holders)} {'has' if len(holders) == 1 else 'have'} it"
    return "another host has it"


def _entry(claim: Claim, server: str) -> Any:
    from nethood.nbt.name_service import NB_FLAGS_G, ONT_P, AddressEntry
    from nethood.neighborhood.registration import own_address_towards

    named = claim.given["address"]
    address = IPv4Address(named) if named else own_address_towards(server)
    return AddressEntry(ONT_P | (NB_FLAGS_G if claim.given["group"] else 0), address)


async def _release_everywhere(claim: Claim) -> int:
    from nethood.nbt.name_service import NB_FLAGS_G
    from nethood.neighborhood.registration import release_by_broadcast

    interfaces = _interfaces(claim)
    flags = NB_FLAGS_G if claim.given["group"] else 0
    await release_by_broadcast(claim.name, flags, interfaces, port=claim.given["port"])
    addresses = [str(interface.address) for interface in interfaces]
    networks = ", ".join(str(interface.network) for interface in interfaces)
    claim.tell(
        "released",
        f"every host on {networks} was told that {claim.name} is given up; nobody answers that",
        addresses=addresses,
    )
    return 0


def _interfaces(claim: Claim) -> tuple[Interface, ...]:
    from nethood.neighborhood.host import choose_interfaces
    from nethood.neighborhood.registration import interfaces_with, own_address_towards

    if claim.given["address"]:
        return interfaces_with(IPv4Address(claim.given["address"]))
    if claim.server:
        return interfaces_with(own_address_towards(claim.server))
    return choose_interfaces()


async def _hold(claim: Claim) -> int:
    """Keep the name until Ctrl-C, or until it is lost."""
    from nethood.cli.serve import signals
    from nethood.errors import ConnectError, LocalError
    from nethood.nbt.node_model import NameReleased, NodeOptions
    from nethood.nbt.node_tables import NodeType
    from nethood.neighborhood.node import NameNode

    stop, lost = asyncio.Event(), asyncio.Event()
    server = claim.server

    def told(event: NameConflict | NameReleased) -> None:
        _tell_lost(claim, event, demanded=isinstance(event, NameReleased))
        lost.set()
        stop.set()

    node = NameNode(
        NodeOptions(
            _interfaces(claim),
            NodeType.P if server else NodeType.B,
            (IPv4Address(server),) if server else (),
            port=claim.given["port"],
            ttl_s=claim.given["ttl_s"],
        ),
        told=told,
    )
    try:
        node.open()
    except ConnectError as error:
        raise LocalError(str(error)) from error
    with signals(stop):
        try:
            if not await _claimed(claim, node, stop):
                return NOTHING
            await stop.wait()
        finally:
            await node.close()
    if not lost.is_set():
        claim.tell("released", f"{claim.name} is released")
    return NOTHING if lost.is_set() else 0


async def _claimed(claim: Claim, node: Any, stop: asyncio.Event) -> bool:
    """Claim the name and tell; False where it can't be had or Ctrl-C came first."""
    from nethood.neighborhood.node import NameTaken

    claiming = asyncio.create_task(node.add_name(claim.name, group=claim.given["group"]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({claiming, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not claiming.done():
            claim.tell("interrupted", f"{claim.name}: interrupted before it was claimed", bad=True)
            return False
        await claiming
    except NameTaken as taken:
        await _tell_taken(claim, taken, str(node.options.interfaces[0].address))
        return False
    finally:
        for task in (claiming, stopping):
            task.cancel()
        await asyncio.gather(claiming, stopping, return_exceptions=True)
    addresses = [str(interface.address) for interface in node.options.interfaces]
    at = f" at {claim.server}" if claim.server else ""
    claim.tell(
        "held",
        f"{claim.name} is held for {', '.join(addresses)}{at}, until Ctrl-C",
        addresses=addresses,
    )
    return True


async def _tell_taken(claim: Claim, taken: NameTaken, address: str) -> None:
    from nethood.neighborhood.lookup import query_host
    from nethood.neighborhood.registration import Answer

    server, port = claim.server, claim.given["port"]
    if server and taken.owner is None:
        _refused(claim, server, address, Answer(None))
    elif server:
        found = await query_host(claim.name, server, port=port, recursion=True)
        holders = tuple(str(entry.address) for each in found for entry in each.entries)
        _refused(claim, server, address, Answer(taken.rcode, holders=holders))
    else:
        holders = (str(taken.owner),) if taken.owner else ()
        sentence = f"{claim.name}: {_held(holders)}"
        claim.tell("refused", sentence, bad=True, rcode=taken.rcode, holders=list(holders))


def _tell_lost(claim: Claim, event: NameConflict | NameReleased, *, demanded: bool) -> None:
    if demanded:
        claim.tell("lost", f"{claim.name}: the name server took it away", bad=True)
        return
    source = str(getattr(event, "source", ""))
    sentence = f"{claim.name}: {source} says that it is its own too; it is held no longer"
    claim.tell("lost", sentence, bad=True, holders=[source])


def _span(seconds: int) -> str:
    if not seconds:
        return "for ever"
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"for {seconds // length} {unit}"
    return f"for {seconds} seconds"
