"""The two servers under measurement, each as a subprocess on a free port of 127.0.0.1.

smbd runs with Debian's shipped smb.conf; only what a second instance needs is added: a port,
private folders, a user and the share.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from benchmarks import procfs

SHARE = "bench"
PASSWORD = "correct-horse-9"
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0


class Server:
    """A file server process: start on entry, stop on exit."""

    name = "server"
    version = ""

    def __init__(self, folder: Path, state: Path, user: str = "root") -> None:
        self.folder, self.state, self.user = folder, state, user
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        state.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        raise NotImplementedError

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def cpu_seconds(self) -> float:
        return procfs.cpu_seconds(self.pid)

    def pss_bytes(self) -> int:
        return procfs.pss_bytes(self.pid)

    def url(self) -> str:
        return f"smb://127.0.0.1:{self.port}/{SHARE}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Smbd(Server):
    """Debian's smbd in its default configuration."""

    name = "smbd"

    def start(self) -> None:
        self.version = version_of(["smbd", "--version"])
        self.port = free_port()
        conf = self.state / "smb.conf"
        conf.write_text(smb_conf(self.state, self.port, {SHARE: self.folder}))
        add_samba_user(conf, self.user, PASSWORD)
        self.process = start_smbd(conf, self.state)
        await_port(self.port, self.process)


class Nethood(Server):
    """`python -m nethood serve --config` of this source tree."""

    name = "nethood"

    def start(self) -> None:
        self.version = version_of([sys.executable, "-m", "nethood", "--version"])
        config, password = self.state / "nethood.toml", self.state / "password"
        config.write_text(NETHOOD_TOML.format(share=SHARE, folder=self.folder))
        password.write_text(PASSWORD + "\n")
        command = [sys.executable, "-m", "nethood", "serve", "--config", str(config), "--json"]
        command += ["--user", self.user, "--password-file", str(password)]
        log = self.state / "log"
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=output, text=True
            )
        assert self.process.stdout is not None
        self.port = listening_port(self.process.stdout)
        if not self.port:
            raise RuntimeError(f"nethood did not start: {log.read_text()}")
        # Nobody else reads the events: a full pipe would stop the server.
        threading.Thread(target=_drain, args=(self.process.stdout,), daemon=True).start()


NETHOOD_TOML = """[server]
listen = ["127.0.0.1:0"]
signing = "enabled"

[shares.{share}]
path = "{folder}"
"""


def listening_port(lines: Iterable[str]) -> int:
    """Read events up to the first `listening`; return its port, 0 if the server ended instead."""
    for line in lines:
        event = json.loads(line)
        if event["event"] == "listening":
            return int(event["port"])
    return 0


def _drain(lines: Iterable[str]) -> None:
    for _ in lines:
        pass


def smb_conf(state: Path, port: int, shares: dict[str, Path], extra: str = "") -> str:
    """Write Debian's default smb.conf plus the paths, port and shares of this instance."""
    shipped = Path("/usr/share/samba/smb.conf").read_text()
    added = f"""
   smb ports = {port}
   interfaces = 127.0.0.1/8
   bind interfaces only = yes
   disable netbios = yes
   private dir = {state}
   lock directory = {state}
   state directory = {state}
   cache directory = {state}
   pid directory = {state}
   ncalrpc dir = {state}/ncalrpc
   log file = {state}/log.smbd
   passdb backend = tdbsam:{state}/passdb.tdb
{extra}"""
    sections = "".join(
        f"\n[{name}]\n   path = {path}\n   read only = no\n" for name, path in shares.items()
    )
    return re.sub(r"(?m)^\[global\]$", "[global]" + added, shipped, count=1) + sections


def add_samba_user(conf: Path, user: str, password: str) -> None:
    command = ["smbpasswd", "-L", "-c", str(conf), "-s", "-a", user]
    subprocess.run(
        command, input=f"{password}\n{password}\n", text=True, check=True, capture_output=True
    )


def start_smbd(conf: Path, state: Path) -> subprocess.Popen[str]:
    """Start smbd in a session of its own: when it ends it signals its whole process group."""
    log = (state / "smbd.out").open("w")
    command = ["smbd", "-F", "--no-process-group", "-s", str(conf), "-l", str(state)]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, text=True
    )


def await_port(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"nothing answers on port {port}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def version_of(command: list[str]) -> str:
    found = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    return (found.stdout.strip().splitlines() or ["unknown"])[0]
