"""`nethood nbt sweep` beside nbtscan: one pass over a /16 of which every second address answers.

The fleet is on port 137, the only one nbtscan asks, and so needs root.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import nbt_fleet

NETWORK = "127.7.0.0/16"
ANSWERING = 32_768
ROUNDS = 5
_NETHOOD = (sys.executable, "-m", "nethood", "nbt", "sweep", NETWORK, "--retries", "0")
_NBTSCAN = ("nbtscan", "-q", NETWORK)


@dataclass(frozen=True)
class Run:
    """One run of a whole command: hosts are lines printed, memory the most it held.

    *pass_s* is what the command itself says it took from the first request to the last answer.
    """

    seconds: float
    hosts: int
    memory_mib: float
    pass_s: float | None


def section() -> str:
    """Return a table of both tools; a reason where it can't be measured."""
    if os.geteuid() != 0:
        return "Sweep of a /16: not measured, port 137 needs root."
    commands: dict[str, Sequence[str]] = {"nethood": _NETHOOD}
    if shutil.which("nbtscan"):
        commands["nbtscan"] = _NBTSCAN
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    with nbt_fleet.running(137):
        for round_ in range(ROUNDS):
            for name in commands if round_ % 2 else reversed(commands):
                runs[name].append(_run(commands[name]))
    return "\n".join(
        [
            f"Sweep of a /16 once over, {ANSWERING:,} hosts answering, the whole command,"
            f" {ROUNDS} runs each by turns:",
            "",
            "| | median | best | worst | the pass itself | hosts found, fewest | memory, most |",
            "|---|--:|--:|--:|--:|--:|--:|",
            *(_row(name, found) for name, found in runs.items()),
        ]
    )


def _row(name: str, runs: Sequence[Run]) -> str:
    times = [run.seconds for run in runs]
    cells = [f"{value:.2f} s" for value in (statistics.median(times), min(times), max(times))]
    passes = [run.pass_s for run in runs if run.pass_s is not None]
    cells.append(f"{statistics.median(passes):.2f} s" if passes else "not told")
    cells.append(f"{min(run.hosts for run in runs):,}")
    cells.append(f"{max(run.memory_mib for run in runs):.0f} MiB")
    return f"| {name} | {' | '.join(cells)} |"


def _run(command: Sequence[str]) -> Run:
    start = time.perf_counter()
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        assert process.stdout is not None
        hosts = sum(line.startswith("127.") for line in process.stdout)
        _, _, usage = os.wait4(process.pid, 0)
        seconds, process.returncode = time.perf_counter() - start, 0
        said.seek(0)
        told = re.search(r"addresses answered in ([\d.]+) s", said.read())
    return Run(seconds, hosts, usage.ru_maxrss / 1024, float(told[1]) if told else None)


if __name__ == "__main__":
    print(section())
