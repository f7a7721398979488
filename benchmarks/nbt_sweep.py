"""`nethood nbt sweep` beside nbtscan: one pass over a /16 of which every second address answers.

The fleet is on port 137, the only one nbtscan asks, and so needs root.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks import nbt_fleet

NETWORK = "127.7.0.0/16"
ANSWERING = 32_768
ROUNDS = 3
_NETHOOD = (sys.executable, "-m", "nethood", "nbt", "sweep", NETWORK, "--retries", "0")
_NBTSCAN = ("nbtscan", "-q", NETWORK)


def measure() -> list[str]:
    """Return a line of text for each tool; a reason where it can't be measured."""
    if os.geteuid() != 0:
        return ["Sweep of a /16: not measured, port 137 needs root"]
    commands: dict[str, Sequence[str]] = {"nethood": _NETHOOD}
    if shutil.which("nbtscan"):
        commands["nbtscan"] = _NBTSCAN
    with nbt_fleet.running(137):
        return [_line(name, command) for name, command in commands.items()]


def _line(name: str, command: Sequence[str]) -> str:
    runs = [_run(command) for _ in range(ROUNDS)]
    seconds, hosts, memory = min(runs)[0], min(run[1] for run in runs), max(run[2] for run in runs)
    return (
        f"Sweep of a /16, {ANSWERING:,} hosts answering, {name}: best {seconds:.2f} s,"
        f" at worst {hosts:,} hosts found, {memory:.0f} MiB"
    )


def _run(command: Sequence[str]) -> tuple[float, int, float]:
    """Return seconds, hosts printed, and the most memory held, in MiB."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        hosts = sum(line.startswith("127.") for line in process.stdout)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    return time.perf_counter() - start, hosts, usage.ru_maxrss / 1024


if __name__ == "__main__":
    print(*measure(), sep="\n")
