"""The software nethood is tested against: where it is, which version, and what to do without it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

SBIN = "/usr/sbin:/sbin"

# By program, the command that tells its version.
PROGRAMS = {
    "smbclient": ["smbclient", "--version"],
    "rpcclient": ["rpcclient", "--version"],
    "net": ["net", "--version"],
    "smbget": ["smbclient", "--version"],  # of the same package; smbget can't tell
    "smbtorture": ["smbtorture", "--version"],
    "rclone": ["rclone", "version"],
    "nmap": ["nmap", "--version"],
    "tshark": ["tshark", "--version"],
    "ip": ["ip", "-V"],
    "nmbd": ["nmbd", "--version"],
    "nmblookup": ["nmblookup", "--version"],
    "nbtscan": ["dpkg-query", "-W", "nbtscan"],  # it can't tell
    "wsdd": ["wsdd", "--version"],
    "avahi-browse": ["avahi-browse", "--version"],
}
LIBRARIES = ("impacket", "smbprotocol", "pysmb")


@dataclass(frozen=True)
class Ran:
    """A peer's finished run; output is standard output and error together."""

    status: int
    output: str


def version(name: str) -> str | None:
    """Return the peer's version, None where it is missing."""
    if name in LIBRARIES:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None
    return _program_version(name) if which(name) else None


def which(name: str) -> str | None:
    """Find a program, in the administrator's folders too."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SBIN}")


def need(*names: str) -> None:
    """Skip the test, naming the peer that is missing; fail instead where CI is true."""
    for name in names:
        if version(name) is None:
            missing(f"{name} is not installed")


def need_root() -> None:
    """Skip the test where it can't make a network namespace."""
    need("ip")
    if os.geteuid() != 0:
        missing("network namespaces need root")


def missing(why: str) -> None:
    """Skip the test, or fail it where CI is true."""
    if os.environ.get("CI") == "true":
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def run(
    command: Sequence[str | Path],
    timeout_s: float,
    *,
    namespace: str | None = None,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
) -> Ran:
    """Run a peer in a session of its own, ended as a group when timeout_s is over.

    Raises TimeoutError.
    """
    process = subprocess.Popen(
        in_namespace(namespace, command),
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(env or {})},
        start_new_session=True,
    )
    try:
        output, _ = process.communicate((stdin or "").encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        text = output.decode(errors="replace")[-2000:]
        raise TimeoutError(f"{command[0]} took more than {timeout_s} s; it said: {text}") from None
    return Ran(process.returncode, output.decode(errors="replace"))


def in_namespace(namespace: str | None, command: Sequence[str | Path]) -> list[str]:
    """Return the command as it runs in a network namespace, or as it is for None."""
    words = [which(str(command[0])) or str(command[0]), *map(str, command[1:])]
    return [which("ip") or "ip", "netns", "exec", namespace, *words] if namespace else words


@cache
def _program_version(name: str) -> str:
    program, *words = PROGRAMS[name]
    command = [which(program) or program, *words]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    lines = (ran.stdout + ran.stderr).splitlines()
    found = (re.search(r"\d+\.\d+[\w.+~-]*|iproute2-[\d.]+", line) for line in lines)
    return next((match[0] for match in found if match), "unknown")
