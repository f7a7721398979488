"""A program as a channel: what it is given, and what becomes of how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from nethood.exposure.watch.alerts.command import CommandChannel
from nethood.exposure.watch.events import Fate, Outcome
from nethood.exposure.watch.policy_file import CommandTable
from tests.exposure.watch.alerts.examples import DEVIATES


async def run(code: str, folder: Path, *arguments: str, limit: str = "10s") -> Outcome:
    """Send the example to a script of *code*."""
    argv = [sys.executable, "-I", "-c", code, *arguments]
    table = CommandTable.model_validate({"kind": "command", "argv": argv, "timeout": limit})
    return await CommandChannel("pager", table, folder, {"PLAIN": "yes"}).send(DEVIATES)


async def test_what_it_is_given(tmp_path: Path) -> None:
    code = (
        "import json, os, sys\n"
        "open('got', 'w').write(json.dumps([json.load(sys.stdin), dict(os.environ), sys.argv]))"
    )
    outcome = await run(code, tmp_path, "$(touch broken); 'two words'")
    assert (outcome.fate, outcome.alert_id) == (Fate.DELIVERED, DEVIATES.id)
    document, environ, argv = json.loads((tmp_path / "got").read_text())
    assert document["id"] == environ["NETHOOD_EVENT"] == DEVIATES.id
    assert document["deviation_id"] == 17
    assert (environ["NETHOOD_KIND"], environ["PLAIN"]) == ("deviates", "yes")
    assert "HOME" not in environ
    assert argv[1:] == ["$(touch broken); 'two words'"]
    assert not (tmp_path / "broken").exists()


@pytest.mark.parametrize(
    ("code", "fate", "why"),
    [
        ("pass", Fate.DELIVERED, ""),
        ("import sys; sys.stdin.close()", Fate.DELIVERED, ""),
        ("print('x' * 1_000_000)", Fate.DELIVERED, ""),
        (
            "import sys; sys.exit('no pager:\\nthe \\x1b[2J line is down')",
            Fate.REFUSED,
            f"{sys.executable} exited with 1: the \\x1b[2J line is down",
        ),
        ("import sys; sys.exit(75)", Fate.FAILED, f"{sys.executable} exited with 75"),
        (
            "import os; os.kill(os.getpid(), 9)",
            Fate.REFUSED,
            f"{sys.executable} was ended by signal 9",
        ),
        (
            "import sys; sys.stderr.write('e' * 1_000_000); sys.exit(3)",
            Fate.REFUSED,
            f"{sys.executable} exited with 3: eee",
        ),
    ],
)
async def test_how_it_ends(tmp_path: Path, code: str, fate: Fate, why: str) -> None:
    outcome = await run(code, tmp_path)
    assert outcome.fate is fate
    assert outcome.why.startswith(why)
    assert len(outcome.why) < 400


@pytest.mark.parametrize("stays", [True, False])
async def test_one_that_takes_too_long_is_ended_with_all_it_started(
    tmp_path: Path, stays: bool
) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        f"time.sleep({600 if stays else 0})"
    )
    outcome = await run(code, tmp_path, limit="1s")
    assert outcome.fate is Fate.UNCERTAIN
    assert "was ended after 1 s; it may have told somebody" in outcome.why
    child = int((tmp_path / "child").read_text())
    for _ in range(500):
        if not _lives(child):
            return
        await asyncio.sleep(0.01)
    pytest.fail("its child still runs")


def _lives(pid: int) -> bool:
    """Tell whether a process runs; one that ended and nobody waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    table = CommandTable(kind="command", argv=("./none",))
    outcome = await CommandChannel("pager", table, tmp_path, os.environ).send(DEVIATES)
    assert (outcome.fate, outcome.why) == (
        Fate.FAILED,
        "can't start ./none: no such file or directory",
    )
