"""A hundred servers that mean ill among twenty good ones, through the real command.

Each may cost its own time-out and no more; the good ones are known as well as without them.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop import hostile_peers, peers
from tests.interop.lan import running

TIMEOUT_S = 1.0
SLACK_S = 1.0
"""For a busy machine: between the end of a time-out and when it is noticed."""
GOOD = [f"127.67.0.{host}" for host in range(1, 21)]
MEMORY_MIB = 150


@dataclass
class Scanned:
    """What the scan made of everybody, and what it took."""

    hosts: dict[str, dict[str, Any]]
    seconds: float
    memory_mib: float

    def took(self, address: str) -> float:
        """Return how long the examination of a host was, in seconds."""
        report = self.hosts[address]["report"]
        return float(report["ended_unix"] - report["started_unix"])


_MEASURED = """
import sys
from nethood.cli import run
status = run(sys.argv[1:])
# Not ru_maxrss: that remembers how large the process was that started this one.
[peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(int(peak.split()[1]) / 1024)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def namespace(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A host where all of them are."""
    name, folder = make_namespace(), tmp_path_factory.mktemp("good")
    listen = ", ".join(f'"{address}:445"' for address in GOOD)
    (folder / "files").mkdir()
    config = folder / "nethood.toml"
    config.write_text(
        f'[server]\nlisten = [{listen}]\ndiscovery = false\n[shares.files]\npath = "files"\n'
    )
    (folder / "password").write_text("correct-horse-9\n")
    serve: list[str | Path] = [
        sys.executable,
        "-m",
        "nethood",
        "serve",
        "--config",
        config,
        "--json",
    ]
    serve += ["--user", "alice", "--password-file", folder / "password"]
    bad: list[str | Path] = [sys.executable, "-m", "tests.interop.hostile_peers"]
    with running(name, bad) as hostile, running(name, serve) as good:
        hostile.wait_for(lambda line: line == "ready", 20)
        good.wait_for(lambda line: json.loads(line)["event"] == "ready", 20)
        yield name


@pytest.fixture(scope="module")
def scanned(namespace: str, tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    home = tmp_path_factory.mktemp("home")
    targets = [address for kind in hostile_peers.KINDS for address in hostile_peers.addresses(kind)]
    words = ["scan", *targets, *GOOD, "--timeout", str(TIMEOUT_S), "--no-progress"]
    words += ["--parallel", "120", "--json", str(home / "hosts.json")]
    began = time.monotonic()
    ran = peers.run(
        [sys.executable, "-c", _MEASURED, *words],
        60,
        namespace=namespace,
        env={"XDG_STATE_HOME": str(home)},
    )
    seconds = time.monotonic() - began
    assert ran.status == 0, ran.output
    hosts = map(json.loads, (home / "hosts.json").read_text().splitlines())
    by_address = {host["address"]: host for host in hosts if host["kind"] == "host"}
    return Scanned(by_address, seconds, float(ran.output.split()[-1]))


@pytest.mark.parametrize("kind", hostile_peers.KINDS)
def test_each_costs_its_own_time_out(scanned: Scanned, kind: str) -> None:
    for address in hostile_peers.addresses(kind):
        assert scanned.took(address) < 2 * TIMEOUT_S + SLACK_S, address
        report = scanned.hosts[address]["report"]
        assert report["server"]["value"] is None
        assert report["server"]["unknown"] != "not asked"
        assert scanned.hosts[address]["grade"] in ("-", "B")


def test_the_others_are_known_as_well_as_ever(scanned: Scanned) -> None:
    for address in GOOD:
        host = scanned.hosts[address]
        assert (host["grade"], host["at_best"]) == ("A", False), host["unknowns"]
        assert len([f for f in host["report"]["dialects"]["value"] if f["supported"]]) == 5


def test_all_of_it_costs_little_more_than_one_time_out(scanned: Scanned) -> None:
    print(f"{len(scanned.hosts)} hosts, {scanned.seconds:.1f} s, {scanned.memory_mib:.0f} MiB")
    assert len(scanned.hosts) == len(hostile_peers.KINDS) * hostile_peers.OF_A_KIND + len(GOOD)
    assert scanned.seconds < 20
    assert scanned.memory_mib < MEMORY_MIB
