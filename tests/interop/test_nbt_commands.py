"""`nethood nbt register`, `release` and `browse` between two hosts, and who may not run them."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.lan import Background, cable, running

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
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
renewal_s = 7200.0
[[wins.static]]
name = "CORP#1C"
kind = "special-group"
addresses = ["10.77.0.7", "10.77.0.8"]
"""
NETHOOD = [sys.executable, "-m", "nethood"]


@pytest.fixture(scope="module")
def namespaces(make_namespace: Callable[[], str]) -> tuple[str, str]:
    """Two hosts on one cable: the daemon's, and another."""
    ours, theirs = make_namespace(), make_namespace()
    cable(ours, theirs)
    return ours, theirs


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def daemon(namespaces: tuple[str, str], home: Path) -> Iterator[Background]:
    """`nethood nbt serve`: name server and master browser."""
    (home / "nethood.toml").write_text(CONFIG)
    command = [*NETHOOD, "nbt", "serve", "--json", "--config", str(home / "nethood.toml")]
    env = {"RUNTIME_DIRECTORY": str(home / "run")}
    with running(namespaces[0], list(command), env) as daemon:
        daemon.wait_for(lambda line: json.loads(line)["event"] == "netbios", 20)
        yield daemon


Nethood = Callable[..., peers.Ran]


@pytest.fixture
def nethood(daemon: Background, namespaces: tuple[str, str], home: Path) -> Nethood:
    """Run `nethood ...` on the daemon's host (0) or the other (1), there without a daemon."""

    def run(host: int, *arguments: str) -> peers.Ran:
        env = {"RUNTIME_DIRECTORY": str(home / ("run" if host == 0 else "none"))}
        return peers.run([*NETHOOD, *arguments], 60, namespace=namespaces[host], env=env)

    return run


def test_a_name_is_registered_once_refused_to_another_and_released(nethood: Nethood) -> None:
    wins = ("--wins", OURS)
    assert nethood(1, "nbt", "register", "app#41", *wins) == peers.Ran(
        0,
        f"APP<41> is registered for {THEIRS} at {OURS}, for 2 hours; nobody defends it"
        " (--hold does)\n",
    )
    assert json.loads(nethood(1, "nbt", "query", "app#41", *wins, "--json").output)["address"] == (
        THEIRS
    )
    ran = nethood(1, "nbt", "release", "app#41", *wins, "--json")
    told = json.loads(ran.output)
    assert (ran.status, told["result"], told["address"]) == (0, "released", THEIRS)
    assert nethood(1, "nbt", "query", "app#41", *wins).status == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("register", "corp#1c"), f"refuses it for {THEIRS}: 10.77.0.7 and 10.77.0.8 have it"),
        (
            ("release", "corp#1c", "--group", "--address", "10.77.0.7"),
            "refuses it for 10.77.0.7: its rules forbid it",
        ),
    ],
)
def test_what_the_name_server_refuses(
    nethood: Nethood, arguments: tuple[str, ...], why: str
) -> None:
    ran = nethood(1, "nbt", *arguments, "--wins", OURS)
    assert (ran.status, ran.output) == (1, f"nethood: CORP<1C>: {OURS} {why}\n")
    ran = nethood(1, "nbt", *arguments, "--wins", OURS, "--json")
    told = json.loads(ran.output)
    assert (ran.status, told["result"]) == (1, "refused")
    assert told["holders"] == ["10.77.0.7", "10.77.0.8"]


def test_a_silent_name_server(nethood: Nethood) -> None:
    sentence = "nethood: APP<41>: 10.77.0.99 does not answer; is it a name server?\n"
    for more in (["--wait", "0.1", "--retries", "0"], ["--hold"]):
        ran = nethood(1, "nbt", "register", "app#41", "--wins", "10.77.0.99", *more)
        assert (ran.status, ran.output) == (1, sentence)


def test_what_another_has_can_not_be_held(nethood: Nethood) -> None:
    ran = nethood(1, "nbt", "register", "corp#1c", "--wins", OURS, "--hold")
    why = f"{OURS} refuses it for {THEIRS}: 10.77.0.7 and 10.77.0.8 have it"
    assert (ran.status, ran.output) == (1, f"nethood: CORP<1C>: {why}\n")


@pytest.mark.parametrize("way", [["--wins", OURS, "--hold"], ["--broadcast"]])
def test_a_name_is_held_until_ctrl_c_and_defended(
    nethood: Nethood, namespaces: tuple[str, str], way: list[str]
) -> None:
    command = [*NETHOOD, "nbt", "register", "kept#41", *way, "--json"]
    with running(namespaces[1], list(command)) as holder:
        told = json.loads(holder.wait_for(lambda line: line.startswith("{"), 20))
        assert (told["result"], told["addresses"]) == ("held", [THEIRS])
        status = json.loads(nethood(0, "nbt", "status", THEIRS, "--json").output)
        assert [(each["name"], each["suffix"]) for each in status["names"]] == [("KEPT", "41")]
        if "--hold" in way:
            ran = nethood(0, "nbt", "register", "kept#41", "--wins", OURS)
            assert ran.output.endswith(f"refuses it for {OURS}: {THEIRS} has it\n")
        holder.process.send_signal(signal.SIGINT)
        holder.wait_for(lambda line: '"released"' in line, 20)
        assert holder.process.wait(20) == 0
    query = ["--wins", OURS] if "--hold" in way else ["--broadcast"]
    assert nethood(0, "nbt", "query", "kept#41", *query).status == 1


def test_a_name_somebody_has_can_not_be_had_by_broadcast(nethood: Nethood) -> None:
    ran = nethood(1, "nbt", "register", "attic")
    assert (ran.status, ran.output) == (1, f"nethood: ATTIC<00>: {OURS} has it\n")


def test_a_release_by_broadcast_is_seen(nethood: Nethood, namespaces: tuple[str, str]) -> None:
    listen = [*NETHOOD, "nbt", "listen", "--interface", "lan0", "--json"]
    with running(namespaces[1], list(listen)) as listener:
        listener.wait_for(lambda line: line.startswith("listening"), 20)
        ran = nethood(0, "nbt", "release", "gone#41")
        line = listener.wait_for(lambda line: "GONE" in line, 20)
    assert json.loads(line)["event"] == "NAME RELEASE REQUEST"
    assert (ran.status, ran.output) == (
        0,
        "every host on 10.77.0.0/24 was told that GONE<41> is given up; nobody answers that\n",
    )


def test_the_daemon_tells_what_it_has_heard(nethood: Nethood) -> None:
    deadline = time.monotonic() + 60
    rows: list[dict[str, str]] = []
    while not [row for row in rows if row["part"]]:  # until its election is over
        assert time.monotonic() < deadline, rows
        ran = nethood(0, "browse", "house", "--json")
        rows = [json.loads(line) for line in ran.output.splitlines()]
    [row] = rows
    assert (row["name"], row["address"], row["comment"]) == ("ATTIC", OURS, "up there")
    assert row["part"] == "master browser"
    table = nethood(0, "browse").output.splitlines()
    assert table[0].split() == ["Workgroup", "Name", "Address", "Version", "Comment", "Part"]
    assert table[1].split() == ["HOUSE", "ATTIC", OURS, "10.0", "up", "there", "master", "browser"]


def test_another_workgroup_is_not_the_daemons(nethood: Nethood) -> None:
    ran = nethood(0, "browse", "corp")
    assert (ran.status, ran.output.splitlines()) == (
        1,
        [
            "nethood: the daemon is in HOUSE; of other workgroups it knows only the masters",
            "nethood: nobody announced itself in CORP",
        ],
    )


def test_without_a_daemon_browse_listens(nethood: Nethood) -> None:
    ran = nethood(1, "browse", "--wait", "0.1", "--interface", "lan0")
    assert (ran.status, ran.output) == (1, "nethood: nobody announced itself\n")
    ran = nethood(1, "browse", "--from", "daemon")
    assert ran.status == 2
    assert ran.output.startswith("nethood: no NetBIOS daemon of nethood runs here; start ")


def test_a_second_daemon_leaves_the_first_ones_socket_alone(
    daemon: Background, nethood: Nethood, namespaces: tuple[str, str], home: Path
) -> None:
    command = [*NETHOOD, "nbt", "serve", "--name", "second", "--interface", "lo", "--json"]
    env = {"RUNTIME_DIRECTORY": str(home / "run")}
    with running(namespaces[0], list(command), env) as second:
        line = second.wait_for(lambda line: json.loads(line)["event"] == "warning", 20)
    assert "another daemon offers" in json.loads(line)["sentence"]
    assert "ATTIC" in nethood(0, "browse", "--from", "daemon").output
    assert daemon.process.poll() is None


@pytest.mark.parametrize(
    "arguments",
    [
        ["nbt", "serve", "--interface", "lan0"],
        ["nbt", "listen", "--interface", "lan0"],
        ["nbt", "register", "app"],
        ["nbt", "register", "app", "--wins", OURS, "--hold"],
        ["browse", "--interface", "lan0"],
    ],
)
def test_ports_below_1024_need_rights(namespaces: tuple[str, str], arguments: list[str]) -> None:
    if peers.which("setpriv") is None:
        peers.missing("setpriv is not installed")
    words = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", *NETHOOD, *arguments]
    ran = peers.run(words, 30, namespace=namespaces[1])
    [line] = ran.output.splitlines()
    assert ran.status == 2
    assert line.startswith("nethood: ")
    assert line.endswith(": ports below 1024 need more rights; try sudo")
