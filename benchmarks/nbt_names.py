"""smbtorture's nbt.bench.namequery against nethood and nmbd by turns: the section NetBIOS names.

Both hold the same name at the same address, one after the other, in a namespace of their own.
"""

import os
import re
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks import nbt_lan, nbt_sweep, procfs
from benchmarks.nbt_lan import NAME, Lan

HEADING = "NetBIOS names"
ROUNDS = 5
LIMIT_S = 5
_NEEDED = ("ip", "nmbd", "nmblookup", "smbtorture")
_FIGURE = re.compile(r"([\d.]+) queries per second \((\d+) failures\)")


@dataclass(frozen=True)
class Run:
    """One run of the benchmark against one server."""

    queries_per_s: float
    failures: int
    cpu_share: float
    """Processor seconds the server spent per second."""

    @property
    def microseconds_each(self) -> float:
        """What an answered query cost the server."""
        return self.cpu_share / self.queries_per_s * 1e6


def section() -> str:
    """Measure name queries and the sweep; return the section of RESULTS.md, heading included."""
    return "\n\n".join([f"## {HEADING}", _queries(), nbt_sweep.section()])


def _queries() -> str:
    missing = [program for program in _NEEDED if shutil.which(program, path=_path()) is None]
    if os.geteuid() != 0 or missing:
        why = f"{', '.join(missing)} missing" if missing else "network namespaces need root"
        return f"Name queries: not measured, {why}."
    with nbt_lan.joined() as lan:
        runs = measure(lan, ROUNDS)
    return _table(runs)


def measure(lan: Lan, rounds: int) -> dict[str, list[Run]]:
    """Run nmbd and nethood by turns, the order alternating, each time a new process."""
    servers: dict[str, Callable[[Lan], list[str]]] = {
        "nmbd": nbt_lan.nmbd,
        "nethood": nbt_lan.nethood,
    }
    runs: dict[str, list[Run]] = {name: [] for name in servers}
    for round_ in range(rounds):
        for name in servers if round_ % 2 else reversed(servers):
            with lan.running(servers[name](lan)) as pid:
                runs[name].append(_run(lan, pid))
    return runs


def _run(lan: Lan, pid: int) -> Run:
    command = ["smbtorture", f"//{NAME}/x", "-s", str(lan.conf), "-U%", "nbt.bench.namequery"]
    before, start = procfs.cpu_seconds(pid), time.perf_counter()
    command += ["--option=netbios name=TORTURE", f"--option=torture:timelimit={LIMIT_S}"]
    said = lan.ask(command, LIMIT_S + 60)
    cpu_s, took_s = procfs.cpu_seconds(pid) - before, time.perf_counter() - start
    figures = _FIGURE.findall(said)
    if "success: namequery" not in said or not figures:
        raise RuntimeError(f"smbtorture did not finish: {said[-2000:]}")
    rate, failures = figures[-1]
    return Run(float(rate), int(failures), cpu_s / took_s)


def _table(runs: dict[str, list[Run]]) -> str:
    lines = [
        f"smbtorture `nbt.bench.namequery`, {LIMIT_S} s a run, {ROUNDS} runs each by turns between"
        " two network namespaces:",
        "nmbd as Debian configures it, and the host of `nethood nbt serve`"
        " with its limit per source address raised out of reach.",
        "Queries per second for one unique name, asked at its own address;"
        " CPU is the server's own.",
        "",
        "| | median | lowest | highest | failures | CPU of a query |",
        "|---|--:|--:|--:|--:|--:|",
        *(_row(name, found) for name, found in runs.items()),
        "",
        f"nethood answers {ratio(runs):.2f} times as many as nmbd (medians).",
    ]
    return "\n".join(lines)


def _row(name: str, runs: Sequence[Run]) -> str:
    rates = [run.queries_per_s for run in runs]
    cells = [f"{value:,.0f}" for value in (statistics.median(rates), min(rates), max(rates))]
    cells.append(str(sum(run.failures for run in runs)))
    cells.append(f"{statistics.median(run.microseconds_each for run in runs):.1f} us")
    return f"| {name} | {' | '.join(cells)} |"


def ratio(runs: dict[str, list[Run]]) -> float:
    """Return nethood's median rate over nmbd's."""
    ours, theirs = (
        statistics.median(run.queries_per_s for run in runs[name]) for name in ("nethood", "nmbd")
    )
    return ours / theirs


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


if __name__ == "__main__":
    print(section())
