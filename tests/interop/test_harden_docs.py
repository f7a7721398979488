"""Every example of docs/harden.md is run, in its order, and prints what stands there."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from tests.interop.harden_lab import laboratory
from tests.interop.lan import need_programs

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ sudo "


def examples() -> list[tuple[str, list[str]]]:
    """Return the commands of the document that start with sudo, each with what it prints."""
    found: list[tuple[str, list[str]]] = []
    text = (DOCS / "harden.md").read_text(encoding="utf-8")
    for block in FENCE.findall(text):
        if not block.startswith(PROMPT):
            continue
        for line in block.splitlines():
            if line.startswith(PROMPT):
                found.append((line.removeprefix(PROMPT), []))
            else:
                found[-1][1].append(line)
    return found


def prints(shown: list[str], printed: str) -> bool:
    """Whether *printed* is what is shown; a line of three dots stands for any lines."""
    parts = [".*" if line == "..." else re.escape(line + "\n") for line in shown]
    return re.fullmatch("".join(parts), printed, re.DOTALL) is not None


def test_the_examples_do_what_they_say(make_namespace: Callable[[], str], tmp_path: Path) -> None:
    need_programs("nft", "unshare", "nsenter")
    wanted = examples()
    assert len(wanted) > 5
    with laboratory(make_namespace, tmp_path) as lab, lab.session():
        for command, shown in wanted:
            program, *words = command.split()
            assert program == "nethood"
            printed = lab.run(sys.executable, "-m", "nethood", *words)
            assert prints(shown, printed), f"{command}:\n{printed}"
