"""Two network namespaces joined by a cable, and the two name services that take turns in one.

nmbd runs with Debian's shipped smb.conf; only what an instance of our own needs is added: a name,
the interface and private folders. nethood runs as `benchmarks.nbt_host`.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CABLE = "lan0"
NAME = "CELLAR"
SERVER, CLIENT, BROADCAST = "10.77.0.1", "10.77.0.2", "10.77.0.255"
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
_ROOT = Path(__file__).parents[1]


class Lan:
    """The namespaces' names and the folder of samba's files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server, self.client = (f"nethood-bench-{os.getpid()}-{n}" for n in ("a", "b"))
        self.conf = folder / "smb.conf"
        self.conf.write_text(_smb_conf(folder))

    def command(self, namespace: str, words: Sequence[str]) -> list[str]:
        """Return *words* as they run in a namespace."""
        return ["ip", "netns", "exec", namespace, *words]

    def ask(self, words: Sequence[str], timeout_s: float) -> str:
        """Run a program on the client's side; return what it said."""
        command = self.command(self.client, words)
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        return ran.stdout + ran.stderr

    @contextmanager
    def running(self, words: Sequence[str]) -> Iterator[int]:
        """Run a name service on the server's side; give its process id once it has the name."""
        with (self.folder / "log").open("w") as log:
            process = subprocess.Popen(
                self.command(self.server, words),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=_ROOT,
                start_new_session=True,
            )
        try:
            self._await_name(process)
            yield process.pid
        finally:
            _stop(process)

    def _await_name(self, process: subprocess.Popen[bytes]) -> None:
        look = ["nmblookup", "-s", str(self.conf), "-B", BROADCAST, f"{NAME}#20"]
        deadline = time.monotonic() + START_TIMEOUT_S
        while f"{SERVER} {NAME}<20>" not in self.ask(look, 30):
            if process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text()[-2000:]
                raise RuntimeError(f"no {NAME} on the network; {process.args!r} said: {said}")


def nmbd(lan: Lan) -> list[str]:
    """Return the command that runs nmbd in Debian's default configuration."""
    return ["nmbd", "--foreground", "--no-process-group", "--configfile", str(lan.conf)]


def nethood(lan: Lan) -> list[str]:
    """Return the command that runs our host without its limit per source address."""
    return [sys.executable, "-m", "benchmarks.nbt_host", CABLE, NAME]


@contextmanager
def joined() -> Iterator[Lan]:
    """Make the two namespaces and the cable; remove them at the end. Needs root."""
    with tempfile.TemporaryDirectory(prefix="nethood-bench-") as folder:
        lan = Lan(Path(folder))
        try:
            for namespace in (lan.server, lan.client):
                _ip("netns", "add", namespace)
                _ip("-n", namespace, "link", "set", "lo", "up")
            cable = ("link", "add", CABLE, "netns", lan.server, "type", "veth")
            _ip(*cable, "peer", "name", CABLE, "netns", lan.client)
            for namespace, address in ((lan.server, SERVER), (lan.client, CLIENT)):
                _ip("-n", namespace, "address", "add", f"{address}/24", "dev", CABLE)
                _ip("-n", namespace, "link", "set", CABLE, "up")
            yield lan
        finally:
            for namespace in (lan.server, lan.client):
                subprocess.run(
                    ["ip", "netns", "delete", namespace], capture_output=True, check=False
                )


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


def _smb_conf(folder: Path) -> str:
    shipped = Path("/usr/share/samba/smb.conf").read_text()
    keys = ("private dir", "lock directory", "state directory", "cache directory", "pid directory")
    lines = [
        f"netbios name = {NAME}",
        f"interfaces = {CABLE}",
        "bind interfaces only = yes",
        f"log file = {folder}/nmbd.log",
        *(f"{key} = {folder}" for key in keys),
    ]
    added = "".join(f"\n   {line}" for line in lines)
    return re.sub(r"(?m)^\[global\]$", "[global]" + added, shipped, count=1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
