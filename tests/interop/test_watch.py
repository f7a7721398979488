"""`nethood watch` on the real ports of a network of its own: what opens is told, and only that."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.exposure.watch.processes import Watching, until, watching
from tests.interop import peers

HOOK_PORT = 8099
HOST = "127.0.0.2"
EVERY_S = 3.0
POLICY = """\
every = "3s"
confirm_after = "0.5s"
heartbeat = "never"
timeout = "2s"
tell = ["hook"]
[groups.lab]
targets = ["127.0.0.2", "127.0.0.3"]
139 = "closed"
445 = "closed"
137 = "closed"
names = "none"
smb1 = "off"
signing = "required"
[alerts.hook]
kind = "webhook"
url = "http://127.0.0.1:8099/"
[state]
url = "sqlite:///{folder}/watch.sqlite"
{end}
"""


class Net:
    """A namespace with a webhook in it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self.posts = folder / "posts"

    def inside(self, *words: str) -> list[str]:
        """Return a command as it is run in the namespace."""
        return ["ip", "netns", "exec", self.name, *words]

    def told(self) -> list[dict[str, Any]]:
        """Return what the webhook got."""
        if not self.posts.exists():
            return []
        return [json.loads(line) for line in self.posts.read_text().splitlines()]

    def kinds(self) -> list[str]:
        """Return what happened, in short."""
        return [f"{one['kind']} {one['subject']['key']}" for one in self.told()]

    def policy(self, end: str = "") -> Path:
        """Write the policy."""
        path = self.folder / "policy.toml"
        path.write_text(POLICY.format(folder=self.folder, end=end))
        return path

    @contextmanager
    def watching(self, end: str = "") -> Iterator[Watching]:
        """Run the watcher."""
        with watching(self.policy(end), command=self.inside(sys.executable)) as watcher:
            yield watcher

    @contextmanager
    def program(self, *words: str, ready: str) -> Iterator[None]:
        """Run a program in the namespace from when it says *ready*."""
        with subprocess.Popen(
            self.inside(sys.executable, *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                said = ""
                while ready not in said:
                    line = process.stdout.readline()
                    assert line, f"it ended: {said}"
                    said += line
                yield
            finally:
                process.terminate()
                process.communicate(timeout=20)

    @contextmanager
    def server(self) -> Iterator[None]:
        """Serve a folder on the SMB ports of one of the hosts that are watched."""
        share = self.folder / "share"
        share.mkdir(exist_ok=True)
        words = ["-m", "nethood", "serve", str(share), "--no-discovery", "--json"]
        with self.program(*words, "--listen", f"{HOST}:445", ready='"ready"'):
            yield

    def checked(self) -> Callable[[], bool]:
        """Return what tells whether every target was looked at since now."""
        import sqlite3

        since = time.time()

        def is_checked() -> bool:
            with sqlite3.connect(self.folder / "watch.sqlite") as connection:
                query = "SELECT count(*) FROM watch_target WHERE checked_unix > ?"
                return bool(connection.execute(query, (since + 0.5,)).fetchone()[0] == 2)

        return is_checked


@pytest.fixture
def net(make_namespace: Callable[[], str], tmp_path: Path) -> Iterator[Net]:
    made = Net(make_namespace(), tmp_path)
    sink = Path(__file__).with_name("webhook_sink.py")
    with made.program(str(sink), str(HOOK_PORT), str(made.posts), ready="listening"):
        yield made


def test_a_real_server_is_told_within_one_interval_and_its_end(net: Net) -> None:
    with net.watching() as watcher:
        until(net.checked(), "a first look")
        with net.server():
            served = time.monotonic()
            until(lambda: "deviates 445" in net.kinds(), "the alert")
            assert time.monotonic() - served < EVERY_S
            alert = net.told()[0]
            assert alert["subject"]["target"] == HOST
            assert alert["observed"] == "port 445 is open"
            until(net.checked(), "another look")
        until(lambda: "recovered 445" in net.kinds(), "the recovery")
        assert watcher.end() == 0
    assert net.kinds() == ["deviates 445", "recovered 445"], "only 445 was ever wrong"


def test_names_that_are_told_on_udp_137_are_told_on(net: Net) -> None:
    with net.watching() as watcher:
        until(net.checked(), "a first look")
        with net.program("-m", "tests.interop.name_teller", HOST, ready="listening"):
            until(lambda: "deviates names" in net.kinds(), "the alert")
            until(lambda: "deviates 137" in net.kinds(), "the other alert")
        until(lambda: "recovered names" in net.kinds(), "the recovery")
        watcher.end()
    told = {one["subject"]["key"]: one for one in net.told() if one["kind"] == "deviates"}
    assert told["137"]["observed"] == "port 137 is open"
    assert "ATTIC" in told["names"]["observed"]


def test_in_maintenance_nobody_is_told(net: Net) -> None:
    now = datetime.now(UTC)
    window = (
        f'[[maintenance]]\nstart = "{(now - timedelta(hours=1)).isoformat()}"\n'
        f'end = "{(now + timedelta(hours=1)).isoformat()}"\n'
    )
    with net.watching(window) as watcher:
        with net.server():
            watcher.wait_for("deviation: port 445 is open")
            until(net.checked(), "another look")
        watcher.wait_for("recovery: port 445 is closed")
        watcher.end()
    assert net.told() == []


def test_acknowledged_it_stays_quiet_until_it_is_over(net: Net) -> None:
    with net.watching() as watcher:
        with net.server():
            until(lambda: net.told(), "the alert")
            number = str(net.told()[0]["deviation_id"])
            words = ("watch", str(net.policy()), "--acknowledge", number, "--by", "ann")
            done = peers.run([sys.executable, "-m", "nethood", *words], 20, namespace=net.name)
            assert done.status == 0, done.output
            watcher.wait_for("acknowledged: ann")
            until(net.checked(), "another look")
            until(net.checked(), "and another")
            assert net.kinds() == ["deviates 445"]
        watcher.wait_for("recovery: port 445 is closed")
        until(lambda: len(net.told()) == 2, "the recovery's alert")
        watcher.end()


def test_nethood_watch_asks_for_nothing_the_policy_does_not_need(net: Net, tmp_path: Path) -> None:
    peers.need("tshark")
    capture = tmp_path / "looks.pcapng"
    few = net.policy().read_text().split("139 =")[0] + '445 = "closed"\n[alerts.hook]\n'
    rest = net.policy().read_text().split("[alerts.hook]\n")[1]
    policy = tmp_path / "few.toml"
    policy.write_text(few + rest)
    with subprocess.Popen(
        net.inside("tshark", "-i", "lo", "-w", str(capture), "-q"),
        stderr=subprocess.PIPE,
        text=True,
    ) as sniffer:
        assert sniffer.stderr is not None
        while "Capturing" not in sniffer.stderr.readline():
            pass
        words = [sys.executable, "-m", "nethood", "watch", str(policy), "--once"]
        assert peers.run(words, 30, namespace=net.name).status == 0
        sniffer.terminate()
        sniffer.communicate(timeout=20)
    fields = ("-T", "fields", "-e", "ip.dst", "-e", "tcp.dstport", "-e", "udp.dstport")
    shown = peers.run(["tshark", "-r", str(capture), "-Y", "ip.dst != 127.0.0.1", *fields], 30)
    asked = {tuple(line.split()) for line in shown.output.splitlines() if line.startswith("127.")}
    assert asked == {("127.0.0.2", "445"), ("127.0.0.3", "445")}
