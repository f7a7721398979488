"""The roll-back that comes by itself: a process of its own, armed before the first step.

It outlives us and our terminal: where systemd runs, systemd starts it; otherwise it leaves our
session. The time is that of the clock that counts since the machine started, sleep included, so
that setting the wall clock neither hurries nor delays it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from nethood.errors import Error, LocalError
from nethood.exposure.harden.journal import Journal, Waiting
from nethood.exposure.harden.runner import Machine
from nethood.exposure.harden.undo import holding, undo_all

ARM_WITHIN_S = 20.0
STEP_S = 0.5
TRIES = 5
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def now_s() -> float:
    """Return the seconds since the machine started, sleep included."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def boot_id() -> str:
    """Return what is different after every start of the machine."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def waiting(seconds: float) -> Waiting:
    """Return the wait for a confirmation that ends in *seconds*."""
    return Waiting(secrets.token_hex(8), now_s() + seconds, boot_id())


def is_over(wait: Waiting) -> bool:
    """Whether the time for the confirmation has passed, or the machine was started since."""
    return wait.boot_id != boot_id() or now_s() >= wait.until_s


def arm(journal: Journal, machine: Machine, wait: Waiting) -> None:
    """Start the process that rolls back; return when it says that it watches.

    Raises LocalError where it does not begin: nothing may be applied then.
    """
    if _is_armed(journal, wait):
        return
    command = [sys.executable, "-m", __name__, str(journal.folder.absolute()), wait.token]
    systemd = machine.exists("/run/systemd/system") and machine.which("systemd-run")
    if not (systemd and _start_as_service(command, machine, wait)):
        _start(command, journal)
    ends = now_s() + ARM_WITHIN_S
    while not _is_armed(journal, wait):
        if now_s() >= ends:
            raise LocalError("the roll-back could not be armed, so nothing is applied")
        time.sleep(0.02)


def _start_as_service(command: list[str], machine: Machine, wait: Waiting) -> bool:
    """Have systemd start the watch; return whether it did. It must not hold the lock we hold."""
    unit = f"--unit=nethood-harden-{wait.token}"
    held, machine.lock_fd = machine.lock_fd, None
    try:
        ran = machine.run(["systemd-run", "--quiet", "--collect", unit, *command, "stay"])
    finally:
        machine.lock_fd = held
    return ran.status == 0


def _start(command: list[str], journal: Journal) -> None:
    log = os.open(journal.folder / "rollback.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
            timeout=ARM_WITHIN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LocalError("the roll-back could not be armed, so nothing is applied") from None
    finally:
        os.close(log)


def _mark(journal: Journal, token: str) -> Path:
    return journal.folder / f"armed-{token}"


def _is_armed(journal: Journal, wait: Waiting) -> bool:
    try:
        pid = int(_mark(journal, wait.token).read_text(encoding="ascii"))
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False
    return wait.token.encode() in command


def watch(journal: Journal, machine: Machine, token: str) -> bool:
    """Wait until the plan is confirmed or taken back, or do that in time; return whether we did."""
    while True:
        state = journal.state()
        if state is None or state.waiting is None or state.waiting.token != token:
            return False
        left_s = state.waiting.until_s - now_s()
        if left_s <= 0:
            return roll_back(journal, machine, token)
        time.sleep(min(left_s, STEP_S))


def roll_back(journal: Journal, machine: Machine, token: str) -> bool:
    """Take back the plan that still waits for *token*; return whether there was one."""
    with holding(journal, machine):
        state = journal.state()
        if state is None or state.waiting is None or state.waiting.token != token:
            return False
        undo_all(state, journal, machine, print)
        return True


def main(folder: str, token: str) -> int:
    """Watch until it is decided; what goes wrong is tried again, and is in the log."""
    journal = Journal(Path(folder))
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    _mark(journal, token).write_text(str(os.getpid()), encoding="ascii")
    for attempt in range(TRIES):
        try:
            watch(journal, Machine(), token)
        except (Error, OSError) as problem:
            print(f"roll-back, attempt {attempt + 1}: {problem}", file=sys.stderr, flush=True)
            time.sleep(2**attempt)
        else:
            _mark(journal, token).unlink(missing_ok=True)
            return 0
    return 1


if __name__ == "__main__":
    if len(sys.argv) == 3 and os.fork():
        os._exit(0)  # the watchdog is the child, nobody's any more
    sys.exit(main(sys.argv[1], sys.argv[2]))
