"""Our name server and Debian's samba: nmblookup asks it, nmbd registers with it."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.lan import Background, cable, running

SERVER, HOST = "10.77.0.1", "10.77.0.2"

WINS = """
import asyncio, json, signal, sys
from ipaddress import IPv4Address
from pathlib import Path
from nethood.nbt.name import NetbiosName
from nethood.nbt.wins_records import RecordKind, static_record
from nethood.neighborhood.wins import WinsConfig, WinsDaemon
from nethood.neighborhood.wins_replication import ReplicationConfig

CORP = static_record(
    NetbiosName("CORP", 0x1C),
    RecordKind.SPECIAL_GROUP,
    (IPv4Address("10.77.0.7"), IPv4Address("10.77.0.8")),
)
OLD = static_record(NetbiosName("OLDBOX", 0x20), RecordKind.UNIQUE, (IPv4Address("10.77.0.9"),))

async def main():
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    own, *partners = map(IPv4Address, sys.argv[2:])
    replication = ReplicationConfig(own, tuple(partners), push_delay_s=0) if partners else None
    config = WinsConfig(store=Path(sys.argv[1]), static=(CORP, OLD), replication=replication)
    async with await WinsDaemon.open(config, "0.0.0.0", 137) as daemon:
        told = None
        while not over.is_set():
            table = {
                str(r.name): [r.kind.name, r.state.name, *map(str, r.addresses)]
                for r in daemon.service.records
            }
            if table != told:
                told = table
                print(json.dumps(table), flush=True)
            try:
                await asyncio.wait_for(over.wait(), 0.02)
            except TimeoutError:
                pass

asyncio.run(main())
"""

REGISTER = """
import asyncio, sys
from ipaddress import IPv4Address
from nethood.nbt.name import NetbiosName
from nethood.nbt.name_service import AddressEntry, packet_kind, registration_request
from nethood.nbt.packet import Packet
from nethood.net.udp import UdpEndpoint

async def main():
    answers = asyncio.Queue()
    endpoint = UdpEndpoint.open(
        asyncio.get_running_loop(), "0.0.0.0", 0,
        lambda data, source: answers.put_nowait(Packet.decode(data)),
    )
    entry = AddressEntry(0, IPv4Address(sys.argv[2]))
    request = registration_request(1, NetbiosName(sys.argv[1], 0x20), entry)
    endpoint.send(request.encode(), ("10.77.0.1", 137))
    while True:
        answer = await asyncio.wait_for(answers.get(), 10)
        print(packet_kind(answer), answer.rcode, flush=True)
        if "REGISTRATION" in packet_kind(answer):
            return

asyncio.run(main())
"""


def says(name: str, state: str, *addresses: str) -> Callable[[str], bool]:
    """Accept the line that shows *name* in *state*."""

    def accept(line: str) -> bool:
        row = json.loads(line).get(name) if line.startswith("{") else None
        return bool(row and row[1] == state and (not addresses or row[2:] == list(addresses)))

    return accept


class Net:
    """Two hosts: the name server's and samba's."""

    def __init__(self, server: str, host: str, folder: Path) -> None:
        self.server, self.host, self.folder = server, host, folder
        self.store = folder / "state" / "wins.sqlite"

    @contextmanager
    def wins(self, *partners: str) -> Iterator[Background]:
        """Run our name server, replicating with *partners*."""
        words: list[str | Path] = [sys.executable, "-c", WINS, self.store, SERVER, *partners]
        with running(self.server, words) as daemon:
            daemon.wait_for(says("OLDBOX<20>", "ACTIVE"), 20)
            yield daemon

    def conf(self) -> Path:
        conf = self.folder / "smb.conf"
        paths = ("private", "lock", "state", "cache", "pid")
        (self.folder / "samba").mkdir(exist_ok=True)
        lines = [
            "netbios name = CELLAR",
            "workgroup = HOUSE",
            "interfaces = lan0",
            "bind interfaces only = yes",
            f"wins server = {SERVER}",
            f"log file = {self.folder}/samba/log",
            *(f"{each} directory = {self.folder}/samba" for each in paths),
        ]
        conf.write_text("[global]\n" + "".join(f"   {line}\n" for line in lines))
        return conf

    @contextmanager
    def nmbd(self) -> Iterator[Background]:
        command: list[str | Path] = ["nmbd", "--foreground", "--no-process-group"]
        command += ["--configfile", self.conf(), "--debug-stdout"]
        with running(self.host, command) as daemon:
            yield daemon

    def lookup(self, *words: str) -> str:
        """Ask our name server by nmblookup."""
        command = ["nmblookup", "-s", str(self.conf()), "--recursion"]
        command += ["--unicast", SERVER, *words]
        return peers.run(command, 30, namespace=self.host).output

    def register(self, name: str, address: str) -> list[str]:
        """Want a name, from the name server's own host; return what was answered."""
        command = [sys.executable, "-c", REGISTER, name, address]
        return peers.run(command, 30, namespace=self.server).output.splitlines()


@pytest.fixture
def net(make_namespace: Callable[[], str], tmp_path: Path) -> Net:
    for program in ("nmblookup", "nmbd"):
        if peers.which(program) is None:
            peers.missing(f"{program} is not installed")
    server, host = make_namespace(), make_namespace()
    cable(server, host)
    return Net(server, host, tmp_path)


def test_nmblookup_finds_static_records_and_no_others(net: Net) -> None:
    with net.wins():
        assert "10.77.0.9 OLDBOX<20>" in net.lookup("OLDBOX#20")
        both = net.lookup("CORP#1c")
        assert "10.77.0.7 CORP<1c>" in both
        assert "10.77.0.8 CORP<1c>" in both
        assert "name_query failed to find name NOBODY#20" in net.lookup("NOBODY#20")


def test_nmbd_registers_its_names_and_releases_them(net: Net) -> None:
    with net.wins() as wins:
        with net.nmbd():
            for name in ("CELLAR<00>", "CELLAR<03>", "CELLAR<20>"):
                wins.wait_for(says(name, "ACTIVE", HOST), 30)
            wins.wait_for(says("HOUSE<00>", "ACTIVE"), 30)
            assert f"{HOST} CELLAR<20>" in net.lookup("CELLAR#20")
            assert "255.255.255.255 HOUSE<00>" in net.lookup("HOUSE#00")
        wins.wait_for(says("CELLAR<20>", "RELEASED"), 30)
        assert "failed to find name CELLAR#20" in net.lookup("CELLAR#20")


def test_nmbd_defends_its_name_and_its_silence_gives_it_away(net: Net) -> None:
    with net.wins() as wins:
        with net.nmbd() as nmbd:
            wins.wait_for(says("CELLAR<20>", "ACTIVE", HOST), 30)
            answers = net.register("CELLAR", SERVER)
            assert answers == ["WACK RESPONSE 0", "NEGATIVE NAME REGISTRATION RESPONSE 6"]
            assert f"{HOST} CELLAR<20>" in net.lookup("CELLAR#20")
            nmbd.process.kill()
            nmbd.process.wait()
        answers = net.register("CELLAR", SERVER)
        assert answers == ["WACK RESPONSE 0", "POSITIVE NAME REGISTRATION RESPONSE 0"]
        assert f"{SERVER} CELLAR<20>" in net.lookup("CELLAR#20")


@pytest.mark.parametrize("end", ["asked to stop", "killed"])
def test_a_restart_keeps_what_nmbd_registered(net: Net, end: str) -> None:
    with net.wins() as wins:
        with net.nmbd() as nmbd:
            wins.wait_for(says("CELLAR<20>", "ACTIVE", HOST), 30)
            # Answered only when this and all that came before is on the disk.
            assert net.register("MARK", SERVER) == ["POSITIVE NAME REGISTRATION RESPONSE 0"]
            nmbd.process.kill()
            nmbd.process.wait()
        if end == "killed":
            wins.process.kill()
    assert stat.S_IMODE(net.store.stat().st_mode) == 0o600
    with closing(sqlite3.connect(net.store)) as db:
        assert db.execute("SELECT count(*) FROM names WHERE name = 'CELLAR'").fetchone()[0] >= 3
    with net.wins():
        assert f"{HOST} CELLAR<20>" in net.lookup("CELLAR#20")


def test_nmbds_names_reach_our_other_server(net: Net) -> None:
    other = Net(net.host, net.server, net.folder / "other")
    script = WINS.replace("static=(CORP, OLD)", "networks=()").replace(", 137)", ", 1137)")
    words: list[str | Path] = [sys.executable, "-c", script, other.store, HOST, SERVER]
    with net.wins(HOST) as wins, running(net.host, words) as second, net.nmbd():
        wins.wait_for(says("CELLAR<20>", "ACTIVE", HOST), 30)
        second.wait_for(says("CELLAR<20>", "ACTIVE", HOST), 30)
        second.wait_for(says("HOUSE<00>", "ACTIVE"), 30)
        second.wait_for(says("CORP<1C>", "ACTIVE", "10.77.0.7", "10.77.0.8"), 30)


@pytest.mark.parametrize("test", ["assoc_ctx2", "wins_replication"])
def test_samba_reads_our_records_by_replication(net: Net, test: str) -> None:
    peers.need("smbtorture")
    with net.wins(HOST):
        assert net.register("MARK", SERVER) == ["POSITIVE NAME REGISTRATION RESPONSE 0"]
        command = ["smbtorture", "-s", str(net.conf()), f"//{SERVER}/none", "-U%"]
        command.append(f"nbt.winsreplication.{test}")
        ran = peers.run(command, 60, namespace=net.host)
        assert f"success: {test}" in ran.output
        if test == "wins_replication":
            assert "MARK<20>" in ran.output
            assert "ADDR: 10.77.0.8       OWNER: 10.77.0.1" in ran.output
