"""One name, two owners: our node and nmbd contest it, on the wire and before a name server.

Host 1 is our node, host 2 nmbd, host 3 somebody who asks. All of it is recorded and dissected.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop import nbt_wire as net
from tests.interop import peers
from tests.interop.lan import Background, running
from tests.interop.nbt_wire import BROADCAST, Record, Wire

OURS, NMBD, ASKER = 1, 2, 3
HERE, THERE = net.address(OURS), net.address(NMBD)
CELLAR = ("CELLAR", 0x20)

# Adds names, finds names, and tells what becomes of its own until it is ended.
NODE = """
import asyncio, json, signal, sys
from nethood import netbios
from nethood.errors import Error
from nethood.nbt.node_tables import NodeType

def tell(**fields):
    print(json.dumps(fields), flush=True)

async def main(interface, options, orders):
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    told = lambda event: tell(event=type(event).__name__, name=str(event.name))
    if "node_type" in options:
        options["node_type"] = NodeType[options["node_type"]]
    async with netbios.Node(interfaces=[interface], told=told, **options) as node:
        for name, suffix in orders.get("add", []):
            try:
                await node.add_name(name, suffix)
                tell(added=f"{name}<{suffix:02X}>")
            except netbios.NameTaken as error:
                tell(refused=f"{name}<{suffix:02X}>", owner=str(error.owner))
        for name, suffix in orders.get("find", []):
            try:
                found = await node.find(name, suffix)
                tell(found=f"{name}<{suffix:02X}>", addresses=[str(a) for a in found.addresses])
            except Error as error:
                tell(lost=f"{name}<{suffix:02X}>", sentence=str(error))
        tell(ready=True)
        await over.wait()

asyncio.run(main(*map(json.loads, sys.argv[1:])))
"""

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True)
class Place:
    """The wire, what records it, and where nmbd's files and the record are."""

    wire: Wire
    record: Record
    home: Path

    @contextmanager
    def node(self, host: int, orders: dict[str, Any], **options: Any) -> Iterator[Background]:
        """Run our node on a host until it has done what it was told."""
        given = (f"{net.address(host)}/24", options, orders)
        words = [sys.executable, "-c", NODE, *map(json.dumps, given)]
        with running(self.wire.hosts[host], list(words)) as node:
            node.wait_for(said(ready=True), 60)
            yield node

    @contextmanager
    def nmbd(self, **options: str) -> Iterator[Background]:
        conf = net.samba_conf(self.home, "CELLAR", local_master="no", **options)
        with net.nmbd(self.wire, NMBD, conf) as daemon:
            yield daemon

    def lookup(self, *words: str) -> list[str]:
        conf = self.home / "ASKER.conf"
        return self.wire.run(ASKER, "nmblookup", "-s", conf, *words).output.splitlines()


@pytest.fixture(scope="module")
def place(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    peers.need("nmblookup", "nmbd")
    wire = net.lay(make_namespace, 3)
    home = tmp_path_factory.mktemp("contests")
    net.samba_conf(home, "ASKER")
    with net.recorded(wire, home / "all.pcapng") as record:
        yield Place(wire, record, home)


def said(**fields: Any) -> Callable[[str], bool]:
    """Accept the line with these fields."""

    def accept(line: str) -> bool:
        told = json.loads(line) if line.startswith("{") else {}
        return all(told.get(key) == value for key, value in fields.items())

    return accept


def holds(nmbd: Background) -> None:
    """Wait until nmbd has its name on the wire."""
    added = f"name CELLAR<20> with first IP {THERE}"
    nmbd.wait_for(lambda line: added in line and f"to subnet {THERE}" in line, 60)


def table(place: Place, address: str) -> dict[str, str]:
    """Return the names of a host's table, and the flags nmblookup prints for each."""
    rows = [line.split(" - ") for line in place.lookup("-A", address) if " - " in line]
    return {"".join(name.split()): flags for name, flags in rows}


@contextmanager
def name_server(place: Place) -> Iterator[None]:
    """Run a name server of ours on the bridge's own host, unknown to nmbd."""
    command = [sys.executable, "-m", "nethood", "nbt", "serve", "--name", "judge", "--wins"]
    command += ["--interface", "lan0", "--json"]
    env = {"RUNTIME_DIRECTORY": str(place.home)}
    with running(place.wire.hub, list(command), env) as judge:
        judge.wait_for(net.event("netbios", name="JUDGE"), 30)
        yield


def test_both_hold_a_name_and_both_are_told_of_the_conflict(place: Place) -> None:
    """nmbd has it of the wire, we of a name server nmbd does not know; a third host asks for it."""
    with name_server(place), place.nmbd() as nmbd:
        holds(nmbd)
        with place.node(OURS, {"add": [CELLAR]}, wins=[net.HUB]) as node:
            for owner in (HERE, THERE):
                assert place.lookup("-U", owner, "CELLAR#20")[1:] == [f"{owner} CELLAR<20>"]
            # nmbd keeps no state of a conflict: its log has the demand as an answer to nothing.
            with answering_late(place, nmbd):
                nmbd.wait_for(lambda line: "received with no matching record" in line, 10)
            with answering_late(place, node):
                node.wait_for(said(event="NameConflict", name="CELLAR<20>"), 10)
            assert "<CONFLICT>" in table(place, HERE)["CELLAR<20>"]
            # A name in conflict is not answered for (RFC 1002 5.1.1.5); nmbd goes on with its own.
            assert place.lookup("-B", BROADCAST, "CELLAR#20")[1:] == [f"{THERE} CELLAR<20>"]


@contextmanager
def answering_late(place: Place, late: Background) -> Iterator[None]:
    """Have a third node ask for the name, and one owner answer after the other."""
    late.process.send_signal(signal.SIGSTOP)
    try:
        with place.node(ASKER, {"find": [CELLAR]}) as asker:
            assert any(map(said(found="CELLAR<20>"), asker.lines))
            late.process.send_signal(signal.SIGCONT)
            yield
    finally:
        late.process.send_signal(signal.SIGCONT)


def test_nmbd_sees_its_claim_refused_and_we_keep_the_name(place: Place) -> None:
    with place.node(OURS, {"add": [CELLAR]}) as node, place.nmbd() as nmbd:
        nmbd.wait_for(lambda line: "Failed to register my name CELLAR<20>" in line, 60)
        assert place.lookup("-B", BROADCAST, "CELLAR#20")[1:] == [f"{HERE} CELLAR<20>"]
        assert "<CONFLICT>" not in table(place, HERE)["CELLAR<20>"]
    assert not any("NameConflict" in line for line in node.lines)


def test_our_node_sees_its_claim_refused_and_nmbd_keeps_the_name(place: Place) -> None:
    with place.nmbd() as nmbd:
        holds(nmbd)
        with place.node(OURS, {"add": [CELLAR]}) as node:
            assert any(map(said(refused="CELLAR<20>", owner=THERE), node.lines))
            assert "CELLAR<20>" not in table(place, HERE)
        nmbd.wait_for(lambda line: f"registration for name CELLAR<20> IP {HERE}" in line, 5)
        assert place.lookup("-B", BROADCAST, "CELLAR#20")[1:] == [f"{THERE} CELLAR<20>"]


def test_nmbd_s_name_server_registers_us_and_judges_between_us(place: Place) -> None:
    """Our node is a client of nmbd's WINS: it has its own name there, and not nmbd's."""
    with place.nmbd(wins_support="yes") as nmbd:
        holds(nmbd)
        orders = {"add": [("APP", 0x41), CELLAR], "find": [CELLAR]}
        asked = ("--recursion", "-U", THERE)
        with place.node(OURS, orders, wins=[THERE]) as node:
            assert any(map(said(added="APP<41>"), node.lines))
            assert any(map(said(refused="CELLAR<20>", owner=THERE), node.lines))
            assert any(map(said(found="CELLAR<20>", addresses=[THERE]), node.lines))
            assert place.lookup(*asked, "APP#41")[1:] == [f"{HERE} APP<41>"]
            nmbd.wait_for(lambda line: "name CELLAR<20>" in line and "registration" in line, 5)
        assert place.lookup(*asked, "APP#41")[1:] == ["name_query failed to find name APP#41"]
        assert place.lookup(*asked, "CELLAR#20")[1:] == [f"{THERE} CELLAR<20>"]


def test_our_name_server_asks_nmbd_before_it_judges_between_us(place: Place) -> None:
    with name_server(place), place.nmbd(wins_server=net.HUB) as nmbd:
        asked = ("--recursion", "-U", net.HUB, "CELLAR#20")
        net.until("nmbd is registered", lambda: f"{THERE} CELLAR<20>" in place.lookup(*asked))
        with place.node(OURS, {"add": [CELLAR]}, wins=[net.HUB]) as node:
            assert any(map(said(refused="CELLAR<20>", owner=THERE), node.lines)), node.lines
        nmbd.wait_for(lambda line: f"Name query from {net.HUB}" in line, 5)
        assert place.lookup(*asked)[1:] == [f"{THERE} CELLAR<20>"]


def test_what_passed_is_dissected_and_not_malformed(place: Place) -> None:
    """The last of this file: it ends the record."""
    record = place.record
    record.end()
    assert record.faults(OURS) == []
    refusal = "nbns.flags.opcode == 5 and nbns.flags.rcode =="
    assert set(record.dissected(f"{refusal} 7", "ip.dst")) == {HERE, THERE}  # conflict demands
    assert {HERE, THERE} <= set(record.dissected(f"{refusal} 6", "ip.src"))
    assert record.dissected("nbns.flags.opcode == 7", "frame.number")  # wait for acknowledgement
