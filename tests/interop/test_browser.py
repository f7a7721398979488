"""Our browser and Debian's nmbd on one network: announcements both ways, elections both ways."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop import peers
from tests.interop.lan import CABLE, Background, cable, need_programs, running
from tests.interop.nbt_wire import end_record

NMBD, OURS = "10.77.0.1", "10.77.0.2"

BROWSER = """
import asyncio, json, signal, sys
from ipaddress import IPv4Address, IPv4Network
from nethood.browse.settings import BrowserSettings
from nethood.nbt.name import NetbiosName
from nethood.nbt.node_model import Interface, NodeOptions
from nethood.neighborhood.browser import BrowserService
from nethood.neighborhood.datagram_port import DatagramPort
from nethood.neighborhood.node import NameNode

async def main():
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    interface = Interface(IPv4Address("10.77.0.2"), IPv4Network("10.77.0.0/24"))
    settings = BrowserSettings(**json.loads(sys.argv[1]))
    node = NameNode(NodeOptions((interface,)))
    node.open()
    for suffix in (0x00, 0x20):
        await node.add_name(NetbiosName(settings.host_name, suffix))
    port = DatagramPort(interface)
    port.open()
    service = BrowserService(settings, port, node)
    service.start()
    told = None
    while not over.is_set():
        view = service.view()
        state = {
            "role": view.role.value,
            "master": view.master_name,
            "servers": {e.name: [hex(e.server_type), e.comment, e.address] for e in view.servers},
            "groups": {e.name: e.comment for e in view.machine_groups},
            "malformed": port.malformed,
            "names": sorted(str(local.name) for local in node.node.names if local.is_held),
        }
        if state != told:
            told = state
            print(json.dumps(state), flush=True)
        try:
            await asyncio.wait_for(over.wait(), 0.05)
        except TimeoutError:
            pass
    await service.stop()
    port.close()
    await node.close()

asyncio.run(main())
"""

pytestmark = pytest.mark.timeout(280)

Lan = tuple[str, str]


@pytest.fixture(scope="module")
def lan(make_namespace: Callable[[], str]) -> Lan:
    """Two namespaces on one cable: nmbd's and ours."""
    need_programs("nmbd", "ip")
    namespaces = make_namespace(), make_namespace()
    cable(*namespaces)
    return namespaces


@pytest.fixture(scope="module", autouse=True)
def record(lan: Lan, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Background, Path]]:
    """Record all of these tests, for the last of them."""
    need_programs("tshark")
    capture = tmp_path_factory.mktemp("browser") / "capture.pcapng"
    with sniffing(lan[1], capture) as sniffer:
        yield sniffer, capture


@contextmanager
def nmbd(namespace: str, home: Path, **options: str) -> Iterator[Background]:
    """Run nmbd in a namespace; its folders are in *home*."""
    conf = home / "smb.conf"
    chosen = {
        "workgroup": "HOUSE",
        "netbios name": "SAMBA",
        "server string": "Samba in the attic",
        "interfaces": "lan0",
        "bind interfaces only": "yes",
        "domain master": "no",
        "log level": "2",
        **{
            f"{kind} {what}": str(home)
            for kind, what in (
                ("private", "dir"),
                ("lock", "directory"),
                ("state", "directory"),
                ("cache", "directory"),
                ("pid", "directory"),
            )
        },
    } | {key.replace("_", " "): value for key, value in options.items()}
    conf.write_text("[global]\n" + "".join(f"  {k} = {v}\n" for k, v in chosen.items()))
    (home / "core").mkdir()
    command: list[str | Path] = ["nmbd", "-F", "--debug-stdout", "--no-process-group", "-s", conf]
    with running(namespace, [*command, "-l", home]) as daemon:
        yield daemon


@contextmanager
def browser(namespace: str, **settings: Any) -> Iterator[Background]:
    """Run our browser in a namespace; its lines are what it knows, as JSON."""
    given = {"host_name": "CELLAR", "machine_group": "HOUSE", "comment": "nethood in the cellar"}
    words = [sys.executable, "-c", BROWSER, json.dumps(given | settings)]
    with running(namespace, list(words)) as daemon:
        yield daemon


def knows(**expected: object) -> Callable[[str], bool]:
    """Accept the line in which the fields have these values."""

    def accept(line: str) -> bool:
        state = json.loads(line)
        return all(state[key] == value for key, value in expected.items())

    return accept


def lists(name: str) -> Callable[[str], bool]:
    """Accept the line in which a server is listed."""
    return lambda line: name in json.loads(line)["servers"]


def browse_dat(daemon: Background, home: Path, name: str) -> str:
    """Have nmbd write its list until a server is in it; return the line that names it."""
    path = home / "browse.dat"
    until = time.monotonic() + 60
    while time.monotonic() < until:
        daemon.process.send_signal(signal.SIGHUP)
        time.sleep(0.2)
        lines = path.read_text().splitlines() if path.exists() else []
        found = [line for line in lines if line.startswith(f'"{name}"')]
        if found:
            return found[0]
    raise TimeoutError("\n".join(lines))


def test_an_election_lost_and_our_host_in_nmbds_list(lan: Lan, tmp_path: Path) -> None:
    """nmbd is the better candidate; it lists us, and we hear of it."""
    strong = {"preferred_master": "yes", "os_level": "255"}
    with nmbd(lan[0], tmp_path, **strong) as samba, browser(lan[1], is_browser=True) as own:
        line = own.wait_for(knows(master="SAMBA"), 90)
        assert json.loads(line)["role"] == "potential browser"
        listed = browse_dat(samba, tmp_path, "CELLAR")
        assert '"nethood in the cellar"' in listed
        assert '"HOUSE"' in listed
        heard = json.loads(own.wait_for(lists("SAMBA"), 60))
        assert heard["servers"]["SAMBA"][1:] == ["Samba in the attic", NMBD]
        assert heard["groups"]["HOUSE"] == "SAMBA"
        assert heard["malformed"] == 0


def test_an_election_won_and_nmbd_in_our_list(lan: Lan, tmp_path: Path) -> None:
    """nmbd is the weaker candidate; it gives way, announces itself to us, and finds us."""
    need_programs("nmblookup")
    weak = {"preferred_master": "no", "os_level": "1"}
    with (
        nmbd(lan[0], tmp_path, **weak),
        browser(lan[1], is_preferred_master=True) as own,
    ):
        own.wait_for(knows(role="local master browser"), 60)
        own.wait_for(lambda line: "HOUSE<1D>" in json.loads(line)["names"], 20)
        state = json.loads(own.wait_for(lists("SAMBA"), 90))
        assert state["role"] == "local master browser"
        assert state["servers"]["SAMBA"][1:] == ["Samba in the attic", NMBD]
        assert state["groups"] == {"HOUSE": "CELLAR"}
        assert state["malformed"] == 0
        conf = tmp_path / "smb.conf"
        asked = peers.run(["nmblookup", "-s", conf, "-M", "HOUSE"], 30, namespace=lan[0])
        assert f"{OURS} HOUSE<1d>" in asked.output


def test_a_master_that_leaves_is_succeeded_by_nmbd(lan: Lan, tmp_path: Path) -> None:
    """We are master and stop; nmbd hears the call for an election and wins it."""
    weak = {"preferred_master": "no", "os_level": "1"}
    with nmbd(lan[0], tmp_path, **weak) as samba:
        with browser(lan[1], is_preferred_master=True) as own:
            own.wait_for(knows(role="local master browser"), 60)
            own.wait_for(lists("SAMBA"), 90)
        samba.wait_for(lambda line: "is now a local master browser" in line, 60)


def test_what_passed_is_dissected_and_not_malformed(
    lan: Lan, record: tuple[Background, Path]
) -> None:
    """The last of this file: it ends the record of all others."""
    sniffer, capture = record
    end_record(sniffer, lan[1])
    assert faults(capture) == []
    kinds = dissected(capture, f"browser and ip.src == {OURS}")
    assert {"0x08", "0x01", "0x0c", "0x0f"} <= kinds
    assert {"0x08", "0x0f"} & dissected(capture, f"browser and ip.src == {NMBD}")


@contextmanager
def sniffing(namespace: str, capture: Path) -> Iterator[Background]:
    """Write down all that passes on the cable."""
    words: list[str | Path] = ["tshark", "-n", "-i", CABLE, "-P", "-l", "-w", capture]
    with running(namespace, words) as sniffer:
        sniffer.wait_for(lambda line: "Capture started" in line, 30)
        yield sniffer


def tshark(capture: Path, *options: str) -> list[str]:
    ran = peers.run(["tshark", "-n", "-r", capture, *options], 60)
    assert ran.status == 0, ran.output
    return [line for line in ran.output.splitlines() if not line.startswith("Running as user")]


def faults(capture: Path) -> list[str]:
    """Return the malformed packets of anybody, and ours with any error in them."""
    ours = f"_ws.expert.severity == error and ip.src == {OURS}"
    return tshark(capture, "-Y", f"_ws.malformed or ({ours})")


def dissected(capture: Path, which: str) -> set[str]:
    """Return the browser commands tshark sees among *which* packets."""
    return set(tshark(capture, "-Y", which, "-T", "fields", "-e", "browser.command"))
