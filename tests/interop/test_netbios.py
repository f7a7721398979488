"""Our NetBIOS node and Debian's samba on one network: looking up, contesting, registering."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop import peers
from tests.interop.lan import CABLE, Background, cable, running

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
BROADCAST = "10.77.0.255"

# A host on the network: claims names, answers a session and datagrams, finds, releases at the end.
NODE = """
import asyncio, json, signal, sys
from nethood import netbios
from nethood.errors import Error

def tell(**fields):
    print(json.dumps(fields), flush=True)

async def main(ask):
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    told = lambda event: tell(event=type(event).__name__, name=str(event.name))
    node = netbios.Node(interfaces=[ask["interface"]], wins=ask.get("wins", []), told=told)
    async with node:
        for name, suffix, group in ask.get("names", []):
            try:
                await node.add_name(name, suffix, group=group)
                tell(added=f"{name}<{suffix:02X}>")
            except netbios.NameTaken as error:
                tell(refused=f"{name}<{suffix:02X}>", owner=str(error.owner))
        for name, suffix in ask.get("find", []):
            try:
                found = await node.find(name, suffix)
                tell(found=f"{name}<{suffix:02X}>", addresses=[str(a) for a in found.addresses])
            except Error as error:
                tell(lost=f"{name}<{suffix:02X}>", sentence=str(error))
        for address in ask.get("status", []):
            status = await node.status(address)
            tell(status=[f"{n.name}<{n.suffix:02X}>" for n in status.names])
        for called, suffix, calling in ask.get("call", []):
            try:
                async with await node.call(called, suffix, calling=tuple(calling)) as stream:
                    tell(called=str(stream.called))
            except netbios.CallRefused as error:
                tell(not_called=error.error_code)
        tell(ready=True)
        await over.wait()
    tell(left=True)

asyncio.run(main(json.loads(sys.argv[1])))
"""


def says(**fields: Any) -> Callable[[str], bool]:
    """Accept the line with these fields."""

    def accept(line: str) -> bool:
        said = json.loads(line) if line.startswith("{") else {}
        return all(said.get(key) == value for key, value in fields.items())

    return accept


class Net:
    """Two hosts: one for our node, one for samba."""

    def __init__(self, ours: str, theirs: str, folder: Path) -> None:
        self.ours, self.theirs, self.folder = ours, theirs, folder

    @contextmanager
    def node(self, **ask: Any) -> Iterator[Background]:
        """Run our node until it has done what it was asked."""
        words = [sys.executable, "-c", NODE, json.dumps({"interface": f"{OURS}/24"} | ask)]
        with running(self.ours, list(words)) as node:
            node.wait_for(says(ready=True), 60)
            yield node

    @contextmanager
    def nmbd(self, *options: str) -> Iterator[Background]:
        command: list[str | Path] = ["nmbd", "--foreground", "--no-process-group"]
        command += ["--configfile", self.conf(*options), "--debug-stdout", "--debuglevel=3"]
        with running(self.theirs, command) as daemon:
            yield daemon

    def conf(self, *options: str) -> Path:
        (self.folder / "samba").mkdir(exist_ok=True)
        paths = ("private", "lock", "state", "cache", "pid")
        lines = [
            "netbios name = CELLAR",
            "workgroup = HOUSE",
            f"interfaces = {CABLE}",
            "bind interfaces only = yes",
            f"log file = {self.folder}/samba/log",
            *(f"{each} directory = {self.folder}/samba" for each in paths),
            *options,
        ]
        conf = self.folder / "smb.conf"
        conf.write_text("[global]\n" + "".join(f"   {line}\n" for line in lines))
        return conf

    def mac(self, separator: str = ":") -> str:
        """Return the hardware address of our host's cable."""
        ran = peers.run(["ip", "-j", "link", "show", CABLE], 10, namespace=self.ours)
        [link] = json.loads(ran.output)
        return str(link["address"]).replace(":", separator)

    def lookup(self, *words: str) -> str:
        """Run nmblookup on samba's host."""
        command = ["nmblookup", "-s", str(self.conf()), *words]
        return peers.run(command, 60, namespace=self.theirs).output


@pytest.fixture
def net(make_namespace: Callable[[], str], tmp_path: Path) -> Net:
    for program in ("nmblookup", "nmbd"):
        if peers.which(program) is None:
            peers.missing(f"{program} is not installed")
    ours, theirs = make_namespace(), make_namespace()
    cable(ours, theirs)
    return Net(ours, theirs, tmp_path)


APP = ("APP", 0x41, False)
OFFICE = ("OFFICE", 0x00, True)


def test_nmblookup_finds_our_names(net: Net) -> None:
    with net.node(names=[APP, OFFICE]):
        assert f"{OURS} APP<41>" in net.lookup("-B", BROADCAST, "APP#41")
        assert f"{OURS} APP<41>" in net.lookup("-U", OURS, "APP#41")
        assert f"{OURS} OFFICE<00>" in net.lookup("-B", BROADCAST, "OFFICE#00")
        assert "failed to find name APP#20" in net.lookup("-B", BROADCAST, "APP#20")
    assert "failed to find name APP#41" in net.lookup("-B", BROADCAST, "APP#41")


def test_nmblookup_reads_our_node_status(net: Net) -> None:
    with net.node(names=[APP, OFFICE]):
        lines = [" ".join(line.split()) for line in net.lookup("-A", OURS).splitlines()]
    assert "APP <41> - B <ACTIVE>" in lines
    assert "OFFICE <00> - <GROUP> B <ACTIVE>" in lines
    assert f"MAC Address = {net.mac('-').upper()}" in lines


def test_nbtscan_shows_our_mac(net: Net) -> None:
    peers.need("nbtscan")
    with net.node(names=[("CELLAR", 0x00, False), ("CELLAR", 0x20, False)]):
        ran = peers.run(["nbtscan", "-v", "-s", ";", OURS], 60, namespace=net.theirs)
        assert f"{OURS};CELLAR         ;20U" in ran.output, ran.output
        assert f"{OURS};MAC;{net.mac()}" in ran.output, ran.output


def test_we_find_nmbd_and_read_its_status(net: Net) -> None:
    with net.nmbd() as nmbd:
        wait_for_name(nmbd)
        with net.node(find=[("CELLAR", 0x20), ("NOBODY", 0x20)], status=[THEIRS]) as node:
            assert any(map(says(found="CELLAR<20>", addresses=[THEIRS]), node.lines))
            assert any(map(says(lost="NOBODY<20>"), node.lines))
            [status] = [json.loads(line)["status"] for line in node.lines if '"status"' in line]
            assert {"CELLAR<00>", "CELLAR<20>", "HOUSE<00>"} <= set(status)


def wait_for_name(nmbd: Background) -> None:
    """Wait until nmbd has its name on the network: it tells at debug level 3."""
    nmbd.wait_for(lambda line: "name CELLAR<20>" in line and f"to subnet {THEIRS}" in line, 60)


def test_nmbd_defends_its_name_against_us(net: Net) -> None:
    with net.nmbd() as nmbd:
        wait_for_name(nmbd)
        group_too = ("HOUSE", 0x00, True)
        with net.node(names=[("CELLAR", 0x20, False), group_too]) as node:
            assert any(map(says(refused="CELLAR<20>", owner=THEIRS), node.lines))
            assert any(map(says(added="HOUSE<00>"), node.lines))
        assert f"{THEIRS} CELLAR<20>" in net.lookup("-B", BROADCAST, "CELLAR#20")


def test_we_defend_our_name_against_nmbd(net: Net) -> None:
    with net.node(names=[("CELLAR", 0x20, False)]) as node:
        with net.nmbd() as nmbd:
            nmbd.wait_for(lambda line: "Failed to register my name CELLAR<20>" in line, 60)
            found = net.lookup("-B", BROADCAST, "CELLAR#20")
            assert f"{OURS} CELLAR<20>" in found
            assert f"{THEIRS} CELLAR<20>" not in found
        assert not any("NameConflict" in line for line in node.lines)


def test_our_node_registers_with_nmbd_s_wins_and_releases(net: Net) -> None:
    with net.nmbd("wins support = yes") as nmbd:
        wait_for_name(nmbd)
        asked = ("--recursion", "-U", THEIRS)
        with net.node(names=[APP], wins=[THEIRS], find=[("CELLAR", 0x20)]) as node:
            assert any(map(says(added="APP<41>"), node.lines))
            assert any(map(says(found="CELLAR<20>", addresses=[THEIRS]), node.lines))
            assert f"{OURS} APP<41>" in net.lookup(*asked, "APP#41")
        assert any(map(says(left=True), node.lines))
        assert "failed to find name APP#41" in net.lookup(*asked, "APP#41")


@pytest.mark.parametrize("test", ["register_own", "refresh_own"])
def test_smbtorture_sees_our_name_defended(net: Net, test: str) -> None:
    peers.need("smbtorture")
    command = ["smbtorture", "//CELLAR/x", "-s", str(net.conf()), "-N"]
    command += ["--option=netbios name=TORTURE", f"nbt.register.{test}"]
    with net.node(names=[("CELLAR", 0x20, False), ("CELLAR", 0x00, False)]):
        ran = peers.run(command, 60, namespace=net.theirs)
    assert f"success: {test}" in ran.output, ran.output


def test_tools_ask_by_broadcast_from_our_own_machine(net: Net) -> None:
    with net.node(names=[APP]):
        command = ["nmblookup", "-s", str(net.conf()), "-B", BROADCAST, "APP#41"]
        assert f"{OURS} APP<41>" in peers.run(command, 60, namespace=net.ours).output
