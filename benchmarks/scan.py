"""`nethood scan` beside nmap on a network of simulated hosts: the section Scans.

The network is that of scan_lan.py: a /16 with 1,000 hosts that answer, all other addresses dead.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import scan_connects, scan_lan

HEADING = "Scans"
RATE = 5000
PORTS_NETWORK = "10.80.0.0/20"
ROUNDS = 3
_AS_PATIENT_AS_T5 = ("--rate", "50000", "--parallel", "400", "--wait", "0.3")
"""nmap -T5 waits 0.3 s for a port at most and sends as fast as answers let it."""
_SCRIPTS = "nbstat,smb-os-discovery,smb-protocols,smb2-security-mode"


@dataclass(frozen=True)
class Run:
    """One run of a whole command: how many hosts it found, the most memory it held."""

    seconds: float
    cpu_seconds: float
    hosts: int
    memory_mib: float


def section() -> str:
    """Measure and return the section of RESULTS.md, heading included."""
    parts = [f"## {HEADING}", scan_connects.sentence()]
    missing = [program for program in ("ip", "nmap") if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        why = f"{', '.join(missing)} missing" if missing else "network namespaces need root"
        return "\n\n".join([*parts, f"Scans of a network: not measured, {why}."])
    with scan_lan.running(), tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        return "\n\n".join([*parts, _whole(work), _ports(work), _scripts(work)])


def _whole(work: Path) -> str:
    run = _nethood(work, scan_lan.NETWORK, "--rate", str(RATE))
    return (
        f"A /16 with {scan_lan.LIVING:,} hosts that answer, all probes, at {RATE:,} packets a"
        f" second: {run.seconds:.1f} s, {run.hosts:,} hosts examined, {run.cpu_seconds:.1f} s of"
        f" processor time, {run.memory_mib:.0f} MiB at most (aim: below 60 s)."
    )


def _ports(work: Path) -> str:
    ours = [*_scan_words(work, PORTS_NETWORK), "--rate", str(RATE), "--ports-only"]
    rates = ["--min-rate", str(RATE), "--max-rate", str(RATE)]
    theirs = [*_nmap_words(work), "-sS", "-p139,445", *rates, PORTS_NETWORK]
    title = f"State of ports 139 and 445 of a /20 at {RATE:,} packets a second"
    return _table(f"{title} (nethood: UDP 137 too)", ours, theirs, work, ROUNDS)


def _scripts(work: Path) -> str:
    ours = [*_scan_words(work, scan_lan.NETWORK), *_AS_PATIENT_AS_T5]
    alive = ["-PS139,445", "-PU137"]
    ports = ["-sS", "-sU", "-pT:139,445,U:137", "--script", _SCRIPTS]
    # With -Pn, which looks for nobody first, it takes a minute for a /24 of dead hosts.
    theirs = ["nmap", *_nmap_output(work), "-n", "-T5", *alive, *ports, scan_lan.NETWORK]
    title = f"The same /16, all probes ({' '.join(_AS_PATIENT_AS_T5)}) beside nmap -T5 with"
    scripts = " nbstat, smb-os-discovery, smb-protocols and smb2-security-mode"
    return _table(title + scripts, ours, theirs, work, 1)


def _table(title: str, ours: Sequence[str], theirs: Sequence[str], work: Path, rounds: int) -> str:
    """Run both by turns; return a table."""
    commands = {"nethood": ours, "nmap": theirs}
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for round_ in range(rounds):
        for name in commands if round_ % 2 else reversed(commands):
            runs[name].append(_run(commands[name], work))
    median = {name: statistics.median(run.seconds for run in done) for name, done in runs.items()}
    times = f"{rounds} runs each by turns, medians" if rounds > 1 else "one run each"
    return "\n".join(
        [
            f"{title}; the whole command, {times}:",
            "",
            "| | seconds | processor seconds | hosts found, fewest | memory, most |",
            "|---|--:|--:|--:|--:|",
            *(_row(name, done) for name, done in runs.items()),
            "",
            f"nethood is {median['nmap'] / median['nethood']:.1f} times as fast.",
        ]
    )


def _row(name: str, runs: Sequence[Run]) -> str:
    seconds = statistics.median(run.seconds for run in runs)
    cpu = statistics.median(run.cpu_seconds for run in runs)
    fewest, most = min(run.hosts for run in runs), max(run.memory_mib for run in runs)
    return f"| {name} | {seconds:.2f} | {cpu:.2f} | {fewest:,} | {most:.0f} MiB |"


def _nethood(work: Path, *words: str) -> Run:
    return _run([*_scan_words(work), *words], work)


def _scan_words(work: Path, *words: str) -> list[str]:
    files = ["--state", str(work / "scans.sqlite"), "--json", str(work / "hosts.json")]
    return [sys.executable, "-m", "nethood", "scan", *files, *words]


def _nmap_words(work: Path) -> list[str]:
    return ["nmap", *_nmap_output(work), "-n", "-Pn", "-T5"]


def _nmap_output(work: Path) -> list[str]:
    return ["-oG", str(work / "hosts.gnmap")]


def _run(command: Sequence[str], work: Path) -> Run:
    """Run a command on the scanner's end; `ip` becomes it, so that the figures are its own."""
    start = time.perf_counter()
    with subprocess.Popen(
        scan_lan.here(command), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    hosts = _hosts_in_json(work) if "nethood" in command else _hosts_in_gnmap(work)
    return Run(seconds, cpu, hosts, usage.ru_maxrss / 1024)


def _hosts_in_json(work: Path) -> int:
    with (work / "hosts.json").open() as lines:
        return sum(json.loads(line).get("kind") == "host" for line in lines)


def _hosts_in_gnmap(work: Path) -> int:
    with (work / "hosts.gnmap").open() as lines:
        return sum("/open/tcp" in line for line in lines)


if __name__ == "__main__":
    print(section())
