"""smbtorture's nbt.* tests: smbtorture-nbt.txt lists what passes, and why the others do not."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop import nbt_wire as net
from tests.interop import peers
from tests.interop.lan import running
from tests.interop.smbtorture import HERE, judge, read_list
from tests.interop.test_wins import WINS

LIST = HERE / "smbtorture-nbt.txt"
OURS, TORTURE = 1, 2
NAME_SERVER = 3
TESTS = read_list(LIST)
CONFIG = """[server]
name = "cellar"
workgroup = "house"
discovery = false
[netbios]
interfaces = ["lan0"]
"""

pytestmark = pytest.mark.timeout(120)

Place = tuple[net.Wire, net.Record, Path]


@pytest.fixture(scope="module")
def place(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A host on the wire, a name server that has smbtorture for a partner, and a record."""
    peers.need("smbtorture")
    wire = net.lay(make_namespace, 3)
    home = tmp_path_factory.mktemp("torture")
    net.samba_conf(home, "TORTURE", name_resolve_order="bcast")
    addresses = [net.address(host) for host in (NAME_SERVER, TORTURE)]
    words: list[str | Path] = [sys.executable, "-c", WINS, home / "wins.sqlite", *addresses]
    env = {"RUNTIME_DIRECTORY": str(home)}
    with (
        net.recorded(wire, home / "all.pcapng") as record,
        running(wire.hosts[NAME_SERVER], words) as wins,
        net.serving(wire.hosts[OURS], home / "host", CONFIG, "--netbios", env=env) as host,
    ):
        host.wait_for(net.event("netbios", name="CELLAR"), 30)
        wins.wait_for(lambda line: "OLDBOX<20>" in line, 30)
        yield wire, record, home


@pytest.mark.parametrize("test", TESTS)
def test_passes_still(place: Place, test: str) -> None:
    wire, _, home = place
    host = net.address(NAME_SERVER) if ".wins" in test else "CELLAR"
    command = ["smbtorture", f"//{host}/files", "-s", str(home / "TORTURE.conf"), "-U%"]
    ran = wire.run(TORTURE, *command, "--format=subunit", test, timeout_s=60)
    verdict, reason = judge(ran)
    assert verdict == "success", reason


def test_every_test_is_in_the_list() -> None:
    peers.need("smbtorture")
    listed = peers.run(["smbtorture", "--list"], 30).output.splitlines()
    known = re.findall(r"^# not: (\S+)$", LIST.read_text(), re.MULTILINE)
    assert sorted([*TESTS, *known]) == sorted(line for line in listed if line.startswith("nbt."))


def test_what_passed_is_dissected_and_not_malformed(place: Place) -> None:
    """The last of this file: it ends the record."""
    _, record, _ = place
    record.end()
    assert record.faults(OURS, NAME_SERVER) == []
    assert record.dissected("nbns.flags.rcode == 6", "frame.number")
    assert record.dissected("winsrepl", "frame.number")
