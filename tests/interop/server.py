"""The server under test: `nethood serve` as a subprocess, asked for by options.

INTEROP_SERVER=smbd puts Debian's smbd in its place. That proves the tests themselves: what
fails there is a fault of the test, or something smbd does differently.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.interop.peers import in_namespace, run, which

PASSWORD = "correct-horse-9"
START_S = 20.0
STOP_S = 10.0
STAND_IN = os.environ.get("INTEROP_SERVER") == "smbd"
USER = "root" if STAND_IN else "alice"


@dataclass(frozen=True)
class ServerOptions:
    """What a test asks of its server. Servers with equal options are shared within a session."""

    shares: tuple[str, ...] = ("files",)
    read_only: tuple[str, ...] = ()
    encrypted: tuple[str, ...] = ()
    signing: str = "required"
    encrypt: bool = False
    min_dialect: str = "2.0.2"
    max_dialect: str = "3.1.1"
    namespace: str | None = None
    """A network namespace to run in, on ports 445 and 139; None for a free port."""


@dataclass
class RunningServer:
    """A server that answers: where it is, who may log in, and the folders behind its shares."""

    options: ServerOptions
    port: int
    state: Path
    process: subprocess.Popen[str]
    user: str = USER
    password: str = PASSWORD
    host: str = "127.0.0.1"
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def credentials(self) -> str:
        return f"{self.user}%{self.password}"

    def path(self, share: str = "files") -> Path:
        return self.state / share

    def fresh(self, share: str = "files") -> Path:
        """Make a new empty folder in a share."""
        folder = Path(tempfile.mkdtemp(prefix="t", dir=self.path(share)))
        folder.chmod(0o755)
        return folder

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def start(options: ServerOptions, state: Path) -> RunningServer:
    """Start a server with its folders below state. Raises RuntimeError if it does not come up."""
    for share in options.shares:
        (state / share).mkdir(parents=True)
    return _start_smbd(options, state) if STAND_IN else _start_nethood(options, state)


def _start_nethood(options: ServerOptions, state: Path) -> RunningServer:
    config, password, log = state / "nethood.toml", state / "password", state / "log"
    config.write_text(nethood_toml(options))
    password.write_text(PASSWORD + "\n")
    command = [sys.executable, "-m", "nethood", "serve", "--config", str(config), "--json"]
    command += ["--user", USER, "--password-file", str(password)]
    with log.open("w") as output:
        process = subprocess.Popen(
            in_namespace(options.namespace, command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
        )
    server = RunningServer(options, 0, state, process)
    assert process.stdout is not None
    up = threading.Event()
    threading.Thread(target=_follow, args=(process.stdout, server, up), daemon=True).start()
    if not up.wait(START_S) or not server.port:
        server.stop()
        raise RuntimeError(f"nethood did not start: {server.events} {log.read_text()}")
    return server


def _follow(lines: IO[str], server: RunningServer, up: threading.Event) -> None:
    """Keep the server's events; tell when it is ready, or gone."""
    for line in lines:
        event = json.loads(line)
        server.events.append(event)
        if event["event"] == "listening" and not server.port:
            server.port = int(event["port"])
        if event["event"] == "ready":
            up.set()
    up.set()


def nethood_toml(options: ServerOptions) -> str:
    places = ["127.0.0.1:445", "127.0.0.1:139"] if options.namespace else ["127.0.0.1:0"]
    text = f"""[server]
name = "NETHOOD"
comment = "interop"
listen = {json.dumps(places)}
signing = "{options.signing}"
encrypt = {str(options.encrypt).lower()}
min_dialect = "{options.min_dialect}"
max_dialect = "{options.max_dialect}"
"""
    for share in options.shares:
        text += f"""
[shares.{share}]
path = "{share}"
comment = "the {share} share"
read_only = {str(share in options.read_only).lower()}
encrypt = {str(share in options.encrypted).lower()}
"""
    return text


def _start_smbd(options: ServerOptions, state: Path) -> RunningServer:
    port = 445 if options.namespace else _free_port()
    conf = state / "smb.conf"
    conf.write_text(smb_conf(options, state, port))
    user = run(["smbpasswd", "-L", "-c", conf, "-s", "-a", USER], 20, stdin=f"{PASSWORD}\n" * 2)
    if user.status:
        raise RuntimeError(f"smbpasswd: {user.output}")
    command = ["smbd", "-F", "--no-process-group", "-s", str(conf), "-l", str(state)]
    with (state / "log").open("w") as output:
        process = subprocess.Popen(
            in_namespace(options.namespace, command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # when smbd ends it signals its whole process group
            text=True,
        )
    server = RunningServer(options, port, state, process)
    _await_port(server)
    return server


def smb_conf(options: ServerOptions, state: Path, port: int) -> str:
    dialects = {"2.0.2": "SMB2_02", "2.1": "SMB2_10", "3.0": "SMB3_00", "3.0.2": "SMB3_02"}
    text = f"""[global]
   smb ports = {"445 139" if options.namespace else port}
   interfaces = 127.0.0.1/8
   bind interfaces only = yes
   netbios name = NETHOOD
   server string = interop
   server signing = {"mandatory" if options.signing == "required" else "auto"}
   smb encrypt = {"required" if options.encrypt else "default"}
   server min protocol = {dialects.get(options.min_dialect, "SMB3_11")}
   server max protocol = {dialects.get(options.max_dialect, "SMB3_11")}
   log file = {state}/log.smbd
   passdb backend = tdbsam:{state}/passdb.tdb
   ncalrpc dir = {state}/ncalrpc
   load printers = no
"""
    for key in ("private dir", "lock directory", "state directory", "cache directory"):
        text += f"   {key} = {state}\n"
    text += f"   pid directory = {state}\n"
    for share in options.shares:
        text += f"""[{share}]
   path = {state / share}
   comment = the {share} share
   read only = {"yes" if share in options.read_only else "no"}
   smb encrypt = {"required" if share in options.encrypted else "default"}
"""
    return text


def _await_port(server: RunningServer) -> None:
    """Wait until smbclient lists the shares: works in a namespace too."""
    deadline = time.monotonic() + START_S
    probe = ["smbclient", "-L", f"//{server.host}", "-p", str(server.port)]
    probe += ["-U", server.credentials, "-s", "/dev/null"]
    while time.monotonic() < deadline and server.process.poll() is None:
        if which("smbclient") and not run(probe, 10, namespace=server.options.namespace).status:
            return
        time.sleep(0.1)
    raise RuntimeError(f"smbd did not start: {(server.state / 'log').read_text()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
