"""A network of simulated hosts that most addresses of are dead: two namespaces and a cable.

Behind the far end of the cable lives 10.80.0.0/16: nethood itself answers on 445 and 139 of the
living addresses and the fleet of nbt_fleet.py on 137. What is sent to any other address falls to
the ground unanswered, as on a network whose hosts are off: nothing forwards it. On 127/8 all
addresses would be alive.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path

NETWORK = "10.80.0.0/16"
LIVING = 1000
_FIRST = int(IPv4Address("10.80.0.1"))
_STEP = 65
_ROOT = Path(__file__).parents[1]
_CABLE = "scan0"
_READY_S = 20.0
_SCANNER, _FLEET = f"scanner-{os.getpid()}", f"fleet-{os.getpid()}"


def living(count: int = LIVING) -> list[str]:
    """Return the addresses that answer, spread over the network."""
    return [str(IPv4Address(_FIRST + place * _STEP)) for place in range(count)]


def here(command: Sequence[str]) -> list[str]:
    """Return *command* as it is run on the scanner's end of the cable."""
    return ["ip", "netns", "exec", _SCANNER, *command]


@contextmanager
def running() -> Iterator[None]:
    """Build the network and start its hosts; take all down at the end. Needs root."""
    with ExitStack() as stack:
        for name in (_SCANNER, _FLEET):
            _ip("netns", "add", name)
            stack.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _plug()
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for command in (
            ["nethood", "serve", folder, "--no-discovery", "--listen", "0.0.0.0"],
            ["benchmarks.nbt_fleet", "--every", "1"],
        ):
            stack.enter_context(_host(command))
        _await_port(living(1)[0], 445)
        yield


def _plug() -> None:
    """Lay the cable, and give the far end the living addresses."""
    peer = ("type", "veth", "peer", "name", _CABLE, "netns", _FLEET)
    _ip("link", "add", _CABLE, "netns", _SCANNER, *peer)
    for name, address in ((_SCANNER, "10.79.0.1/30"), (_FLEET, "10.79.0.2/30")):
        _ip("-n", name, "address", "add", address, "dev", _CABLE)
        _ip("-n", name, "link", "set", _CABLE, "up")
    _ip("-n", _SCANNER, "route", "add", NETWORK, "via", "10.79.0.2")
    routes = "".join(f"route add local {address} dev lo\n" for address in living())
    subprocess.run(
        ["ip", "-n", _FLEET, "-batch", "-"], input=routes, text=True, check=True, timeout=30
    )


@contextmanager
def _host(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(
        ["ip", "netns", "exec", _FLEET, sys.executable, "-m", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def _await_port(address: str, port: int) -> None:
    ends = time.monotonic() + _READY_S
    program = f"import socket; socket.create_connection(({address!r}, {port}), 1).close()"
    words = [sys.executable, "-c", program]
    while subprocess.run(here(words), check=False, capture_output=True).returncode:
        if time.monotonic() > ends:
            raise TimeoutError(f"nobody answers on {address}:{port}")


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=10)
