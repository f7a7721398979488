"""The catalogue is whole, and its document says the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from nethood.exposure.findings import CATALOGUE, Entry, Platform, find_entry
from nethood.exposure.findings.document import render
from nethood.exposure.model import HostReport

ROOT = Path(__file__).parents[3]
ENTRIES = [pytest.param(entry, id=entry.id) for entry in CATALOGUE.values()]


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_explains_itself(entry: Entry) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.id)
    assert entry.title[0].isupper()
    assert not entry.title.endswith(".")
    assert entry.meaning.endswith(".")
    assert entry.breaks.endswith(".")
    assert not entry.severity_reason.endswith(".")
    assert set(entry.needs) <= set(HostReport.__dataclass_fields__)


@pytest.mark.parametrize("entry", ENTRIES)
def test_an_entry_can_be_fixed_and_read_about(entry: Entry) -> None:
    assert Platform.WINDOWS in entry.fixes
    assert all(steps and all(step.text.strip() for step in steps) for steps in entry.fixes.values())
    assert entry.references
    for reference in entry.references:
        assert re.fullmatch(r"https://[\w.-]+\.(com|org|gov)/[\w./#-]*", reference.url)


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_comment_of_smb_conf_stands_on_a_line_of_its_own(entry: Entry) -> None:
    lines = [
        line
        for steps in entry.fixes.values()
        for step in steps
        if step.how == "smb.conf"
        for line in step.text.splitlines()
    ]
    # Behind a value it belongs to the value: hosts allow would be asked for a host named "#".
    assert not [line for line in lines if not line.startswith("#") and set("#;") & set(line)]


def test_an_id_is_found_or_not() -> None:
    entry = find_entry("smb1-enabled")
    assert entry is not None
    assert entry.title == "SMB1 is on"
    assert find_entry("smb1") is None


def test_the_document_is_what_the_catalogue_says() -> None:
    written = (ROOT / "docs" / "findings.md").read_text(encoding="utf-8")
    assert written == render(), "python -m nethood.exposure.findings.document > docs/findings.md"
