"""CSV: rows, and cells that no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io

import pytest

from nethood.exposure.findings import assess
from nethood.exposure.model import HostReport
from nethood.exposure.report import write_csv
from nethood.exposure.report.table import COLUMNS, cell
from tests.exposure import hosts


def written(reports: list[HostReport]) -> list[dict[str, str]]:
    file = io.StringIO(newline="")
    write_csv(map(assess, reports), file)
    file.seek(0)
    return list(csv.DictReader(file))


def test_a_row_for_each_finding_and_one_for_a_host_without() -> None:
    rows = written([hosts.nethood(), hosts.silence()])
    assert list(rows[0]) == list(COLUMNS)
    assert [row["finding"] for row in rows] == [
        "old-dialects", "smb-reachable", "ntlm-information", "ntlm-only", "",
    ]  # fmt: skip
    assert {row["grade"] for row in rows[:4]} == {"A"}
    assert (rows[0]["software"], rows[0]["signing"]) == ("nethood 0.1.0", "required")
    assert (rows[4]["address"], rows[4]["grade"]) == ("192.168.1.99", "none")
    assert rows[0]["scanned (UTC)"] == "2026-09-21 14:13:20"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("FILES", "FILES"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_no_cell_is_a_formula(text: str, expected: str) -> None:
    assert cell(text) == expected


def test_a_hostile_host_stays_in_its_cells() -> None:
    rows = written([hosts.hostile()])
    assert {row["address"] for row in rows} == {"192.168.1.200"}
    for row in rows:
        assert set(row) == set(COLUMNS)
        for text in row.values():
            assert text.isprintable()
            assert len(text) < 2100
            assert not text.startswith(("=", "+", "-", "@"))
