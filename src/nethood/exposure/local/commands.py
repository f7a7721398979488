"""Runs the programs that know this machine's settings; tests give recorded answers instead."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

TIMEOUT_S = 15
_SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Ran:
    """What a program said."""

    status: int
    out: str
    err: str = ""

    @property
    def complaint(self) -> str:
        """The first line of what it complained about."""
        lines = (self.err or self.out).strip().splitlines()
        return lines[0][:160] if lines else f"exit status {self.status}"

    @property
    def lacks_rights(self) -> bool:
        """Whether it failed for want of rights."""
        text = (self.err + self.out).lower()
        words = ("permitted", "permission denied", "must be root", "need to be root", "superuser")
        return self.status != 0 and any(word in text for word in words)


Run = Callable[[Sequence[str]], Ran | None]
"""Runs a program and returns what it said, None where it is not installed."""


def run_program(words: Sequence[str]) -> Ran | None:
    """Run a program with plain English output; what takes too long counts as failed."""
    program = shutil.which(words[0], path=f"{os.environ.get('PATH', os.defpath)}:{_SBIN}")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, *words[1:]],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C", "LANG": "C"},
        )
    except subprocess.TimeoutExpired:
        return Ran(-1, "", f"it took more than {TIMEOUT_S} s")
    except OSError as error:
        return Ran(-1, "", str(error))
    return Ran(done.returncode, _text(done.stdout), _text(done.stderr))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
