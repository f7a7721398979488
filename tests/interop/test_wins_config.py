"""Two name servers from their nethood.toml: static entries, and each other's records."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.interop import peers
from tests.interop.lan import cable, running

EAST, WEST = "10.77.0.1", "10.77.0.2"
CONFIG = """[server]
name = "{name}"
[netbios]
interfaces = ["lan0"]
[wins]
enabled = true
store = "{name}.sqlite"
renewal_s = 3600.0
push_delay_s = 0.0
[[wins.partners]]
address = "{partner}"
interval_s = 10.0
"""
STATIC = """
[[wins.static]]
name = "CORP#1C"
kind = "special-group"
addresses = ["10.77.0.7", "10.77.0.8", "10.77.0.9"]
[[wins.static]]
name = "OLDBOX#20"
addresses = ["10.77.0.6"]
[[wins.static]]
name = "TWOLEGS#20"
kind = "multihomed"
addresses = ["10.77.0.4", "10.77.0.5"]
"""


def nethood(namespace: str, *arguments: str) -> peers.Ran:
    return peers.run([sys.executable, "-m", "nethood", *arguments], 30, namespace=namespace)


@pytest.fixture(scope="module")
def servers(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """The namespaces of two name servers; the eastern one has the static entries."""
    peers.need("nmblookup")
    home = tmp_path_factory.mktemp("wins")
    east, west = make_namespace(), make_namespace()
    cable(east, west)
    (home / "east.toml").write_text(CONFIG.format(name="EASTERN", partner=WEST) + STATIC)
    (home / "west.toml").write_text(CONFIG.format(name="WESTERN", partner=EAST))
    with ExitStack() as stack:
        for namespace, name in ((west, "west"), (east, "east")):
            command = [sys.executable, "-m", "nethood", "nbt", "serve", "--json"]
            command += ["--config", str(home / f"{name}.toml")]
            env = {"RUNTIME_DIRECTORY": str(home / name)}
            daemon = stack.enter_context(running(namespace, list(command), env))
            daemon.wait_for(lambda line: json.loads(line)["event"] == "netbios", 20)
        yield east, west


def eventually(ask: Callable[[], peers.Ran], wanted: str, timeout_s: float = 20) -> str:
    """Ask until *wanted* is in the answer; a partner is told a moment later."""
    deadline = time.monotonic() + timeout_s
    while wanted not in (output := ask().output):
        assert time.monotonic() < deadline, output
    return output


def test_nmblookup_gets_every_address_of_a_special_group(servers: tuple[str, str]) -> None:
    command = ["nmblookup", "-s", "/dev/null", "--recursion", "-U", EAST, "CORP#1c"]
    output = peers.run(command, 30, namespace=servers[1]).output
    for host in ("7", "8", "9"):
        assert f"10.77.0.{host} CORP<1c>" in output


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("CORP#1c", {"10.77.0.7", "10.77.0.8", "10.77.0.9"}),
        ("OLDBOX#20", {"10.77.0.6"}),
        ("TWOLEGS#20", {"10.77.0.4", "10.77.0.5"}),
    ],
)
def test_the_partner_answers_static_entries(
    servers: tuple[str, str], name: str, addresses: set[str]
) -> None:
    def ask() -> peers.Ran:
        return nethood(servers[0], "nbt", "query", name, "--wins", WEST, "--json")

    output = eventually(ask, min(addresses))
    assert {json.loads(line)["address"] for line in output.splitlines()} == addresses


def test_nmblookup_gets_the_special_group_from_the_partner_too(servers: tuple[str, str]) -> None:
    command = ["nmblookup", "-s", "/dev/null", "--recursion", "-U", WEST, "CORP#1c"]
    output = eventually(lambda: peers.run(command, 30, namespace=servers[0]), "10.77.0.9 CORP<1c>")
    assert output.count("CORP<1c>") == 3


def test_what_is_registered_at_one_is_answered_by_the_other(servers: tuple[str, str]) -> None:
    ran = nethood(servers[0], "nbt", "register", "moved#41", "--wins", EAST, "--json")
    told = json.loads(ran.output)
    assert (ran.status, told["result"], told["address"]) == (0, "registered", EAST)
    assert told["ttl_s"] == 3600

    def ask() -> peers.Ran:
        return nethood(servers[0], "nbt", "query", "moved#41", "--wins", WEST)

    assert EAST in eventually(ask, "MOVED<41>")


def test_a_static_name_can_not_be_had(servers: tuple[str, str]) -> None:
    ran = nethood(servers[1], "nbt", "register", "OLDBOX#20", "--wins", EAST)
    assert (ran.status, ran.output) == (
        1,
        f"nethood: OLDBOX<20>: {EAST} refuses it for {WEST}: 10.77.0.6 has it\n",
    )
