"""Alerts to a program: started without a shell, the alert as JSON on its standard input.

It exits with 0 where it told somebody, with 75 (EX_TEMPFAIL) where it is to be tried again, and
with anything else where that is of no use. One that takes too long is ended with all it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nethood.exposure.findings.words import clean
from nethood.exposure.watch.alerts.channel import outcome
from nethood.exposure.watch.alerts.document import document_of
from nethood.exposure.watch.events import Alert, Fate, Outcome
from nethood.exposure.watch.policy_file import CommandTable

TRY_AGAIN = 75
_WORDS_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class CommandChannel:
    """A program; *environ* is what it is given, with NETHOOD_EVENT and NETHOOD_KIND added."""

    name: str
    settings: CommandTable
    folder: Path = Path()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: str = "command"

    async def send(self, alert: Alert) -> Outcome:
        """Run it once."""
        argv = self.settings.argv
        added = {"NETHOOD_EVENT": alert.id, "NETHOOD_KIND": alert.kind.name.lower()}
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                cwd=self.folder,
                env={**self.environ, **added},
                start_new_session=True,
            )
        except OSError as error:
            why = f"can't start {argv[0]}: {(error.strerror or str(error)).lower()}"
            return outcome(self, alert, Fate.FAILED, why)
        return await self._finish(process, alert)

    async def _finish(self, process: asyncio.subprocess.Process, alert: Alert) -> Outcome:
        program = self.settings.argv[0]
        try:
            async with asyncio.timeout(self.settings.timeout):
                said = await _converse(process, document_of(alert).encode())
                code = await process.wait()
        except TimeoutError:
            _kill(process)
            why = (
                f"{program} was ended after {self.settings.timeout:g} s; it may have told somebody"
            )
            return outcome(self, alert, Fate.UNCERTAIN, why)
        finally:
            if process.returncode is None:
                _kill(process)
                await process.wait()
        if code == 0:
            return outcome(self, alert, Fate.DELIVERED)
        fate = Fate.FAILED if code == TRY_AGAIN else Fate.REFUSED
        how = f"exited with {code}" if code > 0 else f"was ended by signal {-code}"
        return outcome(self, alert, fate, f"{program} {how}" + (f": {said}" if said else ""))


async def _converse(process: asyncio.subprocess.Process, document: bytes) -> str:
    """Give the alert, and return the last line of what it says is wrong."""
    if process.stdin is None or process.stderr is None:
        raise RuntimeError("started without pipes")
    # A program need not read what it is told.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(document + b"\n")
        await process.stdin.drain()
    process.stdin.close()
    said = b""
    while chunk := await process.stderr.read(_WORDS_LIMIT):
        said = (said + chunk)[-_WORDS_LIMIT:]
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return clean(lines[-1]) if lines else ""


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a program and what it started: they are a group of their own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
