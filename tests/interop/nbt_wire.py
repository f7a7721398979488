"""Several hosts on one wire for the NetBIOS tests: a bridge that sees and records all they say."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop import peers
from tests.interop.lan import CABLE, Background, cable, running

BROADCAST = "10.77.0.255"
HUB = "10.77.0.254"
FAR = "10.78.0.2"
DISCARD = 9
PASSWORD = "correct-horse-9"
_LAST = """
import socket, sys
last = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
last.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
last.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
last.sendto(b"end", ("255.255.255.255", int(sys.argv[2])))
"""
_FOLDERS = ("private", "lock", "state", "cache", "pid")


def address(host: int) -> str:
    """Return the address of the host of that number, counted from 1."""
    return f"10.77.0.{host}"


@dataclass(frozen=True)
class Wire:
    """The namespaces: the bridge's, each host's by number, and one beyond the bridge, routed."""

    hub: str
    hosts: dict[int, str]
    far: str

    def run(self, host: int, *command: str | Path, timeout_s: float = 60) -> peers.Ran:
        return peers.run(command, timeout_s, namespace=self.hosts[host])

    def python(self, host: int, script: str, *words: str) -> list[str]:
        """Run a script of a library's on a host; return its lines."""
        ran = self.run(host, sys.executable, "-W", "ignore", "-c", script, *words)
        assert ran.status == 0, ran.output
        return ran.output.splitlines()


def lay(make_namespace: Callable[[], str], hosts: int) -> Wire:
    """Join as many hosts by a bridge, with a router to a network that is none of theirs."""
    peers.need("ip", "tshark")
    wire = Wire(make_namespace(), {n + 1: make_namespace() for n in range(hosts)}, make_namespace())
    _ip(wire.hub, f"link add {CABLE} type bridge")
    _ip(wire.hub, f"address add {HUB}/24 dev {CABLE}")
    _ip(wire.hub, f"link set {CABLE} up")
    for number, namespace in wire.hosts.items():
        end = f"port{number}"
        _ip(wire.hub, f"link add {end} type veth peer name {CABLE} netns {namespace}")
        _ip(wire.hub, f"link set {end} master {CABLE} up")
        quick = peers.run(
            ["sysctl", "-q", "-w", f"net.ipv6.conf.{CABLE}.accept_dad=0"], 10, namespace=namespace
        )
        assert quick.status == 0, quick.output
        _ip(namespace, f"address add {address(number)}/24 dev {CABLE}")
        _ip(namespace, f"link set {CABLE} up")
        _ip(namespace, f"route add default via {HUB}")
    cable(wire.hub, wire.far, "lan1", "10.78.0")
    _ip(wire.far, "route add default via 10.78.0.1")
    ran = peers.run(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"], 10, namespace=wire.hub)
    assert ran.status == 0, ran.output
    return wire


def _ip(namespace: str, words: str) -> None:
    ran = peers.run(["ip", *words.split()], 10, namespace=namespace)
    if ran.status:
        peers.missing(f"no network can be made here: {ran.output.strip()}")


@dataclass(frozen=True)
class Record:
    """What passes the bridge, being written to a file."""

    wire: Wire
    file: Path
    recorder: Background

    def end(self) -> None:
        """Write what has passed until now, and no more."""
        end_record(self.recorder, self.wire.hub)

    def dissected(self, display_filter: str, *fields: str) -> list[str]:
        """Return the packets of a filter: each as its fields, or as tshark's one line."""
        return dissected(self.file, display_filter, *fields)

    def faults(self, *ours: int) -> list[str]:
        """Return the malformed packets of anybody, and those of our hosts with any error."""
        here = ", ".join(map(address, ours))
        wrong = f"_ws.malformed or (_ws.expert.severity == error and ip.src in {{{here}}})"
        return self.dissected(wrong)


def end_record(recorder: Background, namespace: str, interface: str = CABLE) -> None:
    """End a tshark that prints (-P -l) what it writes, once all that has passed is written.

    It has packets in hand when it is told to stop: one more is sent, and waited for.
    """
    seen = len(recorder.lines)
    words = [sys.executable, "-c", _LAST, interface, str(DISCARD)]
    sent = peers.run(words, 20, namespace=namespace)
    assert sent.status == 0, sent.output
    recorder.wait_until(lambda lines: any(f" {DISCARD} Len=3" in line for line in lines[seen:]), 30)
    recorder.stop()


@contextmanager
def recorded(wire: Wire, file: Path) -> Iterator[Record]:
    """Record all that passes the bridge."""
    command: list[str | Path] = ["tshark", "-n", "-i", CABLE, "-P", "-l", "-w", file]
    with running(wire.hub, command) as recorder:
        recorder.wait_for(lambda line: "Capture started" in line, 30)
        yield Record(wire, file, recorder)


def dissected(record: Path, display_filter: str, *fields: str) -> list[str]:
    """Return the packets of a filter: each as its fields, or as tshark's one line."""
    words = ["-T", "fields", *(w for f in fields for w in ("-e", f))] if fields else []
    ran = peers.run(["tshark", "-n", "-r", record, "-Y", display_filter, *words], 120)
    assert ran.status == 0, ran.output
    return [line for line in ran.output.splitlines() if not line.startswith("Running as user")]


def samba_conf(home: Path, name: str, **options: str) -> Path:
    """Write an smb.conf with all its folders in *home*."""
    (home / "samba").mkdir(parents=True, exist_ok=True)
    chosen = {
        "netbios name": name,
        "workgroup": "HOUSE",
        "interfaces": CABLE,
        "bind interfaces only": "yes",
        "ncalrpc dir": f"{home}/samba/ncalrpc",
        "log file": f"{home}/samba/log",
        **{f"{kind} directory": f"{home}/samba" for kind in _FOLDERS},
    } | {key.replace("_", " "): value for key, value in options.items()}
    conf = home / f"{name}.conf"
    conf.write_text("[global]\n" + "".join(f"  {k} = {v}\n" for k, v in chosen.items()))
    return conf


@contextmanager
def nmbd(wire: Wire, host: int, conf: Path) -> Iterator[Background]:
    """Run nmbd on a host; its lines are its log at level 3."""
    command: list[str | Path] = ["nmbd", "-F", "--no-process-group", "-s", conf]
    with running(wire.hosts[host], [*command, "--debug-stdout", "--debuglevel=3"]) as daemon:
        yield daemon


@contextmanager
def serving(
    namespace: str, home: Path, config: str, *options: str, env: dict[str, str] | None = None
) -> Iterator[Background]:
    """Run `nethood serve` with a configuration; its lines are its events as JSON."""
    (home / "files").mkdir(parents=True)
    (home / "files" / "hello.txt").write_text("hello")
    (home / "nethood.toml").write_text(config + '[shares.files]\npath = "files"\n')
    (home / "password").write_text(f"{PASSWORD}\n")
    command: list[str | Path] = [sys.executable, "-m", "nethood", "serve", "--json"]
    command += ["--config", home / "nethood.toml", *options]
    command += ["--user", "alice", "--password-file", home / "password"]
    with running(namespace, command, env) as server:
        server.wait_for(lambda line: '"ready"' in line, 30)
        yield server


def event(kind: str, **fields: object) -> Callable[[str], bool]:
    """Accept the line with an event of that kind and with these fields."""

    def accept(line: str) -> bool:
        said = json.loads(line) if line.startswith("{") else {}
        wanted = {"event": kind} | fields
        return all(said.get(key) == value for key, value in wanted.items())

    return accept


def until(what: str, ask: Callable[[], bool], timeout_s: float = 60) -> None:
    """Ask again until it is so. Raises AssertionError, naming what did not happen."""
    deadline = time.monotonic() + timeout_s
    while not ask():
        assert time.monotonic() < deadline, f"in {timeout_s:g} s it did not happen that {what}"
        time.sleep(0.05)
