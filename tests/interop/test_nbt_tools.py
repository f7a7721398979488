"""`nethood nbt` beside nmblookup and nbtscan, all asking Debian's nmbd and the same fleet."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.lan import running

ADDRESS = "10.77.3.1"
BROADCAST = "10.77.3.255"
CONF = """[global]
   netbios name = PEER
   workgroup = OFFICE
   interfaces = {address}/24
   bind interfaces only = yes
   wins support = yes
   log file = {home}/log
   ncalrpc dir = {home}/ncalrpc
"""


@dataclass(frozen=True)
class Place:
    """A namespace with an nmbd on ADDRESS, and its smb.conf."""

    namespace: str
    conf: Path

    def run(self, *command: str, timeout_s: float = 30) -> peers.Ran:
        return peers.run(command, timeout_s, namespace=self.namespace)

    def nethood(self, *arguments: str) -> peers.Ran:
        return self.run(sys.executable, "-m", "nethood", "nbt", *arguments)

    def nmblookup(self, *arguments: str) -> peers.Ran:
        return self.run("nmblookup", "-s", str(self.conf), *arguments)


@pytest.fixture(scope="module")
def place(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    peers.need("nmbd", "nmblookup")
    namespace, home = make_namespace(), tmp_path_factory.mktemp("nmbd")
    for words in (
        ["link", "add", "lan0", "type", "bridge"],
        ["address", "add", f"{ADDRESS}/24", "broadcast", BROADCAST, "dev", "lan0"],
        ["link", "set", "lan0", "up"],
    ):
        ran = peers.run(["ip", *words], 10, namespace=namespace)
        assert ran.status == 0, ran.output
    keys = ("private dir", "lock directory", "state directory", "cache directory", "pid directory")
    text = CONF.format(address=ADDRESS, home=home) + "".join(f"   {key} = {home}\n" for key in keys)
    (home / "smb.conf").write_text(text)
    place = Place(namespace, home / "smb.conf")
    command = ["nmbd", "-F", "--no-process-group", "-s", str(place.conf), "-l", str(home)]
    with running(namespace, list(command)):
        _await_master(place)
        yield place


def _await_master(place: Place) -> None:
    """Wait until nmbd is master browser: its table of names does not change any more then."""
    deadline = time.monotonic() + 60
    while "<1d>" not in place.nmblookup("-A", ADDRESS).output:
        assert time.monotonic() < deadline, "nmbd did not become master browser"


def test_a_status_is_what_nmblookup_prints_line_for_line(place: Place) -> None:
    theirs = place.nmblookup("-A", ADDRESS)
    ours = place.nethood("status", ADDRESS, "--style", "nmblookup")
    assert theirs.output.count("\n") > 6
    assert ours == theirs


def test_no_answer_is_what_nmblookup_prints_too(place: Place) -> None:
    theirs = place.nmblookup("-A", "10.77.3.9")
    ours = place.nethood("status", "10.77.3.9", "--style", "nmblookup", "--retries", "0")
    assert ours.output == theirs.output
    assert (ours.status, theirs.status) == (1, 1) or theirs.status == 0


@pytest.mark.parametrize(
    ("name", "way", "their_way"),
    [
        ("PEER", [], ["-B", BROADCAST]),
        ("PEER#20", ["--broadcast"], ["-B", BROADCAST]),
        ("OFFICE#1d", ["--to", BROADCAST], ["-B", BROADCAST]),
        ("OFFICE", ["--broadcast"], ["-B", BROADCAST]),
        ("PEER#20", ["--wins", ADDRESS], ["-U", ADDRESS, "--recursion"]),
        ("PEER", ["--unicast", ADDRESS], ["-U", ADDRESS]),
    ],
)
def test_a_query_finds_what_nmblookup_finds(
    place: Place, name: str, way: list[str], their_way: list[str]
) -> None:
    theirs = place.nmblookup(*their_way, name).output
    ours = place.nethood("query", name, *way, "--json")
    assert ours.status == 0, ours.output
    answers = [json.loads(line) for line in ours.output.splitlines()]
    lines = {f"{a['address']} {a['name']}<{a['suffix'].lower()}>" for a in answers}
    assert lines == set(re.findall(r"^[\d.]+ \S+>$", theirs, re.MULTILINE))


def test_a_name_nobody_has_is_status_1_as_with_nmblookup(place: Place) -> None:
    assert place.nmblookup("-B", BROADCAST, "NOSUCH").status == 1
    assert place.nethood("query", "NOSUCH").status == 1


def test_reverse_names_the_host(place: Place) -> None:
    assert place.nethood("reverse", ADDRESS).output == "OFFICE\\PEER\n"


def test_a_sweep_finds_what_nbtscan_finds(make_namespace: Callable[[], str]) -> None:
    peers.need("nbtscan")
    namespace = make_namespace()
    command = [sys.executable, "-m", "benchmarks.nbt_fleet", "--port", "137", "--every", "3"]
    with running(namespace, list(command)) as fleet:
        fleet.wait_for("137".__eq__, 10)
        sweep = [sys.executable, "-m", "nethood", "nbt", "sweep", "127.1.2.0/24", "--json"]
        ours = peers.run(sweep, 30, namespace=namespace)
        theirs = peers.run(["nbtscan", "-q", "-s", "|", "127.1.2.0/24"], 30, namespace=namespace)
    found = [json.loads(line) for line in ours.output.splitlines()]
    mine = {(f["address"], f["names"][0]["name"], f["mac"]) for f in found}
    rows = [[cell.strip() for cell in line.split("|")] for line in theirs.output.splitlines()]
    assert {(row[0], row[1], row[4]) for row in rows} == mine
    assert len(mine) == 86
