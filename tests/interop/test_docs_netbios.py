"""Every example of docs/netbios.md and docs/netbios-api.md is run, on a network like theirs.

ATTIC is the first host and runs `nethood nbt serve` with the TOML of the document; commands and
programs are run at the second host. A block of text is commands, each with a remark behind two
spaces, or what the program before it prints. A program that does not start an event loop is a part
of one, and runs inside of it.
"""

from __future__ import annotations

import os
import re
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import peers
from tests.interop.lan import CABLE, cable, running

DOCS = Path(__file__).parents[2] / "docs"
ATTIC, OTHER = "10.0.0.1", "10.0.0.2"
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and what stands in it."""

    language: str
    content: str

    @property
    def is_commands(self) -> bool:
        return self.language == "text" and self.content.startswith("nethood ")


def blocks(name: str) -> list[Block]:
    return [Block(*found) for found in FENCE.findall((DOCS / name).read_text(encoding="utf-8"))]


def commands() -> list[str]:
    """Return every command of the documents, without its remark."""
    found = [block for name in ("netbios.md", "netbios-api.md") for block in blocks(name)]
    lines = [line for block in found if block.is_commands for line in block.content.splitlines()]
    return [re.split(r"\s{2,}", line)[0] for line in lines]


def programs() -> list[tuple[str, str]]:
    """Return every program with what the block behind it says it prints."""
    found = []
    for name in ("netbios.md", "netbios-api.md"):
        here = blocks(name)
        for block, following in zip(here, [*here[1:], Block("", "")], strict=True):
            if block.language == "python":
                prints = following.language == "text" and not following.is_commands
                found.append((block.content, following.content if prints else ""))
    return found


def toml() -> str:
    """Return the document's configuration: each block adds to the one before."""
    return "\n".join(each.content for each in blocks("netbios.md") if each.language == "toml")


@dataclass(frozen=True)
class Lan:
    """ATTIC's namespace and the other host's, each with a folder for what belongs to it."""

    attic: str
    other: str
    home: Path

    def env(self, host: str) -> dict[str, str]:
        folder = self.home / host
        folder.mkdir(exist_ok=True)
        return {name: str(folder) for name in ("HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")}


@pytest.fixture(scope="module")
def lan(
    make_namespace: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lan]:
    attic, other = make_namespace(), make_namespace()
    cable(attic, other, network="10.0.0")
    network = Lan(attic, other, tmp_path_factory.mktemp("documented"))
    (network.home / "public").mkdir()
    config = network.home / "nethood.toml"
    config.write_text(toml(), encoding="utf-8")
    words = [sys.executable, "-m", "nethood", "nbt", "serve", "--interface", CABLE]
    with running(attic, [*words, "--config", config], network.env("attic")) as daemon:
        daemon.wait_for(lambda line: "known to NetBIOS as ATTIC" in line, 20)
        yield network
    assert daemon.process.returncode == 0, daemon.lines


def test_the_documents_have_examples() -> None:
    assert len(commands()) > 20
    assert len(programs()) > 2
    assert all(printed for program, printed in programs() if is_whole(program))
    known = {block.language for name in ("netbios.md", "netbios-api.md") for block in blocks(name)}
    assert known <= {"text", "python", "toml"}


def test_the_configuration_is_right(tmp_path: Path) -> None:
    text = ""
    (tmp_path / "public").mkdir()
    for block in blocks("netbios.md"):
        if block.language == "toml":
            text += f"\n{block.content}"
            (tmp_path / "nethood.toml").write_text(text, encoding="utf-8")
            ran = peers.run(
                [sys.executable, "-m", "nethood", "check-config", tmp_path / "nethood.toml"], 30
            )
            assert ran.status == 0, ran.output
    assert text


def lasts(command: str) -> bool:
    """Tell whether a command goes on until Ctrl-C."""
    if command.startswith(("nethood nbt serve", "nethood nbt listen")):
        return True
    is_kept = "--wins" not in command or "--hold" in command
    return command.startswith("nethood nbt register") and is_kept


@pytest.mark.parametrize("command", commands())
def test_the_command_does_what_it_says(lan: Lan, command: str) -> None:
    program, *words = command.split()
    assert program == "nethood"
    line: list[str | Path] = [sys.executable, "-m", "nethood", *words]
    is_local = words[0] == "browse" and "network" not in words
    namespace, host = (lan.attic, "attic") if is_local else (lan.other, "other")
    if lasts(command):
        with running(namespace, line, lan.env(host)) as running_:
            running_.wait_for(bool, 20)
        said = "\n".join(running_.lines)
        assert running_.process.returncode == 0, said
    else:
        said = until_it_succeeds(namespace, line, lan.env(host))
    assert said
    assert "Traceback" not in said


def until_it_succeeds(namespace: str, command: list[str | Path], env: dict[str, str]) -> str:
    """Run a command; a list of hosts may be empty until they have announced themselves."""
    deadline = time.monotonic() + 60
    while (ran := peers.run(command, 60, namespace=namespace, env=env)).status:
        assert ran.status == 1, ran.output
        assert "browse" in command, ran.output
        assert time.monotonic() < deadline, ran.output
    return ran.output


def is_whole(program: str) -> bool:
    return "asyncio.run(" in program


def whole(program: str) -> str:
    """Return a part of a program as one that can be run."""
    head = "import asyncio\nfrom nethood import netbios\n\n\nasync def main() -> None:\n"
    return head + textwrap.indent(program, "    ") + "\n\nasyncio.run(main())\n"


@pytest.mark.parametrize(("program", "printed"), programs())
def test_the_program_prints_what_it_says(
    lan: Lan, program: str, printed: str, tmp_path: Path
) -> None:
    script = tmp_path / "example.py"
    script.write_text(program if is_whole(program) else whole(program), encoding="utf-8")
    env = {**os.environ, "PYTHONDEVMODE": "1"} if printed else None
    ran = peers.run([sys.executable, script], 60, namespace=lan.other, env=env)
    assert ran.status == 0, ran.output
    assert "Traceback" not in ran.output
    assert not printed or ran.output == printed
