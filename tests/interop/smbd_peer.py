"""Debian's smbd as the server that our client talks to, each configuration with its own state."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.interop import peers

USER = "root"
"""smbd wants an account of the system, and this one is everywhere."""
PASSWORD = "correct-horse-9"
_START_S = 20.0
_STOP_S = 10.0


@dataclass
class Smbd:
    """A running smbd on 127.0.0.1."""

    port: int
    state: Path
    process: subprocess.Popen[bytes] = field(repr=False)
    version: str

    def stop(self) -> None:
        """End it."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # The RPC server it started outlives it, in a session of its own.
        pid_file = self.state / "samba-dcerpcd.pid"
        if pid_file.exists():
            with suppress(ProcessLookupError):
                os.kill(int(pid_file.read_text()), signal.SIGTERM)


def start_smbd(state: Path, **settings: str) -> Smbd:
    """Start smbd with *settings* of smb.conf's global section, underscores for spaces.

    It has one share, "files". Skips the test where there is no smbd, fails it under CI.
    """
    if peers.which("smbd") is None:
        peers.missing("smbd is not installed")
    (state / "files").mkdir()
    port = free_port()
    conf = state / "smb.conf"
    conf.write_text(_smb_conf(state, port, settings))
    words: list[str | Path] = ["smbpasswd", "-L", "-c", conf, "-s", "-a", USER]
    added = peers.run(words, 20, stdin=f"{PASSWORD}\n" * 2)
    assert added.status == 0, added.output
    command = ["smbd", "-F", "--no-process-group", "-s", str(conf), "-l", str(state)]
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(
            peers.in_namespace(None, command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # when smbd ends it signals its whole process group
        )
    await_port(port, process, state / "log")
    version = peers.run(["smbd", "--version"], 10).output.strip()
    return Smbd(port, state, process, version)


def _smb_conf(state: Path, port: int, settings: dict[str, str]) -> str:
    known = {
        "smb ports": str(port),
        "interfaces": "127.0.0.1/8",
        "bind interfaces only": "yes",
        "netbios name": "SMBDPEER",
        "workgroup": "WORKGROUP",
        "server string": "interop",
        "server min protocol": "SMB2_02",
        "passdb backend": f"tdbsam:{state}/passdb.tdb",
        "log file": f"{state}/log.smbd",
        "load printers": "no",
        "ncalrpc dir": f"{state}/ncalrpc",
        "pid directory": str(state),
    }
    for key in ("private dir", "lock directory", "state directory", "cache directory"):
        known[key] = str(state)
    known |= {key.replace("_", " "): value for key, value in settings.items()}
    lines = "".join(f"   {key} = {value}\n" for key, value in known.items())
    return f"[global]\n{lines}[files]\n   path = {state / 'files'}\n   comment = the files share\n"


def await_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until *process* listens on *port*; RuntimeError with its *log* where it does not."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.kill()
    process.wait()
    raise RuntimeError(f"the server did not start: {log.read_text()}")


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
