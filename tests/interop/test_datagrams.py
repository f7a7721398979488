"""`nethood nbt serve` relays datagrams, tells its MAC, and has its ports to itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop import nbt_wire as net
from tests.interop import peers
from tests.interop.lan import CABLE, Background, running

SERVER, SENDER, MEMBER = 1, 2, 3

MEMBER_OF = """
import asyncio, sys
from nethood import netbios

async def main(own, server):
    wins = {"node_type": netbios.NodeType.P, "wins": [server], "distributor": server}
    async with netbios.Node(interfaces=[own + "/24"], **wins) as node:
        await node.add_name("SQUAD", 0x1C, group=True)
        print("ready", flush=True)
        many = asyncio.create_task(node.receive_datagram("SQUAD", 0x1C))
        got = [await many, await node.receive_broadcast()]
        for received in got:
            print(received.source_name, received.source[0], received.user_data.decode(), flush=True)

asyncio.run(main(*sys.argv[1:]))
"""

SEND = """
import asyncio, sys
from nethood import netbios

async def main(own, server, member):
    wins = {"node_type": netbios.NodeType.P, "wins": [server], "distributor": server}
    told = asyncio.Queue()
    node = netbios.Node(interfaces=[own + "/24"], told=told.put_nowait, **wins)
    async with node:
        await node.add_name("CLIENT")
        await node.send_datagram(("CLIENT", 0), "SQUAD", 0x1C, b"many", group=True)
        await node.broadcast(("CLIENT", 0), b"all")
        node.names.node.cache.add(
            netbios.NetbiosName("NOBODY"), (netbios.IPv4Address(member),), 1e9, ttl_s=600)
        await node.send_datagram(("CLIENT", 0), "NOBODY", 0, b"one")
        print(await asyncio.wait_for(told.get(), 10))

asyncio.run(main(*sys.argv[1:]))
"""

BESIDE = """
import asyncio, sys
from nethood import errors, netbios

async def main(own):
    try:
        async with netbios.Node(interfaces=[own + "/24"]):
            print("has it")
    except errors.ConnectError as error:
        print(error)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def wire(make_namespace: Callable[[], str]) -> net.Wire:
    return net.lay(make_namespace, 3)


@pytest.fixture(scope="module")
def daemon(wire: net.Wire) -> Iterator[Background]:
    """`nethood nbt serve` with a name server, on the first host."""
    words: list[str | Path] = [sys.executable, "-m", "nethood", "nbt", "serve", "--name", "ATTIC"]
    with running(wire.hosts[SERVER], [*words, "--wins", "--interface", CABLE, "--json"]) as serve:
        serve.wait_for(lambda line: json.loads(line)["event"] == "netbios", 30)
        yield serve


def test_group_and_broadcast_datagrams_are_relayed_between_p_nodes(
    wire: net.Wire, daemon: Background, tmp_path: Path
) -> None:
    server = net.address(SERVER)
    words: list[str | Path] = [sys.executable, "-c", MEMBER_OF, net.address(MEMBER), server]
    with net.recorded(wire, tmp_path / "relayed.pcap") as record:
        with running(wire.hosts[MEMBER], words) as member:
            member.wait_for(lambda line: line == "ready", 30)
            said = wire.python(SENDER, SEND, net.address(SENDER), server, net.address(MEMBER))
            member.wait_until(lambda lines: len(lines) == 3, 30)
            assert member.lines[1:] == [
                f"CLIENT<00> {server} many",
                f"CLIENT<00> {server} all",
            ]
        assert said == [
            f"{net.address(MEMBER)} did not take a datagram to NOBODY<00>: "
            "destination name not present"
        ]
        record.end()
    assert record.faults(SERVER, SENDER, MEMBER) == []
    # Two queries and their answers, two datagrams there and on, the one refused, and the error.
    kinds = record.dissected("nbdgm and ip.dst != 10.77.0.255", "nbdgm.type", "nbdgm.src.ip")
    sender, relay, member_ip = net.address(SENDER), server, net.address(MEMBER)
    wanted = [
        ("20", sender),
        ("21", relay),
        ("17", sender),
        ("17", sender),
        ("20", sender),
        ("21", relay),
        ("18", sender),
        ("18", sender),
        ("16", sender),
        ("19", member_ip),
    ]
    assert sorted(kinds) == sorted("\t".join(pair) for pair in wanted)


def test_nmblookup_and_nbtscan_show_the_daemon_s_mac(wire: net.Wire, daemon: Background) -> None:
    peers.need("nmblookup", "nbtscan")
    link = json.loads(wire.run(SERVER, "ip", "-j", "link", "show", CABLE).output)[0]
    mac = str(link["address"])
    conf = "--option=interfaces=" + net.address(SENDER) + "/24"
    shown = wire.run(SENDER, "nmblookup", "-s", "/dev/null", conf, "-A", net.address(SERVER))
    assert f"MAC Address = {mac.replace(':', '-').upper()}" in shown.output
    shown = wire.run(SENDER, "nbtscan", "-v", "-s", ";", net.address(SERVER))
    assert f"{net.address(SERVER)};MAC;{mac}" in shown.output


def test_a_second_process_is_told_who_has_the_port(wire: net.Wire, daemon: Background) -> None:
    assert wire.python(SERVER, BESIDE, net.address(SERVER)) == [
        f"can't use {net.address(SERVER)} UDP port 137: another program holds it; "
        "stop it or choose another port"
    ]
