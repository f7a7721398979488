"""`nethood serve --netbios` as everybody's look-up tools see it, all of it recorded and dissected.

One host serves, is a name server and master browser; the tools run on another; nmbd is a third.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import nbt_wire as net
from tests.interop import peers
from tests.interop.lan import Background
from tests.interop.nbt_wire import BROADCAST, FAR, Record, Wire

OURS, TOOLS, NMBD = 1, 2, 3
HOST = net.address(OURS)
CONFIG = """[server]
name = "attic"
workgroup = "house"
comment = "up there"
[netbios]
interfaces = ["lan0"]
[browser]
master = "preferred"
[wins]
enabled = true
store = "wins.sqlite"
"""
# The host's table of names, in its order.
NAMES = [
    ("ATTIC", 0x00, False),
    ("ATTIC", 0x20, False),
    ("HOUSE", 0x00, True),
    ("HOUSE", 0x1E, True),
    ("HOUSE", 0x1D, False),
    ("\1\2__MSBROWSE__\2", 0x01, True),
]
SERVICES = [
    "Workstation Service",
    "File Server Service",
    "Domain Name",
    "Browser Service Elections",
    "Master Browser",
    "Master Browser",
]

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True)
class Place:
    """The wire with the host on it, and where the tools' files and the record are."""

    wire: Wire
    host: Background
    record: Record
    home: Path
    mac: str
    """What the host says its adapter is, as 00:15:5d:01:2a:3b."""

    def lookup(self, *words: str) -> list[str]:
        """Run nmblookup on the tools' host."""
        return self.tool("nmblookup", "-s", str(self.home / "TOOLS.conf"), *words)

    def tool(self, *command: str) -> list[str]:
        return self.wire.run(TOOLS, *command).output.splitlines()

    def browse(self) -> dict[str, dict[str, str]]:
        """Return the list of hosts as the running host has it."""
        command = [sys.executable, "-m", "nethood", "browse", "--from", "daemon", "--json"]
        env = {"RUNTIME_DIRECTORY": str(self.home)}
        ran = peers.run(command, 30, namespace=self.wire.hosts[OURS], env=env)
        lines = ran.output.splitlines()
        rows = [json.loads(line) for line in lines if line.startswith("{")]
        return {row["name"]: row for row in rows if "name" in row}


@pytest.fixture(scope="module")
def place(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    peers.need("nmblookup")
    wire = net.lay(make_namespace, 3)
    home = tmp_path_factory.mktemp("neighbours")
    net.samba_conf(home, "TOOLS")
    env = {"RUNTIME_DIRECTORY": str(home)}
    serving = net.serving(wire.hosts[OURS], home / "host", CONFIG, "--netbios", env=env)
    with net.recorded(wire, home / "all.pcapng") as record, serving as host:
        host.wait_for(net.event("netbios", name="ATTIC"), 30)
        place = Place(wire, host, record, home, _mac(wire))
        net.until("it is master", lambda: f"{HOST} HOUSE<1d>" in place.lookup("-M", "HOUSE"))
        yield place


def _mac(wire: Wire) -> str:
    command = [sys.executable, "-m", "nethood", "nbt", "status", HOST, "--json"]
    ran = wire.run(TOOLS, *command)
    mac: str = json.loads(ran.output.splitlines()[0])["mac"]
    return mac


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ATTIC"], f"{HOST} ATTIC<00>"),
        (["-B", BROADCAST, "ATTIC#20"], f"{HOST} ATTIC<20>"),
        (["-B", BROADCAST, "HOUSE"], f"{HOST} HOUSE<00>"),
        (["-B", BROADCAST, "HOUSE#1e"], f"{HOST} HOUSE<1e>"),
        (["-B", BROADCAST, "ATTIC#03"], "name_query failed to find name ATTIC#03"),
        (["-M", "HOUSE"], f"{HOST} HOUSE<1d>"),
        (["-M", "--", "-"], f"{HOST} \1\2__MSBROWSE__\2<01>"),
        (["-U", HOST, "ATTIC"], f"{HOST} ATTIC<00>"),
        (["--recursion", "-U", HOST, "ATTIC#20"], f"{HOST} ATTIC<20>"),
        (["--recursion", "-U", HOST, "NOSUCH"], "name_query failed to find name NOSUCH"),
        (["--root-port", "-B", BROADCAST, "ATTIC"], f"{HOST} ATTIC<00>"),
    ],
)
def test_nmblookup(place: Place, words: list[str], expected: str) -> None:
    assert place.lookup(*words)[-1] == expected


@pytest.mark.parametrize("words", [["-A", HOST], ["-S", "-B", BROADCAST, "ATTIC"]])
def test_nmblookup_reads_the_table_of_names(place: Place, words: list[str]) -> None:
    lines = place.lookup(*words)
    at = lines.index(f"Looking up status of {HOST}")
    table = [
        f"\t{name:<15} <{suffix:02x}> - {'<GROUP>' if group else ' ' * 7} B <ACTIVE> "
        for name, suffix, group in NAMES
    ]
    table[-1] = "\t..__MSBROWSE__. <01> - <GROUP> B <ACTIVE> "
    mac = place.mac.upper().replace(":", "-")
    assert lines[at + 1 :] == [*table, "", f"\tMAC Address = {mac}", ""]


HEAD = [
    f"Doing NBT name scan for addresses from {HOST}",
    "",
    "IP address       NetBIOS Name     Server    User             MAC address      ",
    "-" * 78,
]


def nbtscan(place: Place, *options: str) -> list[str]:
    """Return what nbtscan prints, without what it says of every host's packet."""
    peers.need("nbtscan")
    lines = place.tool("nbtscan", "-t", "200", *options, HOST)
    return [line for line in lines if not line.startswith("Incomplete packet")]


@pytest.mark.parametrize(
    ("options", "head", "row"),
    [
        ([], HEAD, f"{HOST}        ATTIC            <server>  <unknown>        MAC"),
        (["-r"], HEAD, f"{HOST}        ATTIC            <server>  <unknown>        MAC"),
        (["-q"], [], f"{HOST}        ATTIC            <server>  <unknown>        MAC"),
        (["-l"], [], f"{HOST}\tATTIC          \t#PRE"),
        (["-e"], [], f"{HOST}\tATTIC          "),
        (["-s", "|"], [], f"{HOST}|ATTIC          |<server>|<unknown>|MAC"),
        (["-m", "1", "-s", ","], [], f"{HOST},ATTIC          ,<server>,<unknown>,MAC"),
    ],
)
def test_nbtscan_has_one_line_for_it(
    place: Place, options: list[str], head: list[str], row: str
) -> None:
    assert nbtscan(place, *options) == [*head, row.replace("MAC", place.mac)]


@pytest.mark.parametrize("human", [False, True])
def test_nbtscan_tells_every_name(place: Place, human: bool) -> None:
    if human:
        rows = [f"{n:<17}{s}" for (n, _, _), s in zip(NAMES, SERVICES, strict=True)]
    else:
        kinds = {True: " GROUP", False: "UNIQUE"}
        rows = [f"{name:<17}<{suffix:02x}>             {kinds[g]}" for name, suffix, g in NAMES]
    said = nbtscan(place, "-v", *(["-h"] if human else []))
    at = next(i for i, line in enumerate(said) if line.startswith("-----"))
    assert said[3] == f"NetBIOS Name Table for Host {HOST}:"
    assert said[at + 1 : -1] == [*rows, "", f"Adapter address: {place.mac}"]


@pytest.mark.parametrize("human", [False, True])
def test_nbtscan_tells_every_name_to_a_script(place: Place, human: bool) -> None:
    services = [f"{suffix:02x}{'UG'[group]}" for _, suffix, group in NAMES]
    services = SERVICES if human else services
    rows = [f"{HOST}:{n:<15}:{s}" for (n, _, _), s in zip(NAMES, services, strict=True)]
    said = nbtscan(place, "-v", "-s", ":", *(["-h"] if human else []))
    assert said == [*rows, f"{HOST}:MAC:{place.mac}"]


def test_nbtscan_dumps_the_packet(place: Place) -> None:
    lines = nbtscan(place, "-d")
    assert "Number of names: 0x06 (6)" in lines
    assert f"Adapter address: {place.mac}" in lines
    flags = {True: "0x0084", False: "0x0004"}
    for name, suffix, group in NAMES:
        assert f"{name:<15}   Service: 0x{suffix:02x} Flags: {flags[group]}" in lines


def test_nmap_nbstat_prints_names_and_address(place: Place) -> None:
    peers.need("nmap")
    lines = place.tool("nmap", "-n", "-Pn", "-sU", "-p137", "--script", "nbstat", HOST)
    assert "137/udp open  netbios-ns" in lines
    mac = place.mac.replace(":", "").lower()
    [head] = [line for line in lines if "nbstat:" in line]
    assert head.startswith(
        f"| nbstat: NetBIOS name: ATTIC, NetBIOS user: <unknown>, NetBIOS MAC: {mac}"
    )
    told = [re.sub(r"^\|_? *", "", line) for line in lines[lines.index(head) + 2 :]]
    for (name, suffix, group), line in zip(NAMES, told, strict=False):
        shown = name.replace("\1", "\\x01").replace("\2", "\\x02")
        flags = "<group><active>" if group else "<unique><active>"
        assert line.split() == [f"{shown}<{suffix:02x}>", "Flags:", flags]


SMBCLIENT = ("-p", "139", "-U", f"alice%{net.PASSWORD}", "-c", "ls")


@pytest.mark.parametrize(
    "way",
    [["-R", "bcast"], ["-R", "wins", f"--option=wins server={HOST}"]],
    ids=["by broadcast", "by the name server"],
)
def test_smbclient_by_netbios_name_over_139(place: Place, way: list[str]) -> None:
    peers.need("smbclient")
    conf = str(place.home / "TOOLS.conf")
    lines = place.tool("smbclient", "-s", conf, "//ATTIC/files", *way, *SMBCLIENT)
    assert any("hello.txt" in line for line in lines), lines


def test_smbclient_calling_another_name_is_told_that_it_is_not_here(place: Place) -> None:
    peers.need("smbclient")
    conf = str(place.home / "TOOLS.conf")
    command = ["smbclient", "-s", conf, "//CELLAR/files", "-I", HOST, *SMBCLIENT]
    # smbclient then calls *SMBSERVER, as everybody may who knows nothing but the address.
    assert any("hello.txt" in line for line in place.tool(*command))


IMPACKET = """
import sys
from impacket.nmb import NetBIOS, NetBIOSTimeout, TYPE_SERVER, TYPE_WORKSTATION
host, everybody = sys.argv[1:]
netbios = NetBIOS()
netbios.set_broadcastaddr(everybody)
for suffix in (TYPE_WORKSTATION, TYPE_SERVER):
    print("by broadcast", *netbios.gethostbyname("ATTIC", suffix).entries)
for name in ("ATTIC", "*"):
    for entry in netbios.getnodestatus(name, host):
        print(name, entry["NAME"], entry["TYPE"], hex(entry["NAME_FLAGS"]))
print("name", netbios.getnetbiosname(host), "of", netbios.getmacaddress())
netbios.set_nameserver(host)
print("by the name server", *netbios.gethostbyname("ATTIC", TYPE_SERVER).entries)
try:
    netbios.gethostbyname("NOSUCH")
except Exception as error:
    print("NOSUCH", type(error).__name__)
"""


def test_impacket_looks_it_up(place: Place) -> None:
    peers.need("impacket")
    lines = place.wire.python(TOOLS, IMPACKET, HOST, BROADCAST)
    assert lines[:2] == [f"by broadcast {HOST}"] * 2
    table = [
        f"{name.ljust(15).encode()!r} {suffix} {'0x8400' if group else '0x400'}"
        for name, suffix, group in NAMES
    ]
    assert lines[2:-3] == [f"{asked} {row}" for asked in ("ATTIC", "*") for row in table]
    mac = place.mac.upper().replace(":", "-")
    assert lines[-3:-1] == [f"name ATTIC of {mac}", f"by the name server {HOST}"]
    assert lines[-1].startswith("NOSUCH NetBIOS")


PYSMB = """
import sys
from nmb.NetBIOS import NetBIOS
host, everybody = sys.argv[1:]
asking = NetBIOS(broadcast=True)
print(asking.queryName("ATTIC", ip=everybody, timeout=5))
asking.close()
asking = NetBIOS(broadcast=False)
print(asking.queryName("ATTIC", ip=host, timeout=5))
print(asking.queryIPForName(host, timeout=5))
print(asking.queryName("NOSUCH", ip=host, timeout=0.3))
asking.close()
"""


def test_pysmb_looks_it_up(place: Place) -> None:
    peers.need("pysmb")
    lines = place.wire.python(TOOLS, PYSMB, HOST, BROADCAST)
    assert lines == [f"['{HOST}']", f"['{HOST}']", "['ATTIC']", "None"]


def test_nmbd_registers_is_found_listed_and_released(place: Place) -> None:
    """nmbd is a client of our name server, in the group we are master browser of."""
    peers.need("nmbd")
    conf = net.samba_conf(
        place.home, "PEER", wins_server=HOST, local_master="no", server_string="third on the wire"
    )
    asked = ("--recursion", "-U", HOST)
    theirs = net.address(NMBD)
    with net.nmbd(place.wire, NMBD, conf):
        net.until(
            "nmbd's names are with our name server",
            lambda: f"{theirs} PEER<20>" in place.lookup(*asked, "PEER#20"),
        )
        # Normal groups have no members in a name server: one is to ask the wire (RFC 1002 5.1.4).
        assert place.lookup(*asked, "PEER#03")[-1] == f"{theirs} PEER<03>"
        assert place.lookup(*asked, "HOUSE#1e")[-1] in (
            f"{HOST} HOUSE<1e>",
            "255.255.255.255 HOUSE<1e>",
        )
        both = {f"{HOST} HOUSE<00>", f"{theirs} HOUSE<00>"}
        net.until(
            "both answer for their group",
            lambda: both <= set(place.lookup("-B", BROADCAST, "HOUSE")),
        )
        net.until("nmbd is in our list", lambda: "PEER" in place.browse())
        [listed] = [row for name, row in place.browse().items() if name == "PEER"]
        assert (listed["comment"], listed["address"]) == ("third on the wire", theirs)
    failed = "name_query failed to find name PEER#20"
    assert place.lookup(*asked, "PEER#20")[-1] == failed


def reach(place: Place, port: int) -> peers.Ran:
    """Connect from beyond the router: that the way there and back is open."""
    script = f"import socket; socket.create_connection(('{HOST}', {port}), 5).close()"
    return peers.run([sys.executable, "-c", script], 20, namespace=place.wire.far)


UNANSWERED = """
import socket, sys
from nethood.nbt import name_service as ns
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_status import node_status_request
from ipaddress import IPv4Address
host, address = sys.argv[1:]
name = NetbiosName("ATTIC", 0x20)
entry = ns.AddressEntry(0, IPv4Address(address))
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(1)
for packet in (
    ns.name_query_request(1, name),
    ns.name_query_request(2, name, recursion=False),
    ns.name_query_request(3, NetbiosName("NOSUCH", 0)),
    node_status_request(4),
    ns.registration_request(5, NetbiosName("FAR", 0x20), entry),
    ns.refresh_request(6, name, entry),
    ns.release_request(7, name, entry),
):
    asking.sendto(packet.encode(), (host, 137))
try:
    print("answered", asking.recv(1000).hex())
except TimeoutError:
    print("silence")
"""


def test_nobody_beyond_the_networks_is_answered(place: Place) -> None:
    assert reach(place, 445).status == 0
    command = [sys.executable, "-c", UNANSWERED, HOST, FAR]
    far = peers.run(command, 30, namespace=place.wire.far)
    assert far.output == "silence\n"
    near = place.wire.python(TOOLS, UNANSWERED, HOST, net.address(TOOLS))
    assert near[0].startswith("answered")


FLOOD = """
import socket, sys, time
from nethood.nbt import name_service as ns
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_status import node_status_request
host, wins, source, other = sys.argv[1:]
questions = [node_status_request(1).encode()]
if wins == "yes":
    questions = [ns.name_query_request(1, NetbiosName("NOSUCH", 0)).encode()]
sockets = []
for address in (source, other):
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    asking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    asking.bind((address, 0))
    asking.settimeout(0.3)
    sockets.append(asking)
begin = time.monotonic()
answers, (flood, calm) = 0, sockets
def drain(wait):
    global answers
    flood.setblocking(wait)
    if wait:
        flood.settimeout(0.3)
    try:
        while flood.recv(1000):
            answers += 1
    except (BlockingIOError, TimeoutError):
        pass
for count in range(2000):
    flood.sendto(questions[0], (host, 137))
    if count % 20 == 19:
        drain(False)
        time.sleep(0.001)
heard = False
for _ in range(5):
    calm.sendto(questions[0], (host, 137))
    try:
        heard = heard or len(calm.recv(1000)) > 0
    except TimeoutError:
        continue
drain(True)
print(answers, time.monotonic() - begin, heard)
"""


@pytest.mark.parametrize(("kind", "number"), [("status", 21), ("names", 22)])
def test_a_flood_is_answered_at_a_bounded_rate(place: Place, kind: str, number: int) -> None:
    """2000 questions at once from one address; another address has its answer meanwhile."""
    addresses = [net.address(number), net.address(number + 10)]
    for each in addresses:
        words = ["ip", "address", "add", f"{each}/24", "dev", "lan0"]
        assert place.wire.run(TOOLS, *words).status == 0
    wins = "yes" if kind == "names" else "no"
    [line] = place.wire.python(TOOLS, FLOOD, HOST, wins, *addresses)
    answers, seconds, heard = line.split()
    assert heard == "True"
    # 200 at once and 50 a second are let through (nbt/source_limit.py).
    assert 150 <= int(answers) <= 200 + 50 * float(seconds) + 1


def test_what_passed_is_dissected_and_not_malformed(place: Place) -> None:
    """The last of this file: it ends the record."""
    record = place.record
    record.end()
    assert record.faults(OURS) == []
    ours = f"ip.src == {HOST}"
    for spoken in ("nbns.flags.response == 1", "browser", "nbss", "mdns", "udp.port == 3702"):
        assert record.dissected(f"{ours} and ({spoken})", "frame.number"), spoken
    assert not record.dissected(f"ip.dst == {FAR} and udp", "frame.number")
