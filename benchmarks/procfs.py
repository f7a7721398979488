"""CPU time and memory of a process and its descendants, read from the kernel.

Live processes are read through their CPU clock (nanoseconds); children that have ended count
through their parent's cutime and cstime (10 ms steps).
"""

import os
import time
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_CPUCLOCK_SCHED = 2


def process_tree(pid: int) -> list[int]:
    """List pid and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def cpu_seconds(pid: int) -> float:
    """Sum user and system time of the tree below pid, ended and reaped children included."""
    return sum(_process_seconds(member) for member in process_tree(pid))


def pss_bytes(pid: int) -> int:
    """Sum the proportional set size of the tree below pid: shared pages count once."""
    total = 0
    for member in process_tree(pid):
        for line in _read(f"/proc/{member}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cpu_model() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown processor"


def _process_seconds(pid: int) -> float:
    fields = _stat_fields(pid)
    if not fields:
        return 0.0
    reaped = (int(fields[13]) + int(fields[14])) * _TICK_S
    try:
        return reaped + time.clock_gettime((~pid << 3) | _CPUCLOCK_SCHED)
    except OSError:  # ended since the listing
        return 0.0


def _stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command name, state first; [] if it is gone."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
