"""What nethood's and nmbd's name services send for what they are sent, byte for byte.

The figures of docs/amplification.md are measured here; `pytest -s` prints them. A request
with a forged source address looks like one from the host that has the address, so the hosts here
ask for themselves and count what comes back to them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from nethood.nbt.datagram import DIRECT_UNIQUE_DATAGRAM, Datagram, DatagramHeader
from nethood.nbt.name import NetbiosName
from tests.interop import peers
from tests.interop.lan import Background, cable, running

SERVER, NEIGHBOUR, ROUTER, FOREIGN = "10.77.0.1", "10.77.0.2", "10.78.0.1", "10.78.0.2"
DOCUMENT = Path(__file__).parents[2] / "docs" / "amplification.md"
IP_UDP_HEADERS = 28
FLOOD = 1000
NETHOOD = """[server]
name = "cellar"
workgroup = "house"
[netbios]
interfaces = ["lan0"]
[browser]
master = "potential"
[wins]
enabled = true
store = "wins.sqlite"
[shares.files]
path = "."
"""
DEFAULT_BURST, DEFAULT_RATE = 200, 50
NMBD = """[global]
   netbios name = CELLAR
   workgroup = HOUSE
   interfaces = lan0
   bind interfaces only = yes
   log file = {home}/log
"""

# Asks some thousand times a second, which nmbd can follow, and counts what comes until it is quiet.
ASK = """
import json, select, socket, sys, time
server, source, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
request, patience_s = bytes.fromhex(sys.argv[5]), float(sys.argv[6])
sizes = []
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
    asker.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    asker.bind((source, port))

    def take(wait_s):
        while select.select([asker], [], [], wait_s)[0]:
            sizes.append(len(asker.recv(65535)))
            if len(sizes) == count:
                return

    start = time.monotonic()
    for number in range(count):
        asker.sendto(request, (server, port))
        take(0 if number % 20 else 0.002)
    took_s = time.monotonic() - start
    if len(sizes) < count:
        take(patience_s)
found = {"requests": count, "sent": count * len(request), "sizes": sizes, "took_s": took_s}
print(json.dumps(found))
"""


def _request(name_of_16_bytes: bytes, question_type: int, flags: int = 0) -> str:
    letters = "".join(f"{0x41 + n:02x}" for b in name_of_16_bytes for n in (b >> 4, b & 15))
    return f"0001{flags:04x}000100000000000020{letters}00{question_type:04x}0001"


STATUS = _request(b"*" + bytes(15), 0x21)
QUERY = _request(b"CELLAR".ljust(15) + b"\x00", 0x20)


TO_WINS = _request(b"NOSUCH".ljust(16), 0x20, flags=0x0100)


def _datagram(source: str) -> str:
    """Return a datagram to a name nobody has, in hex."""
    header = DatagramHeader(DIRECT_UNIQUE_DATAGRAM, 1, IPv4Address(source))
    return Datagram(header, NetbiosName("WILMA"), NetbiosName("NOSUCH"), b"").encode().hex()


class Measured:
    """What was sent to a server and what came back: payload bytes, and with IP and UDP headers."""

    def __init__(self, said: str) -> None:
        found = json.loads(said)
        self.requests: int = found["requests"]
        self.sent: int = found["sent"]
        self.answers = len(found["sizes"])
        self.received: int = sum(found["sizes"])
        self.took_s: float = found["took_s"]

    @property
    def factor(self) -> float:
        return self.received / self.sent

    @property
    def ip_factor(self) -> float:
        answered = self.received + IP_UDP_HEADERS * self.answers
        return answered / (self.sent + IP_UDP_HEADERS * self.requests)

    def cells(self) -> str:
        return f"{self.received:,} | {self.factor:.2f} | {self.ip_factor:.2f}"


class Network:
    """A server, a neighbour that is its router too, and a host in another network."""

    def __init__(self, server: str, neighbour: str, foreign: str, home: Path) -> None:
        self.server, self.neighbour, self.foreign, self.home = server, neighbour, foreign, home

    def ask(self, source: str, request: str, count: int = 1, port: int = 137) -> Measured:
        namespace = self.foreign if source == FOREIGN else self.neighbour
        patience_s = 5 if source == NEIGHBOUR and count == 1 else 1
        command = [sys.executable, "-c", ASK, SERVER, source, str(port), str(count), request]
        command.append(str(patience_s))
        ran = peers.run(command, 60, namespace=namespace)
        assert ran.status == 0, ran.output
        return Measured(ran.output)

    def measure(self) -> dict[str, Measured]:
        """Return what is measured, by the label of its row in the document."""
        return {
            STATUS_OF_ONE: self.ask(NEIGHBOUR, STATUS),
            "name query, from the own network": self.ask(NEIGHBOUR, QUERY),
            "node status, from elsewhere": self.ask(FOREIGN, STATUS),
            "name query, from elsewhere": self.ask(FOREIGN, QUERY),
            f"{FLOOD:,} node status, from elsewhere": self.ask(FOREIGN, STATUS, FLOOD),
            FLOODED: self.ask(NEIGHBOUR, STATUS, FLOOD),
        }

    @contextmanager
    def nethood(self) -> Iterator[Background]:
        """Run the daemon as a potential browser: with four names, and its default limits."""
        config = self.home / "nethood.toml"
        config.write_text(NETHOOD)
        command = [sys.executable, "-m", "nethood", "nbt", "serve", "--config", str(config)]
        with running(self.server, list(command)) as daemon:
            self.await_names()
            yield daemon

    @contextmanager
    def nmbd(self) -> Iterator[Background]:
        """Run nmbd with its own defaults: a potential browser with five names."""
        keys = ("private dir", "lock dir", "state directory", "cache directory", "pid directory")
        conf = self.home / "smb.conf"
        text = NMBD.format(home=self.home)
        conf.write_text(text + "".join(f"   {key} = {self.home}\n" for key in keys))
        command = ["nmbd", "--foreground", "--no-process-group", "--configfile", str(conf)]
        with running(self.server, list(command)) as daemon:
            self.await_names()
            yield daemon

    def await_names(self) -> None:
        """Wait for the last name of those a potential browser claims when it starts."""
        look = [sys.executable, "-m", "nethood", "nbt", "query", "HOUSE#1e", "--retries", "20"]
        ran = peers.run([*look, "--wait", "1"], 60, namespace=self.neighbour)
        assert SERVER in ran.output, f"nobody is there: {ran.output}"


@pytest.fixture(scope="module")
def network(make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Network:
    server, neighbour, foreign = make_namespace(), make_namespace(), make_namespace()
    cable(server, neighbour)
    cable(neighbour, foreign, "lan1", "10.78.0")
    for namespace, *words in (
        (neighbour, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1"),
        (server, "ip", "route", "add", "default", "via", NEIGHBOUR),
        (foreign, "ip", "route", "add", "default", "via", ROUTER),
    ):
        ran = peers.run(words, 10, namespace=namespace)
        assert ran.status == 0, ran.output
    # Silence proves nothing unless the way is open: a port nobody listens on refuses.
    reach = f"import socket; socket.create_connection(({SERVER!r}, 9), 5)"
    ran = peers.run([sys.executable, "-c", reach], 10, namespace=foreign)
    assert "ConnectionRefusedError" in ran.output, ran.output
    return Network(server, neighbour, foreign, tmp_path_factory.mktemp("amplification"))


def documented() -> dict[str, tuple[str, str]]:
    """Return the cells of the document's table, nethood's and nmbd's, by label."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: (" | ".join(row[1:4]), " | ".join(row[4:7])) for row in rows if len(row) == 7}


def show(who: str, found: dict[str, Measured]) -> None:
    print(f"\n{who}")
    for label, row in found.items():
        print(f"| {label} | {row.cells()} |")


STATUS_OF_ONE = "node status, from the own network"
SIZE_OF_ALL_BUT_NAMES, SIZE_OF_A_NAME = 103, 18
FLOODED = f"{FLOOD:,} node status, from the own network"


def test_nethood_sends_what_the_document_says(network: Network) -> None:
    with network.nethood():
        others = {
            source: [
                network.ask(source, TO_WINS).received,
                network.ask(source, _datagram(source), port=138).received,
            ]
            for source in (NEIGHBOUR, FOREIGN)
        }
        found = network.measure()
    # The name server says no, and the datagram service sends an error.
    assert others == {NEIGHBOUR: [56, 11], FOREIGN: [0, 0]}
    show("nethood", found)
    told = documented()
    for label, row in found.items():
        if label.endswith("from elsewhere"):
            assert (row.answers, row.factor) == (0, 0)
        if row.requests == 1 and label != STATUS_OF_ONE:
            assert row.cells() == told[label][0]
    # On a slow machine the host has won its election before it is asked, and has two names more.
    status = found[STATUS_OF_ONE]
    if status.received == SIZE_OF_ALL_BUT_NAMES + 6 * SIZE_OF_A_NAME:
        larger = status.received / (SIZE_OF_ALL_BUT_NAMES + 4 * SIZE_OF_A_NAME)
    else:
        larger = 1.0
        assert status.cells() == told[STATUS_OF_ONE][0]
    flood = found[FLOODED]
    allowed = DEFAULT_BURST + DEFAULT_RATE * max(1, flood.took_s)
    assert DEFAULT_BURST - 1 <= flood.answers <= allowed
    factor = float(told[FLOODED][0].split(" | ")[1])
    assert flood.factor <= factor * larger * allowed / (DEFAULT_BURST + DEFAULT_RATE)


def test_nmbd_answers_everybody(network: Network) -> None:
    peers.need("nmbd")
    with network.nmbd():
        found = network.measure()
    show(f"nmbd {peers.version('nmbd')}", found)
    ours = documented()
    for label, row in found.items():
        assert row.answers
        assert row.factor >= float(ours[label][0].split(" | ")[1])


def test_a_name_more_is_18_bytes_more() -> None:
    told = documented()[STATUS_OF_ONE]
    sizes = [int(cells.split(" | ")[0]) for cells in told]
    assert sizes == [SIZE_OF_ALL_BUT_NAMES + SIZE_OF_A_NAME * names for names in (4, 5)]
    assert "103 bytes, and 18 more" in DOCUMENT.read_text(encoding="utf-8")
