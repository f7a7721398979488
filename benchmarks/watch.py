"""`nethood watch` with 10,000 targets every five minutes: the section Watching.

The network is that of scan_lan.py; of the targets about one in 65 answers, all others are
silent, which costs most. In its first round the watcher looks at 50 targets a second, more than
the 38 a second it needs later, so that a minute of it is the worst minute.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import procfs, scan_lan

HEADING = "Watching"
TARGETS = 10_000
FIRST, LAST = "10.80.0.1", "10.80.39.16"
SETTLE_S = 15.0
MEASURED_S = 60.0
NEEDED_PER_S = TARGETS / 260

_POLICY = """\
every = "5m"
confirm_after = "30s"
heartbeat = "never"
tell = ["file"]
[groups.lan]
targets = ["{first}-{last}"]
139 = "closed"
445 = "closed"
137 = "closed"
smb1 = "off"
signing = "required"
[alerts.file]
kind = "command"
argv = ["/bin/sh", "-c", "cat >> {folder}/alerts"]
[state]
url = "sqlite:///{folder}/watch.sqlite"
"""


def section() -> str:
    """Measure and return the section of RESULTS.md, heading included."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return f"## {HEADING}\n\nNot measured: network namespaces need root and ip."
    with scan_lan.running(), tempfile.TemporaryDirectory() as folder:
        return f"## {HEADING}\n\n{_measure(Path(folder))}"


def _measure(folder: Path) -> str:
    policy = folder / "policy.toml"
    policy.write_text(_POLICY.format(first=FIRST, last=LAST, folder=folder))
    command = [sys.executable, "-m", "nethood", "watch", str(policy)]
    with subprocess.Popen(scan_lan.here(command), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = process.stdout.readline()
        if f"watching {TARGETS:,} targets" not in started:
            process.kill()
            raise RuntimeError(f"the watcher did not start: {started}")
        time.sleep(SETTLE_S)
        looks, cpu, began = _looked_at(folder), _cpu_seconds(process.pid), time.monotonic()
        time.sleep(MEASURED_S)
        seconds = time.monotonic() - began
        looks, cpu = _looked_at(folder) - looks, _cpu_seconds(process.pid) - cpu
        memory = _peak_mib(process.pid)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    return _words(folder, looks / seconds, cpu / seconds, memory)


def _words(folder: Path, per_s: float, share: float, memory: float) -> str:
    with sqlite3.connect(folder / "watch.sqlite") as connection:
        query = "SELECT count(*) FROM watch_deviation"
        deviations = connection.execute(query).fetchone()[0]
        alerts = connection.execute("SELECT count(*) FROM watch_alert").fetchone()[0]
    return (
        f"{TARGETS:,} targets, 139, 445 and 137 closed, SMB1 off, signing required, every five"
        f" minutes; most are silent. In the first round, {per_s:.1f} looks a second:"
        f" {share:.1%} of one processor, {memory:.0f} MiB at most; at the {NEEDED_PER_S:.1f} a"
        f" second of later rounds that is {share * NEEDED_PER_S / per_s:.1%}"
        f" (aims: one processor, 300 MiB). {deviations:,} deviations were confirmed and stored,"
        f" {alerts:,} alerts made of them."
    )


def _looked_at(folder: Path) -> int:
    """Return how many targets have been looked at: the store has the time of each."""
    with sqlite3.connect(f"file:{folder / 'watch.sqlite'}?mode=ro", uri=True) as connection:
        query = "SELECT count(checked_unix) FROM watch_target"
        return int(connection.execute(query).fetchone()[0])


def _cpu_seconds(pid: int) -> float:
    return procfs.cpu_seconds(pid)


def _peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("the kernel does not tell the peak of memory")


if __name__ == "__main__":
    print(section())
