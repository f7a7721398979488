"""Every command that docs/harden.md lists is run, in its order, on a machine of its own.

A line of a text block that begins with `nethood` is a command, with a remark behind two spaces.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nethood.exposure.harden.model import Platform
from tests.interop.harden_lab import Lab, laboratory
from tests.interop.lan import need_programs

DOCUMENT = Path(__file__).parents[2] / "docs" / "harden.md"
FENCE = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    lines = [line for block in FENCE.findall(text) for line in block.splitlines()]
    return [re.split(r"\s{2,}", line)[0] for line in lines if line.startswith("nethood ")]


@pytest.fixture
def lab(make_namespace: Callable[[], str], tmp_path: Path) -> Iterator[Lab]:
    need_programs("nft", "unshare", "nsenter")
    with laboratory(make_namespace, tmp_path) as made:
        yield made


def test_the_document_has_examples_and_names_every_platform() -> None:
    assert len(commands()) > 10
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(str(platform) in text for platform in Platform)


def test_every_command_does_what_it_says(lab: Lab, tmp_path: Path) -> None:
    files, rules = lab.tree("/etc"), lab.rules()
    for command in commands():
        _, *words = command.split()
        words = [str(tmp_path / word) if word.endswith(".json") else word for word in words]
        said = lab.run(sys.executable, "-m", "nethood", *words)
        assert said, command
        assert "Traceback" not in said, command
    assert lab.rules() == rules
    assert lab.tree("/etc") == files
