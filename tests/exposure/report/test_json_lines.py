"""JSON lines: what is written, and that the published schema is what is written."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from nethood.exposure.findings import assess
from nethood.exposure.model import HostReport
from nethood.exposure.report import write_json_lines
from nethood.exposure.report.schema import render
from tests.exposure import hosts
from tests.exposure.json_schema import faults

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs" / "scan-schema.json").read_text(encoding="utf-8"))


def written(reports: list[HostReport]) -> list[dict[str, Any]]:
    file = io.StringIO()
    write_json_lines(map(assess, reports), file)
    assert file.getvalue().isascii()
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_every_line_fits_the_published_schema() -> None:
    lines = written([*hosts.everybody(), hosts.hostile()])
    assert len(lines) == 9
    for line in lines:
        assert list(faults(line, SCHEMA)) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("grade", "G"), ("findings", [{}]), ("port", "445"), ("kind", "x"), ("report", None)],
)
def test_the_check_against_the_schema_can_fail(key: str, value: object) -> None:
    line = {**written([hosts.samba()])[0], key: value}
    assert list(faults(line, SCHEMA)) != []


def test_the_published_schema_is_that_of_the_classes() -> None:
    text = (ROOT / "docs" / "scan-schema.json").read_text(encoding="utf-8")
    assert text == render(), "python -m nethood.exposure.report.schema > docs/scan-schema.json"


def test_a_host_is_told_with_grade_findings_and_unknowns() -> None:
    [line, summary] = written([hosts.windows_10()])
    assert (line["address"], line["port"], line["name"]) == ("192.168.1.23", 445, "lab-23")
    assert (line["grade"], line["at_best"], line["schema_version"]) == ("D", False, 1)
    assert line["findings"][0]["id"] == "unsupported-release"
    assert line["findings"][0]["platform"] == "Windows"
    assert {"topic": "guest session", "reason": "not asked; --guest asks once"}.items() <= (
        next(e for e in line["unknowns"] if e["topic"] == "guest session").items()
    )
    assert line["report"]["dialects"]["value"][4]["signing"] == "enabled"
    assert summary["kind"] == "summary"


def test_the_summary_counts() -> None:
    summary = written(hosts.everybody())[-1]
    assert (summary["hosts"], summary["silent"]) == (7, 1)
    assert summary["severities"] == {
        "critical": 1, "high": 2, "medium": 1, "low": 1, "info": 1, "none": 0,
    }  # fmt: skip
    assert summary["grades"] == {"A": 1, "B": 1, "C": 1, "D": 1, "E": 1, "F": 1, "-": 1}
    assert summary["dialects"]["SMB1"] == 2
    assert summary["dialects"]["3.1.1"] == 4
    assert summary["signing"] == {"required": 2, "enabled": 2, "off": 1, "unknown": 0}
    assert summary["findings"]["smb1-enabled"] == 2


def test_no_host_is_a_summary_of_nothing() -> None:
    [summary] = written([])
    assert (summary["hosts"], summary["findings"]) == (0, {})
