"""`nethood serve --netbios` and `nethood nbt serve` as Debian's tools and nmbd see them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.lan import CABLE, cable, running

OURS, THEIRS = "10.77.0.1", "10.77.0.2"
CONFIG = """[server]
name = "attic"
workgroup = "house"
comment = "up there"
discovery = false
[netbios]
interfaces = ["lan0"]
[browser]
master = "preferred"
[wins]
enabled = true
store = "wins.sqlite"
[shares.files]
path = "files"
"""


@pytest.fixture(scope="module")
def namespaces(make_namespace: Callable[[], str]) -> tuple[str, str]:
    """Two hosts on one cable: ours and theirs."""
    peers.need("nmblookup", "smbclient")
    ours, theirs = make_namespace(), make_namespace()
    cable(ours, theirs)
    route = ["ip", "route", "add", "255.255.255.255", "dev", CABLE]
    assert peers.run(route, 10, namespace=theirs).status == 0
    return ours, theirs


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("host")
    (home / "files").mkdir()
    (home / "files" / "hello.txt").write_text("hello")
    (home / "nethood.toml").write_text(CONFIG)
    (home / "password").write_text("correct-horse-9\n")
    keys = ("private dir", "lock directory", "state directory", "cache directory", "pid directory")
    lines = [f"{key} = {home}" for key in keys]
    (home / "smb.conf").write_text(
        "\n".join(["[global]", "netbios name = PEER", "workgroup = HOUSE", *lines])
    )
    return home


@pytest.fixture(scope="module")
def host(namespaces: tuple[str, str], home: Path) -> Iterator[list[str]]:
    """`nethood serve --netbios` in ours; the lines it says."""
    command = [sys.executable, "-m", "nethood", "serve", "--config", str(home / "nethood.toml")]
    command += ["--netbios", "--json", "--user", "alice"]
    command += ["--password-file", str(home / "password")]
    with running(namespaces[0], list(command)) as server:
        server.wait_for(lambda line: json.loads(line)["event"] == "netbios", 20)
        yield server.lines


@pytest.fixture
def ask(namespaces: tuple[str, str], home: Path) -> Callable[..., peers.Ran]:
    def ask(program: str, *arguments: str) -> peers.Ran:
        command = [program, "-s", str(home / "smb.conf"), *arguments]
        return peers.run(command, 30, namespace=namespaces[1])

    return ask


def test_it_says_what_it_is_called(host: list[str]) -> None:
    events = [json.loads(line) for line in host]
    [known] = [event for event in events if event["event"] == "netbios"]
    assert (known["name"], known["addresses"]) == ("ATTIC", [OURS])


@pytest.mark.usefixtures("host")
@pytest.mark.parametrize(
    ("way", "name"),
    [
        (["-B", "10.77.0.255"], "ATTIC#20"),
        (["-B", "255.255.255.255"], "ATTIC#20"),
        (["-U", OURS, "--recursion"], "ATTIC"),
    ],
)
def test_nmblookup_finds_it(ask: Callable[..., peers.Ran], way: list[str], name: str) -> None:
    assert f"{OURS} {name.partition('#')[0]}<" in ask("nmblookup", *way, name).output


@pytest.mark.usefixtures("host")
def test_its_name_is_not_given_away_by_its_own_name_server(namespaces: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "nethood", "nbt", "register", "ATTIC#20", "--wins", OURS]
    ran = peers.run(command, 30, namespace=namespaces[1])
    assert (ran.status, OURS in ran.output) == (1, True), ran.output


def test_its_sessions_are_counted(
    host: list[str], namespaces: tuple[str, str], ask: Callable[..., peers.Ran]
) -> None:
    status = [sys.executable, "-m", "nethood", "nbt", "status", OURS, "--json"]

    def sessions() -> int:
        ran = peers.run(status, 30, namespace=namespaces[1])
        counts = json.loads(ran.output.splitlines()[0])["statistics"]
        return int(counts["number_pending_sessions"])

    assert sessions() == 0
    command = ["smbclient", f"//{OURS}/files", "-U", "alice%correct-horse-9"]
    smbclient = subprocess.Popen(
        peers.in_namespace(namespaces[1], command),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with smbclient:
        deadline = time.monotonic() + 20
        while sessions() != 1:
            assert time.monotonic() < deadline, "smbclient's session is not counted"
        smbclient.communicate(b"exit\n", 20)


@pytest.mark.usefixtures("host")
def test_it_becomes_master_of_its_workgroup(ask: Callable[..., peers.Ran]) -> None:
    deadline = time.monotonic() + 60
    while f"{OURS} HOUSE<1d>" not in ask("nmblookup", "-B", "10.77.0.255", "-M", "HOUSE").output:
        assert time.monotonic() < deadline, "nobody became master"
    names = ask("nmblookup", "-A", OURS).output
    for name in (
        "ATTIC           <00>",
        "HOUSE           <00> - <GROUP>",
        "ATTIC           <20>",
        "HOUSE           <1e> - <GROUP>",
    ):
        assert name in names


@pytest.mark.usefixtures("host")
def test_it_is_seen_by_browse_and_so_is_its_part(namespaces: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "nethood", "browse", "house", "--json", "--wait", "9"]
    found: list[dict[str, str]] = []
    deadline = time.monotonic() + 90
    while not [row for row in found if row["part"]]:  # hosts take up to 30 s to answer
        assert time.monotonic() < deadline, "no master announced itself"
        ran = peers.run([*command, "--interface", "lan0"], 60, namespace=namespaces[1])
        found = [json.loads(line) for line in ran.output.splitlines() if line[0] == "{"]
    [row] = [row for row in found if row["name"] == "ATTIC"]
    assert (row["group"], row["address"], row["comment"]) == ("HOUSE", OURS, "up there")
    assert row["part"] == "master browser"


@pytest.mark.usefixtures("host")
def test_smbclient_by_netbios_name_over_139(ask: Callable[..., peers.Ran]) -> None:
    # An addressless name: smbclient has to find it by broadcast, and call it in the session.
    options = ["-p", "139", "-R", "bcast", "-U", "alice%correct-horse-9"]
    options += ["--option=interfaces=lan0"]
    ran = ask("smbclient", "//ATTIC/files", *options, "-c", "ls")
    assert "hello.txt" in ran.output


@pytest.mark.usefixtures("host")
def test_nmbd_registers_with_our_name_server_and_is_found(
    namespaces: tuple[str, str], home: Path, ask: Callable[..., peers.Ran]
) -> None:
    peers.need("nmbd")
    conf = home / "nmbd.conf"
    text = (home / "smb.conf").read_text()
    conf.write_text(f"{text}\nwins server = {OURS}\nlog file = {home}/log\nlocal master = no\n")
    command = ["nmbd", "-F", "--no-process-group", "-s", str(conf), "-l", str(home)]
    with running(namespaces[1], list(command)):
        deadline = time.monotonic() + 60
        query = ["-U", OURS, "--recursion", "PEER#20"]
        while f"{THEIRS} PEER<20>" not in ask("nmblookup", *query).output:
            assert time.monotonic() < deadline, "nmbd's name did not come to our name server"


@pytest.mark.usefixtures("host")
def test_listening_shows_what_passes(
    namespaces: tuple[str, str], ask: Callable[..., peers.Ran]
) -> None:
    command = [sys.executable, "-m", "nethood", "nbt", "listen", "--interface", "lan0", "--json"]
    with running(namespaces[1], list(command)) as listener:
        listener.wait_for(lambda line: line.startswith("listening"), 20)
        ask("nmblookup", "-B", "10.77.0.255", "NOSUCH#1b")
        line = listener.wait_for(lambda line: "NOSUCH" in line, 20)
    event = json.loads(line)
    assert (event["event"], event["from"], event["port"]) == ("NAME QUERY REQUEST", THEIRS, 137)
    assert event["names"] == ["NOSUCH<1B>"]
    assert listener.process.returncode == 0


def test_the_daemon_alone_and_its_end(namespaces: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "nethood", "nbt", "serve", "--name", "lone", "--json"]
    command += ["--interface", "lan0"]
    with running(namespaces[1], list(command)) as daemon:
        line = daemon.wait_for(lambda line: json.loads(line)["event"] == "netbios", 20)
        assert json.loads(line)["name"] == "LONE"
        ours = peers.run(
            [sys.executable, "-m", "nethood", "nbt", "query", "lone", "--json"],
            30,
            namespace=namespaces[0],
        )
        assert json.loads(ours.output)["address"] == THEIRS
    assert daemon.process.returncode == 0
    assert not [line for line in daemon.lines if "Traceback" in line]
