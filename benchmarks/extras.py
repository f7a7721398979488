"""The figures beside the table: codec, memory per idle connection, time of `nethood --help`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import clients
from benchmarks.servers import Server

IDLE_CONNECTIONS = 200
HELP_RUNS = 11


def measure(servers: Sequence[Server]) -> list[str]:
    """Return one finished line of text a figure."""
    return [*_idle(servers), _help(), _codec()]


def _idle(servers: Sequence[Server]) -> list[str]:
    """Measure servers started for this: one that has worked holds free memory already."""
    lines = []
    for used in servers:
        if used.name != "smbd-again":
            with type(used)(used.folder, used.state / "idle") as server:
                clients.idle_connections(server, 10)
                grown = clients.idle_connections(server, IDLE_CONNECTIONS) / 1024
            lines.append(
                f"Memory per idle authenticated connection ({IDLE_CONNECTIONS} held, PSS), "
                f"{used.name}: {grown:.0f} KiB"
            )
    return lines


def _help() -> str:
    times = []
    for _ in range(HELP_RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "nethood", "--help"], check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return f"`nethood --help`: {statistics.median(times) * 1000:.0f} ms (aim: below 150 ms)"


def _codec() -> str:
    command = [sys.executable, "-m", "benchmarks.codec"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    return "Codec: " + "; ".join((ran.stdout.strip() or "not measured").splitlines())
