"""Being found by others' software: wsdd's client, avahi-browse, and tshark watching the cable.

Two namespaces joined by a cable: the host in one, whoever looks for it in the other.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.lan import (
    CABLE,
    Background,
    announced,
    cable,
    discoverable,
    need_programs,
    running,
)
from tests.interop.nbt_wire import end_record

PATIENCE_S = 30.0

# A message bus that lets anybody own any name; avahi's own would need the system's.
BUS = """<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*"/><allow user="*"/></policy></busconfig>"""
AVAHI = f"""[server]
host-name=looker
allow-interfaces={CABLE}
[wide-area]
enable-wide-area=no
[publish]
disable-publishing=yes
[rlimits]
"""


@dataclass(frozen=True)
class Cable:
    """Namespaces: the host, who looks for it on the cable, and what is on its docker0."""

    host: str
    looker: str
    container: str


@pytest.fixture(scope="module")
def lan(make_namespace: Callable[[], str]) -> Cable:
    ends = Cable(make_namespace(), make_namespace(), make_namespace())
    cable(ends.host, ends.looker)
    # A container's bridge: nobody is to be told of it.
    cable(ends.host, ends.container, "docker0", "172.17.0")
    return ends


@pytest.fixture(scope="module", autouse=True)
def everything(
    lan: Cable, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Background, Path]]:
    """Record what passes on the cable in all of these tests, for the last of them."""
    record = tmp_path_factory.mktemp("discovery") / "everything.pcap"
    with captured(lan.looker, record) as recorder:
        yield recorder, record


@contextlib.contextmanager
def captured(namespace: str, file: Path, interface: str = CABLE) -> Iterator[Background]:
    """Record what passes on the cable while the block runs."""
    need_programs("tshark")
    with running(namespace, ["tshark", "-i", interface, "-P", "-l", "-w", file]) as recorder:
        recorder.wait_for(lambda line: "Capture started" in line, PATIENCE_S)
        yield recorder
        if recorder.process.poll() is None:
            end_record(recorder, namespace, interface)


def read_capture(file: Path, display_filter: str, *fields: str) -> list[list[str]]:
    """Return the packets of a filter, each as its fields."""
    words: list[str | Path] = ["tshark", "-r", file, "-Y", display_filter, "-T", "fields"]
    ran = peers.run([*words, *(w for f in ("frame.number", *fields) for w in ("-e", f))], 60)
    rows = [line.split("\t") for line in ran.output.splitlines()]
    return [row[1:] for row in rows if row[0].isdigit()]


def wait_until_announced(host: Background, *methods: str) -> None:
    for method in methods:
        host.wait_for(announced(method), PATIENCE_S)


@contextlib.contextmanager
def avahi(namespace: str, state: Path) -> Iterator[dict[str, str]]:
    """Run avahi-daemon with a message bus of its own; give the environment its clients need."""
    socket = state / "bus"
    (state / "bus.conf").write_text(BUS.format(socket=socket))
    (state / "avahi.conf").write_text(AVAHI)
    env = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={socket}"}
    bus = ["dbus-daemon", f"--config-file={state / 'bus.conf'}", "--nofork", "--print-address"]
    # Each command has its own mounts here, so an avahi of the machine keeps its /run.
    daemon = f"exec avahi-daemon --no-drop-root --no-chroot -f {state / 'avahi.conf'}"
    inside = f"mount -t tmpfs none /run && mkdir -p /run/avahi-daemon && {daemon}"
    with running(namespace, list(bus)) as said:
        said.wait_for(lambda line: "unix:path=" in line, PATIENCE_S)
        with running(namespace, ["unshare", "-m", "sh", "-c", inside], env) as server:
            server.wait_for(lambda line: "Server startup complete" in line, PATIENCE_S)
            yield env


def test_wsdd_sees_the_host_on_both_families(lan: Cable, tmp_path: Path) -> None:
    need_programs("wsdd", "tshark")
    record = tmp_path / "wsd.pcap"
    client = ["wsdd", "--discovery", "--no-host", "-v", "-v", "--interface", CABLE]
    with (
        captured(lan.looker, record),
        discoverable(lan.host) as host,
        running(lan.looker, list(client)) as wsdd,
    ):
        wait_until_announced(host, "ws-discovery")
        found = "discovered CELLAR in Workgroup:HOUSE on "
        wsdd.wait_for(lambda line: f"{found}10.77.0.1%" in line, PATIENCE_S)
        wsdd.wait_for(lambda line: f"{found}[fe80::" in line, PATIENCE_S)
        host.stop()
        wsdd.wait_for(lambda line: re.search(r'"Bye urn:uuid:', line) is not None, PATIENCE_S)
    assert not read_capture(record, "_ws.malformed", "frame.protocols")
    assert read_capture(record, "http.response.code == 200", "xml.tag")


def have_copies(wanted: int, lines: list[str]) -> bool:
    """Tell whether as many probes passed, each as often as wsdd repeated it."""
    return sum("10.77.0.2 \u2192 239.255.255.250 UDP" in line for line in lines) >= wanted


def test_each_probe_has_one_answer_from_the_address_it_came_to(lan: Cable, tmp_path: Path) -> None:
    need_programs("wsdd", "tshark")
    record = tmp_path / "probes.pcap"
    client = ["wsdd", "--discovery", "--no-host", "-v", "-4", "--interface", CABLE]
    with captured(lan.looker, record) as passing, discoverable(lan.host) as host:
        wait_until_announced(host, "ws-discovery")
        # Whatever else the first probe brings has come when the second is done.
        for wanted in (2, 4):
            with running(lan.looker, list(client)) as wsdd:
                wsdd.wait_for(lambda line: '"ProbeMatches ' in line, PATIENCE_S)
                passing.wait_until(partial(have_copies, wanted), PATIENCE_S)
        host.stop()
    probe = "udp.dstport == 3702 && ip.src == 10.77.0.2"
    answer = "udp.srcport == 3702 && ip.dst == 10.77.0.2"
    probes = [bytes.fromhex(row[0]) for row in read_capture(record, probe, "data")]
    answers = [bytes.fromhex(row[0]) for row in read_capture(record, answer, "data")]
    ids = [re.search(rb"MessageID>(urn:[^<]+)<", data) for data in probes]
    asked = {found[1] for found in ids if found}
    told = [re.search(rb"RelatesTo>(urn:[^<]+)<", data) for data in answers]
    assert len(probes) > len(asked), "wsdd repeats its probes"
    assert sorted(found[1] for found in told if found) == sorted(asked)
    assert all(b"<wsd:XAddrs>http://10.77.0.1:5357/" in data for data in answers)


def test_a_containers_bridge_hears_nothing(lan: Cable, tmp_path: Path) -> None:
    need_programs("tshark")
    record = tmp_path / "docker.pcap"
    with captured(lan.host, record, "docker0"), discoverable(lan.host) as host:
        wait_until_announced(host, "ws-discovery", "mdns")
        host.stop()
    events = [json.loads(line) for line in host.lines]
    assert all(e["interfaces"] == [CABLE] for e in events if e["event"] == "discovery")
    assert not read_capture(record, "udp.port in {3702, 5353}", "frame.protocols")


def test_each_network_is_told_its_own_address(lan: Cable) -> None:
    need_programs("wsdd")
    client = ["wsdd", "--discovery", "--no-host", "-v", "-4", "--interface"]
    with (
        running(lan.looker, [*client, CABLE]) as near,
        running(lan.container, [*client, "docker0"]) as inside,
        discoverable(lan.host, interfaces=[CABLE, "docker0"]) as host,
    ):
        wait_until_announced(host, "ws-discovery")
        for wsdd in (near, inside):
            wsdd.wait_for(lambda line: '"ProbeMatches ' in line, PATIENCE_S)
            wsdd.wait_for(lambda line: "discovered CELLAR" in line, PATIENCE_S)
    assert not any("172.17.0.1" in line for line in near.lines)
    assert not any("10.77.0.1" in line for line in inside.lines)


def test_avahi_browse_sees_the_share_and_the_device(lan: Cable, tmp_path: Path) -> None:
    need_programs("avahi-browse", "avahi-daemon", "dbus-daemon", "tshark")
    record = tmp_path / "mdns.pcap"
    browse = ["avahi-browse", "--parsable", "--no-db-lookup", "--resolve", "--terminate"]
    with (
        captured(lan.looker, record),
        avahi(lan.looker, tmp_path) as env,
        discoverable(lan.host, port=4450) as host,
    ):
        wait_until_announced(host, "mdns")
        share = peers.run([*browse, "_smb._tcp"], 60, namespace=lan.looker, env=env)
        device = peers.run([*browse, "_device-info._tcp"], 60, namespace=lan.looker, env=env)
        with running(lan.looker, ["avahi-browse", "--parsable", "_smb._tcp"], env) as watching:
            watching.wait_for(lambda line: line.startswith("+;"), PATIENCE_S)
            host.stop()
            watching.wait_for(lambda line: line.startswith("-;"), PATIENCE_S)
    rows = [line.split(";") for line in share.output.splitlines() if line.startswith("=;")]
    assert rows, share.output
    assert {(row[3], row[4], row[6], row[8]) for row in rows} == {
        ("CELLAR", "_smb._tcp", "CELLAR.local", "4450")
    }
    assert {row[7] for row in rows if row[2] == "IPv4"} == {"10.77.0.1"}
    assert '"model=MacSamba"' in device.output
    assert not read_capture(record, "_ws.malformed", "frame.protocols")


def test_a_name_taken_already_gets_a_number(lan: Cable) -> None:
    with discoverable(lan.looker, port=4450) as first:
        wait_until_announced(first, "mdns")
        with discoverable(lan.host, port=4450) as second:
            line = second.wait_for(announced("mdns"), PATIENCE_S)
    assert "this host as CELLAR-2 on" in json.loads(line)["sentence"]


def serve(state: Path, *options: str) -> list[str | Path]:
    """Return the command that serves a new folder to everybody who finds it."""
    password = state / "password"
    password.write_text("correct-horse-9\n")
    (state / "Public").mkdir()
    words: list[str | Path] = [sys.executable, "-m", "nethood", "serve", state / "Public", "--json"]
    return [*words, "--user", "alice", "--password-file", password, *options]


def test_serve_is_found_and_its_farewell_heard(lan: Cable, tmp_path: Path) -> None:
    need_programs("wsdd")
    client = ["wsdd", "--discovery", "--no-host", "-v", "-4", "--interface", CABLE]
    with (
        running(lan.looker, list(client)) as wsdd,
        running(lan.host, serve(tmp_path)) as server,
    ):
        wait_until_announced(server, "ws-discovery", "mdns")
        wsdd.wait_for(lambda line: "discovered " in line and "10.77.0.1%" in line, PATIENCE_S)
        server.stop()
        assert server.process.returncode == 0
        wsdd.wait_for(lambda line: '"Bye urn:uuid:' in line, PATIENCE_S)


def test_serve_says_nothing_with_no_discovery(lan: Cable, tmp_path: Path) -> None:
    record = tmp_path / "quiet.pcap"
    with (
        captured(lan.looker, record),
        running(lan.host, serve(tmp_path, "--no-discovery")) as server,
    ):
        server.wait_for(lambda line: '"ready"' in line, PATIENCE_S)
        server.stop()
    assert not any('"discovery"' in line for line in server.lines)
    assert not read_capture(record, "udp.port in {3702, 5353}", "frame.protocols")


def test_nothing_that_passed_is_malformed(lan: Cable, everything: tuple[Background, Path]) -> None:
    """The last of this file: it ends the record of all others."""
    recorder, record = everything
    end_record(recorder, lan.looker)
    wrong = "_ws.malformed or (_ws.expert.severity == error and ip.src == 10.77.0.1)"
    assert read_capture(record, wrong, "frame.protocols") == []
    for spoken in ("mdns", "udp.port == 3702"):
        assert read_capture(record, f"ip.src == 10.77.0.1 and {spoken}", "frame.protocols")
