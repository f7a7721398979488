"""What the documents say is what the code does."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest
from pydantic import BaseModel

from nethood.cli import HELP_NAMES, nethood
from nethood.cli.nbt import nbt
from nethood.config import (
    BrowserTable,
    NetbiosSettings,
    ServerSettings,
    ShareSettings,
    WinsSettings,
    load,
)
from nethood.server.options import Limits

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(text: str) -> dict[str, str]:
    """Return key -> second column of every table row that starts with a key in backquotes."""
    return dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", text, re.MULTILINE))


def blocks(name: str, language: str) -> list[str]:
    """Return the fenced blocks of a document in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)


def test_every_limit_is_stated_with_its_default() -> None:
    stated = rows(read("docs/limits.md"))
    assert stated == {field.name: str(field.default) for field in fields(Limits)}


@pytest.mark.parametrize(
    ("section", "table"),
    [
        ("[server]", ServerSettings),
        ("[netbios]", NetbiosSettings),
        ("[browser]", BrowserTable),
        ("[wins]", WinsSettings),
        ("[shares.NAME]", ShareSettings),
    ],
)
def test_every_key_of_the_configuration_is_stated(section: str, table: type[BaseModel]) -> None:
    text = read("docs/configuration.md").partition(f"## {section}\n")[2].partition("\n## ")[0]
    assert list(rows(text)) == list(table.model_fields)


def test_the_example_configuration_is_right(tmp_path: Path) -> None:
    [example] = blocks("docs/configuration.md", "toml")
    for folder in ("public", "papers", "music"):
        (tmp_path / folder).mkdir()
    (tmp_path / "nethood.toml").write_text(example, encoding="utf-8")
    settings = load(tmp_path / "nethood.toml")
    assert list(settings.shares) == ["public", "Tax papers", "music"]


def test_the_netbios_example_is_right(tmp_path: Path) -> None:
    # Each block adds to the one before; tests/interop/test_docs_netbios.py runs the whole.
    (tmp_path / "public").mkdir()
    example = "\n".join(blocks("docs/netbios.md", "toml"))
    (tmp_path / "nethood.toml").write_text(example, encoding="utf-8")
    settings = load(tmp_path / "nethood.toml")
    assert settings.netbios.enabled
    assert settings.wins.enabled
    assert settings.browser.master == "preferred"
    assert len(settings.wins.static) == 2
    assert len(settings.wins.partners) == 1


def test_every_netbios_command_in_the_document_is_one() -> None:
    text = "".join(blocks("docs/netbios.md", "text"))
    lines = [re.split(r"\s{2,}", line)[0].split() for line in text.splitlines()]
    commands = [words[1:] for words in lines if words[0] == "nethood"]
    assert len(commands) > 20
    for words in commands:
        group, rest = (nbt, words[1:]) if words[0] == "nbt" else (nethood, words)
        context = click.Context(group, help_option_names=HELP_NAMES)
        command = group.get_command(context, rest[0])
        assert command is not None
        command.make_context(rest[0], rest[1:], parent=context)


def test_the_library_in_the_readme_is_python_and_short() -> None:
    [example] = blocks("README.md", "python")
    ast.parse(example)
    assert len([line for line in example.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_files_named_in_the_architecture_exist() -> None:
    named = set(re.findall(r"`(\w+/[\w/]+\.py)`", read("docs/architecture.md")))
    assert len(named) > 10
    missing = sorted(name for name in named if not (ROOT / "src" / "nethood" / name).exists())
    assert not missing
