"""The clients that drive both servers: smbclient for bulk, libsmbclient (ops.c) for operations.

Each run is measured between two marks inside one logged-in connection, so log-in is outside
the figure and the server's CPU clocks are read while its process is alive.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from benchmarks.negotiated import describe, relay
from benchmarks.servers import PASSWORD, SHARE, Server

T = TypeVar("T")
PROTECTIONS = ("plain", "signed", "encrypted")
_SMBCLIENT_PROTECTION = {"plain": "off", "signed": "sign", "encrypted": "encrypt"}
_CONF_PROTECTION = {
    "plain": "client signing = if_required\n   client smb encrypt = off",
    "signed": "client signing = required\n   client smb encrypt = off",
    "encrypted": "client signing = required\n   client smb encrypt = required",
}
MARK = "mark"
_RATE = re.compile(r"\(([\d.]+) (?:kb/s|KiloBytes/sec)\)")


class ClientFailed(Exception):
    """A client ended or printed something else than a result."""


@dataclass(frozen=True)
class Sample:
    """One measured run: wall seconds, the server's CPU seconds, and how much work it was."""

    seconds: float
    cpu_seconds: float
    work: int


def client_conf(home: Path, protection: str) -> Path:
    """Write a client smb.conf to home/.smb, where libsmbclient looks; /etc/samba plays no part."""
    home.joinpath(".smb").mkdir(parents=True, exist_ok=True)
    conf = home / ".smb" / "smb.conf"
    conf.write_text(f"""[global]
   workgroup = WORKGROUP
   client min protocol = SMB3_11
   client max protocol = SMB3_11
   {_CONF_PROTECTION[protection]}
   private dir = {home}
   lock directory = {home}
   state directory = {home}
   cache directory = {home}
   name resolve order = host
""")
    return conf


def bulk(server: Server, home: Path, protection: str, command: str, size: int) -> Sample:
    """Run one smbclient get or put of size bytes; seconds are smbclient's own."""
    with _Driven(_smbclient(server, home, protection, server.port), home) as client:
        client.send(f"get {MARK} /dev/null")  # smbclient buffers its prompt, not this line
        client.expect(_RATE.search)
        before = server.cpu_seconds()
        client.send(command)
        rate = client.expect(_RATE.search)
        spent = server.cpu_seconds() - before
    return Sample(size / 1024 / float(rate[1]), spent, size)


def _smbclient(server: Server, home: Path, protection: str, port: int) -> list[str]:
    command = ["smbclient", f"//127.0.0.1/{SHARE}", "-p", str(port)]
    command += ["-U", f"{server.user}%{PASSWORD}", "-s", str(client_conf(home, protection))]
    return [*command, "-m", "SMB3_11", f"--client-protection={_SMBCLIENT_PROTECTION[protection]}"]


def compile_ops(target: Path) -> Path:
    """Compile ops.c against libsmbclient; needs gcc, pkg-config and libsmbclient-dev."""
    found = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "smbclient"],
        capture_output=True,
        text=True,
        check=False,
    )
    flags = found.stdout.split() or ["-I/usr/include/samba-4.0", "-lsmbclient"]
    source = Path(__file__).with_name("ops.c")
    subprocess.run(["gcc", "-O2", "-o", str(target), str(source), *flags], check=True)
    return target


def operations(
    server: Server, home: Path, protection: str, operation: str, count: int, clients: int
) -> Sample:
    """Run count operations in each of several libsmbclient processes at once."""
    client_conf(home, protection)
    command = [str(home / "ops"), server.url(), server.user, PASSWORD]
    with _Driven([*command, operation, str(count), str(clients)], home) as driver:
        driver.expect(lambda line: line.startswith("ready"))
        before = server.cpu_seconds()
        driver.send("go")
        line = driver.expect(lambda line: line if line.startswith("{") else None)
        spent = server.cpu_seconds() - before
    result = json.loads(line)
    return Sample(result["seconds"], spent, result["operations"])


class _Driven:
    """A line-driven client process; leaving the block ends its input and waits for it."""

    def __init__(self, command: list[str], home: Path) -> None:
        self.command = command
        self.process = subprocess.Popen(
            command,
            env=dict(os.environ, HOME=str(home), LC_ALL="C"),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin: IO[str] = self.process.stdin
        self.stdout: IO[str] = self.process.stdout
        self.seen: list[str] = []

    def __enter__(self) -> "_Driven":
        return self

    def __exit__(self, *_: object) -> None:
        self.stdin.close()
        self.stdout.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def send(self, line: str) -> None:
        self.stdin.write(line + "\n")
        self.stdin.flush()

    def expect(self, found: Callable[[str], T | None]) -> T:
        """Read lines until found(line) is true; return what it returned."""
        for line in self.stdout:
            self.seen.append(line)
            if result := found(line):
                return result
        raise ClientFailed(f"{' '.join(self.command[:3])}: {''.join(self.seen[-5:])}")


def require_tools() -> list[str]:
    """List the programs of the benchmark that this machine lacks."""
    return [tool for tool in ("smbd", "smbpasswd", "smbclient", "gcc") if not shutil.which(tool)]


def negotiated(server: Server, home: Path, protection: str) -> str:
    """Say what smbclient and server agree on when asked for protection."""
    with relay(server) as seen:
        command = _smbclient(server, home, protection, seen.port)
        subprocess.run(
            [*command, "-c", f"get {MARK} /dev/null"], capture_output=True, timeout=30, check=True
        )
    return describe(bytes(seen.answers))


def idle_connections(server: Server, count: int) -> float:
    """Open count connections, each logged in with a tree; return bytes of PSS grown for each."""
    from impacket.smbconnection import SMBConnection

    held = []
    before = server.pss_bytes()
    for _ in range(count):
        connection = SMBConnection("127.0.0.1", "127.0.0.1", sess_port=server.port)
        connection.login(server.user, PASSWORD)
        connection.connectTree(SHARE)
        held.append(connection)
    grown = server.pss_bytes() - before
    for connection in held:
        connection.getSMBServer().echo()  # raises where the server has dropped it
        connection.close()
    return grown / count
